"""Run by `make wheel` in an environment that holds the wheel and its dependencies, and nothing of the checkout."""

import asyncio
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import aiosymphony
import aiosymphony_api
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.aiohttp import AiohttpTransport
from aiosymphony.transport.fast import FastTransport

CHECKOUT = Path(__file__).parents[1] / "generated" / "aiosymphony_api"

for package in aiosymphony_api.PACKAGES:
    operations = import_module(f"aiosymphony_api.{package}").OPERATIONS
    modules = {path.stem for path in (CHECKOUT / package / "api").glob("*/*.py")} - {"__init__"}
    assert {operation.id for operation in operations.values()} == modules != set(), package
for package in ("aiosymphony", "aiosymphony_api"):
    assert files(package).joinpath("py.typed").is_file(), package
migrations = files("aiosymphony") / "provisioning" / "journal" / "postgres" / "migrations"
assert (migrations / "001_journal.sql").is_file()
assert entry_points(group="pytest11")["aiosymphony"].value == "aiosymphony.testing.plugin"


async def main() -> None:
    async with Sandbox(users=3) as sandbox:
        auth = aiosymphony.RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        for transport in (AiohttpTransport(), FastTransport()):
            async with aiosymphony.PodClient(sandbox.url, auth, transport=transport) as pod:
                assert await pod.users.list().first() is not None


asyncio.run(main())
print("the wheel works:", aiosymphony.__version__)
