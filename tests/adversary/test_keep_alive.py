"""Connections that the server closes, or speaks on, between two requests.

The end of a connection waits in the socket until the event loop looks. Whatever is written before it does is lost, and
nobody can tell that it was: a create must not be written to such a connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import aiohttp.connector
import pytest

from aiosymphony.transport import aiohttp_connector, fast_pool
from tests.faults.certificates import Certificates
from tests.faults.clients import OPEN_CREATE, OPEN_READ, THING, Clients
from tests.faults.server import FaultServer, acts, dies_under_next, reply, response, wait_for

from .peer import Peer, Talk, answers, answers_one

INTRUDER = response(201, b'{"id": 666}')


def fin(talk: Talk) -> None:
    talk.sock.close()


def reset(talk: Talk) -> None:
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.sock.close()


def close_notify(talk: Talk) -> None:
    talk.alert(0)


def unasked(talk: Talk) -> None:
    talk.write(INTRUDER)


ENDS: dict[str, Callable[[Talk], None]] = {"fin": fin, "reset": reset, "answer unasked": unasked}


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets idle connections age; the pools have a clock of their own."""
    clock = aiohttp.connector.monotonic
    aged = 0.0

    def now() -> float:
        return clock() + aged

    def age(seconds: float) -> None:
        nonlocal aged
        aged += seconds

    monkeypatch.setattr(aiohttp.connector, "monotonic", now)
    monkeypatch.setattr(aiohttp_connector, "monotonic", now)
    monkeypatch.setattr(fast_pool, "monotonic", now)
    return age


@pytest.mark.parametrize(
    ("version", "end"),
    [(version, end) for version in ("plain", "1.2", "1.3") for end in ENDS]
    + [("1.2", "close_notify"), ("1.3", "close_notify")],
)
async def test_case_70_a_create_is_not_written_to_a_connection_whose_end_waits_in_the_socket(
    version: str, end: str, certificates: Certificates, clients: Clients
) -> None:
    async with Peer(certificates, answers_one, answers, version=version) as peer:
        session = clients.session(base_url=peer.url, transport=clients.transport(ca_file=certificates.ca_file))
        await session.execute(OPEN_READ.build())
        await peer.finish()
        (ENDS | {"close_notify": close_notify})[end](peer.handed_over[0])  # no turn of the loop from here to the write
        assert await session.execute(OPEN_CREATE.build({"name": "x"})) == {"id": 1}
        assert (peer.creates, peer.counts["POST"], peer.connections) == (1, 1, 2)


@pytest.mark.skipif(not hasattr(socket, "MSG_MORE"), reason="puts an answer and its FIN into one packet")
async def test_case_70_two_hundred_creates_at_a_server_that_closes_behind_each_answer(
    certificates: Certificates, clients: Clients
) -> None:
    def closes_behind(talk: Talk) -> None:
        talk.request()
        talk.peer.creates += 1
        talk.sock.send(response(201, b'{"id": 1}'), socket.MSG_MORE)

    async with Peer(certificates, closes_behind, version="plain") as peer:
        session = clients.session(base_url=peer.url)

        async def ten() -> list[object]:
            return [await session.execute(OPEN_CREATE.build({})) for _ in range(10)]

        created = await asyncio.gather(*(ten() for _ in range(20)))
        assert created == [[{"id": 1}] * 10] * 20
        assert peer.creates == peer.connections == 200


async def test_case_70_a_create_takes_the_connection_that_idled_least(server: FaultServer, clients: Clients) -> None:
    both = asyncio.Event()
    server.on("GET", THING, wait_for(both, reply(200, {})), wait_for(both, reply(200, {})), then=reply(200, {}))
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()
    reads = [asyncio.ensure_future(session.execute(OPEN_READ.build())) for _ in range(2)]
    while server.in_flight < 2:
        await asyncio.sleep(0)
    both.set()
    await asyncio.gather(*reads)
    await session.execute(OPEN_READ.build())
    last = server.requests[-1].connection
    await session.execute(OPEN_CREATE.build({}))
    assert server.requests[-1].connection == last
    assert server.connections == 2


@pytest.mark.parametrize(("idled", "connections"), [(0.9, 1), (1.1, 2), (14.0, 2)])
async def test_case_70_a_create_gets_no_connection_that_has_idled(
    idled: float, connections: int, server: FaultServer, clients: Clients, jump: Callable[[float], None]
) -> None:
    server.on("GET", THING, then=reply(200, {}))
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()
    await session.execute(OPEN_READ.build())
    jump(idled)
    assert await session.execute(OPEN_CREATE.build({})) == {"id": 1}
    assert len(server.writes) == 1
    assert server.connections == connections


async def test_case_70_a_create_after_a_pause_survives_a_server_that_closes_when_it_arrives(
    server: FaultServer, clients: Clients, jump: Callable[[float], None]
) -> None:
    server.on("GET", THING, then=dies_under_next(200, {}))
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()
    await session.execute(OPEN_READ.build())
    jump(5.0)
    assert await session.execute(OPEN_CREATE.build({})) == {"id": 1}
    assert len(server.writes) == 1


async def test_case_70_creates_with_pauses_between_keep_no_more_connections(
    server: FaultServer, clients: Clients, jump: Callable[[float], None]
) -> None:
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()
    for _ in range(20):
        await asyncio.gather(*(session.execute(OPEN_CREATE.build({})) for _ in range(5)))
        jump(1.1)
    await turns()
    assert server.open_connections <= 5
    assert len(server.writes) == 100


async def test_case_70_a_read_still_takes_a_connection_that_has_idled(
    server: FaultServer, clients: Clients, jump: Callable[[float], None]
) -> None:
    server.on("GET", THING, then=reply(200, {}))
    session = clients.session()
    for _ in range(3):
        await session.execute(OPEN_READ.build())
        jump(10.0)
    assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_case_14_bytes_that_came_while_idle_are_found_behind_a_connection_that_has_expired(
    method: str, server: FaultServer, clients: Clients, jump: Callable[[float], None]
) -> None:
    """The pool passes over what idled too long; what it takes then must be looked at just the same."""
    both = asyncio.Event()
    server.on("GET", THING, wait_for(both, reply(200, {})), wait_for(both, reply(200, {})), then=reply(200, {"id": 1}))
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()
    reads = [asyncio.ensure_future(session.execute(OPEN_READ.build())) for _ in range(2)]
    while server.in_flight < 2:
        await asyncio.sleep(0)
    both.set()
    await asyncio.gather(*reads)  # two idle connections
    jump(14.5)
    await session.execute(OPEN_READ.build())  # the older one is now the younger
    jump(0.6)
    server._open[server.requests[-1].connection].write(INTRUDER)
    await asyncio.sleep(0.01)  # until the client has received it
    call = OPEN_READ.build() if method == "GET" else OPEN_CREATE.build({})
    assert await session.execute(call) == {"id": 1}


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="puts a handshake and what follows into one packet")
@pytest.mark.parametrize("word", ["answer", "alert", "close_notify"])
async def test_case_14_what_comes_with_the_end_of_the_handshake_is_no_answer(
    word: str, certificates: Certificates, clients: Clients
) -> None:
    """The client reads it before it has written anything: so it may write the create to another connection."""

    def speaks_first(talk: Talk) -> None:
        talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        talk.handshake()
        {"answer": unasked, "alert": lambda talk: talk.alert(80), "close_notify": close_notify}[word](talk)
        talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        talk.sock.recv(65536)

    async with Peer(certificates, speaks_first, answers, version="1.2") as peer:
        session = clients.session(base_url=peer.url, transport=clients.transport(ca_file=certificates.ca_file))
        assert await session.execute(OPEN_CREATE.build({})) == {"id": 1}
        assert (peer.creates, peer.connections) == (1, 2)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
