"""The connection pool of the default transport: aiohttp's, with additional rules for which connections are used.

* A connection that received bytes while idle is not used again: its next response belongs to another request.
* A request that must not be sent twice gets a new connection, or one that was used a moment ago and on whose socket
  nothing waits. On a connection that the server has just closed, it would be lost with an unknown outcome.
* A failure before there is a connection has an error of its own: nothing was sent.

This uses private parts of aiohttp; tests check each rule against real servers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Coroutine
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from .idle import MOMENT, is_quiet
from .tls import ended_handshake

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest, ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

UNREPEATABLE: ContextVar[bool] = ContextVar("aiosymphony.unrepeatable", default=False)
"""Whether the current request must not be sent twice."""


class NotConnected(aiohttp.ClientError):
    """There is no connection, so nothing of the request was sent. ``__cause__`` says why."""


class ClientCertificateRefused(ssl.SSLError):
    """The server refused the client's certificate in the handshake, and so never read the request."""


class Connector(aiohttp.TCPConnector):
    """A pool that hands out no connection that is known to be unusable."""

    def __init__(self, *, limit: int, tls: ssl.SSLContext | bool) -> None:
        super().__init__(limit=limit, ssl=tls)
        protocol: type[ResponseHandler] = _Protocol
        self._factory = partial(protocol, loop=self._loop)

    # A plain function that returns the coroutine, not one more around it: every request passes here.
    def _get(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, key: ConnectionKey, traces: list[Trace]
    ) -> Coroutine[Any, Any, Connection | None]:
        # An emptied queue is left to aiohttp, which drops its key.
        if UNREPEATABLE.get() and (idle := self._conns.get(key)) and not _bring_live_one_first(idle) and idle:
            return _none()
        return super()._get(key, traces)

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> ResponseHandler:
        try:
            protocol = await super()._create_connection(req, traces, timeout)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise NotConnected from error
        try:
            await asyncio.sleep(0)  # what came together with the end of a TLS handshake is read in the next turn
        except BaseException:
            protocol.close()
            raise
        if not protocol.is_connected():  # the server closed it, or spoke, before anything was asked
            reason = protocol.exception()
            protocol.close()
            raise NotConnected from reason
        return protocol


class _Protocol(ResponseHandler):
    def is_connected(self) -> bool:
        """Whether the next response on this connection will belong to the next request."""
        return super().is_connected() and not self.should_close

    def connection_lost(self, exc: BaseException | None) -> None:
        # A payload is there from the head of the first response on.
        if isinstance(exc, ssl.SSLError) and self._payload is None and ended_handshake(exc, _tls_of(self.transport)):
            refused = ClientCertificateRefused(*exc.args)
            refused.reason = exc.reason
            exc = refused
        super().connection_lost(exc)


def _tls_of(transport: BaseTransport | None) -> ssl.SSLObject | None:
    return None if transport is None else transport.get_extra_info("ssl_object")


def _bring_live_one_first(idle: deque[tuple[ResponseHandler, float]]) -> bool:
    """Put a connection first that is certainly alive, and close dead ones; False if there is none.

    If none is fresh enough, the oldest is closed for the new one, so that the pool does not grow with each pause.
    """
    fresh_since = monotonic() - MOMENT
    while idle and idle[-1][1] >= fresh_since:
        protocol = idle[-1][0]
        if protocol.is_connected() and protocol.transport is not None and is_quiet(protocol.transport):
            idle.rotate(1)
            return True
        idle.pop()[0].close()
    if idle:
        idle.popleft()[0].close()
    return False


async def _none() -> None:
    """No connection of the pool can be used."""
