"""The tables of a report: what became of every row, and the rows that are not done, as an input again."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from ...files import private_file
from ..cells import CsvLines
from ..journal.base import JobStore, each_row
from ..journal.states import ALL, NOT_DONE, State
from ..rows.base import CLEAR
from ..rows.registry import user_class
from .figures import Figures

__all__ = ["write_csv", "write_rest"]

_ROW_COLUMNS = ("line", "user", "action", "state", "id", "attempts", "sent_at", "done_at", "code", "reason")


async def write_csv(store: JobStore, path: str | PathLike[str], *, only: Iterable[State] = ALL) -> int:
    """Write one line for each row with what became of it; how many.

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
                    row.sent_at,
                    row.done_at,
                    row.code,
                    row.message,
                )
            )
            count += 1
    return count


async def write_rest(figures: Figures, store: JobStore, path: str | PathLike[str]) -> int:
    """Write the rows that are not done as a CSV that is an input again; how many.

    The columns are those of the input, by the API's names, and ``_line``, ``_state`` and ``_reason``, which the
    reading leaves out. Invalid rows are not in it: they stand in the file they came from.

    Raises:
        JobError: The file cannot be written.
    """
    names = [
        name
        for name, column in user_class(figures.header.kind).columns().items()
        if column.required or name in figures.columns
    ]
    with private_file(path) as file:
        lines = CsvLines(file)
        lines.write([*names, "_line", "_state", "_reason"])
        count = 0
        async for row in each_row(store, NOT_DONE):
            if row.values and row.line:
                cells = [_cell(row.values.get(name)) for name in names]
                lines.write([*cells, row.line, row.state, row.message])
                count += 1
    return count


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case "" | []:
            return CLEAR
        case bool():
            return "true" if value else "false"
        case list():
            return "|".join(value)
        case dict():
            return "|".join(f"{name}={_cell(on)}" for name, on in value.items())
        case _:
            return str(value)
