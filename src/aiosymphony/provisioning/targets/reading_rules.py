"""Reading what a tenant takes: what cannot be read is not checked, and never stops a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ...errors import ApiError, DecodeError
from ...text import clean_text
from .retrying import retrying

__all__ = ["read_if_told"]

T = TypeVar("T")
_LIMIT = 200
_OVERLOADED = frozenset({429, 503})


async def read_if_told(what: str, read: Callable[[], Awaitable[T]], warnings: list[str]) -> T | None:
    """What the tenant tells; None if it does not, which is then said among the warnings.

    Args:
        what: What is checked by it, such as ``roles``.
        read: Asks for it.
        warnings: What an operator should know; added to.

    Raises:
        SymphonyError: Nothing at all could be read, as when the login is refused.
    """

    def not_told(error: ApiError | DecodeError) -> None:
        warnings.append(f"{what} were not checked, because the server does not tell them: {_reason(error)}")

    async def once() -> T | None:
        try:
            found = await read()
        except (ApiError, DecodeError) as error:
            # An overloaded server is waited for; one that lacks the operation is not, whatever it answers instead.
            if isinstance(error, ApiError) and error.status in _OVERLOADED:
                raise
            not_told(error)
            return None
        if found == []:
            warnings.append(f"{what} were not checked, because the server names none")
        return found

    try:
        return await retrying(once)
    except ApiError as error:
        not_told(error)
        return None


def _reason(error: ApiError | DecodeError) -> str:
    if isinstance(error, ApiError):
        return clean_text(" ".join(filter(None, (str(error.status), error.server_message))), _LIMIT)
    return clean_text(error.message, _LIMIT)
