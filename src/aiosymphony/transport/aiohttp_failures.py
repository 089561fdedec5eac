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
from .aiohttp_connector import ClientCertificateRefused, NotConnected
from .tls import certificate_problem, handshake_problem, is_permanent, words

_FOUND_CLOSED: Final = "Cannot write to closing transport"
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
            return TransportError(f"timed out connecting to {peers.server}", sent=False, kind="connect")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return TransportError("the URL cannot be used", sent=False, permanent=True, kind="protocol")
        case TooLarge():
            return TransportError(f"the answer is larger than {error.args[0]} bytes", permanent=True, kind="too_large")
        case TimeoutError():
            return TransportError("timed out before the whole answer had arrived", kind="timeout")
    if _was_never_written(error):
        return TransportError(f"{peers.server} closed the connection before it was asked", sent=False, kind="connect")
    match _tls_error(error):
        case ClientCertificateRefused() as refused if not answered:
            return _tls(handshake_problem(refused, peers.server), permanent=True)
        case ssl.SSLError() as broken:
            return TransportError(f"the TLS connection to {peers.server} broke: {words(broken)}", kind="tls")
    match error:
        case aiohttp.ClientPayloadError():
            return TransportError("the answer broke off or could not be unpacked", kind="disconnected")
        case aiohttp.ClientResponseError() | HttpProcessingError():
            # It carries a status of 400 of its own; no server sent one.
            return TransportError("the answer was not well-formed HTTP", kind="protocol")
        case aiohttp.ClientError() | OSError():
            return TransportError("the connection was lost", kind="disconnected")
        case _ if answered:
            return TransportError("the answer could not be read", kind="protocol")
        case _:
            return TransportError("the request could not be written", sent=False, permanent=True, kind="protocol")


def proxy_refused(status: int, peers: Peers) -> TransportError:
    """The error for a proxy that answered instead of opening a tunnel."""
    if status != 407:
        what = f"{peers.proxy_name} opened no tunnel to {peers.server}: it answered {status}"
        permanent = 400 <= status < 500 and status not in (408, 429)
        return TransportError(what, sent=False, permanent=permanent, kind="connect")
    if peers.proxy is not None and peers.proxy.user:
        what = f"{peers.proxy_name} refused the user and password of its URL (407)"
    else:
        what = (
            f"{peers.proxy_name} asks for a user and a password (407): give them in its URL, http://user:password@host"
        )
    return TransportError(what, sent=False, permanent=True, kind="connect")


def _not_connected(error: BaseException | None, peers: Peers) -> TransportError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _tls(certificate_problem(error.certificate_error, peers.server), permanent=True)
        case aiohttp.ClientConnectorSSLError():
            problem = error.os_error
            return _tls(handshake_problem(problem, peers.server), permanent=is_permanent(problem))
        case aiohttp.ClientHttpProxyError():
            return proxy_refused(error.status, peers)
        case aiohttp.ClientConnectorDNSError():
            what = f"the host name of {peers.name_of(error)} could not be resolved"
        case aiohttp.ClientConnectorError():
            what = f"connecting to {peers.name_of(error)} failed"
        case _ if error is not None and isinstance(refused := _tls_error(error), ClientCertificateRefused):
            return _tls(handshake_problem(refused, peers.server), permanent=True)
        case _ if peers.proxy is not None:
            what = f"{peers.proxy_name} opened no tunnel to {peers.server}"
        case _:
            what = f"{peers.server} closed the connection, or spoke on it, before it was asked"
    return TransportError(what, sent=False, kind="connect")


def _was_never_written(error: BaseException) -> bool:
    """Whether the single write of the whole request found the connection closed."""
    return any(
        isinstance(found, aiohttp.ClientConnectionResetError) and found.args == (_FOUND_CLOSED,)
        for found in (error, error.__cause__)
    )


def _tls(what: str, *, permanent: bool) -> TransportError:
    return TransportError(what, sent=False, permanent=permanent, kind="tls")


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    for found in (error, error.__cause__, error.__context__):
        if isinstance(found, ssl.SSLError):
            return found
    return None
