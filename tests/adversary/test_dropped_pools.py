"""Pools that were dropped, as an answer to something else drops one: nothing of them may stay."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest

from aiosymphony.transport.fast_pool import Pool
from tests.faults.clients import OPEN_CREATE, OPEN_READ, THING, Clients
from tests.faults.server import FaultServer, acts, reply, wait_for


async def test_case_58_a_pool_that_was_dropped_is_closed_when_its_last_request_ends(
    server: FaultServer, clients: Clients
) -> None:
    go = asyncio.Event()
    server.on("GET", THING, reply(200, {}), wait_for(go, reply(200, {"id": 1})), wait_for(go, reply(200, {"id": 2})))
    session = clients.session()
    await session.execute(OPEN_READ.build())
    calls = [asyncio.ensure_future(session.execute(OPEN_READ.build())) for _ in range(2)]
    while server.in_flight < 2:
        await asyncio.sleep(0)
    session.reset_connections()
    await turns()
    assert server.open_connections == 2  # what is under way is not disturbed
    go.set()
    assert await asyncio.gather(*calls) == [{"id": 1}, {"id": 2}]
    await turns()
    assert server.open_connections == 0
    assert open_pools() == 0


async def test_case_58_three_hundred_answers_to_somebody_else_keep_nothing(
    server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=reply(200, {}))
    session = clients.session()
    for _ in range(300):
        await session.execute(OPEN_READ.build())
        session.reset_connections()
    await turns()
    assert server.connections == 300
    assert server.open_connections == open_pools() == 0


@pytest.mark.parametrize("how", ["closed", "deadline", "cancelled"])
async def test_case_58_a_dropped_pool_is_closed_also_when_its_last_request_fails(
    how: str, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", THING, then=acts(dies_when_told(gone := asyncio.Event())))
    session = clients.session(timeout=5.0)
    call = asyncio.ensure_future(session.execute(OPEN_CREATE.build({})))
    while server.in_flight < 1:
        await asyncio.sleep(0)
    session.reset_connections()
    if how == "closed":
        gone.set()
    elif how == "cancelled":
        call.cancel()
    await asyncio.wait([call])
    gone.set()
    await turns()
    assert call.cancelled() or call.exception() is not None
    assert server.open_connections == open_pools() == 0


def dies_when_told(event: asyncio.Event):
    async def step(exchange) -> None:
        await event.wait()
        exchange.close()

    return step


def open_pools() -> int:
    """Pools of either transport that hold, or may still open, connections."""
    things = gc.get_objects()
    ours = [thing for thing in things if isinstance(thing, Pool) and not thing.is_empty]
    return len(ours) + sum(not thing.closed for thing in things if isinstance(thing, aiohttp.ClientSession))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
