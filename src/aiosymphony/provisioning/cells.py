"""Cells of the CSV files that a job writes, so that no spreadsheet runs them; and the way back.

The rule: wherever a spreadsheet could begin a formula - at the start of a cell, or behind a semicolon or a tab in it,
which divide cells in some countries - an apostrophe is written before it. A formula begins with ``=``, ``+``, ``-``,
``@``, a tab or a carriage return, also behind blanks and quotes. ``Desired.read`` takes the apostrophe off
again, so that what was written is what is read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Final, TextIO

from ..text import visible

__all__ = ["CsvLines", "harmless", "plain"]

# Blanks, quotes and signs as they are, and in the full width of East Asian scripts.
_BEFORE: Final = "[\\s\"'\u2018\u2019\u201c\u201d\uff02\uff07\ufeff\u200b-\u200f]*"
_FORMULA: Final = rf"{_BEFORE}[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_START: Final = re.compile(rf"(^|[;\t])(?={_FORMULA})")
_QUOTED: Final = re.compile(rf"(^|[;\t])'(?={_FORMULA})")


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return _START.sub(r"\1'", text)


def plain(cell: str) -> str:
    """What :func:`harmless` was given."""
    if len(cell) > _LONGEST:  # It is refused for its length, and to search it would take long.
        return cell
    return _QUOTED.sub(r"\1", cell)


_LONGEST: Final = 4096


class CsvLines:
    """Writes lines of harmless cells, without control characters, to a file."""

    def __init__(self, file: TextIO) -> None:
        self._lines = csv.writer(file)

    def write(self, cells: Iterable[object]) -> None:
        """One line; None is an empty cell."""
        self._lines.writerow([harmless(visible(str(cell))) if cell is not None else "" for cell in cells])
