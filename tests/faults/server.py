"""A server that misbehaves as told, byte by byte, over real sockets, and counts what it saw.

There is no HTTP library on this side: what the tests need most are answers that no library would send. A script
says what each request to a path gets::

    server.on("GET", "/pod/v2/user", close(), reset(), then=reply(200, {"id": 1}))

answers the first request by closing, the second by a reset, and every later one with a user. A step is an async
function that takes the :class:`Exchange`; the functions at the end of this module make the usual ones.

Logins are answered with numbered tokens unless a script says otherwise. With ``check_tokens`` on, a request that
carries no valid token gets a 401 and its script does not move.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import ssl
import struct
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

Step: TypeAlias = "Callable[[Exchange], Awaitable[None]]"

LOGINS = re.compile(
    r"/login/pubkey/(app/)?authenticate|/login/pubkey/app/(user|username)/[^/]+/authenticate|/login/idm/tokens"
    r"|/relay/pubkey/authenticate|/sessionauth/v1/(app/)?authenticate|/keyauth/v1/authenticate|/oauth/token"
)
_NUMBER = re.compile(r"-n(\d+)-")


@dataclass(slots=True)
class Seen:
    """One request as it came in, and when; header names in lower case, the last of equal names wins."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    header_lines: list[str] = field(default_factory=list)
    at: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def token(self) -> str:
        return self.headers.get("sessiontoken") or self.headers.get("authorization", "").removeprefix("Bearer ")

    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request and the means to answer it."""

    def __init__(
        self, server: FaultServer, request: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.request = request
        self.reader = reader
        self.writer = writer
        self.open = True

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Close in order: the client reads what was written, then the end."""
        self.open = False

    def reset(self) -> None:
        """Close with a TCP reset: what the client has not read yet is lost."""
        self.open = False
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class FaultServer:
    """The server; an async context manager bound to a free port.

    Attributes:
        url: Where it listens, as ``http://127.0.0.1:port`` (``https://localhost:port`` with TLS).
        connections: How many connections were accepted.
        requests: Every request seen, in order (the last ``keep`` of them).
        counts: Number of requests by (method, path).
        logins: Number of login requests by path.
        writes: What the server really did: (method, path, body), noted by the :func:`acts` step.
        check_tokens: Answer 401 to whatever carries no valid token.
        oldest_valid: Tokens numbered below this are expired.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, secret: str = "opaque", keep: int = 100_000, backlog: int = 2048
    ) -> None:
        self._tls = tls
        self._secret = secret
        self._backlog = backlog
        self._scripts: dict[tuple[str, str], deque[Step]] = {}
        self._then: dict[tuple[str, str], Step] = {}
        self._open: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.fallback: Step = reply(404, {"code": 404, "message": "nothing here"})
        self.on_connect: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None
        self.connections = 0
        self.requests: deque[Seen] = deque(maxlen=keep)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.logins: Counter[str] = Counter()
        self.writes: list[tuple[str, str, bytes]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.check_tokens = False
        self.oldest_valid = 0
        self.issued = 0
        self.token_fields: dict[str, Any] = {}
        self.url = ""
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._tls, limit=2**20, backlog=self._backlog
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in tuple(self._open.values()):
            writer.transport.abort()
        # Two turns of the loop let aborted transports close their sockets.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def on(self, method: str, path: str, *steps: Step, then: Step | None = None) -> None:
        """Say what requests get: one step each, and ``then`` for all later ones (default: an empty object)."""
        self._scripts[method, path] = deque(steps)
        self._then[method, path] = then if then is not None else reply(200, {})

    def seen(self, method: str, path: str) -> list[Seen]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def token(self, number: int) -> str:
        return f"{self._secret}-n{number}-{self._secret}"

    def expire(self) -> None:
        """From now on, every token handed out so far is expired."""
        self.oldest_valid = self.issued + 1

    @property
    def open_connections(self) -> int:
        return len(self._open)

    async def push(self, data: bytes) -> None:
        """Send bytes that nobody asked for on every open connection."""
        for writer in tuple(self._open.values()):
            writer.write(data)
            await writer.drain()

    def hang_up(self) -> None:
        """Close every open connection."""
        for writer in tuple(self._open.values()):
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._open[number] = writer
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.on_connect is not None:
                await self.on_connect(reader, writer)
            await self._serve(number, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            # asyncio.streams reports a cancelled handler as an error of its own; the server's end is no error.
            pass
        finally:
            self._tasks.discard(task)
            self._open.pop(number, None)
            with contextlib.suppress(Exception):
                writer.close()

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read_request(number, reader)) is not None:
            self.requests.append(request)
            self.counts[request.method, request.path] += 1
            if LOGINS.fullmatch(request.path):
                self.logins[request.path] += 1
            exchange = Exchange(self, request, reader, writer)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            try:
                await self._step(request)(exchange)
            finally:
                self.in_flight -= 1
            if not exchange.open:
                return

    def _step(self, request: Seen) -> Step:
        key = (request.method, request.path)
        is_login = LOGINS.fullmatch(request.path) is not None
        if self.check_tokens and not is_login and not self._is_valid(request.token):
            return reply(401, {"code": 401, "message": "Invalid session"})
        if script := self._scripts.get(key):
            return script.popleft()
        if key in self._then:
            return self._then[key]
        return token() if is_login else self.fallback

    def _is_valid(self, value: str) -> bool:
        match = _NUMBER.search(value)
        return match is not None and int(match[1]) >= self.oldest_valid


async def refuse_handshake(context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do a TLS handshake by hand that must fail, tell the client why, and wait until it has gone.

    For ``on_connect``. asyncio's own TLS server resets the connection, and the reset destroys the alert on its way.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            break
        writer.write(outgoing.read())
        incoming.write(await reader.read(65536))
    writer.write(outgoing.read())
    await reader.read()


async def _read_request(connection: int, reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    return Seen(connection, method, target if target.startswith("/") else urlsplit(target).path, headers, body, lines)


# Steps.


def response(status: int, body: bytes = b"", headers: Sequence[tuple[str, str]] = (), *, length: bool = True) -> bytes:
    """The bytes of an HTTP/1.1 response, exactly as asked: nothing is added but Content-Length."""
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def reply(
    status: int = 200, body: Any = b"", headers: Mapping[str, str] | None = None, content_type: str | None = None
) -> Step:
    """A whole, correct answer; what is not bytes or str goes out as JSON."""
    match body:
        case bytes():
            content, kind = body, content_type
        case str():
            content, kind = body.encode(), content_type or "text/plain"
        case _:
            content, kind = json.dumps(body).encode(), content_type or "application/json"
    lines = [("Content-Type", kind)] if kind else []
    data = response(status, content, [*lines, *(headers or {}).items()], length=status not in (204, 304))

    async def step(exchange: Exchange) -> None:
        await exchange.write(data)

    return step


def token(**fields: Any) -> Step:
    """The next numbered token, in the form that the login asked for."""

    async def step(exchange: Exchange) -> None:
        server = exchange.server
        server.issued += 1
        value = server.token(server.issued)
        path = exchange.request.path
        body: dict[str, Any]
        if path == "/oauth/token":
            body = {"access_token": value, "token_type": "Bearer"}
        elif path == "/login/idm/tokens":
            body = {"access_token": value, "token_type": "Bearer", "expires_in": 300}
        else:
            body = {"name": "keyManagerToken" if path.startswith(("/relay", "/keyauth")) else "sessionToken"}
            body["token"] = value
        await reply(200, body | server.token_fields | fields)(exchange)

    return step


def raw(data: bytes, *, close: bool = True) -> Step:
    """Exactly these bytes."""

    async def step(exchange: Exchange) -> None:
        await exchange.write(data)
        if close:
            exchange.close()

    return step


def close() -> Step:
    """Close without a word."""

    async def step(exchange: Exchange) -> None:
        exchange.close()

    return step


def reset() -> Step:
    """Reset the connection without a word."""

    async def step(exchange: Exchange) -> None:
        exchange.reset()

    return step


def hang() -> Step:
    """Never answer. Ends when the client goes away."""

    async def step(exchange: Exchange) -> None:
        await exchange.reader.read(1)
        exchange.close()

    return step


def wait_for(event: asyncio.Event, then: Step) -> Step:
    """Answer once the test says so."""

    async def step(exchange: Exchange) -> None:
        await event.wait()
        await then(exchange)

    return step


def signal(event: asyncio.Event, then: Step) -> Step:
    """Tell the test that the request has arrived, then go on."""

    async def step(exchange: Exchange) -> None:
        event.set()
        await then(exchange)

    return step


def acts(then: Step) -> Step:
    """Carry the request out (note it in ``server.writes``), whatever the client is told."""

    async def step(exchange: Exchange) -> None:
        request = exchange.request
        exchange.server.writes.append((request.method, request.path, request.body))
        await then(exchange)

    return step


def truncated(body: bytes, *, by: int = 5, chunked: bool = False) -> Step:
    """A 200 whose body ends ``by`` bytes early."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    if chunked:
        return raw(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body[:-by])
    return raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:-by])


def unfinished_chunks(body: bytes) -> Step:
    """A chunked 200 whose chunk is whole and whose last chunk never comes."""
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n")


def drip(data: bytes, *, seconds: float = 0.2) -> Step:
    """One byte each ``seconds``, until the client goes away."""

    async def step(exchange: Exchange) -> None:
        exchange.close()
        for byte in data:
            await exchange.write(bytes([byte]))
            await asyncio.sleep(seconds)

    return step


def gzip_bomb(unpacked: int) -> Step:
    """A small gzip body of zeros that unpacks to ``unpacked`` bytes."""
    body = gzip.compress(bytes(unpacked), 9)
    head = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    return raw(response(200, body, head))


def endless(block: bytes = b" " * 65536) -> Step:
    """A chunked body without an end. Stops when the client goes away."""

    async def step(exchange: Exchange) -> None:
        exchange.close()
        await exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.write(b"%x\r\n" % len(block) + block + b"\r\n")

    return step


def redirect(location: str, status: int = 302) -> Step:
    return reply(status, b"", {"Location": location})


def dies_under_next(status: int, body: Any) -> Step:
    """Answer, then reset the connection as soon as the first byte of the next request arrives, unread."""
    first = reply(status, body)

    async def step(exchange: Exchange) -> None:
        await first(exchange)
        # peek instead of read: unread bytes are what a server that closes at the wrong moment leaves behind
        while not exchange.reader._buffer and not exchange.reader.at_eof():  # type: ignore[attr-defined]
            await exchange.reader._wait_for_data("peek")  # type: ignore[attr-defined]
        exchange.reset()

    return step
