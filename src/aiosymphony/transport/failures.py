"""The errors of a request without an answer, worded alike by every transport: what happened, and was anything sent."""

from __future__ import annotations

import ssl

from ..errors import TransportError
from .tls import certificate_problem, handshake_problem, is_permanent, words


def timed_out() -> TransportError:
    """The deadline passed after the request was sent."""
    return TransportError("timed out before the whole answer had arrived", kind="timeout")


def timed_out_connecting(server: str) -> TransportError:
    """No connection was there in time."""
    return TransportError(f"timed out connecting to {server}", sent=False, kind="connect")


def unusable_url() -> TransportError:
    """The URL is none that a request can be sent to."""
    return TransportError("the URL cannot be used", sent=False, permanent=True, kind="protocol")


def unwritable() -> TransportError:
    """The request holds what cannot be sent."""
    return TransportError("the request could not be written", sent=False, permanent=True, kind="protocol")


def too_large(max_bytes: int) -> TransportError:
    """The body is larger than the cap."""
    return TransportError(f"the answer is larger than {max_bytes} bytes", permanent=True, kind="too_large")


def not_http() -> TransportError:
    """What came is no answer."""
    return TransportError("the answer was not well-formed HTTP", kind="protocol")


def unknown_encoding() -> TransportError:
    """The body is compressed in a way that was not asked for."""
    return TransportError("the answer is compressed in a way that was not asked for", kind="protocol")


def broke_off() -> TransportError:
    """The head of an answer came, and not its whole body."""
    return TransportError("the answer broke off or could not be unpacked", kind="disconnected")


def lost() -> TransportError:
    """The connection ended before an answer began."""
    return TransportError("the connection was lost", kind="disconnected")


def closed_unasked(server: str) -> TransportError:
    """The server ended a new connection, or sent something on it, before there was a request."""
    what = f"{server} closed the connection, or spoke on it, before it was asked"
    return TransportError(what, sent=False, kind="connect")


def unresolved(name: str) -> TransportError:
    """The host name of a server or a proxy has no address."""
    return TransportError(f"the host name of {name} could not be resolved", sent=False, kind="connect")


def unconnected(name: str) -> TransportError:
    """A server or a proxy takes no connection."""
    return TransportError(f"connecting to {name} failed", sent=False, kind="connect")


def no_tunnel(proxy: str, server: str) -> TransportError:
    """The proxy ended the connection instead of opening a tunnel, or did not speak HTTP."""
    return TransportError(f"{proxy} opened no tunnel to {server}", sent=False, kind="connect")


def proxy_refused(status: int, proxy: str, server: str, *, has_login: bool) -> TransportError:
    """The proxy answered instead of opening a tunnel."""
    if status != 407:
        what = f"{proxy} opened no tunnel to {server}: it answered {status}"
        permanent = 400 <= status < 500 and status not in (408, 429)
        return TransportError(what, sent=False, permanent=permanent, kind="connect")
    if has_login:
        what = f"{proxy} refused the user and password of its URL (407)"
    else:
        what = f"{proxy} asks for a user and a password (407): give them in its URL, http://user:password@host"
    return TransportError(what, sent=False, permanent=True, kind="connect")


def untrusted(error: Exception, server: str) -> TransportError:
    """The certificate of the server is not to be trusted."""
    return TransportError(certificate_problem(error, server), sent=False, permanent=True, kind="tls")


def no_handshake(error: Exception, server: str) -> TransportError:
    """The handshake failed otherwise."""
    return TransportError(handshake_problem(error, server), sent=False, permanent=is_permanent(error), kind="tls")


def tls_broke(error: ssl.SSLError, server: str) -> TransportError:
    """TLS failed after the request was sent."""
    return TransportError(f"the TLS connection to {server} broke: {words(error)}", kind="tls")
