"""Where the fast transport sends a request."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from yarl import URL


class Origin(NamedTuple):
    """A server, as URLs name it."""

    scheme: str
    authority: str
    """With the port where the URL has one: as errors name it."""
    host: str
    """In its ASCII form, without the brackets of IPv6."""
    port: int
    header: str
    """The value of Host."""


@lru_cache(maxsize=64)
def origin_of(text: str) -> Origin:
    """The server of ``scheme://authority``.

    Raises:
        ValueError: It is none that a request can be sent to.
    """
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.raw_host or url.port is None or url.raw_user is not None:
        raise ValueError
    return Origin(url.scheme, url.raw_authority, url.raw_host, url.port, url.host_port_subcomponent or "")
