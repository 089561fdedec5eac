"""Case 69: Ctrl-C on loops that have no signal handlers, as those of Windows; real processes, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from aiosymphony.provisioning.journal import owner
from aiosymphony.provisioning.journal.owner import Owner
from aiosymphony.provisioning.journal.sqlite import SqliteStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can be sent Ctrl-C there")

PRELUDE = """
import asyncio, signal, sys

class Loop(asyncio.SelectorEventLoop):
    def add_signal_handler(self, *_):
        raise NotImplementedError
    def remove_signal_handler(self, *_):
        raise NotImplementedError

class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        return Loop()

asyncio.set_event_loop_policy(Policy())
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started the tests may ignore it
"""
COMMAND = PRELUDE + "from aiosymphony.cli import main\nsys.exit(main())\n"
SANDBOX = PRELUDE + "from aiosymphony.sandbox.serve import main\nsys.exit(main())\n"


@asynccontextmanager
async def started(script: str, *arguments: object, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", script, *map(str, arguments),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Company:
    """A server with one company: creates one user a request, and answers when it is told to."""

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Semaphore(0)

    async def __aenter__(self) -> dict[str, str]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return {
            "SYMPHONY_CONNECT_URL": url, "SYMPHONY_TOKEN_URL": f"{url}/oauth/token",
            "SYMPHONY_CLIENT_ID": "me", "SYMPHONY_CLIENT_SECRET": "secret",
            "SYMPHONY_POD_URL": url, "SYMPHONY_SESSION_TOKEN": "a-token",
        }  # fmt: skip

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                sent = await reader.readexactly(int(length.group(1)) if length else 0)
                status, body = await self._answer(head, sent)
                content = json.dumps(body).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (status, len(content), content)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, sent: bytes) -> tuple[int, Any]:
        if b"/oauth/" in head:
            return 200, {"access_token": "token", "token_type": "Bearer", "expires_in": 900}
        if head.startswith(b"GET"):
            return 200, {"users": self.users, "total": len(self.users), "currentPage": 0, "pageSize": 100}
        self.asked.set()
        await self.answers.acquire()
        made = [{**row, "id": f"id{len(self.users) + n}", "status": 201} for n, row in enumerate(json.loads(sent))]
        self.users += made
        return 201, made


@pytest.mark.parametrize("times", [1, 2])
async def test_69_ctrl_c_drains_a_job_and_twice_leaves(tmp_path: Path, times: int) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,firstName,lastName\n" + "".join(f"u{n}@acme.com,U,Lee\n" for n in range(100)))
    company = Company()
    job = ("provision", "apply", file, "--target", "connect", "--company", "c", "--concurrency", "1", "--settle", "0")
    async with company as environment:
        async with started(COMMAND, *job, **environment) as process:
            await company.asked.wait()
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            async for line in process.stderr:
                if b"again to stop now" in line:
                    break
            if times == 2:
                process.send_signal(signal.SIGINT)
            else:
                company.answers.release()
            _, err = await process.communicate()
            assert process.returncode == 75
            assert b"Traceback" not in err
            assert (b"stopped at once" if times == 2 else b"stopped as asked") in err
        for _ in range(10):
            company.answers.release()
        async with started(COMMAND, *job, "--json", **environment) as process:
            out, err = await process.communicate()
            assert (process.returncode, err) == (0, b"")
            assert orjson.loads(out)["rows"]["done"] == 100
    assert len({user["email"] for user in company.users}) == 100


async def test_69_ctrl_c_ends_any_other_command() -> None:
    company = Company()
    async with (
        company as environment,
        started(COMMAND, "call", "pod", "v2_room_create_post", "--body", "{}", **environment) as process,
    ):
        await company.asked.wait()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        told = b"aiosymphony: interrupted: the server may have acted; look before you repeat it\n"
        assert (process.returncode, err) == (130, told)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_69_the_sandbox_ends_and_leaves_no_key(number: int) -> None:
    async with started(SANDBOX, "--json") as process:
        assert process.stdout is not None
        key = Path(orjson.loads(await process.stdout.readline())["private_key_file"])
        assert key.exists()
        process.send_signal(number)
        _, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
        assert not key.exists()


@pytest.fixture
def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that tells of processes through psutil alone, and where signal 0 ends a process."""

    def kill(*_: object) -> None:
        pytest.fail("os.kill ends a process on Windows, whatever the signal")

    monkeypatch.setattr(owner, "_HAS_PROC", False)
    monkeypatch.setattr(os, "kill", kill)


@pytest.mark.usefixtures("no_proc")
async def test_69_an_owner_is_found_without_proc() -> None:
    mine = Owner.this()
    assert mine.started
    assert not mine.is_gone()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    started = f"{psutil.Process(process.pid).create_time():.3f}"
    other = Owner(mine.machine, mine.host, process.pid, started, mine.clock, "other")
    reused = Owner(mine.machine, mine.host, process.pid, "12.000", mine.clock, "other")
    assert not other.is_gone()
    assert reused.is_gone(), "its number has been given to another process"
    await process.communicate(b"\n")
    assert other.is_gone()


@pytest.mark.usefixtures("no_proc")
async def test_69_a_journal_whose_owner_died_is_taken_without_proc(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "job.journal") as store:
        assert await store.header() is None
        assert not any(worker.alive for worker in await store.workers())


def test_69_no_signal_is_sent_where_there_is_proc_and_nothing_else_sends_one() -> None:
    """The one place that asks with signal 0 is where Linux has hidden a process."""
    import aiosymphony

    folder = Path(aiosymphony.__file__).parent
    found = [path.name for path in folder.rglob("*.py") if "os.kill(" in path.read_text()]
    assert found == ["owner.py"]
