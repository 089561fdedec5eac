"""The report of a job: read from its journal, and written as a page or as tables."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable
from os import PathLike
from typing import Self

import attrs

from ...errors import JobRefused
from ...files import private_file
from ..journal.base import JobStore, each_row
from ..journal.states import ALL, FAILURES, LOOKED_UP, State
from .figures import Cause, Figures, timeline_of
from .html import page
from .tables import write_csv, write_rest

__all__ = ["Report"]

KEPT = 200
"""Rows of each cause that are kept by name; all of them are in the CSV."""
CAUSES = 500
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\b[0-9a-f]{8}-[0-9a-f-]{27,}\b|\d+")


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
            raise JobRefused(f"{store.name} holds no job")
        notes = await store.notes()
        report = cls(header, await store.counts(), audit=notes.get("audit"), finished_at=notes.get("finished_at"))
        if rows:
            await report._read(store)
        return report

    async def _read(self, store: JobStore) -> None:
        causes: dict[tuple[str, str, str], Cause] = {}
        done_at, latency = array("d"), array("d")
        columns: set[str] = set()
        began = math.inf
        async for row in each_row(store):
            columns.update(row.values)
            self.attempts += row.attempts
            if row.state in FAILURES:
                key = (row.state, row.code, _VARIABLE.sub("…", row.message))
                if key not in causes and len(causes) >= CAUSES:
                    key = (row.state, row.code, "")
                cause = causes.setdefault(key, Cause(row.state, row.code, row.message if key[2] else "other reasons"))
                cause.count += 1
                if len(cause.rows) < KEPT:
                    cause.rows.append((row.line, row.label, row.id, row.message))
            elif row.state == "DONE" and row.done_at is not None:
                looked_up = row.code == LOOKED_UP
                self.looked_up += looked_up
                if row.sent_at is not None:
                    done_at.append(row.done_at)
                    # How long a look-up was waited for says nothing about the server.
                    latency.append(math.nan if looked_up else max(0.0, row.done_at - row.sent_at))
                    began = min(began, row.sent_at)
        self.columns = frozenset(columns)
        self.causes = sorted(causes.values(), key=lambda cause: -cause.count)
        self.timeline = timeline_of(began, done_at, latency)

    def to_html(self) -> str:
        """The report as one page that loads nothing."""
        return page(self)

    def write_html(self, path: str | PathLike[str]) -> None:
        """Write the page of :meth:`to_html` to a file that only its owner can read.

        Raises:
            JobError: The file cannot be written.
        """
        with private_file(path) as file:
            file.write(self.to_html())

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
