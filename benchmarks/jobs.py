"""A job with its journal against a script without one, over a server that costs almost nothing.

As ``provision``, but the server, of a process of its own, makes its answers of the requests, at once or after a while:
what is left is what the client costs. ``python -m benchmarks.jobs``.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from aiosymphony.provisioning import ConnectTarget, Desired, Job, Report, SqliteStore
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.journal.base import JobHeader
from aiosymphony.provisioning.plans.decide import plan

from .provision import CONCURRENCY, by_hand, client, person, write

DELAYS = (0.0, 0.02, 0.05)
ROWS = 20_000
ROUNDS = 6


class _Company(asyncio.Protocol):
    """Answers a request to create users with these users."""

    delay = 0.0

    def __init__(self) -> None:
        self._received = b""
        self._numbers = iter(range(sys.maxsize))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            told = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            length = int(told or 0)
            if len(rest) < length:
                return
            body, self._received = rest[:length], rest[length:]
            asyncio.get_running_loop().call_later(self.delay, self._answer, head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if b"/users " in head.partition(b"\r\n")[0]:
            status = b"201 Created"
            answer: Any = [{"id": str(next(self._numbers)), **each, "status": 201} for each in orjson.loads(body)]
        else:
            status, answer = b"200 OK", {"access_token": "e30.e30.e30", "expires_in": 3600, "token_type": "Bearer"}
        content = orjson.dumps(answer)
        lines = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(lines % (status, len(content)) + content)


async def _serve(delay: float) -> None:
    _Company.delay = delay
    server = await asyncio.get_running_loop().create_server(_Company, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def company_server(delay: float) -> Iterator[dict[str, Any]]:
    """What a client needs to know of a server that answers after so many seconds."""
    command = [sys.executable, "-m", "benchmarks.jobs", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield {"url": url, "token_url": f"{url}/token", "client_id": "id", "client_secret": "secret"}
        process.kill()


async def compared(delay: float, rows: int = ROWS, rounds: int = ROUNDS) -> tuple[list[float], list[float]]:
    """Of each round: the script's seconds for one of the job's, and the job's microseconds of processor a row."""
    ratios, costs = [], []
    with company_server(delay) as facts, tempfile.TemporaryDirectory() as folder:
        people = [person("company", number) for number in range(rows)]
        file = Path(folder, "people.csv")
        write(file, "company", rows)
        desired = Desired.read(file, "connect")
        for number in range(rounds):
            script = job = cost = 0.0
            for side in ("job", "script") if number % 2 else ("script", "job"):
                if side == "script":
                    began = time.perf_counter()
                    await by_hand(facts, "1", people)
                    script = time.perf_counter() - began
                else:
                    job, cost = await _by_job(facts, desired, Path(folder, f"{number}.journal"))
            ratios.append(script / job)
            costs.append(cost / rows * 1e6)
    return ratios, costs


async def _by_job(facts: dict[str, Any], desired: Desired, journal: Path) -> tuple[float, float]:
    """Seconds that sending takes, and those of the processor."""
    async with client(facts) as connect, SqliteStore(journal) as store:
        target = ConnectTarget(connect, "1")
        with Actual("connect") as actual, plan(desired, actual, target=target.name) as made:
            await store.begin(JobHeader.of(made, made_at=time.time()), made.actions())
        job = Job(target, store, concurrency=CONCURRENCY, audit=False)
        began, work = time.perf_counter(), time.process_time()
        await job.run()
        took = time.perf_counter() - began, time.process_time() - work
        assert (await Report.of(store, rows=False)).exit_code == 0
    return took


async def run() -> None:
    for delay in DELAYS:
        ratios, costs = await compared(delay)
        print(
            f"a job over a server that answers after {delay * 1000:g} ms: {statistics.median(ratios):.2f} of the "
            f"rows/s of a script without a journal ({min(ratios):.2f} to {max(ratios):.2f}); "
            f"{statistics.median(costs):.0f} µs of the processor a row"
        )


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])) if len(sys.argv) > 1 else run())
