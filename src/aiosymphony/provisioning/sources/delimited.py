"""CSV with a header, and its relatives with semicolons, tabs or bars."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final, Self

from .base import MAX_LINE, Contents, Opened, Options, ReadAs, unreadable
from .content import Content
from .encodings import Encoding, encoding_of
from .reader import Reader
from .table import TableRow, contents_of

__all__ = ["DELIMITED"]

_DELIMITERS: Final = ",;\t|"
_BLANK: Final = _DELIMITERS + "\"' \r\n\v\f\u00a0\ufeff"
# Excel's own line that says what divides the cells.
_SAID: Final = re.compile(r'"?sep=([^"\r\n])"?[,;\t|]*', re.IGNORECASE)
_MAX_HEADER: Final = 1 << 16
_MAX_RECORD: Final = 4 * MAX_LINE


def _open(content: Content, options: Options) -> Opened:
    encoding = encoding_of(content, options.encoding)
    delimiter = _delimiter(content, encoding)

    def scan() -> Contents:
        return contents_of(_rows(content, encoding, delimiter), content.where)

    return Opened(ReadAs("CSV", encoding.told, encoding.guess, delimiter), scan)


def _rows(content: Content, encoding: Encoding, delimiter: str) -> Iterator[TableRow]:
    # A cell of a column that is left out may be long, such as a portrait. The limit is one for the whole process.
    csv.field_size_limit(max(MAX_LINE, csv.field_size_limit()))
    with _Lines(content, encoding) as lines:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.in_record = 0
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = reader.line_num
                where = "" if last <= line else f" (lines {line} to {last})"
                yield line, (), f"is not CSV: {error}{where}"
                continue
            if lines.overlong:
                lines.overlong = False
                yield line, (), f"is longer than {MAX_LINE} characters"
            elif line > 1 or not _is_said(cells, delimiter):
                yield line, cells, ""


def _is_said(cells: list[str], delimiter: str) -> bool:
    return _SAID.fullmatch(delimiter.join(cells).strip()) is not None


class _Lines:
    """The lines of a text, as an editor counts them: after LF, CR LF or CR."""

    def __init__(self, content: Content, encoding: Encoding) -> None:
        self._text = io.TextIOWrapper(content.open(), encoding.name, errors=encoding.errors, newline="")
        self._where = content.where
        self.overlong = False
        self.in_record = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._text.close()

    def __iter__(self) -> Iterator[str]:
        read = self._text.readline
        first = True
        while line := read(MAX_LINE):
            if first:
                first = False
                line = line.removeprefix("\ufeff") or "\n"
            if len(line) == MAX_LINE and line[-1] != "\n":
                self.overlong = True
                while (rest := read(MAX_LINE)) and (len(rest) == MAX_LINE or rest[-1] not in "\r\n"):
                    pass
                line = "\n"
            self.in_record += len(line)
            if self.in_record > _MAX_RECORD:
                raise unreadable(
                    f"{self._where}: a quote that is opened is not closed within {_MAX_RECORD >> 20} MiB, so that its "
                    "rows cannot be told apart"
                )
            yield line


def _delimiter(content: Content, encoding: Encoding) -> str:
    """What divides the cells: as the first line says, or the mark that stands most often between the header's names."""
    header = ""
    with _Lines(content, encoding) as lines:
        for line in lines:
            if not header and (said := _SAID.fullmatch(line.strip())):
                return said[1]
            if header or line.strip(_BLANK):
                header += line
                if header.count('"') % 2 == 0 or len(header) > _MAX_HEADER:
                    break
    bare = re.sub(r'"[^"]*"', "", header)
    # Spreadsheets write semicolons where the comma is the decimal sign.
    return max(_DELIMITERS, key=bare.count)


def _recognises(_name: str, _first: bytes) -> bool:
    return True  # Whatever no other reader knows may be CSV.


DELIMITED: Final = Reader(_recognises, _open, frozenset({"encoding"}))
