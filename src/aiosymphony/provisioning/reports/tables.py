"""The tables of a report: what became of every row, and the rows that are not done, as an input again."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from os import PathLike

import orjson

from ...files import private_file
from ..cells import CsvLines, kept, plain
from ..journal.base import JobStore, each_row
from ..journal.states import ALL, NOT_DONE, State
from ..rows.base import CLEAR, Column
from ..rows.registry import user_class
from ..sources.mapped import REST_COLUMNS
from .figures import Figures

__all__ = ["write_csv", "write_rest"]

_ROW_COLUMNS = ("line", "user", "action", "state", "id", "attempts", "sent_at", "done_at", "code", "reason")


async def write_csv(store: JobStore, path: str | PathLike[str], *, only: Iterable[State] = ALL) -> int:
    """Write one line for each row with what became of it; how many. Times are ISO 8601 in UTC, to the millisecond.

    Raises:
        JobError: The file cannot be written.
    """
    wanted = tuple(only)
    with private_file(path) as file:
        lines = CsvLines(file)
        lines.write(_ROW_COLUMNS)
        count = 0
        async for row in each_row(store, wanted):
            lines.write(
                (
                    row.line,
                    row.label,
                    row.action,
                    row.state,
                    row.id,
                    row.attempts,
                    _time(row.sent_at),
                    _time(row.done_at),
                    row.code,
                    row.message,
                )
            )
            count += 1
    return count


async def write_rest(figures: Figures, store: JobStore, path: str | PathLike[str]) -> int:
    """Write the rows that are not done as a CSV that is an input again; how many.

    The columns are those of the input, by the API's names, and ``_line``, ``_state`` and ``_reason``, by which it is
    recognised. Wrong rows are in it with the cells that they have; those that could not be divided into cells are not.

    Raises:
        JobError: The file cannot be written.
    """
    columns = [
        column
        for name, column in user_class(figures.header.kind).columns().items()
        if column.required or name in figures.columns
    ]
    with private_file(path) as file:
        lines = CsvLines(file)
        lines.write([*(column.name for column in columns), *REST_COLUMNS])
        count = 0
        async for row in each_row(store, NOT_DONE):
            if row.values and row.line:
                cells = [_cell(column, row.values.get(column.name)) for column in columns]
                lines.write_back(cells, (row.line, row.state, row.message))
                count += 1
    return count


def _time(seconds: float | None) -> str:
    """A time in seconds since the epoch, as text that sorts; empty if there is none."""
    return "" if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")


def _cell(column: Column, value: object) -> str:
    """A cell that is read as this value; that of a wrong row, which is text and not empty, as it is."""
    match value:
        case None:
            return ""
        case "" | []:
            return CLEAR
        case bool():
            # Spreadsheets translate true and false into the language of their user, and leave these alone.
            return "yes" if value else "no"
        case str():
            return value
        case list():
            text = "|".join(value)
        case dict():
            text = "|".join(f"{name}={'true' if on else 'false'}" for name, on in value.items())
        case _:
            text = str(value)
    with contextlib.suppress(ValueError):
        if text and column.read(plain(kept(text))) == value:
            return text
    # An item holds what divides items.
    return orjson.dumps(value).decode().replace(";", "\\u003b")
