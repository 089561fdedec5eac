"""A company of Connect that costs almost nothing: it logs everybody in, and creates whomever it is asked to.

It keeps nothing, so it can take a million users.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

_TOKEN = orjson.dumps({"access_token": "token", "token_type": "Bearer", "expires_in": 36000})
_numbers = itertools.count(1)


def _answer(head: bytes, body: bytes) -> bytes:
    if b"/oauth/token" in head:
        return _response(200, _TOKEN)
    users = orjson.loads(body) if body else []
    return _response(201, orjson.dumps([{**user, "id": str(next(_numbers)), "status": 201} for user in users]))


def _response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


class _Company(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held = transport, b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end]
            size = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            if len(self._held) < end + 4 + size:
                return
            body, self._held = self._held[end + 4 : end + 4 + size], self._held[end + 4 + size :]
            if isinstance(self._transport, asyncio.Transport):
                self._transport.write(_answer(head, body))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Company, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def company_server() -> Iterator[str]:
    """The URL of such a company's server, which runs as long as the context."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.company"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
