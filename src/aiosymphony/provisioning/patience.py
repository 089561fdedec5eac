"""Reading under trouble: what a client gives up on after its retries, a job may wait for longer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ApiError, DecodeError, PaginationError, SymphonyError, TransportError
from ..paging import Pager

__all__ = ["pages_patiently", "patiently"]

T = TypeVar("T")

WAITS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further try."""


async def patiently(read: Callable[[], Awaitable[T]], *, clock: Clock = SYSTEM_CLOCK) -> T:
    """Call something that only reads, again and again while its failures look passing."""
    for wait in WAITS:
        try:
            return await read()
        except SymphonyError as error:
            if not _passing(error):
                raise
        await clock.sleep(wait)
    return await read()


async def pages_patiently(pager: Pager[T], *, clock: Clock = SYSTEM_CLOCK) -> AsyncIterator[Sequence[T]]:
    """The pages of a listing; after a failure that looks passing, from the page that failed on."""
    failures = 0
    while True:
        try:
            async with aclosing(pager.pages()) as pages:
                async for page in pages:
                    failures = 0
                    yield page
        except SymphonyError as error:
            failures += 1
            if not _passing(error) or failures > len(WAITS):
                raise
            if isinstance(error, PaginationError):
                pager = pager.starting_at(error.resume)
        else:
            return
        await clock.sleep(WAITS[failures - 1])


def _passing(error: SymphonyError) -> bool:
    cause = error.__cause__ if isinstance(error, PaginationError) else error
    if isinstance(cause, ApiError):
        return cause.status in (408, 429) or cause.status >= 500 or cause.retry_after is not None
    return (isinstance(cause, TransportError) and not cause.permanent) or isinstance(cause, DecodeError)
