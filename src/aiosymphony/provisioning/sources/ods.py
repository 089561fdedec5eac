"""ODS: the workbooks of LibreOffice and of others that know OpenDocument, read as a stream."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Final

from .base import MAX_LINE, Contents, Opened, Options, ReadAs, unreadable
from .content import Content
from .reader import Reader
from .table import TableRow, contents_of
from .workbook import (
    MAX_ROWS,
    Handler,
    NotATableError,
    Sheet,
    choose,
    damage_told,
    number_text,
    open_archive,
    parse,
    put,
)

__all__ = ["ODS"]

_DURATION: Final = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")
_MAX_CELLS: Final = 50_000_000


def _open(content: Content, options: Options) -> Opened:
    where = content.where
    with damage_told(where):
        archive = open_archive(content)
        if _is_encrypted(archive):
            raise unreadable(f"{where} is a workbook with a password: save it without one")
        found = _Sheets(None)
        for _ in parse(archive, "content.xml", found, where):
            found.rows.clear()
        sheets = [Sheet(name, style in found.hidden, str(place)) for place, (name, style) in enumerate(found.sheets)]
        sheet = choose(sheets, options.sheet, lambda one: int(one.place) in found.filled, where)

    def scan() -> Contents:
        return contents_of(_rows(archive, int(sheet.place), where), where)

    return Opened(ReadAs("ODS", sheet=sheet.name), scan)


def _is_encrypted(archive: zipfile.ZipFile) -> bool:
    manifest = "META-INF/manifest.xml"
    if manifest not in archive.namelist():
        return False
    with archive.open(manifest) as file:
        return b"encryption-data" in file.read(MAX_LINE)


def _rows(archive: zipfile.ZipFile, place: int, where: str) -> Iterator[TableRow]:
    handler = _Sheets(place)
    with damage_told(where):
        for _ in parse(archive, "content.xml", handler, where):
            for line, cells, times in handler.rows:
                for again in range(times):
                    yield line + again, cells, ""
            handler.rows.clear()


class _Sheets(Handler):
    """Makes rows of one sheet's elements, or finds out which sheets have cells."""

    def __init__(self, wanted: int | None) -> None:
        self.rows: list[tuple[int, list[str], int]] = []
        self.sheets: list[tuple[str, str]] = []
        self.hidden: set[str] = set()
        self.filled: set[int] = set()
        self._wanted = wanted
        self._style = ""
        self._depth = 0
        self._line = 1
        self._times = 1
        self._count = 0
        self._cells: list[str] = []
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._text: list[str] = []
        self._length = 0
        self._paragraphs = 0
        self._note = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "annotation":
            self._note += 1
        elif self._note:
            pass
        elif name == "table":
            self._depth += 1
            if self._depth == 1:
                self.sheets.append((attributes.get("name", ""), attributes.get("style-name", "")))
                self._line = 1
        elif name == "style":
            self._style = attributes.get("name", "")
        elif name == "table-properties" and attributes.get("display") == "false":
            self.hidden.add(self._style)
        elif self._depth != 1 or self._wanted not in {None, len(self.sheets) - 1}:
            pass
        elif name == "table-row":
            self._times = int(attributes.get("number-rows-repeated", "1"))
            self._cells, self._column = [], 0
        elif name in {"table-cell", "covered-table-cell"}:
            self._cell = attributes
            self._text.clear()
            self._length = self._paragraphs = 0
        elif self._cell is None:
            pass
        elif name == "p":
            if self._paragraphs:
                self._add("\n")
            self._paragraphs += 1
        elif name == "s":
            self._add(" " * min(int(attributes.get("c", "1")), MAX_LINE))
        elif name == "tab":
            self._add("\t")
        elif name == "line-break":
            self._add("\n")

    def end(self, name: str) -> None:
        if name == "annotation":
            self._note -= 1
        elif self._note:
            pass
        elif name == "table":
            self._depth -= 1
        elif self._depth != 1 or self._wanted not in {None, len(self.sheets) - 1}:
            pass
        elif name in {"table-cell", "covered-table-cell"} and self._cell is not None:
            times = int(self._cell.get("number-columns-repeated", "1"))
            text = self._said()
            if text and times > 0:
                put(self._cells, self._column + times - 1, text)
                for column in range(self._column, self._column + times - 1):
                    self._cells[column] = text
            self._column += times
            self._cell = None
        elif name == "table-row":
            self._end_of_row()

    def text(self, text: str) -> None:
        if self._cell is not None and self._paragraphs and not self._note:
            self._add(text)

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_LINE:
            raise NotATableError("it has a cell of more than a million characters")
        self._text.append(text)

    def _end_of_row(self) -> None:
        if self._cells:
            self._count += len(self._cells) * self._times
            if self._line + self._times - 1 > MAX_ROWS:
                raise NotATableError("it has a row beyond the last one")
            if self._count > _MAX_CELLS:
                raise NotATableError("it has too many cells")
            self.filled.add(len(self.sheets) - 1)
            self.rows.append((self._line, self._cells, self._times))
        self._line += self._times

    def _said(self) -> str:
        cell = self._cell or {}
        shown = "".join(self._text)
        # A cell may have its type twice; the newer one knows errors.
        kind = cell.get("value-type", "")
        if kind in {"float", "percentage", "currency"} and "value" in cell:
            return _number(float(cell["value"]), shown)
        if kind == "boolean" and "boolean-value" in cell:
            return cell["boolean-value"]
        if kind == "date" and "date-value" in cell:
            return cell["date-value"].removesuffix("T00:00:00")
        if kind == "time" and (match := _DURATION.fullmatch(cell.get("time-value", ""))):
            return ":".join(part.zfill(2) for part in match.groups())
        if not shown and not kind and "formula" in cell:
            # A formula that was never calculated is refused as the formula that it is.
            return "=" + cell["formula"].partition("=")[2]
        return shown or cell.get("string-value", "")


def _number(value: float, shown: str) -> str:
    """A number as it is shown if it has a plus or leading zeros; its value otherwise, of which less may be shown."""
    if re.fullmatch(r"\+?[0-9]{1,15}", shown) and float(shown) == value:
        return shown
    return number_text(value)


def _recognises(name: str, first: bytes) -> bool:
    return first.startswith(b"PK") and (b"opendocument.spreadsheet" in first[:200] or name.lower().endswith(".ods"))


ODS: Final = Reader(_recognises, _open, frozenset({"sheet"}))
