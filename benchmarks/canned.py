"""A server that costs almost nothing: it answers every request with the same user, from a process of its own.

The cheaper the server, the larger the client's share of each request, and the stricter the comparison.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        if _delay:
            asyncio.get_running_loop().call_later(_delay, self._answer, data)
        else:
            self._answer(data)

    def _answer(self, data: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(_ANSWER * data.count(b"\r\n\r\n"))


_delay = 0.0


async def _serve(delay: float, certificate: str | None) -> None:
    global _delay  # noqa: PLW0603 - one server a process
    _delay = delay
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answerer, "localhost", 0, backlog=1024, ssl=context, family=socket.AF_INET)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def canned_server(*, delay: float = 0.0, certificate: str | None = None) -> Iterator[str]:
    """The URL of a canned server that runs as long as the context.

    Args:
        delay: Seconds from a request to its answer.
        certificate: A PEM file with a certificate for ``localhost`` and its key, to speak TLS.
    """
    command = [sys.executable, "-m", "benchmarks.canned", str(delay), *([] if certificate is None else [certificate])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}" if certificate is None else f"https://localhost:{port}"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def certificate() -> Iterator[tuple[str, str]]:
    """A certificate with its key for ``localhost``, and its authority, as files."""
    import trustme

    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        own, trusted = Path(folder, "own.pem"), Path(folder, "ca.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(own))
        authority.cert_pem.write_to_path(str(trusted))
        yield str(own), str(trusted)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
