"""A server that sends two answers at once: the second is somebody else's data, and must reach nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.certificates import Certificates
from tests.faults.clients import OPEN_READ, THING, Clients
from tests.faults.server import FaultServer, Step, raw, reply, response

MINE, THEIRS, NEXT = {"id": 1}, {"id": 666}, {"id": 2}


def _json(value: Any) -> bytes:
    return response(200, json.dumps(value).encode(), [("Content-Type", "application/json")])


def _chunked(value: Any) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _one_by_one(*answers: bytes) -> Step:
    """The answers in one turn, each written by itself: over TLS each is a record of its own."""

    async def step(exchange: Any) -> None:
        for answer in answers:
            exchange.writer.write(answer)
        await exchange.writer.drain()

    return step


TWICE: dict[str, Step] = {
    "by length": raw(_json(MINE) + _json(THEIRS), close=False),
    "chunked": raw(_chunked(MINE) + _chunked(THEIRS), close=False),
    "half a head": raw(_json(MINE) + _json(THEIRS)[:20], close=False),
    "no content, then one": raw(b"HTTP/1.1 204 No Content\r\n\r\n" + _json(THEIRS), close=False),
    "in two records": _one_by_one(_json(MINE), _json(THEIRS)),
}


@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("twice", TWICE)
async def test_case_51_a_second_answer_in_the_same_packet_reaches_nobody(
    tls: bool, twice: str, clients: Clients, certificates: Certificates
) -> None:
    async with FaultServer(tls=certificates.good if tls else None) as server:
        server.on("GET", THING, TWICE[twice], then=reply(200, NEXT))
        transport = clients.transport(ca_file=certificates.ca_file if tls else None)
        session = clients.session(base_url=server.url, transport=transport)
        first = await session.execute(OPEN_READ.build())
        # aiohttp drops a body that comes in one packet with a 204, and asks again.
        assert first in ((None, NEXT) if twice.startswith("no content") else (MINE,))
        assert [await session.execute(OPEN_READ.build()) for _ in range(3)] == [NEXT] * 3
