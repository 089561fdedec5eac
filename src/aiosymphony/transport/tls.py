"""Whom TLS trusts; and its failures, explained with what to do about them. For every transport."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Final

_UNTRUSTED: Final = (
    "was issued by an authority that is not trusted here: if it is your organisation's own, or that of a "
    "proxy which inspects TLS, give the authority's PEM file as ca_file"
)
# By OpenSSL's verify codes (X509_V_ERR_...), which are stable; its texts are not.
_CERTIFICATE_PROBLEMS: Final = {
    2: _UNTRUSTED,
    9: "is not valid yet: check the clock of this machine",
    10: "has expired: its owner must renew it, unless the clock of this machine is wrong",
    18: "is self-signed: if you trust it, give its PEM file as ca_file",
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    23: "was revoked",
    62: "is for another host name: check the URL",
    64: "is for another address: check the URL",
}

# What a server says of the client's certificate in the handshake.
_ABOUT_CERTIFICATES: Final = frozenset(
    {
        "BAD_CERTIFICATE",
        "UNSUPPORTED_CERTIFICATE",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_UNKNOWN",
        "UNKNOWN_CA",
        "ACCESS_DENIED",
        "CERTIFICATE_REQUIRED",
    }
)
# Two sides that have no version or cipher in common today have none in a second either.
_MISMATCHES: Final = frozenset(
    {
        "HANDSHAKE_FAILURE",
        "PROTOCOL_VERSION",
        "INSUFFICIENT_SECURITY",
        "UNRECOGNIZED_NAME",
        "NO_APPLICATION_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_SSL_VERSION",
        "DH_KEY_TOO_SMALL",
        "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    }
)
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"})


def client_context(
    ca_file: str | Path | None,
    client_cert: str | Path | None,
    client_key: str | Path | None,
    password: str | None,
) -> ssl.SSLContext | None:
    """A context that verifies servers, with TLS 1.2 at least; None if no file is given.

    Raises:
        ConfigError: A file is missing or unusable.
    """
    if ca_file is None and client_cert is None:
        return None
    from ..auth.keys import use_authorities, use_client_certificate  # noqa: PLC0415 - cryptography loads when needed

    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        use_authorities(context, ca_file)
    if client_cert is not None:
        use_client_certificate(context, client_cert, client_key, password)
    return context


@lru_cache(maxsize=1)
def default_context() -> ssl.SSLContext:
    """The context without files, made once: the system's authorities take 20 ms to load."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def certificate_problem(error: Exception, server: str) -> str:
    """The sentence on a server's certificate: what is wrong with it, and the remedy."""
    problem = _CERTIFICATE_PROBLEMS.get(getattr(error, "verify_code", -1))
    return f"the certificate of {server} {problem or f'cannot be trusted: {words(error)}'}"


def refuses_certificate(error: Exception) -> bool:
    """Whether this is an alert about the client's certificate."""
    return _name(error) in _ABOUT_CERTIFICATES


def ended_handshake(error: Exception, connection: ssl.SSLObject | None) -> bool:
    """Whether an alert belongs to a handshake that was over for the client.

    With TLS 1.3 the client sends its request right after its certificate, before the server has checked either. A
    server that has sent a session ticket has accepted the certificate: its alert is about something else.
    """
    if connection is None or not refuses_certificate(error):
        return False
    cipher, session = connection.cipher(), connection.session
    return cipher is not None and cipher[1] == "TLSv1.3" and not (session is not None and session.has_ticket)


def handshake_problem(error: Exception, server: str) -> str:
    """The sentence on a failed handshake, for failures other than the server's certificate."""
    if refuses_certificate(error):
        return f"{server} refused the client certificate: {words(error)}"
    if _name(error) in _NO_TLS:
        return f"the TLS handshake with {server} failed: its answer is not TLS"
    return f"the TLS handshake with {server} failed: {words(error)}"


def is_permanent(error: Exception) -> bool:
    """Whether the handshake would fail again. Alerts that an overloaded or restarting server sends do not count."""
    return refuses_certificate(error) or _name(error) in _MISMATCHES


def _name(error: Exception) -> str:
    """OpenSSL's name of the alert or reason, without the protocol version that first had it."""
    name: str = getattr(error, "reason", None) or ""
    return name.rpartition("_ALERT_")[2].removeprefix("TLSV1_")


def words(error: Exception) -> str:
    """OpenSSL's name of an alert or reason, as words."""
    return _name(error).replace("_", " ").lower() or "unknown error"
