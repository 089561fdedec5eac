"""Which reader reads a file."""

from __future__ import annotations

from os import PathLike
from typing import BinaryIO, Final

import attrs

from .base import Contents, Opened, Options, ReadAs, unreadable
from .content import Content
from .delimited import DELIMITED
from .foreign import refuse_foreign
from .json_objects import JSON_OBJECTS
from .ods import ODS
from .xlsx import XLSX

__all__ = ["READERS", "Source", "open_source"]

READERS: Final = (ODS, XLSX, JSON_OBJECTS, DELIMITED)
"""All formats; the first that recognises a file reads it."""
_FOR: Final = {"encoding": "a text file", "sheet": "a workbook"}


@attrs.frozen
class Source:
    """A file of people, opened by the reader of its format."""

    content: Content
    opened: Opened

    @property
    def where(self) -> str:
        """The file, for messages."""
        return self.content.where

    @property
    def read_as(self) -> ReadAs:
        """What it was taken for."""
        return self.opened.read_as

    @property
    def digest(self) -> str:
        """SHA-256 of the file, once all of it was read."""
        return self.content.digest

    def scan(self) -> Contents:
        """Its header and records, from the beginning."""
        return self.opened.scan()


def open_source(place: str | PathLike[str] | BinaryIO, options: Options | None = None) -> Source:
    """Open a file by the reader of its format.

    Args:
        place: The file, or an open one, of which all that is left is read.
        options: What the user says of it.

    Raises:
        JobRefused: It cannot be read, has none of the formats, or an option that its format does not know.
    """
    content = Content(place)
    options = options or Options()
    refuse_foreign(content)
    reader = next(reader for reader in READERS if reader.recognises(content.name, content.first))
    for name, given in attrs.asdict(options).items():
        if given is not None and name not in reader.options:
            raise unreadable(f"{content.where} is not {_FOR[name]}, so --{name} says nothing of it: leave it out")
    return Source(content, reader.open(content, options))
