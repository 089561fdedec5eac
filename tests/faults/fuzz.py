"""Damaged answers, in any number, for what reads them in the fast transport.

``python -m tests.faults.fuzz --answers 1000000`` feeds them to connections without sockets, in packets of any size.
After each, a good answer comes to the next request if the connection is still offered for one. It prints what it saw,
and ends with 1 if a request was left without an outcome, got anything but its own answer, or an exception escaped.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import random
import sys
import time
import zlib
from collections import Counter
from typing import Any

from aiosymphony.errors import TransportError
from aiosymphony.transport.base import Response
from aiosymphony.transport.fast_connection import Connection
from aiosymphony.transport.fast_origin import origin_of

ORIGIN = origin_of("http://127.0.0.1:1")
CAP = 10_000
TOKENS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\xff", b"0", b"9", b"-1", b":", b" ", b"\t", b";",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"Content-Length: 1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n",
    b"X: " + b"x" * 40_000,
]  # fmt: skip


def good(number: int) -> bytes:
    body = b'{"id": %d}' % number
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def shapes(number: int) -> list[bytes]:
    """Whole answers of every framing, each with the number of its request."""
    body = b'{"id": %d, "more": "%s"}' % (number, b"x" * 60)
    ok = b"HTTP/1.1 200 OK\r\n"
    chunks = b"10\r\n%s\r\n%x\r\n%s\r\n0\r\n" % (body[:16], len(body) - 16, body[16:])

    def packed(name: bytes, data: bytes) -> bytes:
        return ok + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(data), data)

    return [
        good(number),
        ok + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"\r\n",
        ok + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunks + b"X-Sum: 1\r\n\r\n",
        packed(b"gzip", gzip.compress(body, 1)),
        packed(b"deflate", zlib.compress(body, 1)),
        ok + b"Connection: close\r\n\r\n" + body,
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + good(number),
        good(number) + good(number + 1),
    ]


def damaged(answer: bytes, other: bytes, order: random.Random) -> bytes:
    data = bytearray(answer)
    for _ in range(order.choice((1, 1, 1, 2, 5))):
        at = order.randrange(len(data) + 1)
        match order.randrange(7):
            case 0 if at < len(data):
                data[at] = order.randrange(256)
            case 1:
                del data[at : at + order.choice((1, 2, 40))]
            case 2 | 3:
                data[at:at] = order.choice(TOKENS)
            case 4:
                data[at:at] = data[at : at + order.choice((1, 20, 200))]
            case 5:
                data[at:] = other[order.randrange(len(other)) :]
            case _:
                del data[at:]
    return bytes(data)


class Wire(asyncio.Transport):
    """A transport without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True


class Fuzzer:
    """Sends requests over connections that it answers itself."""

    def __init__(self, seed: int) -> None:
        self.order = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._connection: Connection | None = None

    def run(self, answers: int) -> None:
        for number in range(answers):
            shape = self.order.choice(shapes(number))
            self._one(number, damaged(shape, self.order.choice(shapes(number + 1)), self.order))

    def _one(self, number: int, answer: bytes) -> None:
        connection = self._connection
        if connection is None:
            connection = self._connection = Connection(ORIGIN, lambda _: None)
            connection.connection_made(Wire())
        outcome = self._ask(connection, answer, ends=True)
        self.seen[outcome.kind if isinstance(outcome, TransportError) else "answer"] += 1
        if not connection.end_exchange():
            self._connection = None
            return
        self.seen["kept"] += 1
        # Whatever came before, the next request gets its own answer.
        next_one = self._ask(connection, good(number), ends=False)
        if not isinstance(next_one, Response) or next_one.content != b'{"id": %d}' % number:
            self.wrong.append(f"behind {answer!r} the next request got {next_one!r}")
        if not connection.end_exchange():
            self.wrong.append(f"behind {answer!r} and a good answer the connection was not kept")
            self._connection = None

    def _ask(self, connection: Connection, answer: bytes, *, ends: bool) -> Response | TransportError | None:
        """The outcome of a request that gets these bytes; with ``ends``, the connection ends if they are not all."""
        waiter = connection.ask(b"", None, max_bytes=CAP, no_body=False)
        try:
            at = 0
            while at < len(answer):
                size = self.order.choice((1, 7, 100, 5000, 100_000)) if ends else len(answer)
                piece = answer[at : at + size]
                view = connection.get_buffer(-1)
                view[: len(piece)] = piece
                connection.buffer_updated(len(piece))
                at += size
            if ends and not waiter.done():
                connection.eof_received()
                connection.connection_lost(None)
        except Exception as error:  # noqa: BLE001 - none may come
            self.wrong.append(f"{error!r} escaped at {answer!r}")
        if not waiter.done():
            self.wrong.append(f"no outcome for {answer!r}")
            return None
        outcome = waiter.result()
        if isinstance(outcome, Response) and len(outcome.content) > CAP:
            self.wrong.append(f"{len(outcome.content)} bytes were read of {answer!r}")
        if isinstance(outcome, TransportError) and not outcome.sent:
            self.wrong.append(f"it was said that nothing was sent, at {answer!r}")
        return outcome


async def fuzz(answers: int, seed: int) -> Fuzzer:
    fuzzer = Fuzzer(seed)
    fuzzer.run(answers)
    return fuzzer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    fuzzer = asyncio.run(fuzz(options.answers, options.seed))
    print(f"{options.answers} answers in {time.perf_counter() - began:.0f} s; seed {options.seed}")
    print(", ".join(f"{name} {count}" for name, count in fuzzer.seen.most_common()))
    for what in fuzzer.wrong[:20]:
        print(f"WRONG: {what}")
    return 1 if fuzzer.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
