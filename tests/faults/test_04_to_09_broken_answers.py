"""Cases 4 to 9: an answer that does not come, or comes broken."""

from __future__ import annotations

import asyncio
import random

import pytest

from aiosymphony.errors import ApiError, BadRequest, DecodeError, OutcomeUnknown, TransportError
from aiosymphony.retry import RetryPolicy

from .clients import OPEN_CREATE, OPEN_READ, THING, Clients, attempt, operation
from .server import (
    FaultServer,
    Step,
    acts,
    close,
    hang,
    raw,
    reply,
    reset,
    response,
    truncated,
    unfinished_chunks,
)

OPEN_REPLACE = operation("PUT", idempotent=True, auth=())
OPEN_DELETE = operation("DELETE", auth=())
BODY = b'{"id": 1, "name": "a thing with a name"}'


@pytest.mark.parametrize("lost", [close, reset])
async def test_case_04_read_closed_before_reply_is_sent_exactly_twice(
    lost, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, lost(), then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("call", [OPEN_READ, OPEN_REPLACE, OPEN_DELETE], ids=lambda call: call.method)
async def test_case_04_no_layer_below_repeats_a_request(call, server: FaultServer, clients: Clients) -> None:
    server.on(call.method, THING, reply(200, {}), then=close())
    session = clients.session(retry=RetryPolicy(attempts=1))
    await session.execute(call.build())
    # On a kept-alive connection aiohttp would send these once more by itself.
    with pytest.raises((TransportError, OutcomeUnknown)):
        await session.execute(call.build())
    assert server.counts[call.method, THING] == 2
    assert server.connections == 1


async def test_case_04_read_that_is_never_answered_ends_after_four_sends(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=close())
    with pytest.raises(TransportError) as caught:
        await clients.session().execute(OPEN_READ.build())
    assert (caught.value.sent, caught.value.may_have_acted) == (True, False)
    assert server.counts["GET", THING] == 4


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_case_04_a_read_answered_by_a_failing_server_is_sent_four_times(
    status: int, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=reply(status, ""))
    with pytest.raises(ApiError) as caught:
        await clients.session().execute(OPEN_READ.build())
    assert (caught.value.status, caught.value.may_have_acted) == (status, False)
    assert server.counts["GET", THING] == 4


async def test_case_04_a_read_that_times_out_is_asked_for_again(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, hang(), then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("lost", [close, reset])
async def test_case_05_create_closed_before_reply_one_thing_no_more(
    lost, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", THING, then=acts(lost()))
    with pytest.raises(OutcomeUnknown, match="may have acted") as caught:
        await clients.session().execute(OPEN_CREATE.build({"name": "x"}))
    assert isinstance(caught.value.__cause__, TransportError)
    assert (caught.value.operation, caught.value.method, caught.value.path_template) == (
        OPEN_CREATE.id, "POST", THING,
    )  # fmt: skip
    assert caught.value.trace_id == server.seen("POST", THING)[0].headers["x-trace-id"]
    assert len(server.writes) == 1
    assert server.counts["POST", THING] == 1


BROKEN_OFF = {
    "content length": truncated(BODY),
    "nothing of the body": truncated(BODY, by=len(BODY)),
    "inside a chunk": truncated(BODY, chunked=True),
    "no last chunk": unfinished_chunks(BODY),
    "inside the head": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
}


@pytest.mark.parametrize("broken", BROKEN_OFF)
async def test_case_06_truncated_answer_to_a_read_is_asked_for_again(
    broken: str, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, BROKEN_OFF[broken], then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("broken", BROKEN_OFF)
async def test_case_06_truncated_answer_to_a_create_is_outcome_unknown(
    broken: str, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", THING, then=acts(BROKEN_OFF[broken]))
    with pytest.raises(OutcomeUnknown):
        await clients.session().execute(OPEN_CREATE.build({"name": "x"}))
    assert len(server.writes) == server.counts["POST", THING] == 1


async def test_case_07_cut_json_under_a_200_is_asked_for_again(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, reply(200, BODY[:-7]), then=reply(200, BODY))
    assert (await clients.session().execute(OPEN_READ.build()))["id"] == 1
    assert server.counts["GET", THING] == 2


async def test_case_07_json_that_stays_cut_is_a_decode_error(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(200, BODY[:-7]))
    with pytest.raises(DecodeError, match="not JSON") as caught:
        await clients.session().execute(OPEN_READ.build())
    assert (caught.value.status, caught.value.path) == (200, "$")
    assert server.counts["GET", THING] == 4


async def test_case_07_cut_json_after_a_create_is_outcome_unknown(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(reply(201, BODY[:-7])))
    with pytest.raises(OutcomeUnknown) as caught:
        await clients.session().execute(OPEN_CREATE.build({"name": "x"}))
    assert isinstance(caught.value.__cause__, DecodeError)
    assert len(server.writes) == server.counts["POST", THING] == 1


def _chunked(chunk: bytes) -> Step:
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)


NOT_HTTP = {
    "garbage status line": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "no status": raw(b"HTTP/1.1\r\n\r\n"),
    "status of letters": raw(b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    "bad chunk size": _chunked(b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk without its end": _chunked(b"2\r\n{}xx0\r\n\r\n"),
    "both framings": raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    "negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"),
    "header without a colon": raw(b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\n{}"),
    "nul in a header": raw(b"HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}"),
    "gzip that is none": raw(response(200, b"{}", [("Content-Encoding", "gzip")])),
}


@pytest.mark.parametrize("flaw", NOT_HTTP)
async def test_case_08_what_is_not_http_is_a_transport_error_and_never_bad_request(
    flaw: str, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, NOT_HTTP[flaw], NOT_HTTP[flaw], then=reply(200, {"id": 1}))
    with pytest.raises(TransportError) as caught:
        await clients.session(retry=RetryPolicy(attempts=1)).execute(OPEN_READ.build())
    assert caught.value.sent
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 3


@pytest.mark.parametrize("flaw", NOT_HTTP)
async def test_case_08_what_is_not_http_leaves_a_create_unknown(
    flaw: str, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", THING, then=acts(NOT_HTTP[flaw]))
    with pytest.raises(OutcomeUnknown) as caught:
        await clients.session().execute(OPEN_CREATE.build({"name": "x"}))
    assert isinstance(caught.value.__cause__, TransportError)
    assert len(server.writes) == server.counts["POST", THING] == 1


async def test_case_08_whatever_bytes_come_a_create_is_never_said_not_to_have_been_sent(
    server: FaultServer, clients: Clients
) -> None:
    """A good answer with random damage: it is read, or unknown, or an error the server could have meant."""
    order = random.Random(8)
    good = response(201, BODY, [("Content-Type", "application/json"), ("X-Trace-Id", "abc"), ("Set-Cookie", "a=b")])
    session = clients.session(transport=clients.transport(), timeout=1.0)

    def damaged() -> bytes:
        data = bytearray(good)
        for _ in range(order.choice([1, 1, 2, 5])):
            at = order.randrange(len(data))
            match order.randrange(4):
                case 0:
                    data[at] = order.randrange(256)
                case 1:
                    del data[at : at + order.choice([1, 2, 40])]
                case 2:
                    data[at:at] = order.choice([b"\r\n", b"\0", b"9", b":", b"\xff", b"Content-Length: 1\r\n"])
                case 3:
                    data[at:at] = data[at : at + 20]
        return bytes(data)

    for count in range(1, 601):
        server.on("POST", THING, then=acts(raw(damaged())))
        outcome = await attempt(session.execute(OPEN_CREATE.build({})))
        await asyncio.sleep(0.01)  # until the client has seen the connection close
        assert len(server.writes) == count
        if isinstance(outcome, Exception):
            assert isinstance(outcome, OutcomeUnknown | ApiError)
            assert "Nothing was sent" not in str(outcome)
            assert not isinstance(outcome, BadRequest)


HEADER_BOMBS = {
    "one of a megabyte": response(200, b"{}", [("X-Bomb", "b" * 2**20)]),
    "a hundred thousand": response(200, b"{}", [(f"X-{n}", "b") for n in range(100_000)]),
    "a line that does not end": b"HTTP/1.1 200 OK\r\nX-Bomb: " + b"b" * 2**20,
    "a status line of a megabyte": b"HTTP/1.1 200 " + b"b" * 2**20 + b"\r\n\r\n",
}


@pytest.mark.parametrize("bomb", HEADER_BOMBS)
async def test_case_09_a_header_bomb_is_a_transport_error(bomb: str, server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=raw(HEADER_BOMBS[bomb]))
    with pytest.raises(TransportError) as caught:
        await clients.session(retry=RetryPolicy(attempts=2)).execute(OPEN_READ.build())
    assert caught.value.kind in ("protocol", "disconnected")
    assert server.counts["GET", THING] == 2


async def test_case_09_a_header_of_20_kb_is_read(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(200, {"id": 1}, {"Content-Security-Policy": "x" * 20_000}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 1
