"""Checks base URLs: https, or plain http only to loopback."""

from __future__ import annotations

import ipaddress

from yarl import URL

from .errors import ConfigError


def check_base_url(url: str, name: str) -> str:
    """The URL without a trailing slash, if a token may be sent to it.

    Args:
        url: The URL as the user gave it.
        name: The name of the argument or setting, for the error.

    Raises:
        ConfigError: It is no absolute http(s) URL, holds credentials, a query or a fragment, or is plain http to
            another host than loopback.
    """
    # What is no URL may hold a password all the same.
    told = name if "@" in str(url) else f"{name} {url!r}"
    try:
        parsed = URL(url)
        host = parsed.host
    except (ValueError, TypeError):
        raise ConfigError(f"{told} is not a URL") from None
    if parsed.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{told} is not an absolute https:// URL")
    if parsed.user is not None or parsed.password is not None:
        raise ConfigError(f"{name} holds credentials: pass them as authentication instead")
    if parsed.query_string or parsed.fragment:
        raise ConfigError(f"{name} {url!r} has a query or a fragment")
    if parsed.scheme == "http" and not _is_loopback(host):
        raise ConfigError(f"{name} {url!r} is plain http, which is accepted only to loopback: use https")
    return str(parsed).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
