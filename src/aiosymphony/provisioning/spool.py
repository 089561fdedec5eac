"""Values in an unnamed file, one after the other, so that any number of them costs no memory."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from ..errors import JobRefused

__all__ = ["Spool"]

_BLOCK = 1 << 18


class Spool:
    """JSON values in the order in which they were added. All are added before any are read.

    Args:
        what: What they are, for messages.

    Raises:
        JobRefused: There is no room for them; as everything else here.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        try:
            self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object
        except OSError as error:
            raise self._no_room(error) from None
        self.close = weakref.finalize(self, self._file.close)

    def add(self, value: Any) -> None:
        """Add a value that orjson can write."""
        line = orjson.dumps(value) + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise self._no_room(error) from None

    def __iter__(self) -> Iterator[Any]:
        """The values. Several may read them at once, and go on when the spool is closed meanwhile."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._no_room(error) from None
        with open(os.dup(self._file.fileno()), "rb") as lines:  # noqa: PTH123 - a file that has no name
            offset = 0
            while True:
                # Positioned anew for each block: the duplicate shares its offset with every other reader.
                lines.seek(offset)
                block = lines.readlines(_BLOCK)
                if not block:
                    return
                offset += sum(map(len, block))
                yield from map(orjson.loads, block)

    def _no_room(self, error: OSError) -> JobRefused:
        with contextlib.suppress(OSError, AttributeError):  # What could not be written would be tried once more.
            self._file.close()
        return JobRefused(
            f"{self._what} does not fit into {tempfile.gettempdir()} ({error.strerror}): make room there, or set "
            "TMPDIR to another folder. Nothing was sent"
        )
