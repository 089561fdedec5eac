"""TLS and HTTP/1.1 by hand, so that a server can break either at any byte.

TLS runs over memory buffers and not in asyncio's transport: only so can a connection end without a goodbye, or with
any alert after any byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

CIPHERS = {"TLS_AES_256_GCM_SHA384": (SHA384, 32), "TLS_AES_128_GCM_SHA256": (SHA256, 16)}
CONTENT, ALERT = 23, 21
READ_SIZE = 65536


class GoneError(Exception):
    """The other side is not there any more."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` goes out as JSON, unless it is bytes (a page) or None (nothing)."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        body, kind = self.body, "application/json"
        if isinstance(body, bytes):
            kind = "text/html"
        elif body is not None:
            body = json.dumps(body).encode()
        lines = [f"HTTP/1.1 {self.status} Told", *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.status not in (204, 304):
            lines += [f"Content-Type: {kind}"] if body is not None else []
            lines.append(f"Content-Length: {len(body or b'')}")
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def server_context(certificate: str, key_log: str) -> ssl.SSLContext:
    """TLS 1.3 alone, and its secrets in a file: an alert is made of them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.keylog_filename = key_log
    context.load_cert_chain(certificate)
    return context


class Connection:
    """One client's connection, its handshake still to be done."""

    def __init__(self, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._key_log = context.keylog_filename
        self._client_random = ""
        self._records = 0
        self._buffer = b""

    async def handshake(self) -> None:
        hello = b""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._send()
                data = await self._receive()
                hello += data
                self._incoming.write(data)
            except ssl.SSLError as error:
                raise GoneError from error
            else:
                break
        # What follows the handshake are session tickets: a server that sends them has done with certificates.
        self._writer.write(tickets := self._outgoing.read())
        self._records = _count_records(tickets)
        await self._drained()
        # Record header, handshake header, version: the client's random bytes follow.
        self._client_random = hello[11:43].hex()

    async def request(self) -> Request | None:
        """The next request, None at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not (data := await self._read()):
                return None
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if "transfer-encoding" in headers:
            raise GoneError  # no request of these APIs needs to be sent in chunks
        while len(self._buffer) < length:
            if not (data := await self._read()):
                return None
            self._buffer += data
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        path, _, query = target.partition("?")
        asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        return Request(method, unquote(path), asked, headers, body)

    async def write(self, data: bytes) -> None:
        # Record by record, so that they can be counted.
        for start in range(0, len(data), 16384):
            self._tls.write(data[start : start + 16384])
            self._records += 1
        await self._send()

    async def close(self) -> None:
        """Say goodbye, and close."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._send()
        self._writer.close()

    def cut(self, *, reset: bool = False) -> None:
        """Close the socket under TLS's feet: no close_notify; with a reset, not even TCP says goodbye."""
        if reset:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def alert(self, description: int) -> None:
        """Send a fatal alert, encrypted as a peer's must be, and close."""
        cipher = self._tls.cipher()
        assert cipher is not None
        algorithm, size = CIPHERS[cipher[0]]
        secret = await asyncio.to_thread(self._secret)

        def expand(label: bytes, length: int) -> bytes:
            name = b"tls13 " + label
            info = struct.pack("!HB", length, len(name)) + name + b"\0"
            return HKDFExpand(algorithm(), length, info).derive(secret)

        nonce = int.from_bytes(expand(b"iv", 12)) ^ self._records
        content = bytes((2, description, ALERT))
        header = struct.pack("!BHH", CONTENT, 0x0303, len(content) + 16)
        sealed = AESGCM(expand(b"key", size)).encrypt(nonce.to_bytes(12), content, header)
        self._writer.write(header + sealed)
        await self._drained()
        self._writer.close()

    def _secret(self) -> bytes:
        """What the server's records are encrypted with: the log has a line for each connection."""
        wanted = f"SERVER_TRAFFIC_SECRET_0 {self._client_random} "
        for line in Path(self._key_log).read_text().splitlines():
            if line.startswith(wanted):
                return bytes.fromhex(line.removeprefix(wanted))
        raise LookupError("the connection is not in the key log")

    async def _read(self) -> bytes:
        while True:
            try:
                return self._tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                data = await self._receive()
                self._incoming.write(data)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise GoneError from error

    async def _receive(self) -> bytes:
        try:
            data = await self._reader.read(READ_SIZE)
        except OSError as error:
            raise GoneError from error
        if not data:
            raise GoneError
        return data

    async def _send(self) -> None:
        if data := self._outgoing.read():
            self._writer.write(data)
            await self._drained()

    async def _drained(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            raise GoneError from error


def _count_records(data: bytes) -> int:
    count = 0
    while data:
        count += 1
        data = data[5 + int.from_bytes(data[3:5]) :]
    return count
