"""What to do when nobody knows whether a create went through: look before repeating it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import BadRequest, Conflict, OutcomeUnknown

T = TypeVar("T")

ATTEMPTS = 5


async def create_once(create: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]]) -> T:
    """Create something that can be found by a key of its own, once, however often the answer is lost.

    Args:
        create: Sends the create; raises OutcomeUnknown if it may have been carried out.
        find: Looks the thing up; None if it is not there.

    Returns:
        What was created, or what was found to have been.

    Raises:
        OutcomeUnknown: The answer was lost time and again, and each time the thing was not there.
        SymphonyError: It was not created; or the look-up failed.
    """
    doubt: OutcomeUnknown | None = None
    for _ in range(ATTEMPTS):
        try:
            return await create()
        except OutcomeUnknown as error:
            doubt = error
        except (BadRequest, Conflict):
            # "It exists" may speak of the one that an earlier attempt made after all.
            found = None if doubt is None else await find()
            if found is None:
                raise
            return found
        if (found := await find()) is not None:
            return found
    raise doubt or OutcomeUnknown("nothing was tried")
