"""What every reader shares: what it is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from ...errors import JobError, JobRefused

__all__ = ["MAX_LINE", "Contents", "Opened", "Options", "ReadAs", "Record", "unreadable"]

MAX_LINE = 1 << 20
"""Characters of one line, cell or object beyond which it is refused without being read whole."""
# A record as the file gives it: its line, its cells by the file's own names, and what is wrong with it as a whole.
Record = tuple[int, Mapping[str, object], str]


@attrs.frozen
class Options:
    """What the user says of a file.

    Attributes:
        encoding: How its text is encoded; None to find out.
        sheet: The sheet of a workbook, by name or by number from 1; None for the only one with cells.
    """

    encoding: str | None = None
    sheet: str | None = None


@attrs.frozen
class ReadAs:
    """What a file was taken for.

    Attributes:
        format: Such as ``CSV``.
        encoding: Of a text: its encoding.
        guess: Why the encoding is no more than a guess; empty if it is certain or was given.
        delimiter: What divides the cells.
        sheet: Of a workbook: the sheet that was read.
    """

    format: str
    encoding: str | None = None
    guess: str = ""
    delimiter: str | None = None
    sheet: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in attrs.asdict(self).items() if value}

    def __str__(self) -> str:
        parts = [self.format]
        if self.encoding:
            parts.append(self.encoding)
        if self.delimiter:
            parts.append(f"cells divided by {_DELIMITERS.get(self.delimiter, repr(self.delimiter))}")
        if self.sheet is not None:
            parts.append(f"sheet {self.sheet!r}")
        return ", ".join(parts) + (f" - {self.guess}" if self.guess else "")


_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}


@attrs.frozen
class Contents:
    """What stands in a file.

    Attributes:
        names: Its header, as it stands there, with doubles; None for a format that has none.
        records: What follows, record by record. A record has no cell whose name the header has not.
    """

    names: Sequence[str] | None
    records: Iterator[Record]


@attrs.frozen
class Opened:
    """A file that its reader has looked at.

    Attributes:
        read_as: What it was taken for.
        scan: Reads it from the beginning, as often as it is wanted. It ends when all of the file was read.
    """

    read_as: ReadAs
    scan: Callable[[], Contents]


def unreadable(message: str) -> JobError:
    """What to say of a file that cannot be taken."""
    return JobRefused(message)
