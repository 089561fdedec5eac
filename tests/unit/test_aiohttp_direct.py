"""The default transport sends by aiohttp's parts or by its session: both send the same, and read the same."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aiosymphony.errors import TransportError
from aiosymphony.transport import aiohttp_direct
from aiosymphony.transport.aiohttp import AiohttpTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
TOKEN = {"sessionToken": "s3cret", "X-Trace-Id": "abc123"}


class Peer:
    """Reads whole requests, unless it answers early, and answers each with the same bytes."""

    def __init__(self, answer: bytes, *, closes: bool = False, early: bool = False) -> None:
        self.answer, self.closes, self.early = answer, closes, early
        self.seen: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                body = b"" if self.early else await reader.readexactly(length)
                self.seen.append(head + body)
                writer.write(self.answer)
                await writer.drain()
                if self.closes:
                    break
                if self.early:
                    await asyncio.Event().wait()  # reads nothing more
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(answer: bytes = OK, *, closes: bool = False, early: bool = False) -> AsyncIterator[Peer]:
    found = Peer(answer, closes=closes, early=early)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(found.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(params=["direct", "session"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(aiohttp_direct, "FITS", request.param == "direct")
    return request.param


def test_this_aiohttp_was_looked_at() -> None:
    assert aiohttp_direct.FITS, (
        "transport/aiohttp_direct.py has not been held against this version of aiohttp, so that every request passes "
        "through its session, at two thirds of the speed. Compare what it uses (TCPConnector.connect, "
        "ResponseHandler.set_response_params and read, StreamReader.on_eof), then widen FITS."
    )


async def test_the_way_is_taken(way: str) -> None:
    transport = AiohttpTransport()
    pool = transport._open()
    assert (pool.direct is not None) == (way == "direct")
    await transport.close()


async def test_a_proxy_is_left_to_the_session() -> None:
    transport = AiohttpTransport(proxy="http://127.0.0.1:1")
    assert transport._open().direct is None
    await transport.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (TOKEN, None),
        (TOKEN | {"Content-Type": "application/json"}, b'{"a": 1}'),
        (TOKEN, b"bare"),
        (TOKEN, b""),
        (TOKEN | {"accept": "text/plain", "User-Agent": "mine"}, None),
        ({"name": "Jos\u00e9\tB"}, None),
        ({}, None),
    ],
)
async def test_both_ways_send_the_same(
    method: str, headers: dict[str, str], body: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = OK[:-2] if method == "HEAD" else OK
    sent = []
    for fits in (True, False):
        monkeypatch.setattr(aiohttp_direct, "FITS", fits)
        async with peer(answer) as server:
            transport = AiohttpTransport(headers={"X-Gateway": "yes"})
            url = f"{server.url}/pod/v2/user?email=a%2Bb%40c.de&x=%2F"
            for _ in range(2):
                response = await transport.send(method, url, headers, body, timeout=5)
                assert response.status == 200
            await transport.close()
            assert server.connections == 1
            head, _, content = server.seen[1].partition(b"\r\n\r\n")
            first, *lines = head.replace(server.url[7:].encode(), b"HOST").split(b"\r\n")
            assert len({line.split(b":")[0].lower() for line in lines}) == len(lines)
            sent.append((first, {line.split(b":")[0].lower(): line.partition(b": ")[2] for line in lines}, content))
    assert sent[0] == sent[1]


PACKED = gzip.compress(b"{}" * 100)
ANSWERS = {
    "closed": b"",
    "garbage": b"SSH-2.0-OpenSSH\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
    "chunks without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "hints first": b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    "a switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n",
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
    "packed badly": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    "too large": b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
    "a long field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "too long a field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "status 99": b"HTTP/1.1 99 What\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_both_ways_read_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    for fits in (True, False):
        monkeypatch.setattr(aiohttp_direct, "FITS", fits)
        async with peer(ANSWERS[kind], closes=True) as server:
            transport = AiohttpTransport()
            try:
                response = await transport.send("GET", f"{server.url}/x", TOKEN, None, timeout=5, max_bytes=1000)
            except TransportError as error:
                read.append((str(error).replace(server.url[7:], "HOST"), error.kind, error.sent, error.permanent))
            else:
                read.append((response.status, dict(response.headers), response.content))
            await transport.close()
    assert read[0] == read[1]


@pytest.mark.parametrize(
    "headers", [{"X-Trace-Id": "a\r\nEvil: 1"}, {"X\nEvil": "1"}, {"X-Trace-Id": "a\0"}, {"X-Trace-Id": "a\rb"}]
)
async def test_no_value_begins_another_header(way: str, headers: dict[str, str]) -> None:
    async with peer() as server:
        transport = AiohttpTransport()
        with pytest.raises(TransportError) as caught:
            await transport.send("GET", f"{server.url}/x", headers, None, timeout=5)
        assert not caught.value.sent
        response = await transport.send("GET", f"{server.url}/x", TOKEN, None, timeout=5)
        assert response.status == 200
        await transport.close()
    assert len(server.seen) == 1


async def test_a_connection_that_answered_before_it_had_read_is_not_used_again() -> None:
    """The rest of the body that it did not read would stand before the next request. The session waits in vain."""
    async with peer(OK.replace(b"200 OK", b"413 Too Large"), early=True) as server:
        transport = AiohttpTransport()
        for _ in range(2):
            response = await transport.send("POST", f"{server.url}/x", TOKEN, b"x" * 30_000_000, timeout=10)
            assert response.status == 413
        await transport.close()
    assert server.connections == 2


async def test_a_cancelled_request_gives_up_its_connection(way: str) -> None:
    async with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}") as server:
        transport = AiohttpTransport(limit=1)
        for _ in range(3):
            with pytest.raises(TransportError) as caught:
                await transport.send("GET", f"{server.url}/x", TOKEN, None, timeout=0.2)
            assert caught.value.kind == "timeout"
        await transport.close()
    assert server.connections == 3


async def test_no_frame_that_waits_holds_a_token() -> None:
    """The head is written in a function that has ended when the answer is waited for."""
    async with peer(b"") as server:
        transport = AiohttpTransport()
        task = asyncio.create_task(transport.send("GET", f"{server.url}/x", TOKEN, None, timeout=5))
        while not server.seen:
            await asyncio.sleep(0)
        held, coroutine = [], task.get_coro()
        while hasattr(coroutine, "cr_frame"):
            held += [value for name, value in coroutine.cr_frame.f_locals.items() if name != "headers"]
            coroutine = coroutine.cr_await
        assert len(held) > 5
        assert not [value for value in held if isinstance(value, str | bytes) and "s3cret" in str(value)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await transport.close()
