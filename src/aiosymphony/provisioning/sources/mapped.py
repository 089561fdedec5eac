"""From a file to cells by the API's columns: its reader, and its names bound by a column map."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ..cells import plain
from .base import unreadable
from .binding import Binding
from .column_map import ColumnMap
from .detect import Source
from .proposal import SAMPLES

__all__ = ["MAX_NAMES", "REST_COLUMNS", "MappedRecord", "bound", "is_rest", "look_at", "mapped_records"]

MAX_NAMES = 1000
"""Different names that the records of a file without a header may have."""
# Its line, its cells by the API's columns, and what is wrong, by column ("" for the record as a whole).
MappedRecord = tuple[int, Mapping[str, object], Sequence[tuple[str, str]]]


REST_COLUMNS: Final = ("_line", "_state", "_reason")
"""What a job writes beside the columns of rows that are not done: by these a file of such rows is recognised."""


def is_rest(names: Sequence[str]) -> bool:
    """Whether these are the names of a file in which a job wrote what is not done."""
    return {*REST_COLUMNS} <= {name.strip() for name in names}


def bound(source: Source, columns: ColumnMap) -> tuple[Binding, bool]:
    """Bind a map to the names of a file, and tell whether a job wrote it. Such a file has the API's names already.

    A format without a header is read once for the names of all its records.

    Raises:
        JobRefused: It cannot be read, or its names do not fit.
    """
    names, samples, header = look_at(source, columns)
    rest = is_rest(names)
    if rest:
        columns = ColumnMap.of({}, columns.kind)
    return columns.bind(names, source.where, header=header, samples=samples), rest


def look_at(source: Source, columns: ColumnMap) -> tuple[Sequence[str], Sequence[Mapping[str, object]], bool]:
    """The names of a file, its first records, and whether it has a header.

    Raises:
        JobRefused: It cannot be read.
    """
    contents = source.scan()
    if contents.names is not None:
        return contents.names, [cells for _, cells, _ in itertools.islice(contents.records, SAMPLES)], True
    names: dict[str, None] = {}
    samples: list[Mapping[str, object]] = []
    for _, record, _ in contents.records:
        cells = flat(record, columns)
        names.update(dict.fromkeys(cells))
        if len(samples) < SAMPLES:
            samples.append(cells)
        if len(names) > MAX_NAMES:
            raise unreadable(f"{source.where}: its records have more than {MAX_NAMES} different names")
    return [*names], samples, False


def flat(cells: Mapping[str, object], columns: ColumnMap) -> Mapping[str, object]:
    """A record whose objects are groups of columns, as directories write them: ``name.givenName``."""
    if not any(type(cell) is dict for cell in cells.values()):
        return cells
    made: dict[str, object] = {}
    for name, cell in cells.items():
        if type(cell) is dict and not columns.is_cell(name):
            for part, inner in cell.items():
                made[f"{name}.{part}"] = inner
        else:
            made[name] = cell
    return made


def mapped_records(
    source: Source, columns: ColumnMap, binding: Binding, *, rest: bool = False
) -> Iterator[MappedRecord]:
    """What stands in the file, from its beginning to its end; ``rest`` if a job wrote it."""
    contents = source.scan()
    # Tables have no apostrophes left. A program that made JSON of one left them in.
    quoted = rest and contents.names is None
    for line, cells, broken in contents.records:
        if broken:
            yield line, {}, [("", broken)]
        elif quoted:
            text = {name: plain(cell) if isinstance(cell, str) else cell for name, cell in cells.items()}
            yield line, *binding.apply(text)
        else:
            yield line, *binding.apply(flat(cells, columns))
