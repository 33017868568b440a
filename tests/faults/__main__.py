"""``make faults``: kills everything again and again under load, for several seeds, and prints what was kept."""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys

import structlog
from playwright.async_api import async_playwright

from tests.faults.run import Plan, run


async def main() -> int:
    """The exit code: 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kills", type=int, default=20, help="in each run")
    parser.add_argument(
        "--no-redis", action="store_true", help="never Redis; otherwise every other seed uses it"
    )
    parser.add_argument("--no-browser", action="store_true")
    arguments = parser.parse_args()
    # Lost connections are the point of it; only what is wrong is worth a line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    broken = 0
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None and not arguments.no_browser:
            parser.error("no Chromium on this machine: install it, or leave browsers out with --no-browser")
        browser = None
        if not arguments.no_browser:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for seed in arguments.seeds:
            redis = not arguments.no_redis and seed % 2 == 1
            outcome = await run(Plan(seed, arguments.kills, redis, browser=browser))
            print(f"seed {seed}, {'Redis' if redis else 'PostgreSQL alone'}: {outcome}", flush=True)  # noqa: T201
            for finding in outcome.findings:
                print(f"  {finding}", flush=True)  # noqa: T201
            broken += len(outcome.findings)
    print(f"faults: {broken} broken promises")  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
