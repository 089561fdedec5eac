"""What is in an id, and the two ways that ids of streams and messages are written."""

from __future__ import annotations

from typing import Final

from .errors import ConfigError
from .wire.encoding import url_safe_id

__all__ = ["standard_id", "tenant_of", "url_safe_id"]

_TENANT_FROM: Final = 36
_TENANT_BITS: Final = 27
_TO_STANDARD: Final = str.maketrans("-_", "+/")


def tenant_of(user_id: int) -> int:
    """The tenant that a user belongs to: two users of one pod have the same.

    Args:
        user_id: Such as 7696581411197.

    Raises:
        ConfigError: It is no id of a user.
    """
    if user_id < 0 or user_id >> (_TENANT_FROM + _TENANT_BITS):
        raise ConfigError(f"{user_id} is no id of a user")
    return user_id >> _TENANT_FROM


def standard_id(text: str) -> str:
    """The id of a stream or a message as the user interface shows it, from the one of the APIs."""
    plain = text.strip().translate(_TO_STANDARD).rstrip("=")
    return plain + "=" * (-len(plain) % 4)
