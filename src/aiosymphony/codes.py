"""What the statuses and codes of error answers mean.

Connect's codes arrive as text or numbers; :func:`~aiosymphony.wire.responses.read_code` reads both.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ConnectCode", "is_throttled", "leaves_outcome_unknown"]

# 408, 500, 502, 503 and 504 leave open whether the request took effect; so do the unnamed 5xx of gateways.
_OPEN_4XX = frozenset({408})


class ConnectCode(IntEnum):
    """Values of ``detailErrorCode`` in Connect's errors. There may be others."""

    DOMAIN_NOT_ALLOWED = 40001
    """The email domain is not one of the company's."""
    EMAIL_EXISTS = 40002
    """There is a user with this address."""
    COMPANY_NOT_READY = 40102
    """There is no such company, or it is not COMPLETED yet."""
    DOMAINS_TAKEN = 40103
    """Another company has one of the domains."""
    USER_MISSING = 40106
    """There is no such user in this company."""


def is_throttled(status: int, retry_after: float | None) -> bool:
    """Whether an answer throttles: 429, or a 400 with Retry-After, which an Agent sends for a backend's 429."""
    return status == 429 or (status == 400 and retry_after is not None)


def leaves_outcome_unknown(status: int, retry_after: float | None) -> bool:
    """Whether a status leaves the outcome unknown. A 503 with Retry-After was refused before anything was done."""
    return (status >= 500 and not (status == 503 and retry_after is not None)) or status in _OPEN_4XX
