"""Repeats a create whose outcome is unknown only after a look-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import BadRequest, ConfigError, Conflict, OutcomeUnknown

__all__ = ["create_once"]

T = TypeVar("T")


async def create_once(
    create: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]], *, attempts: int = 5
) -> T:
    """Create something exactly once, even if answers are lost.

    The client never repeats a create whose outcome is unknown: it raises :class:`OutcomeUnknown`. This function then
    looks the thing up, and sends the create again only if it is not there::

        room = await create_once(
            lambda: pod.rooms.create(name="Desk 7", description="Equities"),
            lambda: find_room("Desk 7"),
        )

    Args:
        create: Sends the create.
        find: Looks the thing up by a key that is unique on the server, such as an address or a name; returns None if it
            is not there. It must see what was created a moment ago: an index that lags behind makes duplicates.
        attempts: Most sends of the create.

    Returns:
        What was created, or what the look-up found.

    Raises:
        OutcomeUnknown: The answer was lost each time, and the look-up found nothing each time.
        SymphonyError: The create was refused, or the look-up failed.
        ConfigError: ``attempts`` is less than 1.
    """
    if attempts < 1:
        raise ConfigError(f"attempts must be at least 1, not {attempts!r}. Nothing was sent.")
    sent = 0
    while True:
        sent += 1
        try:
            return await create()
        except OutcomeUnknown as error:
            unknown = error
        except (BadRequest, Conflict):
            # "It exists" may be about the thing that an earlier attempt has created after all.
            found = await find() if sent > 1 else None
            if found is None:
                raise
            return found
        if (found := await find()) is not None:
            return found
        if sent >= attempts:
            raise unknown
