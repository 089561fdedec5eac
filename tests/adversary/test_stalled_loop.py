"""An event loop that is blocked for seconds: deadlines pass while the answers wait in the sockets."""

from __future__ import annotations

import asyncio

import pytest

from aiosymphony.errors import OutcomeUnknown
from aiosymphony.limits import Limits
from tests.faults.certificates import Certificates
from tests.faults.clients import OPEN_CREATE, OPEN_READ, THING, Clients
from tests.faults.clock import JumpingLoop
from tests.faults.server import Exchange, FaultServer, response


class Held:
    """Requests whose answers the test writes itself."""

    def __init__(self, server: FaultServer) -> None:
        self.exchanges: list[Exchange] = []
        self._over = asyncio.Event()
        for method in ("GET", "POST"):
            server.on(method, THING, then=self.step)

    async def step(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        await self._over.wait()

    async def arrived(self, count: int) -> None:
        while len(self.exchanges) < count:
            await asyncio.sleep(0)

    def answer(self, body: bytes) -> None:
        """What asyncio can write at once, it writes at once: no turn of the loop passes."""
        for exchange in self.exchanges:
            exchange.writer.write(response(201, body))

    def release(self) -> None:
        self._over.set()


def stall(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    loop.jump(seconds)


@pytest.mark.parametrize("body", [b'{"id": 1}', b'{"id": 1}'.ljust(200_000)], ids=["short", "200 kB"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("calls", [1, 50])
@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
async def test_case_59_an_answer_that_is_there_when_the_loop_wakes_is_taken(
    calls: int, tls: bool, body: bytes, certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=certificates.good if tls else None) as server:
        held = Held(server)
        transport = clients.transport(ca_file=certificates.ca_file)
        limits = Limits(rate=None)  # all at once
        session = clients.session(base_url=server.url, transport=transport, timeout=1.5, limits=limits)
        creates = [asyncio.ensure_future(session.execute(OPEN_CREATE.build({}))) for _ in range(calls)]
        await held.arrived(calls)
        held.answer(body)
        stall(2.0)
        assert await asyncio.gather(*creates) == [{"id": 1}] * calls
        assert server.counts["POST", THING] == calls
        held.release()


@pytest.mark.parametrize("late_by", [0.0, 2.0])
async def test_case_59_a_call_without_an_answer_ends_all_the_same(
    late_by: float, server: FaultServer, clients: Clients
) -> None:
    held = Held(server)
    session = clients.session(timeout=1.5)
    create = asyncio.ensure_future(session.execute(OPEN_CREATE.build({})))
    await held.arrived(1)
    began = asyncio.get_running_loop().time()
    stall(late_by)
    with pytest.raises(OutcomeUnknown, match="timed out before the whole answer had arrived"):
        await create
    assert asyncio.get_running_loop().time() - began <= max(1.5, late_by) + 0.1
    held.release()


async def test_case_59_after_the_stall_later_deadlines_are_kept(server: FaultServer, clients: Clients) -> None:
    held = Held(server)
    session = clients.session()
    ended: list[float] = []

    async def create(seconds: float) -> None:
        with pytest.raises(OutcomeUnknown):
            await session.with_options(timeout=seconds).execute(OPEN_CREATE.build({}))
        ended.append(asyncio.get_running_loop().time() - began)

    began = asyncio.get_running_loop().time()
    calls = [asyncio.ensure_future(create(seconds)) for seconds in (1.0, 5.0, 3.0)]
    await held.arrived(3)
    stall(2.0)
    await asyncio.gather(*calls)
    for at, expected in zip(ended, (2.0, 3.0, 5.0), strict=True):
        assert expected <= at <= expected + 0.1
    held.release()


async def test_case_59_nothing_is_left_of_a_deadline_that_came_and_was_met(
    server: FaultServer, clients: Clients
) -> None:
    held = Held(server)
    session = clients.session(timeout=1.5)
    read = asyncio.ensure_future(session.execute(OPEN_READ.build()))
    await held.arrived(1)
    held.answer(b"{}")
    stall(2.0)
    assert await read == {}
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == read.cancelling() == 0
    held.release()
    await asyncio.sleep(10.0)  # no timer that is left fires on anybody
