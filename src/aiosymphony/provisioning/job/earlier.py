"""The job that a journal holds already: whether it goes on, or makes room for a new one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Self

import attrs

from ...errors import JobError, JobRefused
from ...text import counted
from ..journal.base import JobHeader, JobStore
from ..journal.states import OPEN, RESUMED
from .lease import SECONDS, Lease

__all__ = ["Earlier", "owned"]


@attrs.frozen
class Earlier:
    """A job that was begun.

    Attributes:
        header: Which one.
        left: Rows that it has still to deal with.
        in_doubt: Rows that may still be carried out.
        finished_at: When it ended, with its audit; None if it did not.
    """

    header: JobHeader
    left: int
    in_doubt: int
    finished_at: float | None

    @classmethod
    async def of(cls, store: JobStore) -> Self | None:
        """The job in a journal; None if there is none."""
        header = await store.header()
        if header is None:
            return None
        counts = await store.counts()
        in_doubt = sum(count for (_, state), count in counts.items() if state in RESUMED)
        left = sum(count for (_, state), count in counts.items() if state in {*OPEN, *RESUMED})
        return cls(header, left, in_doubt, (await store.notes()).get("finished_at"))

    @property
    def ended_at(self) -> float:
        """When it ended, or began if it has not."""
        return self.header.made_at if self.left or self.finished_at is None else self.finished_at

    def goes_on(self, wanted: JobHeader, plan: str, *, new: bool) -> bool:
        """Whether it is to be resumed, or stands in the way; if not, it makes room.

        Args:
            wanted: What is wanted now.
            plan: The state of the saved plan that is to be carried out; empty if there is none.
            new: Whether it is to make room although it is not finished.
        """
        is_same = _what(self.header) == _what(wanted)
        if self.left:
            return not new or (self.header.kind, self.header.target) != (wanted.kind, wanted.target)
        # A plan is carried out once. A file is compared with what is there each time.
        return is_same and (self.finished_at is None or (plan != "" and plan == self.header.state))

    def resumed(self, where: str) -> str:
        """What to say when it goes on."""
        if self.left or self.finished_at is None:
            return f"resuming the job in {where}"
        return (
            f"this plan was carried out already, until {_time(self.finished_at)}: nothing is sent, and everything is "
            "compared once more"
        )

    def put_away(self, kept: str) -> str:
        """What to say when it made room."""
        if self.left:
            return f"a new job: the last one, with {counted(self.left, 'row')} not finished, is kept as {kept}"
        ended = "" if self.finished_at is None else f", which ended {_time(self.finished_at)},"
        return f"a new job: the last one{ended} is kept as {kept}"


def _what(header: JobHeader) -> tuple[object, ...]:
    options = (header.disable_missing, header.include_service_accounts, header.trust_keys)
    return header.kind, header.target, header.input_digest, header.reading, options


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


@contextlib.asynccontextmanager
async def owned(store: JobStore) -> AsyncIterator[None]:
    """Own the job in a journal meanwhile.

    Raises:
        JobError: Another live process owns it.
    """
    lease = Lease(store, SECONDS)
    try:
        await lease.begin(None, lambda _error: None)
    except JobRefused:
        if await store.header() is not None:
            raise
        # Another process has just made room, and begins its job.
    try:
        yield
    finally:
        await lease.end()
        with contextlib.suppress(JobError):
            await store.release()
