"""The bytes of a file, as often as a reader wants them from the beginning, and the digest of what was read."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Final

from .base import unreadable

__all__ = ["FIRST", "Content", "file_digest", "is_bomb"]

FIRST: Final = 1 << 16
"""Bytes by which a format is recognised."""
_BLOCK: Final = 1 << 18
_GZIP: Final = b"\x1f\x8b"


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether so much was packed into so little that no table of people can be in it."""
    return unpacked > max(64 << 20, 300 * packed)


class Content:
    """The bytes of a file, unpacked if gzip packed them.

    A regular file is read where it lies, again each time, and a change meanwhile is noticed. What can be read only
    once or has to be unpacked is kept in an unnamed file of its own: standard input, gzip, and what ``hold`` is
    called for.

    Attributes:
        where: The file, for messages.
        name: Its name, without ``.gz``.
        first: The first bytes.
        digest: SHA-256 of the file as it lies, packed or not; empty until all of it was read.

    Raises:
        JobRefused: It is no regular file, is empty, cannot be read or cannot be unpacked.
    """

    def __init__(self, place: str | PathLike[str] | BinaryIO) -> None:
        self.digest = ""
        self._held: BinaryIO | None = None
        self._path: Path | None = None
        if isinstance(place, str | PathLike):
            self._path = Path(place)
            self.where, self.name = str(self._path), self._path.name
            with self._source() as file:
                first = file.read(FIRST)
                if first.startswith(_GZIP):
                    self._hold(file, first)
        else:
            self.where = self.name = "standard input"
            first = place.read(FIRST)
            self._hold(place, first)
        if self._held is not None:
            self.name = self.name.removesuffix(".gz")
            self._held.seek(0)
            first = self._held.read(FIRST)
        if not first:
            raise unreadable(f"{self.where} is empty")
        self.first = first

    def open(self) -> BinaryIO:
        """The bytes from the beginning. Several may be open at once."""
        if self._held is not None:
            return io.BufferedReader(_Held(self._held, self), _BLOCK)
        return self._source()

    def hold(self) -> BinaryIO:
        """The same as a file that can be searched, whatever becomes of the original."""
        if self._held is None:
            with self._source() as file:
                self._hold(file, file.read(_BLOCK))
        return self.open()

    def _source(self) -> BinaryIO:
        assert self._path is not None  # noqa: S101 - what has no path is held
        return io.BufferedReader(_Hashed(_regular(self._path), self), _BLOCK)

    def read_to_end(self, digest: str) -> None:
        """Note the digest of all that lies there; refuse it if it is another than before."""
        if self.digest not in {"", digest}:
            raise unreadable(f"{self.where} was changed while it was being read; run the command again")
        self.digest = digest

    def _hold(self, source: BinaryIO, first: bytes) -> None:
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            piece = first
            while piece:
                digest.update(piece)
                yield piece
                piece = source.read(_BLOCK)

        try:
            self._held = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the content
            weakref.finalize(self, self._held.close)
            for piece in _unpacked(pieces(), self.where) if first.startswith(_GZIP) else pieces():
                self._held.write(piece)
            self._held.flush()
        except OSError as error:
            raise unreadable(
                f"{self.where} cannot be kept in {tempfile.gettempdir()} ({error.strerror}): make room there, or set "
                "TMPDIR to another folder"
            ) from None
        self.read_to_end(digest.hexdigest())


class _Hashed(io.RawIOBase):
    """A file that is read once from its beginning to its end, and hashed on the way."""

    def __init__(self, file: io.FileIO, content: Content) -> None:
        self._file = file
        self._content = content
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._file.readinto(buffer) or 0
        except OSError as error:
            raise unreadable(f"{self._content.where} cannot be read: {error.strerror}") from None
        if count:
            self._digest.update(memoryview(buffer)[:count])
        else:
            self._content.read_to_end(self._digest.hexdigest())
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Held(io.RawIOBase):
    """A reader of a file that others read as well: it has a place of its own in it."""

    def __init__(self, file: BinaryIO, content: Content) -> None:
        self._file = file
        self._content = content  # which closes the file when nobody needs it any more
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset += self._file.seek(0, io.SEEK_END)
        elif whence == io.SEEK_CUR:
            offset += self._at
        if offset < 0:
            raise ValueError("before the beginning")
        self._at = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def file_digest(path: str | PathLike[str]) -> str:
    """SHA-256 of a file, as a plan and a journal remember it.

    Raises:
        JobRefused: It cannot be read.
    """
    with _regular(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _regular(path: Path) -> io.FileIO:
    """Open a regular file; nothing else, for a pipe or a device may never end, or never begin."""
    try:
        # A pipe that nobody writes to is opened at once, and then refused.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise unreadable(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return io.FileIO(descriptor)
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise unreadable(f"{path} is a folder: name a file in it")
    raise unreadable(f"{path} is no regular file: name another one, or hand it in as standard input, which is -")


def _unpacked(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    """What gzip packed, member by member."""
    unpacker = zlib.decompressobj(wbits=31)
    packed = unpacked = 0
    rest = b""
    for piece in pieces:
        packed += len(piece)
        rest += piece
        while rest:
            if unpacker.eof:
                rest = rest.lstrip(b"\0")  # what a tape was filled up with
                if not rest:
                    break
                unpacker = zlib.decompressobj(wbits=31)
            try:
                out = unpacker.decompress(rest, _BLOCK)
            except zlib.error:
                raise unreadable(f"{where} is damaged: it cannot be unpacked") from None
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            unpacked += len(out)
            if is_bomb(unpacked, packed):
                raise unreadable(f"{where} unpacks to more than {unpacked >> 20} MiB: unpack it, and look at it first")
            yield out
    if not unpacker.eof:
        raise unreadable(f"{where} is cut short: it cannot be unpacked to its end")
