"""Run by `make wheel` in an environment that holds the wheel and its dependencies, and nothing of the checkout."""

import asyncio
from importlib.metadata import entry_points
from importlib.resources import files

import aiosymphony
import aiosymphony_api.connect
import aiosymphony_api.pod
from aiosymphony.sandbox import Sandbox

assert len(aiosymphony_api.pod.OPERATIONS) == 141
assert len(aiosymphony_api.connect.OPERATIONS) == 8
for package in ("aiosymphony", "aiosymphony_api"):
    assert files(package).joinpath("py.typed").is_file(), package
assert entry_points(group="pytest11")["aiosymphony"].value == "aiosymphony.testing.plugin"


async def main() -> None:
    async with Sandbox(users=3) as sandbox:
        auth = aiosymphony.RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        async with aiosymphony.PodClient(sandbox.url, auth) as pod:
            assert await pod.users.list().first() is not None


asyncio.run(main())
print("the wheel works:", aiosymphony.__version__)
