"""Which reader reads a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .base import Reader, first_bytes, unreadable
from .delimited import DELIMITED
from .jsonl import JSON_LINES

__all__ = ["READERS", "reader_of"]

READERS: Final = (JSON_LINES, DELIMITED)
"""All formats; the first that recognises a file reads it."""


def reader_of(path: Path) -> Reader:
    """The reader for a file.

    Raises:
        JobError: The file cannot be read, is empty, or is UTF-16.
    """
    first = first_bytes(path)
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise unreadable(f"{path} is UTF-16: save it as UTF-8")
    return next(reader for reader in READERS if reader.recognises(path, first))
