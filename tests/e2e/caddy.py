"""The proxy and the gateway of docker-compose.yml, run by Debian's Caddy before a stack of the tests."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import yaml

from tests.conftest import free_port
from tests.e2e.stack import ROOT, Stack

CONFIGS = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["configs"]
BINARY = shutil.which("caddy")


class Caddy:
    """As in the compose file, but for what differs on one machine: ports, and who signs the certificate."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.https_port, self.http_port, self.gateway_port, web_port = (free_port() for _ in range(4))
        self._folder = folder
        gateway, proxy = CONFIGS["gateway"]["content"], CONFIGS["proxy"]["content"]
        proxy = proxy.replace("{$CHAT_DOMAIN}", "localhost")
        for own, port, name in ((self.gateway_port, "8000", "backend"), (web_port, "3000", "webapp")):
            gateway = gateway.replace(f":{port} {{", f":{own} {{")
            # Docker's DNS is not here.
            found = rf"dynamic a {name} {port} \{{[^}}]*\}}"
            gateway, count = re.subn(found, f"to {_host(stack, name)}", gateway)
            assert count == 1
            proxy = proxy.replace(f"gateway:{port}", f"127.0.0.1:{own}")
        here = "local_certs\n skip_install_trust\n"
        ports = f"http_port {self.http_port}\n https_port {self.https_port}\n"
        _, options, sites = proxy.partition("admin off\n")
        gateway_site = gateway.partition("admin off\n}")[2]
        self.caddyfile = folder / "Caddyfile"
        self.caddyfile.write_text(f"{{\n{options} {here} {ports} {sites}\n{gateway_site}")

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    def __enter__(self) -> Self:
        assert BINARY is not None
        environment = {"HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder), "PATH": "/usr/bin:/bin"}
        with (self._folder / "caddy.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, "run", "--adapter", "caddyfile", "--config", str(self.caddyfile)],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.https_port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError((self._folder / "caddy.log").read_text()[-3000:])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(15)


def _host(stack: Stack, name: str) -> str:
    return stack.url(name).removeprefix("http://")
