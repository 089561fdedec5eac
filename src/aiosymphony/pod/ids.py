"""Ids of streams and messages: base64, in two spellings."""

from __future__ import annotations

_TO_URL_SAFE = str.maketrans("+/", "-_", "=")


def url_safe_id(shown: str) -> str:
    """The id as the API takes it, URL-safe without padding, from that or from what clients show, with ``+ / =``."""
    return shown.strip().translate(_TO_URL_SAFE)
