"""Processes share a rate and a login through PostgreSQL; a server of the tests' own says what arrived, and when."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import pickle
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiosymphony import ConfigError, Limits
from aiosymphony.postgres import PostgresRate, PostgresTokenStore
from aiosymphony.sandbox import Sandbox

from . import sharing
from .cluster import Cluster

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":1}'
SLOW_DOWN = b"HTTP/1.1 429 Too Many\r\nContent-Type: application/json\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers every request at once, and notes when it came; throttles one when asked to.

    Attributes:
        lag: Seconds that this process was late at worst: what came meanwhile is noted as if it came at once.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.lag = 0.0
        self.throttle = False
        self.throttled_at = 0.0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.times.append(time.monotonic())
                if self.throttle:
                    self.throttle, self.throttled_at = False, self.times[-1]
                    writer.write(SLOW_DOWN)
                else:
                    writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + 0.005
            await asyncio.sleep(0.005)
            self.lag = max(self.lag, time.monotonic() - due)

    def most(self, span: float = 1.0) -> int:
        """How many came in the worst span of so many seconds."""
        worst, first = 0, 0
        for last, at in enumerate(self.times):
            while at - self.times[first] >= span:
                first += 1
            worst = max(worst, last - first + 1)
        return worst


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        watching = asyncio.create_task(server.watch())
        yield server
        watching.cancel()


async def start(**order: Any) -> asyncio.subprocess.Process:
    path = os.pathsep.join(path for path in sys.path if path)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        sharing.__file__,
        json.dumps(order),
        env={**os.environ, "PYTHONPATH": path},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def ready(*processes: asyncio.subprocess.Process) -> None:
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"


async def test_three_processes_share_a_rate_and_one_of_them_may_be_killed(server: Server, cluster: Cluster) -> None:
    order = {"url": server.url, "store": cluster.url(), "rate": 400, "seconds": 4.0}
    processes = [await start(**order) for _ in range(3)]
    await ready(*processes)
    await asyncio.sleep(2)
    processes[0].kill()
    for process in processes:
        await process.wait()
    assert server.most() <= 404 + 400 * server.lag
    # Most of what was allowed came through: shared, not merely split.
    assert len(server.times) > 400


async def test_a_throttled_process_pauses_all(server: Server, cluster: Cluster) -> None:
    order = {"url": server.url, "store": cluster.url(), "rate": 200, "seconds": 3.0}
    processes = [await start(**order, callers=4) for _ in range(3)]
    await ready(*processes)
    while len(server.times) < 100:
        await asyncio.sleep(0.01)
    server.throttle = True
    for process in processes:
        await process.wait()
    # They stop within a moment, and go on when the second that was asked for is over: alone, two would have sent on.
    pause = [at - server.throttled_at for at in server.times if 0 < at - server.throttled_at < 1.0]
    assert len(pause) < 200 / 2
    assert server.times[-1] - server.throttled_at > 1.0


async def test_a_database_that_is_away_leaves_each_its_part_of_the_rate(server: Server, cluster: Cluster) -> None:
    address = cluster.url("nowhere")
    process = await start(url=server.url, store=address, rate=100, share=0.2, seconds=3.0, callers=2)
    await ready(process)
    await process.wait()
    assert 20 <= len(server.times) <= 66
    assert server.most() <= 22 + 100 * server.lag


async def test_different_egresses_do_not_share(server: Server, cluster: Cluster) -> None:
    order = {"url": server.url, "store": cluster.url(), "rate": 100, "seconds": 2.5}
    processes = [await start(**order, egress=name) for name in ("left", "right")]
    await ready(*processes)
    for process in processes:
        await process.wait()
    assert 101 < server.most() <= 202 + 200 * server.lag


async def test_six_processes_log_in_once_and_once_more_when_the_token_is_refused(cluster: Cluster) -> None:
    async with Sandbox(users=1) as sandbox:
        order = {"url": sandbox.url, "store": cluster.url(), "username": sandbox.bot.username}
        processes = [await start(**order, private_key=sandbox.bot.private_key) for _ in range(6)]
        await ready(*processes)
        assert sandbox.stats.logins == 1
        sandbox.revoke_tokens()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
        assert [await process.wait() for process in processes] == [0] * 6
        assert sandbox.stats.logins == 2
    rows = cluster.execute('SELECT key, token, "authorization" IS NOT NULL FROM aiosymphony.token')
    assert all(sandbox.bot.username not in key for key, _, _ in rows)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_lock_of_a_holder_that_is_gone_is_free(cluster: Cluster, how: signal.Signals) -> None:
    script = (
        "import asyncio, sys\n"
        "from aiosymphony.postgres import PostgresTokenStore, tokens\n"
        # The lock of one that is stopped is free after half a minute; here, sooner.
        "tokens._IDLE = tokens._IDLE.replace('30s', '2s')\n"
        "async def main():\n"
        "    async with PostgresTokenStore(sys.argv[1]).exclusive('key'):\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    path = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", script, cluster.url()]
    holder = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "PYTHONPATH": path}, stdout=asyncio.subprocess.PIPE
    )
    await ready(holder)
    store = PostgresTokenStore(cluster.url())

    async def take() -> None:
        async with store.exclusive("key"):
            pass

    waiting = asyncio.ensure_future(take())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    async with store.exclusive("another key"):
        pass
    holder.send_signal(how)
    await waiting
    with contextlib.suppress(ProcessLookupError):
        holder.kill()
    await holder.wait()
    assert cluster.execute("SELECT current_setting('server_version_num')::int >= 140000") == [(True,)]


def test_what_is_shared_can_be_copied_and_is_not_shown(cluster: Cluster) -> None:
    rate = PostgresRate(cluster.url(), egress="left")
    limits = copy.copy(Limits(shared=rate))
    assert limits.shared is rate
    assert cluster.password not in repr(limits) + repr(PostgresTokenStore(cluster.url()))
    with pytest.raises(TypeError, match="is a secret"):
        pickle.dumps(limits)


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"give Limits\.rate, too"):
        Limits(rate=None, shared=PostgresRate("postgresql://h/d"))
    with pytest.raises(ConfigError, match="the share of the rate must be above 0"):
        PostgresRate("postgresql://h/d", share=0)
    with pytest.raises(ConfigError, match="the address of the database cannot be read"):
        PostgresTokenStore("postgresql://h/d?what=ever")
