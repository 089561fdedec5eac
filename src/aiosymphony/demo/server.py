"""The sandbox that the demo runs against: a process of its own, which ends with the demo."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import orjson

from ..errors import ConfigError, SymphonyError

START_TIMEOUT = 60.0
"""Seconds that the sandbox has for reading its documents."""

STOP_TIMEOUT = 10.0


@attrs.frozen
class Server:
    """Where a sandbox is, and who may log in to it.

    Attributes:
        url: The base URL of all its APIs.
        username: The service account's name.
        private_key: Its RSA key, as a file.
        client_id: The partner's id for Connect.
        client_secret: The partner's secret. The sandbox makes it up.
        token_url: Where Connect's tokens come from.
    """

    url: str
    username: str
    private_key: Path
    client_id: str
    client_secret: str = attrs.field(repr=False)
    token_url: str

    async def state(self) -> Any:
        """What the sandbox holds, by its own account and past its APIs."""
        return await self._ask("state")

    async def stats(self) -> Any:
        """What it has seen: requests, logins, answers by status, faults injected."""
        return await self._ask("stats")

    async def _ask(self, what: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/sandbox/{what}") as response:
            return orjson.loads(await response.read())


@asynccontextmanager
async def sandbox_process(
    *, token_ttl: float | None, faults: Mapping[str, Any], unique: bool = True
) -> AsyncIterator[Server]:
    """Start a sandbox on a free loopback port; it is stopped at the end.

    Args:
        token_ttl: Seconds that its tokens live; None for ever.
        faults: What goes wrong in it, as its option ``--faults`` has it.
        unique: Whether it refuses userNames and emails that are taken.

    Raises:
        ConfigError: It does not start; the message has its last word.
    """
    arguments = ["-m", "aiosymphony.sandbox", "--json", "--faults", orjson.dumps(faults).decode()]
    if token_ttl is not None:
        arguments += ["--token-ttl", str(token_ttl)]
    if not unique:
        arguments.append("--no-uniqueness")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield await _described(process)
    finally:
        await _stop(process)


async def _described(process: asyncio.subprocess.Process) -> Server:
    if process.stdout is None or process.stderr is None:
        raise SymphonyError("the sandbox has no output")  # it was started with pipes
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT)
    except TimeoutError:
        raise SymphonyError(f"the sandbox did not start within {START_TIMEOUT:g} s") from None
    if not line:
        last = (await process.stderr.read()).decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigError(f"the sandbox did not start ({last}); it needs: pip install 'aiosymphony[sandbox]'")
    facts = orjson.loads(line)
    return Server(
        url=facts["url"],
        username=facts["username"],
        private_key=Path(facts["private_key_file"]),
        client_id=facts["client_id"],
        client_secret=facts["client_secret"],
        token_url=facts["token_url"],
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        # Its pipes are read to the end: a process that fills one would never get to its signal.
        await asyncio.wait_for(process.communicate(), STOP_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()
