"""Unpacks bodies in pieces of bounded size, so that a small body that unpacks to gigabytes is noticed while it does."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

_PIECE: Final = 64 * 1024
_MOST_MEMBERS: Final = 1024
"""How many packed parts one body may consist of: each costs a copy of all that follows it."""
_ZSTD: Final = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


class UnknownEncodingError(ValueError):
    """The body is compressed in a way that was not asked for."""


class BrokenBodyError(ValueError):
    """The body cannot be unpacked, or is not whole."""


class Unpacker(Protocol):
    """Unpacks one body."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes unpack to, in pieces of bounded size.

        Raises:
            BrokenBodyError: They cannot be unpacked.
        """
        ...

    def finish(self) -> None:
        """Note the end of the body.

        Raises:
            BrokenBodyError: The body is not whole.
        """
        ...


@lru_cache(maxsize=1)
def encodings() -> str:
    """What can be unpacked here, as ``Accept-Encoding`` says it: brotli and zstd need a library of their own."""
    return ", ".join(["gzip", "deflate", *(["br"] if _has_brotli() else []), *(["zstd"] if _has_zstd() else [])])


def unpacker(encoding: str) -> Unpacker | None:
    """The unpacker for a ``Content-Encoding``; None if the body is not compressed.

    Raises:
        UnknownEncodingError: Nothing here unpacks it.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Members(_Gzip)
        case "deflate":
            return _Members(_Deflate)
        case "br" if _has_brotli():
            return _Brotli()
        case "zstd" if _has_zstd():
            return _Members(_Zstd)
        case _:
            raise UnknownEncodingError


class _Member(Protocol):
    """One packed part of a body; gzip and zstd allow several."""

    def unpack(self, data: bytes) -> bytes:
        """At most a piece of what these bytes unpack to."""
        ...

    def rest(self) -> bytes | None:
        """What to unpack next; None if more bytes must come first."""
        ...

    def behind(self) -> bytes | None:
        """What follows the end of this part; None before its end."""
        ...


class _Members:
    """A body of one or more packed parts."""

    __slots__ = ("_count", "_make", "_member")

    def __init__(self, make: Callable[[bytes], _Member]) -> None:
        self._make = make
        self._member: _Member | None = None
        self._count = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        left: bytes | None = data
        while left is not None and (left or self._member is not None):
            if self._member is None:
                self._count += 1
                if self._count > _MOST_MEMBERS:
                    raise BrokenBodyError
                self._member = self._make(left)
            try:
                piece = self._member.unpack(left)
            except Exception:  # noqa: BLE001 - each library has an error of its own
                raise BrokenBodyError from None
            if (behind := self._member.behind()) is not None:
                left, self._member = behind, None
            else:
                left = self._member.rest()
            yield piece

    def finish(self) -> None:
        if self._member is not None:
            raise BrokenBodyError


class _Gzip:
    __slots__ = ("_full", "_zlib")

    def __init__(self, _first: bytes, window_bits: int = 16 + zlib.MAX_WBITS) -> None:
        self._zlib = zlib.decompressobj(window_bits)
        self._full = False

    def unpack(self, data: bytes) -> bytes:
        piece = self._zlib.decompress(data, _PIECE)
        self._full = len(piece) == _PIECE
        return piece

    def rest(self) -> bytes | None:
        # A full piece may have more behind it, also when all bytes are taken in.
        return self._zlib.unconsumed_tail if self._full else self._zlib.unconsumed_tail or None

    def behind(self) -> bytes | None:
        return self._zlib.unused_data if self._zlib.eof else None


class _Deflate(_Gzip):
    """Some servers send "deflate" without zlib's header."""

    __slots__ = ()

    def __init__(self, first: bytes) -> None:
        super().__init__(first, zlib.MAX_WBITS if first[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)


class _Zstd:
    __slots__ = ("_zstd",)

    def __init__(self, _first: bytes) -> None:
        self._zstd: Any = import_module(_ZSTD).ZstdDecompressor()

    def unpack(self, data: bytes) -> bytes:
        piece: bytes = self._zstd.decompress(data, _PIECE)
        return piece

    def rest(self) -> bytes | None:
        return None if self._zstd.needs_input else b""

    def behind(self) -> bytes | None:
        return self._zstd.unused_data if self._zstd.eof else None


class _Brotli:
    __slots__ = ("_brotli",)

    def __init__(self) -> None:
        self._brotli: Any = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if not data:
            return
        if self._brotli is None:
            self._brotli = import_module("brotli").Decompressor()
        while True:
            try:
                piece: bytes = self._brotli.process(data, output_buffer_limit=_PIECE)
            except Exception:  # noqa: BLE001 - the library's own, which may be missing
                raise BrokenBodyError from None
            if not piece:
                return
            yield piece
            if self._brotli.is_finished():
                return
            # What can take in more may still have something to give: only an empty piece says that it has not.
            data = b""

    def finish(self) -> None:
        if self._brotli is not None and not self._brotli.is_finished():
            raise BrokenBodyError


def _has_brotli() -> bool:
    """Whether brotli is there, and can stop before everything is unpacked (1.2 or newer)."""
    return find_spec("brotli") is not None and hasattr(import_module("brotli").Decompressor, "can_accept_more_data")


def _has_zstd() -> bool:
    package = _ZSTD.partition(".")[0]
    return find_spec(package) is not None and find_spec(_ZSTD) is not None
