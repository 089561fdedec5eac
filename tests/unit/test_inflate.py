"""Unpacking in pieces: the same bytes come out however the packed ones arrive, and no piece is large."""

from __future__ import annotations

import gzip
import random
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest

from aiosymphony.transport.inflate import BrokenBodyError, UnknownEncodingError, encodings, unpacker

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 64 * 1024


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACK: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "gzip of two parts": ("gzip", lambda body: gzip.compress(body[:7]) + gzip.compress(body[7:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd of two parts": ("zstd", lambda body: zstd.compress(body[:7]) + zstd.compress(body[7:])),
}
NOISE = random.Random(7).randbytes(3 * PIECE)
BODIES = [b"", b"x", b"x" * PIECE, b"x" * (PIECE + 1), b"x" * (5 * PIECE), NOISE, NOISE[:PIECE] * 3]


@pytest.mark.parametrize("size", [1, 13, 5000, 10**9])
@pytest.mark.parametrize("name", PACK)
def test_what_was_packed_comes_out(name: str, size: int) -> None:
    encoding, pack = PACK[name]
    for body in BODIES:
        packed = pack(body)
        if size < 13 < len(packed) / 5000:
            continue  # byte by byte is for the short ones
        reader = unpacker(encoding)
        assert reader is not None
        pieces = [piece for at in range(0, len(packed), size) for piece in reader.pieces(packed[at : at + size])]
        reader.finish()
        assert b"".join(pieces) == body
        assert max(map(len, pieces), default=0) <= 2 * PIECE  # brotli takes its limit for a hint


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("flaw", ["cut", "damaged"])
def test_what_is_not_whole_is_refused(name: str, flaw: str) -> None:
    encoding, pack = PACK[name]
    packed = pack(NOISE[:5000])
    reader = unpacker(encoding)
    assert reader is not None
    broken = packed[:-9] if flaw == "cut" else b"\xff\xfe\xfd" + packed[3:]
    with pytest.raises(BrokenBodyError):
        _ = list(reader.pieces(broken)), reader.finish()


def test_a_body_of_thousands_of_parts_is_refused() -> None:
    reader = unpacker("gzip")
    assert reader is not None
    with pytest.raises(BrokenBodyError):
        list(reader.pieces(gzip.compress(b"") * 2000))


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_what_is_not_packed_needs_no_unpacker(encoding: str) -> None:
    assert unpacker(encoding) is None


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "x"])
def test_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(UnknownEncodingError):
        unpacker(encoding)


def test_all_that_can_be_unpacked_is_asked_for() -> None:
    assert encodings() == "gzip, deflate, br, zstd"
