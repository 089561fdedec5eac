"""A server that costs almost nothing: it answers every request with the same user, from a process of its own.

The cheaper the server, the larger the client's share of each request, and the stricter the comparison.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

USER = orjson.dumps(
    {
        "id": 7696581411197,
        "emailAddress": "ada.lovelace@example.com",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "displayName": "Ada Lovelace",
        "title": "Analyst",
        "company": "Example Engines",
        "username": "ada.lovelace",
        "location": "London",
        "accountType": "NORMAL",
        "avatars": [
            {"size": "original", "url": "../avatars/static/150/default.png"},
            {"size": "small", "url": "../avatars/static/50/default.png"},
        ],
        "workPhoneNumber": "+44 20 7946 0018",
        "mobilePhoneNumber": "+44 7700 900123",
        "jobFunction": "Research",
        "department": "Calculation",
        "division": "Engines",
        "roles": ["INDIVIDUAL"],
    }
)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(USER), USER)


class _Answerer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(_ANSWER * data.count(b"\r\n\r\n"))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answerer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def canned_server() -> Iterator[str]:
    """The URL of a canned server that runs as long as the context."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.canned"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
