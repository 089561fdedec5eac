"""Tables: a header and rows of cells, whatever they were written in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..cells import plain
from .base import Contents, Record, unreadable

__all__ = ["MAX_COLUMNS", "TableRow", "contents_of"]

MAX_COLUMNS = 16_384
"""As many as a sheet of a spreadsheet has."""
# Its line, its cells, and what is wrong with it as a whole.
TableRow = tuple[int, Sequence[str], str]


def contents_of(rows: Iterator[TableRow], where: str) -> Contents:
    """The header, which is the first row that is not blank, and what follows it.

    Raises:
        JobRefused: There is no header.
    """
    for line, cells, broken in rows:
        if broken:
            raise unreadable(f"{where}: line {line}, which must name the columns, {broken}")
        if "".join(cells).strip():
            names = [" ".join(cell.split()) for cell in cells]
            break
    else:
        raise unreadable(f"{where} is empty: it has no header")
    if len(names) > MAX_COLUMNS:
        raise unreadable(f"{where}: the header has {len(names)} columns, and {MAX_COLUMNS} may be read")
    if any("\0" in name for name in names):
        raise unreadable(f"{where} is no file of people: its first line is no text")
    while names and not names[-1]:  # A spreadsheet writes columns that once had something in them.
        names.pop()
    return Contents([name for name in names if name], _records(rows, names))


def _records(rows: Iterator[TableRow], names: list[str]) -> Iterator[Record]:
    count = len(names)
    whole = all(names)
    for line, cells, broken in rows:
        if broken:
            yield line, {}, broken
            continue
        if not "".join(cells).strip():
            continue
        if len(cells) > count and "".join(cells[count:]).strip():
            yield line, {}, f"has {len(cells)} cells where the header has {count}"
        elif not whole and (place := _nameless(names, cells)):
            yield line, {}, f"has a cell in column {place}, which has no name in the header"
        else:
            # A row may end before its last cells, which are empty then.
            yield line, {name: plain(cell) for name, cell in zip(names, cells, strict=False) if name}, ""


def _nameless(names: list[str], cells: Sequence[str]) -> int:
    """The first column, from 1, that has a cell and no name; 0 if there is none."""
    pairs = enumerate(zip(names, cells, strict=False), 1)
    return next((place for place, (name, cell) in pairs if not name and cell.strip()), 0)
