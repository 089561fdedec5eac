"""The protocol of transports, and their response."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from .._version import __version__
from ..errors import ConfigError

MAX_BYTES = 16 * 1024 * 1024
"""The default limit of an answer's size, after decompression: 16 MiB."""

COMMON_HEADERS: Mapping[str, str] = MappingProxyType(
    {"Accept": "application/json", "User-Agent": f"aiosymphony/{__version__}"}
)
"""Headers that every transport adds to a request without its own."""

_SHOWN = frozenset({"accept", "content-type", "user-agent", "x-trace-id"})


_NOT_YOURS = frozenset(
    {"authorization", "connection", "content-encoding", "content-length", "content-type", "host", "keymanagertoken",
     "proxy-authorization", "sessiontoken", "transfer-encoding", "x-trace-id"}
)  # fmt: skip
"""Headers that say who calls, or how the message is sent."""


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers for every request.

    Raises:
        ConfigError: One is not to be set, or cannot be sent.
    """
    for name, value in headers.items():
        if name.lower() in _NOT_YOURS:
            raise ConfigError(f"the header {name} is set by the client, and cannot be a default")
        if not (name.isascii() and name.isprintable() and name) or any(sign in name for sign in " :\t"):
            raise ConfigError(f"{name!r} cannot be the name of a header")
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"the value of the header {name} holds characters that cannot stand there")
    return dict(headers)


class RequestHeaders(dict[str, str]):
    """The headers of one request. Its repr shows only the values of harmless headers: tokens travel in headers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr({name: value if name.lower() in _SHOWN else "***" for name, value in self.items()})


class Response:
    """A whole answer: any status, its headers (case-insensitive), its body decompressed.

    Its repr leaves headers and body out: the answer to a login is a token.
    """

    __slots__ = ("content", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.content)} bytes)"


class Transport(Protocol):
    """Sends one request and returns any answer; knows nothing of tokens, retries or operations."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout: float,  # noqa: ASYNC109 - a deadline for the whole exchange, which the transport itself keeps
        max_bytes: int = MAX_BYTES,
        repeatable: bool = True,
    ) -> Response:
        """Send and read the whole answer within ``timeout`` seconds; redirects are returned, not followed.

        ``COMMON_HEADERS`` are added to ``headers``.

        Args:
            url: Absolute and already percent-encoded; it is sent unchanged.
            max_bytes: The largest body that is read, after decompression.
            repeatable: False if the request must not be sent twice: it then needs a connection that is certainly alive.

        Raises:
            TransportError: No whole answer arrived. ``.sent`` is False only if the server received nothing.
        """
        ...

    def reset(self) -> None:
        """Stop using the connections that are open now. Requests under way are not disturbed."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
