"""A server that says what it likes when it likes, over TCP and over TLS: also alerts, in the clear and under the keys.

OpenSSL sends no alert on demand; tlslite does. What a connection does is a script: a plain function that is run in a
thread with the :class:`Talk` of that connection::

    async with Peer(certificates, acts_then(alert(80)), answers) as peer:

cuts the first connection with an internal error after the create was carried out, and serves the second one well.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Self, TypeAlias

from tests.faults.certificates import Certificates
from tests.faults.server import response

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it can serve asyncore as well
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.constants import AlertLevel
    from tlslite.messages import Alert

Script: TypeAlias = "Callable[[Talk], None]"

VERSIONS = {"plain": None, "1.2": (3, 3), "1.3": (3, 4)}
RECORD_ALERT = 21


class Talk:
    """One connection, from the server's side. Everything blocks."""

    def __init__(self, peer: Peer, sock: socket.socket) -> None:
        self.peer = peer
        self.sock = sock
        self.tls = TLSConnection(sock)
        self.tls.ignoreAbruptClose = True

    def handshake(self) -> None:
        if self.peer.version == "plain":
            return
        settings = HandshakeSettings()
        settings.minVersion = settings.maxVersion = VERSIONS[self.peer.version]
        settings.ticketKeys = [bytearray(32)] if self.peer.tickets else []
        protocols = [bytearray(b"http/1.1")]  # httpx asks for a protocol
        self.tls.handshakeServer(certChain=self.peer.chain, privateKey=self.peer.key, settings=settings, alpn=protocols)

    def request(self) -> bool:
        """Read one request; False if the client closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self.read()):
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while len(body) < int(lengths[0] if lengths else 0):
            body += self.read()
        self.peer.counts[head.split(b" ")[0].decode()] += 1
        return True

    def read(self) -> bytes:
        return self.sock.recv(65536) if self.peer.version == "plain" else bytes(self.tls.read(max=65536, min=1))

    def write(self, data: bytes) -> None:
        self.sock.sendall(data) if self.peer.version == "plain" else self.tls.write(data)

    def reply(self, status: int = 201, body: bytes = b'{"id": 1}') -> None:
        self.write(response(status, body))

    def alert(self, description: int) -> None:
        """A fatal alert under the connection's keys."""
        for _ in self.tls._sendMsg(Alert().create(description, AlertLevel.fatal)):
            pass

    def alert_in_the_clear(self, description: int) -> None:
        """A fatal alert as a server sends it that does not get as far as keys."""
        self.sock.recv(65536)  # the client's hello
        self.sock.sendall(bytes([RECORD_ALERT, 3, 3, 0, 2, AlertLevel.fatal, description]))


class Peer:
    """The server; an async context manager on a free port. Connections beyond the last script get that again.

    Attributes:
        url: Where it listens.
        connections: How many were accepted.
        counts: How many requests were read, by method.
        creates: How many requests were carried out.
        handed_over: Connections that are the test's to go on with: it speaks on them between two turns of the loop.
    """

    def __init__(
        self, certificates: Certificates, *scripts: Script, version: str = "1.3", tickets: bool = True
    ) -> None:
        leaf = certificates.authority.issue_cert("localhost")
        self.chain = X509CertChain()
        self.chain.parsePemList(leaf.cert_chain_pems[0].bytes().decode())
        self.key = parsePEMKey(leaf.private_key_pem.bytes().decode(), private=True)
        self.version = version
        self.tickets = tickets
        self.connections = 0
        self.counts: Counter[str] = Counter()
        self.creates = 0
        self.handed_over: list[Talk] = []
        self._scripts = scripts
        self._talks: dict[asyncio.Future[None], socket.socket] = {}

    async def __aenter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}" if self.version == "plain" else f"https://localhost:{port}"
        self._accepting = asyncio.ensure_future(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._accepting.cancel()
        for sock in self._talks.values():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for a request
        await asyncio.gather(self._accepting, *self._talks, return_exceptions=True)
        self._listener.close()
        for talk in self.handed_over:
            talk.sock.close()

    async def finish(self) -> None:
        """Wait until all scripts that do not wait for the client have ended."""
        await asyncio.gather(*self._talks)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._listener)
            sock.setblocking(True)
            sock.settimeout(20)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            talk = loop.run_in_executor(None, self._run, script, sock)
            self._talks[talk] = sock
            talk.add_done_callback(self._talks.pop)

    def _run(self, script: Script, sock: socket.socket) -> None:
        talk = Talk(self, sock)
        try:
            script(talk)
        finally:
            if talk in self.handed_over:
                sock.setblocking(False)
            else:
                sock.close()


# Scripts.


def answers(talk: Talk) -> None:
    """Serve every request of the connection well."""
    talk.handshake()
    while talk.request():
        talk.peer.creates += 1
        talk.reply()


def answers_one(talk: Talk) -> None:
    """Answer one request and leave the connection to the test."""
    talk.handshake()
    talk.request()
    talk.reply()
    talk.peer.handed_over.append(talk)


def acts_then(end: Script, *, after: int = 0) -> Script:
    """Answer ``after`` requests, carry one more out, and end the connection so."""

    def script(talk: Talk) -> None:
        talk.handshake()
        for _ in range(after):
            talk.request()
            talk.reply(200)
        talk.request()
        talk.peer.creates += 1
        end(talk)

    return script


def never_reads(end: Script) -> Script:
    """End the connection so, once the handshake is over for the client."""

    def script(talk: Talk) -> None:
        talk.handshake()
        end(talk)
        talk.sock.recv(65536)  # whatever the client has sent; closing over it would destroy the alert on its way

    return script


def alert(description: int) -> Script:
    return lambda talk: talk.alert(description)


def in_the_clear(description: int) -> Script:
    return lambda talk: talk.alert_in_the_clear(description)


def cut(talk: Talk) -> None:
    """End without a close_notify."""
    talk.sock.shutdown(socket.SHUT_RDWR)


def close_notify(talk: Talk) -> None:
    talk.tls.close()


def in_plain_text(talk: Talk) -> None:
    """What a load balancer says on its TLS port while nobody is behind it."""
    talk.sock.recv(65536)
    talk.sock.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def plain_text_under_way(talk: Talk) -> None:
    talk.sock.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
