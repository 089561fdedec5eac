"""One connection of the fast transport: writes a request, and gives its answer to whoever asked, and to nobody else.

httptools parses; what it cannot know is decided here: where an answer ends that has no length, how much of one is
read, and whether the connection is fit for another request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, ItemsView, Iterator, Mapping
from typing import Final, cast
from weakref import WeakKeyDictionary

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from multidict import CIMultiDict

from ..errors import TransportError
from . import failures
from .base import Response
from .fast_origin import Origin
from .idle import is_quiet
from .inflate import BrokenBodyError, UnknownEncodingError, Unpacker, unpacker
from .tls import ended_handshake

MAX_HEAD: Final = 128 * 1024
"""Bytes of a head, with those of interim answers before it, and of what frames the chunks of a body."""
MAX_FIELD: Final = 32 * 1024
"""Bytes of one header; as in the default transport."""
_BUFFER: Final = 256 * 1024
_JOINED: Final = 64 * 1024
"""The largest body that is copied to go out with its head."""
_BUFFERS: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()

# Where a connection is with its answer.
_IDLE, _HEAD, _BODY, _DONE, _BEHIND = range(5)

_CONTENT_LENGTH, _CONTENT_ENCODING, _TRANSFER_ENCODING = b"content-length", b"content-encoding", b"transfer-encoding"
_LENGTHS: Final = frozenset(map(len, (_CONTENT_LENGTH, _CONTENT_ENCODING, _TRANSFER_ENCODING)))


class Connection(asyncio.BufferedProtocol):
    """A connection to one server, perhaps through a proxy."""

    __slots__ = (
        "_chunks",
        "_discard",
        "_failure",
        "_fed",
        "_head",
        "_heard",
        "_interim",
        "_is_large",
        "_keep",
        "_loop",
        "_max_bytes",
        "_no_body",
        "_parser",
        "_raw",
        "_size",
        "_stage",
        "_status",
        "_tls",
        "_transport",
        "_unpacker",
        "_until_end",
        "_view",
        "_waiter",
        "holds_place",
        "lost_by",
        "origin",
    )

    def __init__(self, origin: Origin, discard: Callable[[Connection], None]) -> None:
        """``discard`` is called when the connection ends, and when its socket is closed."""
        self.origin = origin
        self.holds_place = False
        """Whether the pool counts it."""
        self.lost_by: BaseException | None = None
        """What ended the connection, if it was not ended in order."""
        self._discard = discard
        self._loop = asyncio.get_running_loop()
        self._view = receive_buffer(self._loop)
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._tls: ssl.SSLObject | None = None
        self._waiter: asyncio.Future[Response | TransportError] | None = None
        self._stage = _IDLE
        self._heard = self._keep = self._interim = False

    # What the pool asks.

    @property
    def is_usable(self) -> bool:
        """Whether the next answer on this connection will belong to the next request."""
        return self._stage == _IDLE and self._transport is not None and not self._transport.is_closing()

    @property
    def is_closed(self) -> bool:
        """Whether its socket is closed."""
        return self._transport is None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits in its socket."""
        return self._transport is not None and is_quiet(self._transport)

    def end_exchange(self) -> bool:
        """Let go of the answer; whether the connection may be used again."""
        self._waiter = None
        if self._stage == _DONE and self._keep:
            self._stage = _IDLE
        return self.is_usable

    def close(self) -> None:
        """End the connection at once; whoever waits for its answer is told that it was lost."""
        if self._transport is not None:
            self._transport.abort()
        self._discard(self)

    # The request.

    def ask(
        self, head: bytes, body: bytes | None, *, max_bytes: int, no_body: bool
    ) -> asyncio.Future[Response | TransportError]:
        """Write a request; the future gets its answer, or why there is none.

        Args:
            head: The request line and headers, with the empty line.
            body: The request's body.
            max_bytes: The largest body that is read, after decompression.
            no_body: Whether the answer has none whatever its headers say, as with HEAD.
        """
        transport = self._transport
        assert transport is not None  # noqa: S101 - the pool gives out usable connections alone
        waiter = self._waiter = self._loop.create_future()
        self._stage = _HEAD
        self._head: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._failure: TransportError | None = None
        self._unpacker: Unpacker | None = None
        self._fed = self._raw = self._size = 0
        self._until_end = False
        self._max_bytes = max_bytes
        self._no_body = no_body
        self._is_large = body is not None and len(body) > _JOINED
        if body is None:
            transport.write(head)
        elif self._is_large:
            transport.write(head)
            transport.write(body)
        else:
            transport.write(head + body)
        return waiter

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no subclass of it.
        self._transport = cast("asyncio.Transport", transport)
        self._tls = transport.get_extra_info("ssl_object")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        parser = self._parser
        if parser is None or self._transport is None or self._transport.is_closing():
            return
        if self._stage not in (_HEAD, _BODY):
            # Nobody asked for it, or it comes behind an answer that is not yet fetched: it belongs to nobody.
            self._keep = False
            self.close()
            return
        self._fed += nbytes
        try:
            parser.feed_data(self._view[:nbytes])
        except (HttpParserError, HttpParserUpgrade):
            # The latter is no kind of the former. Neither is kept: they hold what the server sent.
            failure = self._failure or (failures.broke_off() if self._stage == _BODY else failures.not_http())
        else:
            if self._stage >= _DONE:
                self._answer()
                return
            # Chunks may be small, but not all frame, and trailers are no place for a body.
            allowed = MAX_HEAD if self._stage == _HEAD else 2 * MAX_HEAD + 8 * self._raw
            if self._fed <= allowed:
                return
            failure = failures.not_http()
        self._fail(failure)

    def eof_received(self) -> None:
        if self._stage == _BODY and self._until_end:
            try:
                if self._unpacker is not None:
                    self._unpacker.finish()
            except BrokenBodyError:
                return
            self._stage = _DONE
            self._answer()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_by = exc
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._explain(exc))
        self._keep = False
        # The parser holds this object, and this object the parser.
        self._parser = self._transport = None
        self._discard(self)

    # What httptools calls.

    def on_message_begin(self) -> None:
        if self._stage == _DONE:
            # Another answer begins in the same packet. Nothing of it is taken, and the connection is not kept.
            self._keep = False
            self._stage = _BEHIND

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage == _HEAD:
            self._head.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._stage != _HEAD or parser is None:
            return
        status = self._status = parser.get_status_code()
        if status < 200:
            self._interim = status != 101
            if self._interim:
                return
            self._failure = failures.not_http()  # nobody asked for another protocol
            raise self._failure
        self._heard = True
        length, encoding, is_chunked = None, None, False
        for name, value in self._head:
            if len(name) in _LENGTHS:
                lower = name.lower()
                if lower == _CONTENT_LENGTH:
                    length = int(value)
                elif lower == _CONTENT_ENCODING:
                    encoding = value
                elif lower == _TRANSFER_ENCODING:
                    if value.strip().lower() != b"chunked":
                        raise ValueError
                    is_chunked = True
        if self._fed > MAX_FIELD:
            sizes = [len(name) + len(value) + 4 for name, value in self._head]
            if sum(sizes) > MAX_HEAD or max(sizes, default=0) > MAX_FIELD:
                raise ValueError
        if self._no_body or status == 304:
            # httptools would wait for the body whose length the head may tell: it cannot be told that none comes.
            self._keep = False
            self._stage = _DONE
            return
        if status != 204:
            if encoding is not None:
                self._unpacker = self._unpacker_for(encoding)
            elif length is not None and length > self._max_bytes:
                raise self._too_large()
            self._until_end = length is None and not is_chunked
        self._stage = _BODY

    def on_body(self, data: bytes) -> None:
        if self._stage != _BODY:
            return
        self._raw += len(data)
        if self._unpacker is None:
            self._take(data)
            return
        try:
            for piece in self._unpacker.pieces(data):
                self._take(piece)
        except BrokenBodyError:
            self._failure = failures.broke_off()
            raise

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            self._head.clear()
        elif self._stage == _BODY and self._parser is not None:
            if self._unpacker is not None:
                try:
                    self._unpacker.finish()
                except BrokenBodyError:
                    self._failure = failures.broke_off()
                    raise
            self._stage = _DONE
            self._keep = self._parser.should_keep_alive()

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_bytes:
            raise self._too_large()
        self._chunks.append(data)

    def _too_large(self) -> TransportError:
        self._failure = failures.too_large(self._max_bytes)
        return self._failure

    def _unpacker_for(self, encoding: bytes) -> Unpacker | None:
        try:
            return unpacker(encoding.decode("latin-1"))
        except UnknownEncodingError:
            self._failure = failures.unknown_encoding()
            raise

    # The outcome.

    def _answer(self) -> None:
        """Give the answer to whoever asked; the connection is theirs until they have fetched it."""
        if self._is_large and self._transport is not None and self._transport.get_write_buffer_size():
            self._keep = False  # an early answer: the rest of the request is still to be written
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        content = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        response = Response(self._status, Headers(self._head), content)
        self._head, self._chunks = [], []
        waiter.set_result(response)

    def _fail(self, failure: TransportError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(failure.with_traceback(None))
        self.close()

    def _explain(self, exc: BaseException | None) -> TransportError:
        """The error for a connection that ended while somebody waited."""
        if isinstance(exc, ssl.SSLError):
            if self.is_refusal(exc):
                return failures.no_handshake(exc, self.origin.authority)
            return failures.tls_broke(exc, self.origin.authority)
        return failures.broke_off() if self._stage == _BODY else failures.lost()

    def is_refusal(self, error: ssl.SSLError) -> bool:
        """Whether this ended the handshake, which for the client was over: the server refused its certificate."""
        return not self._heard and ended_handshake(error, self._tls)


class Headers(Mapping[str, str]):
    """The headers of an answer, under names in any case; decoded when one is asked for, as few answers need it."""

    __slots__ = ("_decoded", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._decoded: CIMultiDict[str] | None = None

    def _read(self) -> CIMultiDict[str]:
        if self._decoded is None:
            # httptools leaves the spaces behind a value.
            self._decoded = CIMultiDict(
                [
                    (name.decode("latin-1"), value.rstrip(b" \t").decode("utf-8", "surrogateescape"))
                    for name, value in self._raw
                ]
            )
        return self._decoded

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._raw)

    def items(self) -> ItemsView[str, str]:
        """Each header, also those that come twice under one name."""
        return self._read().items()


def receive_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """What every connection of a loop receives into: what arrives is parsed before the next one receives.

    Loops in other threads have buffers of their own.
    """
    buffer = _BUFFERS.get(loop)
    if buffer is None:
        buffer = _BUFFERS[loop] = memoryview(bytearray(_BUFFER))
    return buffer
