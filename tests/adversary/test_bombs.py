"""Small answers that unpack to gigabytes: reading stops at the cap, and memory with it."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest

from aiosymphony.errors import OutcomeUnknown, TransportError
from tests.faults.clients import OPEN_CREATE, OPEN_READ, THING, Clients
from tests.faults.server import FaultServer, acts, raw, response

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CAP = 2**20
UNPACKED = 256 * CAP
"""More than any test machine's noise, and made in a second."""


def _brotli(size: int) -> bytes:
    packer = brotli.Compressor(quality=5)
    zeros = bytes(2**20)
    return b"".join([*(packer.process(zeros) for _ in range(size // len(zeros))), packer.finish()])


def _zstd(size: int) -> bytes:
    packer = zstd.ZstdCompressor()
    zeros = bytes(2**20)
    return b"".join([*(packer.compress(zeros) for _ in range(size // len(zeros))), packer.flush()])


PACK: dict[str, Callable[[int], bytes]] = {
    "gzip": lambda size: gzip.compress(bytes(size)),
    "deflate": lambda size: zlib.compress(bytes(size)),
    "br": _brotli,
    "zstd": _zstd,
}


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    return {name: pack(UNPACKED) for name, pack in PACK.items()}


@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
@pytest.mark.parametrize("encoding", PACK)
async def test_case_52_a_bomb_neither_fills_the_memory_nor_answers(
    encoding: str, bombs: dict[str, bytes], server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=raw(response(200, bombs[encoding], [("Content-Encoding", encoding)])))
    session = clients.session(max_bytes=CAP)
    tracemalloc.start()
    try:
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_READ.build())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.kind in ("too_large", "protocol")
    assert peak < 16 * CAP


@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_what_was_asked_for_is_unpacked(encoding: str, server: FaultServer, clients: Clients) -> None:
    body = (gzip.compress if encoding == "gzip" else zlib.compress)(b'{"id": 1}')
    server.on("GET", THING, then=raw(response(200, body, [("Content-Encoding", encoding)])))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert set(server.requests[-1].headers["accept-encoding"].split(", ")) >= {"gzip", "deflate"}


@pytest.mark.parametrize("over", ["httpx"])
async def test_httpx_asks_for_nothing_that_it_cannot_unpack_piece_by_piece(
    server: FaultServer, clients: Clients
) -> None:
    body = brotli.compress(b'{"id": 1}')
    server.on("POST", THING, then=acts(raw(response(200, body, [("Content-Encoding", "br")]))))
    session = clients.session()
    with pytest.raises(OutcomeUnknown, match="not asked for"):
        await session.execute(OPEN_CREATE.build({}))
    assert server.requests[-1].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
async def test_a_compressed_answer_that_is_cut_is_no_answer(server: FaultServer, clients: Clients) -> None:
    body = gzip.compress(b'{"id": 1}')[:-12]
    server.on("POST", THING, then=acts(raw(response(200, body, [("Content-Encoding", "gzip")]))))
    session = clients.session()
    with pytest.raises(OutcomeUnknown):
        await session.execute(OPEN_CREATE.build({}))


@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
@pytest.mark.parametrize(
    "body", [gzip.compress(b'{"id"') + gzip.compress(b": 1}"), gzip.compress(b'{"id": 1}')], ids=["two", "one"]
)
async def test_gzip_may_have_several_members(body: bytes, server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=raw(response(200, body, [("Content-Encoding", "gzip")])))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) == {"id": 1}


@pytest.mark.parametrize("over", ["fast", "httpx"])
async def test_deflate_may_come_without_the_header_of_zlib(server: FaultServer, clients: Clients) -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(b'{"id": 1}') + packer.flush()
    server.on("GET", THING, then=raw(response(200, body, [("Content-Encoding", "deflate")])))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
