"""Reads that are retried for longer than the client retries them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import JobInterrupted, PaginationError, SymphonyError
from ...paging import Pager
from .verdicts import Verdict, judge, retry_after

__all__ = ["pages_retrying", "retrying"]

T = TypeVar("T")

WAITS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further try."""


async def retrying(read: Callable[[], Awaitable[T]], *, clock: Clock = SYSTEM_CLOCK) -> T:
    """Call something that only reads, and retry it while its failures look temporary."""
    for tries in range(len(WAITS)):
        try:
            return await read()
        except SymphonyError as error:
            wait = _wait(error, tries)
            if wait is None:
                raise
        await clock.sleep(wait)
    return await read()


async def pages_retrying(pager: Pager[T], *, clock: Clock = SYSTEM_CLOCK) -> AsyncIterator[Sequence[T]]:
    """The pages of a listing; after a failure that looks temporary, from the page that failed on.

    Raises:
        JobError: The server repeats pages, so that the listing would never end.
        SymphonyError: A page could not be read.
    """
    failures, memory = 0, pager.memory
    while True:
        try:
            async with aclosing(pager.pages()) as pages:
                async for page in pages:
                    # A reading that begins anew after each failure remembers no page that came before it.
                    memory.add(page)
                    failures = 0
                    yield page
        except PaginationError as error:
            if not isinstance(error.__cause__, SymphonyError):
                raise JobInterrupted(f"the users cannot be listed to the end: {error}") from None
            wait = _wait(error, failures)
            if wait is None:
                raise
            pager = pager.starting_at(error.resume)
        except SymphonyError as error:
            wait = _wait(error, failures)
            if wait is None:
                raise
        else:
            return
        failures += 1
        await clock.sleep(wait)


def _wait(error: SymphonyError, tries: int) -> float | None:
    """Seconds before the next try; None if there is none, or none that one would sit out here."""
    if judge(error) not in (Verdict.HELD, Verdict.IN_DOUBT) or tries >= len(WAITS):
        return None
    asked = retry_after(error) or 0.0
    return max(WAITS[tries], asked) if asked <= WAITS[-1] else None
