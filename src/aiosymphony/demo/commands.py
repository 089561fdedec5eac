"""Runs commands as an operator does: each a process of its own, with its credentials in the environment."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import attrs
import orjson

from ..errors import SymphonyError
from .server import Server

__all__ = ["Commands", "Running"]

Say = Callable[[str], None]
"""Called with a line for each thing that happens. It must neither block nor raise."""


class Running:
    """A command that was begun."""

    def __init__(self, line: str, process: asyncio.subprocess.Process) -> None:
        self.line = line
        self._process = process
        # Read from the start: a process that fills a pipe would wait for ever.
        self._output = asyncio.create_task(process.communicate(), name=line)

    @property
    def is_over(self) -> bool:
        return self._output.done()

    @property
    def was_killed(self) -> bool:
        """Whether ``kill`` ended it. On Windows, which has no signals, the code is 1; no job ends with that."""
        return self._process.returncode == (1 if sys.platform == "win32" else -signal.SIGKILL)

    def kill(self) -> None:
        """Send SIGKILL if it still runs."""
        if self._process.returncode is None:
            self._process.kill()

    async def exit_code(self) -> int:
        """How it ended: the negative number of a signal, if it was one."""
        await self._output
        assert self._process.returncode is not None  # noqa: S101 - its pipes are closed and it was waited for
        return self._process.returncode

    async def result(self, *expected: int) -> dict[str, Any]:
        """The JSON that it printed.

        Raises:
            SymphonyError: It ended with an unexpected exit code; the message has its last line.
        """
        code = await self.exit_code()
        output, errors = await self._output
        try:
            told = orjson.loads(output)
        except ValueError:
            told = {}
        if code not in expected or not told:
            self._refuse(code, told.get("stopped") or told.get("error") or errors.decode(errors="replace"))
        return dict(told)

    def _refuse(self, code: int, printed: str) -> NoReturn:
        last = printed.strip().rpartition("\n")[2] or "it printed nothing"
        raise SymphonyError(f"`{self.line}` ended with exit code {code}: {last}")


@attrs.frozen
class Commands:
    """Runs ``aiosymphony`` in a folder, against a sandbox.

    Attributes:
        server: The sandbox.
        folder: Where commands run.
        say: Called with each command, as it is typed.
    """

    server: Server
    folder: Path
    say: Say

    @asynccontextmanager
    async def begin(self, *arguments: str) -> AsyncIterator[Running]:
        """Begin a command; if it is not over at the end of the block, it is killed."""
        line = shlex.join(["aiosymphony", *arguments])
        self.say(f"$ {line}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aiosymphony.cli", *arguments),
            cwd=self.folder,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        running = Running(line, process)
        try:
            yield running
        finally:
            running.kill()
            await running.exit_code()

    def _environment(self) -> dict[str, str]:
        # No setting of a real pod or company may get in.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SYMPHONY_")}
        return inherited | {
            "SYMPHONY_CONNECT_URL": self.server.url,
            "SYMPHONY_TOKEN_URL": self.server.token_url,
            "SYMPHONY_CLIENT_ID": self.server.client_id,
            "SYMPHONY_CLIENT_SECRET": self.server.client_secret,
        }
