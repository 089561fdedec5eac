"""Turns failures of aiohttp into errors: what failed, whether anything was sent, whether trying again can help.

aiohttp's own messages are dropped, as they can hold headers, URLs and the password of a proxy.
"""

from __future__ import annotations

import ssl
from typing import Final, NamedTuple

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from ..errors import TransportError
from . import failures
from .aiohttp_connector import ClientCertificateRefused, NotConnected

FOUND_CLOSED: Final = "Cannot write to closing transport"
"""aiohttp's message for exactly that. If it changed, the outcome would be unknown, which a test notices."""


class TooLarge(ValueError):
    """The body is larger than the cap."""


class Peers(NamedTuple):
    """Where a request goes: to a server, perhaps through a proxy."""

    server: str
    proxy: URL | None

    @property
    def proxy_name(self) -> str:
        """The proxy without its user and password."""
        return "the proxy" if self.proxy is None else f"the proxy {self.proxy.host}:{self.proxy.port}"

    def name_of(self, error: aiohttp.ClientConnectorError) -> str:
        """The one of the two that could not be connected to."""
        proxy = self.proxy
        return (
            self.proxy_name
            if proxy is not None and (error.host, error.port) == (proxy.raw_host, proxy.port)
            else self.server
        )


def explain(error: Exception, peers: Peers, *, answered: bool) -> TransportError:
    """The error to raise for an exception of aiohttp.

    Args:
        error: What aiohttp raised.
        peers: Where the request went.
        answered: Whether the head of an answer had arrived before.
    """
    match error:
        case NotConnected():
            return _not_connected(error.__cause__, peers)
        case aiohttp.ConnectionTimeoutError():
            return failures.timed_out_connecting(peers.server)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return failures.unusable_url()
        case TooLarge():
            return failures.too_large(error.args[0])
        case TimeoutError():
            return failures.timed_out()
    if _was_never_written(error):
        return TransportError(f"{peers.server} closed the connection before it was asked", sent=False, kind="connect")
    match _tls_error(error):
        case ClientCertificateRefused() as refused if not answered:
            return failures.no_handshake(refused, peers.server)
        case ssl.SSLError() as broken:
            return failures.tls_broke(broken, peers.server)
    match error:
        case aiohttp.ClientPayloadError():
            return failures.broke_off()
        case aiohttp.ClientResponseError() | HttpProcessingError():
            # It carries a status of 400 of its own; no server sent one.
            return failures.not_http()
        case aiohttp.ClientError() | OSError():
            return failures.lost()
        case _ if answered:
            return TransportError("the answer could not be read", kind="protocol")
        case _:
            return failures.unwritable()


def proxy_refused(status: int, peers: Peers) -> TransportError:
    """The error for a proxy that answered instead of opening a tunnel."""
    has_login = peers.proxy is not None and bool(peers.proxy.user)
    return failures.proxy_refused(status, peers.proxy_name, peers.server, has_login=has_login)


def _not_connected(error: BaseException | None, peers: Peers) -> TransportError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return failures.untrusted(error.certificate_error, peers.server)
        case aiohttp.ClientConnectorSSLError():
            return failures.no_handshake(error.os_error, peers.server)
        case aiohttp.ClientHttpProxyError():
            return proxy_refused(error.status, peers)
        case aiohttp.ClientConnectorDNSError():
            return failures.unresolved(peers.name_of(error))
        case aiohttp.ClientConnectorError():
            return failures.unconnected(peers.name_of(error))
        case _ if error is not None and isinstance(refused := _tls_error(error), ClientCertificateRefused):
            return failures.no_handshake(refused, peers.server)
        case _ if peers.proxy is not None:
            return failures.no_tunnel(peers.proxy_name, peers.server)
        case _:
            return failures.closed_unasked(peers.server)


def _was_never_written(error: BaseException) -> bool:
    """Whether the single write of the whole request found the connection closed."""
    return any(
        isinstance(found, aiohttp.ClientConnectionResetError) and found.args == (FOUND_CLOSED,)
        for found in (error, error.__cause__)
    )


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    for found in (error, error.__cause__, error.__context__):
        if isinstance(found, ssl.SSLError):
            return found
    return None
