"""Connect's error codes. They arrive as text or numbers; :func:`~aiosymphony.wire.responses.read_code` reads both."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ConnectCode"]


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
