"""XLSX: the workbooks of Excel since 2007, read as a stream.

Libraries give a cell's value without its format, keep a sheet or all its texts in memory, or do not tell a formula
that was never calculated from an empty cell. Each of these would make a wrong user of a right row.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
import weakref
import zipfile
from array import array
from collections.abc import Iterator
from typing import Final

from .base import MAX_LINE, Contents, Opened, Options, ReadAs, unreadable
from .content import Content
from .number_formats import NumberFormat
from .reader import Reader
from .table import TableRow, contents_of
from .workbook import MAX_ROWS, Handler, NotATableError, Sheet, choose, damage_told, open_archive, parse, put

__all__ = ["XLSX"]

_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _open(content: Content, options: Options) -> Opened:
    where = content.where
    with damage_told(where):
        book = _Book(open_archive(content), where)
        sheet = choose(
            book.sheets, options.sheet, lambda one: any("".join(row[1]).strip() for row in book.rows(one)), where
        )

    def rows() -> Iterator[TableRow]:
        with damage_told(where):
            yield from book.rows(sheet)

    def scan() -> Contents:
        return contents_of(rows(), where)

    return Opened(ReadAs("XLSX", sheet=sheet.name), scan)


class _Book:
    """A workbook: its sheets, and what their cells refer to."""

    def __init__(self, archive: zipfile.ZipFile, where: str) -> None:
        self._archive = archive
        self._where = where
        names = set(archive.namelist())
        start = self._related("", "officeDocument") or "xl/workbook.xml"
        if start not in names:
            raise unreadable(f"{where} is {_other(names)}")
        if start.endswith(".bin"):
            raise unreadable(f"{where} is XLSB: save it as XLSX")
        targets = self._relations(start)
        self.sheets: list[Sheet] = []
        self._since_1904 = False
        for name, attributes in self._elements(start):
            if name == "sheet":
                kind, place = targets.get(attributes.get("r:id") or attributes.get("id", ""), ("", ""))
                if kind == "worksheet":
                    hidden = attributes.get("state", "visible") != "visible"
                    self.sheets.append(Sheet(attributes["name"], hidden, place))
            elif name == "workbookPr":
                self._since_1904 = attributes.get("date1904", "0") in {"1", "true", "on"}
        self._formats = self._styles(self._related(start, "styles"))
        self._strings = _Strings()
        if (place := self._related(start, "sharedStrings")) in names:
            for _ in parse(archive, place, self._strings, where):
                pass

    def rows(self, sheet: Sheet) -> Iterator[TableRow]:
        """The rows of a sheet that have cells."""
        handler = _SheetRows(self._strings, self._formats)
        for _ in parse(self._archive, sheet.place, handler, self._where):
            yield from handler.rows
            handler.rows.clear()

    def _elements(self, member: str) -> Iterator[tuple[str, dict[str, str]]]:
        handler = _Elements()
        for _ in parse(self._archive, member, handler, self._where):
            yield from handler.found
            handler.found.clear()

    def _relations(self, member: str) -> dict[str, tuple[str, str]]:
        """What a part refers to: its kind and its place, by the name of the reference."""
        folder, name = posixpath.split(member)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations not in self._archive.namelist():
            return {}
        return {
            attributes.get("Id", ""): (
                attributes.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/"),
            )
            for name, attributes in self._elements(relations)
            if name == "Relationship"
        }

    def _related(self, member: str, kind: str) -> str:
        return next((place for found, place in self._relations(member).values() if found == kind), "")

    def _styles(self, member: str) -> list[NumberFormat]:
        """The number format of each style."""
        codes: dict[int, str] = {}
        formats: list[NumberFormat] = []
        known: dict[int, NumberFormat] = {}
        within = False
        for name, attributes in self._elements(member) if member in self._archive.namelist() else ():
            if name == "numFmt":
                codes[int(attributes["numFmtId"])] = attributes["formatCode"]
            elif name in {"cellXfs", "cellStyleXfs", "cellStyles"}:
                within = name == "cellXfs"
            elif name == "xf" and within:
                number = int(attributes.get("numFmtId", "0"))
                if number not in known:
                    known[number] = NumberFormat(number, codes.get(number, ""), self._since_1904)
                formats.append(known[number])
        return formats or [NumberFormat(0, "", self._since_1904)]


def _other(names: set[str]) -> str:
    if "EncryptedPackage" in names:
        return "a workbook with a password: save it without one"
    if "xl/workbook.bin" in names:
        return "XLSB: save it as XLSX"
    if any(name.endswith(".iwa") for name in names):
        return "a workbook of Numbers: export it as XLSX or CSV"
    return "a zip archive and no workbook: unpack it"


class _Elements(Handler):
    """Elements and their attributes, in a document that is small."""

    def __init__(self) -> None:
        self.found: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.found.append((name, attributes))

    def end(self, name: str) -> None:
        pass

    def text(self, text: str) -> None:
        pass


class _Texts(Handler):
    """Gathers the text of ``t`` elements, but not of readings that are printed above letters."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._open = False
        self._above = False

    def begin(self) -> None:
        self._parts.clear()
        self._length = 0

    def gathered(self) -> str:
        text = "".join(self._parts)
        self.begin()
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text

    def text(self, text: str) -> None:
        if self._open:
            self._length += len(text)
            if self._length > MAX_LINE:
                raise NotATableError("it has a cell of more than a million characters")
            self._parts.append(text)


class _Strings(_Texts):
    """The texts that cells refer to by number, in an unnamed file."""

    def __init__(self) -> None:
        super().__init__()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        weakref.finalize(self, self._file.close)
        self._ends = array("Q", [0])

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002
        if name == "t":
            self._open = not self._above
        elif name == "rPh":
            self._above = True
        elif name == "si":
            self.begin()

    def end(self, name: str) -> None:
        if name == "t":
            self._open = False
        elif name == "rPh":
            self._above = False
        elif name == "si":
            piece = self.gathered().encode("utf-8", "surrogatepass")
            self._file.write(piece)
            self._ends.append(self._ends[-1] + len(piece))

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode("utf-8", "surrogatepass")


class _SheetRows(_Texts):
    """Makes rows of a sheet's elements."""

    def __init__(self, strings: _Strings, formats: list[NumberFormat]) -> None:
        super().__init__()
        self.rows: list[TableRow] = []
        self._strings = strings
        self._formats = formats
        self._line = 0
        self._cells: list[str] = []
        self._column = -1
        self._type = "n"
        self._style = 0
        self._value: str | None = None
        self._formula: str | None = None
        self._columns: dict[str, int] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            reference = attributes.get("r")
            self._column = self._column + 1 if reference is None else self._place(reference)
            self._type = attributes.get("t", "n")
            self._style = int(attributes.get("s", "0"))
            self._value = self._formula = None
        elif name in {"v", "f"}:
            self.begin()
            self._open = True
        elif name == "t":
            self._open = not self._above
        elif name == "is":
            self.begin()
        elif name == "rPh":
            self._above = True
        elif name == "row":
            self._line = int(attributes.get("r", self._line + 1))
            if not 0 < self._line <= MAX_ROWS:
                raise NotATableError("it has a row beyond the last one")
            self._cells, self._column = [], -1

    def end(self, name: str) -> None:
        if name == "c":
            text = self._text()
            if text:
                put(self._cells, self._column, text)
        elif name == "v":
            self._open = False
            self._value = self.gathered()
        elif name == "f":
            self._open = False
            self._formula = self.gathered()
        elif name == "t":
            self._open = False
        elif name == "is":
            self._value = self.gathered()
        elif name == "rPh":
            self._above = False
        elif name == "row":
            if self._cells:
                self.rows.append((self._line, self._cells, ""))
            self._cells = []

    def _place(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            if not (0 < len(letters) <= 3 and letters.isascii() and letters.isupper()):
                raise NotATableError("it has a cell without a place")
            column = -1
            for letter in letters:
                column = (column + 1) * 26 + ord(letter) - 65
            self._columns[letters] = column
        return column

    def _text(self) -> str:
        value = self._value
        if value is None or (not value and self._type == "n"):
            # A formula that was never calculated is refused as the formula that it is. One whose result is an empty
            # text says that it is a text.
            return "" if self._formula is None else f"={self._formula}"
        if self._type == "s":
            return self._strings[int(value)]
        if self._type == "n":
            return self._formats[self._style].text(value)
        if self._type == "b":
            return "true" if value.strip() in {"1", "true"} else "false"
        return value  # A text, the result of a formula, an error, or a date in ISO 8601.


def _recognises(_name: str, first: bytes) -> bool:
    return first.startswith(b"PK")


XLSX: Final = Reader(_recognises, _open, frozenset({"sheet"}))
