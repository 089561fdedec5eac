"""The report of a job: read from its journal, and written as a page or as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from os import PathLike
from typing import Self

import attrs

from ...clock import SYSTEM_CLOCK
from ...errors import JobRefused
from ...files import private_file
from ..journal.base import JobStore, each_row
from ..journal.registry import is_address
from ..journal.states import ALL, FAILURES, FINISHED, LOOKED_UP, State
from .causes import Causes
from .figures import Figures
from .html import page
from .tables import write_csv, write_rest
from .timeline import Timeline

__all__ = ["Report"]


@attrs.define
class Report(Figures):
    """The state of a job; made by ``of`` from its journal, also while it runs."""

    @classmethod
    async def of(cls, store: JobStore, *, rows: bool = True) -> Self:
        """Read a journal.

        Args:
            store: The journal.
            rows: Also read every row, for causes and timeline; without, counts alone.

        Raises:
            JobError: It holds no job.
        """
        header = await store.header()
        if header is None:
            others = "; aiosymphony provision jobs lists those of the database" if is_address(store.name) else ""
            raise JobRefused(f"{store.name} holds no job yet: apply has not begun one, or was refused{others}")
        notes = await store.notes()
        report = cls(
            header,
            await store.counts(),
            audit=notes.get("audit"),
            finished_at=notes.get("finished_at"),
            read_at=SYSTEM_CLOCK.time(),
            workers=await store.workers(),
            journal=store.name,
        )
        if rows:
            await report._read(store)
        return report

    async def _read(self, store: JobStore) -> None:
        """Read every row, and count anew: rows may change while they are read, and every figure is of one reading."""
        counts: Counter[tuple[str, State]] = Counter()
        causes, timeline = Causes(), Timeline()
        columns: set[str] = set()
        async for row in each_row(store):
            counts[row.action, row.state] += 1
            columns.update(row.values)
            self.attempts += row.attempts
            done = row.state == "DONE"
            looked_up = done and row.code == LOOKED_UP
            self.looked_up += looked_up
            if row.state in FAILURES:
                causes.add(row)
            if row.state in FINISHED and row.sent_at is not None and row.done_at is not None:
                timeline.add(row.sent_at, row.done_at, done=done, looked_up=looked_up)
        self.counts = counts
        self.columns = frozenset(columns)
        self.causes = causes.sorted()
        self.began_at, self.ended_at = timeline.began_at, timeline.ended_at
        self.timeline, self.pauses = timeline.buckets(), timeline.pauses()

    def to_html(self) -> str:
        """The report as one page that loads nothing."""
        return "".join(page(self))

    def write_html(self, path: str | PathLike[str]) -> None:
        """Write the page of :meth:`to_html` to a file that only its owner can read.

        Raises:
            JobError: The file cannot be written.
        """
        with private_file(path) as file:
            file.writelines(page(self))

    async def write_csv(self, store: JobStore, path: str | PathLike[str], *, only: Iterable[State] = ALL) -> int:
        """Write one line for each row with what became of it; how many.

        Raises:
            JobError: The file cannot be written.
        """
        return await write_csv(store, path, only=only)

    async def write_rest(self, store: JobStore, path: str | PathLike[str]) -> int:
        """Write the rows that are not done as a CSV that is an input again; how many.

        Raises:
            JobError: The file cannot be written.
        """
        return await write_rest(self, store, path)
