"""What the formats of workbooks share: XML in a zip archive, read as a stream, and the choice of a sheet."""

from __future__ import annotations

import contextlib
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from xml.parsers import expat

import attrs

from .base import MAX_LINE, unreadable
from .content import Content, is_bomb
from .table import MAX_COLUMNS

__all__ = [
    "MAX_ROWS",
    "Handler",
    "NotATableError",
    "Sheet",
    "choose",
    "damage_told",
    "number_text",
    "open_archive",
    "parse",
    "put",
]

MAX_ROWS: Final = 1_048_576
"""As many as a sheet of a spreadsheet has."""
_BLOCK: Final = 1 << 16
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    expat.ExpatError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    LookupError,
    ValueError,
    OverflowError,
)


class NotATableError(ValueError):
    """What a workbook holds fits into no sheet of a spreadsheet."""


@attrs.frozen
class Sheet:
    """A sheet of a workbook; ``place`` is where its format finds it."""

    name: str
    hidden: bool
    place: str


class Handler:
    """What is called for the elements of an XML document, by their names without prefixes.

    If the outermost element has no prefix, those of the others are left.
    """

    def start(self, name: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def end(self, name: str) -> None:
        raise NotImplementedError

    def text(self, text: str) -> None:
        raise NotImplementedError


@contextlib.contextmanager
def damage_told(where: str) -> Iterator[None]:
    """Tell in one sentence what libraries raise when an archive or its XML is damaged."""
    try:
        yield
    except _DAMAGE as error:
        raise unreadable(f"{where} is a damaged workbook: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, expat.ExpatError):
        return f"its XML cannot be read ({expat.ErrorString(error.code)})"
    if isinstance(error, LookupError):
        return "a part of it is not there"
    if isinstance(error, NotATableError):
        return str(error)
    return "it cannot be unpacked"


def open_archive(content: Content) -> zipfile.ZipFile:
    """The archive of a workbook. Call it under ``damage_told``."""
    return zipfile.ZipFile(content.hold())


def parse(archive: zipfile.ZipFile, member: str, handler: Handler, where: str) -> Iterator[None]:
    """Parse a member of the archive piece by piece; after each, the handler has what was found in it.

    Raises:
        JobRefused: The member is a bomb, or declares entities.
    """
    names: dict[str, str] = {}

    def local(name: str) -> str:
        found = names.get(name)
        if found is None:
            found = names[name] = name.rpartition(":")[2]
        return found

    def first(name: str, attributes: dict[str, str]) -> None:
        if ":" in name:
            parser.StartElementHandler = start
            parser.EndElementHandler = end
            start(name, attributes)
        else:  # It and its parts have no prefix: there are millions of them, and nothing to be cut off.
            parser.StartElementHandler = handler.start
            parser.EndElementHandler = handler.end
            handler.start(name, attributes)

    def start(name: str, attributes: dict[str, str]) -> None:
        handler.start(local(name), {local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        handler.end(local(name))

    def refuse(*_: object) -> None:
        raise unreadable(f"{where} is no workbook that a spreadsheet writes: its XML declares entities")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = first
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = refuse
    info = archive.getinfo(member)
    unpacked = 0
    with archive.open(info) as file:
        while piece := file.read(_BLOCK):
            unpacked += len(piece)
            if is_bomb(unpacked, info.compress_size) or unpacked - parser.CurrentByteIndex > 4 * MAX_LINE:
                raise unreadable(f"{where} is no workbook that a spreadsheet writes: its XML unpacks to too much")
            parser.Parse(piece, False)
            yield
        parser.Parse(b"", True)
        yield


def put(cells: list[str], column: int, text: str) -> None:
    """Put a cell into its column, from 0."""
    if column >= MAX_COLUMNS:
        raise NotATableError("it has a cell beyond the last column")
    if column >= len(cells):
        cells.extend([""] * (column - len(cells)))
        cells.append(text)
    else:
        cells[column] = text


def number_text(value: float) -> str:
    """A number as people write it. A spreadsheet keeps 15 digits: of a longer number, the rest is lost."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.14E}"


def choose(sheets: Sequence[Sheet], asked: str | None, has_cells: Callable[[Sheet], bool], where: str) -> Sheet:
    """The sheet that is asked for, or the only visible one that has cells.

    Raises:
        JobRefused: There is none, or more than one.
    """
    if asked is not None:
        for same in (str.__eq__, lambda one, other: one.casefold() == other.casefold()):
            for sheet in sheets:
                if same(sheet.name, asked):
                    return sheet
        if re.fullmatch("[0-9]{1,5}", asked) and 0 < int(asked) <= len(sheets):
            return sheets[int(asked) - 1]
        raise unreadable(f"{where} has no sheet {asked!r}: its sheets are {_names(sheets)}")
    filled = [sheet for sheet in sheets if not sheet.hidden and has_cells(sheet)]
    if len(filled) == 1:
        return filled[0]
    if filled:
        raise unreadable(f"{where} has several sheets with cells, {_names(filled)}: say which one by --sheet")
    if any(sheet.hidden for sheet in sheets):
        raise unreadable(f"{where} has no cells on a sheet that is shown: name a hidden one by --sheet")
    raise unreadable(f"{where} is empty: no sheet of it has cells")


def _names(sheets: Sequence[Sheet]) -> str:
    shown = ", ".join(repr(sheet.name) for sheet in sheets[:20])
    return shown + (" and more" if len(sheets) > 20 else "")
