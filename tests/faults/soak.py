"""Case 46: many requests against a server that fails in every way, to see that nothing grows.

``python tests/faults/soak.py --requests 200000`` runs a fault server in a process of its own and, in this one, a
client that calls it with cancellations, time-outs and tokens that expire. It prints what it saw, and ends with 1 if
memory, file descriptors or tasks grew, or if a call ended in a way that no fault explains.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# As a script this file has no package: the folder of the tests stands in for it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from aiosymphony import Failed, bulk
from aiosymphony.auth.oauth import ClientCredentials
from aiosymphony.errors import OutcomeUnknown, SymphonyError
from aiosymphony.limits import Limits
from aiosymphony.retry import RetryPolicy
from aiosymphony.session import Session
from faults.clients import CREATE, READ, THING, TRANSPORTS
from faults.server import (
    Exchange,
    FaultServer,
    close,
    gzip_bomb,
    raw,
    reply,
    reset,
    response,
    truncated,
    unfinished_chunks,
)

MOST_GROWTH = 3 * 2**20
REQUESTS_PER_TOKEN = 2000
BODY = b'{"id": 1, "name": "' + b"x" * 400 + b'"}'


async def serve() -> None:
    """The server: one request in twelve goes wrong, and tokens hold for a while only."""
    order = random.Random(46)
    good = reply(200, BODY)
    intruder = raw(response(200, BODY) + response(200, b"666"), close=False)

    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await good(exchange)

    bad = [
        close(),
        reset(),
        truncated(BODY),
        truncated(BODY, chunked=True),
        unfinished_chunks(BODY),
        raw(b"SSH-2.0-nonsense\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        gzip_bomb(200_000),
        reply(200, "<html>"),
        reply(500, {"message": "oops"}),
        reply(503, "", {"Retry-After": "0"}),
        reply(429, {}, {"Retry-After": "0"}),
        reply(302, "", {"Location": "http://127.0.0.1:1/"}),
        reply(403, {"code": 403, "message": "no"}),
        slow,
        intruder,
    ]

    async def answer(exchange: Exchange) -> None:
        if exchange.server.total % REQUESTS_PER_TOKEN == 0:
            exchange.server.expire()
        await (order.choice(bad) if order.random() < 1 / 12 else good)(exchange)

    async with FaultServer(keep=0) as server:
        server.check_tokens = True
        server.on("GET", THING, then=answer)
        server.on("POST", THING, then=answer)
        print(server.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the other side ends


@dataclass
class Footprint:
    """What must not grow."""

    rss: int
    descriptors: int
    tasks: int

    @classmethod
    def now(cls) -> Footprint:
        gc.collect()
        return cls(_rss(), len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()))


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def soak(
    url: str, requests: int, *, over: str, concurrency: int, warm_up: int, say: Callable[[str], None]
) -> list[str]:
    """Make the calls; return what is wrong."""
    order = random.Random(64)
    outcomes: Counter[str] = Counter()
    before = Footprint.now()
    session = Session(
        hosts=lambda _: url,
        auth=ClientCredentials("id", "not-a-secret", token_url=f"{url}/oauth/token"),
        transport=TRANSPORTS[over](limit=concurrency + 8),
        limits=Limits(concurrency=concurrency, rate=None),
        retry=RetryPolicy(base=0.001, throttle_base=0.001),
        timeout=5.0,
        max_bytes=100_000,
    )

    async def one(number: int) -> Any:
        call = READ.build(query=f"n={number}") if number % 3 else CREATE.build({"n": number})
        if order.random() < 0.02:
            async with asyncio.timeout(order.random() * 0.01):
                return await session.execute(call)
        return await session.execute(call)

    async def calls(count: int) -> None:
        async with bulk(range(count), one, concurrency=concurrency) as run:
            async for outcome in run:
                outcomes[type(outcome.error).__name__ if isinstance(outcome, Failed) else "ok"] += 1
                if isinstance(outcome, Failed) and not isinstance(outcome.error, SymphonyError | TimeoutError):
                    unexplained.append(f"{outcome.error!r} was raised")

    unexplained: list[str] = []
    await calls(warm_up)
    warm = Footprint.now()
    started = time.perf_counter()
    rounds = 10
    for done in range(1, rounds + 1):
        await calls((requests - warm_up) // rounds)
        say(f"{100 * done // rounds:3d} %: {(_rss() - warm.rss) / 2**20:+.2f} MiB since the warm-up")
    seconds = time.perf_counter() - started
    grown = Footprint.now().rss - warm.rss
    left = session.limiter.in_flight + session.limiter.waiting
    logins = session.tokens["bearer"].logins
    await session.close()
    await asyncio.sleep(0.1)  # closed connections leave with the next turns of the loop
    after = Footprint.now()

    say(f"{sum(outcomes.values())} calls, {(requests - warm_up) / seconds:.0f} a second; {logins} logins")
    say(", ".join(f"{name} {count}" for name, count in outcomes.most_common()))
    say(f"memory {grown / 2**20:+.2f} MiB, descriptors {before.descriptors} -> {after.descriptors}, "
        f"tasks {before.tasks} -> {after.tasks}, places taken {left}")  # fmt: skip
    wrong = unexplained[:5]
    if grown >= MOST_GROWTH:
        wrong.append(f"memory grew by {grown / 2**20:.2f} MiB")
    if after.descriptors != before.descriptors:
        wrong.append(f"file descriptors went from {before.descriptors} to {after.descriptors}")
    if after.tasks != before.tasks:
        wrong.append(f"tasks went from {before.tasks} to {after.tasks}")
    if left:
        wrong.append(f"{left} places of the limiter are taken")
    if not outcomes["ok"] or not outcomes[OutcomeUnknown.__name__] or logins < 2:
        wrong.append("the faults did not show: no successes, no unknown outcomes or no second login")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--transport", choices=TRANSPORTS, default="aiohttp")
    parser.add_argument("--serve", action="store_true", help="be the server")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        wrong = asyncio.run(
            soak(
                url,
                options.requests,
                over=options.transport,
                concurrency=options.concurrency,
                warm_up=min(20_000, options.requests // 2),
                say=lambda text: print(text, flush=True),
            )
        )
    finally:
        server.stdin.close()
        server.wait()
    for what in wrong:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
