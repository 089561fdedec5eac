"""Cells of the CSV files that a job writes, so that no spreadsheet runs or changes them; and the way back.

The rule: wherever a spreadsheet could begin a formula - at the start of a cell, or behind a semicolon or a tab in it,
which divide cells in some countries - an apostrophe is written before it. A formula begins with ``=``, ``+``, ``-``,
``@``, a tab or a carriage return, also behind blanks and quotes. In a file that is to come back, one is also written
before a text that a spreadsheet would take for a number, a date or a switch: it would lose leading zeros, or the last
digits. ``Desired.read`` takes the apostrophe off again, so that what was written is what is read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Final, TextIO

import orjson

from ..text import visible

__all__ = ["CsvLines", "harmless", "kept", "plain", "raw"]

# Blanks, quotes and signs as they are, and in the full width of East Asian scripts.
_BEFORE: Final = "[\\s\"'\u2018\u2019\u201c\u201d\uff02\uff07\ufeff\u200b-\u200f]*"
_FORMULA: Final = rf"{_BEFORE}[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_START: Final = re.compile(rf"(^|[;\t])(?={_FORMULA})")
_QUOTED: Final = re.compile(rf"(^|[;\t])'(?={_FORMULA})")
_CHANGED: Final = re.compile(r"'*(?:[\d.,(][\d.,:/() eE%+\-]*|true|false)", re.IGNORECASE)
"""What a spreadsheet takes for something else than text, perhaps behind apostrophes."""
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return _START.sub(r"\1'", text)


def kept(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, nor for anything else than text."""
    return f"'{text}" if len(text) < _LONGEST and _CHANGED.fullmatch(text) else harmless(text)


def plain(cell: str) -> str:
    """What :func:`harmless` or :func:`kept` was given."""
    if "'" not in cell:
        return cell
    if len(cell) > _LONGEST:  # It is refused for its length, and to search it would take long.
        return cell
    if cell.startswith("'") and _CHANGED.fullmatch(cell):
        return cell[1:]
    return _QUOTED.sub(r"\1", cell)


_LONGEST: Final = 4096


def raw(cell: object) -> str:
    """A cell of any format as text; empty if there is none."""
    match cell:
        case None:
            text = ""
        case str():
            text = cell
        case bool():
            text = "true" if cell else "false"
        case int() | float():
            text = str(cell)
        case _:
            try:
                text = orjson.dumps(cell).decode()
            except TypeError:  # It is nested deeper than anybody would write.
                text = ""
    return _SURROGATE.sub("\ufffd", text)


class CsvLines:
    """Writes lines of harmless cells to a file, as spreadsheets write them: with a byte order mark.

    Args:
        file: Where to.
    """

    def __init__(self, file: TextIO) -> None:
        file.write("\ufeff")  # without which a spreadsheet takes it for another encoding than UTF-8
        self._lines = csv.writer(file)

    def write(self, cells: Iterable[object]) -> None:
        """One line, without control characters; None is an empty cell."""
        self._lines.writerow([harmless(visible(str(cell))) if cell is not None else "" for cell in cells])

    def write_back(self, cells: Iterable[str], about: Iterable[object]) -> None:
        """One line of a file that is to come back: its cells, as :func:`plain` reads them, and what is said of it."""
        self._lines.writerow([*map(kept, cells), *(harmless(visible(str(what))) for what in about)])
