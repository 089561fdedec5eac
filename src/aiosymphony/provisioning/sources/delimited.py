"""CSV with a header, and its relatives with semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..cells import plain
from .base import MAX_LINE, Contents, Reader, Record, lines_of, unreadable

__all__ = ["DELIMITED"]


def _scan(path: Path, digest: Any) -> Contents:
    overlong = False

    def lines() -> Iterator[str]:
        nonlocal overlong
        for piece, too_long in lines_of(path, digest):
            overlong = overlong or too_long
            # Bytes that are no UTF-8 become surrogates here, and an error of their row when it is checked.
            yield piece.decode("utf-8", "surrogateescape")

    source = lines()
    header_line = next(source, "")
    if not header_line.isascii() and any("\udc80" <= letter <= "\udcff" for letter in header_line):
        raise unreadable(f"{path} is not UTF-8: save it as 'CSV UTF-8', or convert it")
    delimiter = _delimiter(header_line)
    names = next(csv.reader([header_line], delimiter=delimiter, strict=True))

    def records() -> Iterator[Record]:
        nonlocal overlong
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 2
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = reader.line_num + 1
                where = "" if last <= line else f" (lines {line} to {last})"
                yield line, {}, f"is not CSV: {error}{where}"
                continue
            if overlong:
                overlong = False
                yield line, {}, f"is longer than {MAX_LINE} bytes"
            elif len(cells) == len(names):
                yield line, {name: plain(cell) for name, cell in zip(names, cells, strict=True)}, ""
            elif any(cell.strip() for cell in cells):
                yield line, {}, f"has {len(cells)} cells where the header has {len(names)}"

    return Contents(names, records())


def _delimiter(header: str) -> str:
    # Spreadsheets write semicolons where the comma is the decimal sign.
    return "," if "," in header else next((mark for mark in ";\t" if mark in header), ",")


# Whatever no other reader knows may be CSV.
DELIMITED: Final = Reader(lambda _path, _first: True, _scan)
