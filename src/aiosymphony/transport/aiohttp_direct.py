"""Requests over the connections of aiohttp's pool, without its objects for requests and responses.

aiohttp's session makes a request, a writer, timers, a context manager and a response for each call, which together
cost more than what they send and read. This writes the head of a request at once, and reads the answer from aiohttp's
own parser. Getting a connection, TLS, parsing and unpacking remain aiohttp's.

This uses private parts of aiohttp, which may change with its next minor version: then :data:`FITS` is false, and
requests pass through its session. A test fails in that case, and says what is to be looked at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import hdrs
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from .aiohttp_failures import FOUND_CLOSED

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.http_parser import RawResponseMessage
    from aiohttp.streams import StreamReader
    from multidict import CIMultiDictProxy

    from .aiohttp_connector import Connector

FITS: Final = aiohttp.__version__.split(".")[:2] == ["3", "14"]
"""Whether the installed aiohttp is one whose parts were looked at."""

_READ_SIZE: Final = 64 * 1024
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods whose requests carry no length where there is no body."""
# As aiohttp's: a line break in a value would begin another header.
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search


class Answer:
    """The head of an answer, and the stream of its body. It gives its connection back once the body has arrived."""

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(self, connection: Connection, message: RawResponseMessage, content: StreamReader) -> None:
        self._connection = connection
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        content.on_eof(self._release)

    async def read(self) -> bytes:
        """The whole body."""
        content = self.content
        return content.read_nowait() if content.is_eof() else await content.read()

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        self._connection.close()

    def _release(self) -> None:
        connection = self._connection
        transport = connection.transport
        if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
            connection.close()  # it answered before it had read the request: the rest is not to reach the next answer
        else:
            connection.release()


class Direct:
    """Sends requests over the pool of a connector. Redirects are not followed, and nothing is sent twice."""

    def __init__(
        self, session: aiohttp.ClientSession, connector: Connector, headers: Mapping[str, str], *, max_field: int
    ) -> None:
        """Take over the pool of a session.

        Args:
            session: The session that owns the connector.
            connector: Gives the connections.
            headers: What every request carries unless it has its own.
            max_field: The longest header field that is read, in bytes.
        """
        self._session = session
        self._connector = connector
        self._headers = headers
        self._max_field = max_field
        self._origins: dict[str, _Origin] = {}

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout: ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> Answer:
        """Send a request, and return its answer once the head has arrived.

        Args:
            url: Absolute and percent-encoded.
            timeout: Bounds getting a connection.

        Raises:
            aiohttp.ClientError: As ``ClientSession.request``.
            HttpProcessingError: The answer is not well-formed.
            ValueError: The request cannot be written; nothing was sent.
        """
        slash = url.index("/", 8)
        origin = self._origins.get(url[:slash]) or self._add(url[:slash])
        try:
            connection = await self._connector.connect(origin, traces=[], timeout=timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        protocol = connection.protocol
        assert protocol is not None  # noqa: S101 - a connection has one until it is given back
        try:
            protocol.set_response_params(
                skip_payload=method == "HEAD",
                read_until_eof=True,
                read_bufsize=_READ_SIZE,
                max_field_size=self._max_field,
            )
            origin.write(protocol, method, url[slash:], headers, body)
            while True:
                message, content = await protocol.read()
                if not 100 <= message.code <= 199 or message.code == 101:
                    return Answer(connection, message, content)
        except BaseException:
            connection.close()
            raise

    def _add(self, text: str) -> _Origin:
        url = URL(text)
        if url.scheme not in ("http", "https"):
            raise aiohttp.NonHttpUrlClientError(text)
        origin = _Origin(hdrs.METH_GET, url, headers=self._headers, session=self._session, loop=self._session._loop)
        if len(self._origins) >= _MOST_ORIGINS:
            self._origins.clear()
        self._origins[text] = origin
        return origin


_MOST_ORIGINS: Final = 64
"""A client has a handful of hosts."""


class _Origin(ClientRequest):
    """What all requests to a server have in common, as a request of aiohttp, for which its connector is asked."""

    _key: ConnectionKey | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lines = {name.lower(): f"{name}: {value}" for name, value in self.headers.items()}
        self._common = "\r\n".join(self._lines.values())

    @property
    def connection_key(self) -> ConnectionKey:
        if self._key is None:
            self._key = super().connection_key
        return self._key

    def write(
        self, protocol: ResponseHandler, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        """Write a whole request. No frame that waits for the answer holds its text, in which the token stands."""
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError(FOUND_CLOSED)
        own = {name.lower(): f"{name}: {value}" for name, value in headers.items()}
        if body is not None:
            own["content-length"] = f"Content-Length: {len(body)}"
            own.setdefault("content-type", "Content-Type: application/octet-stream")
        elif method not in _WITHOUT_BODY:
            own["content-length"] = "Content-Length: 0"
        first = f"{method} {target} HTTP/1.1"
        lines = own.values()
        if _FORBIDDEN(first) or _FORBIDDEN("".join(lines)):
            raise ValueError("control characters cannot stand in a request")
        if own.keys().isdisjoint(self._lines):
            common = self._common
        else:
            common = "\r\n".join([line for name, line in self._lines.items() if name not in own])
        head = "\r\n".join((first, common, *lines, "\r\n")).encode()
        transport.write(head if body is None else head + body)
