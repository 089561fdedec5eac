"""That the tenant's own TLS says what it means to say: another client than the product's reads it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.certificates import Certificates

from .wire import Answer, Connection, GoneError, server_context

ASK = b"GET /pod/v2/user?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def contexts(certificates: Certificates, tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificate = tmp_path / "server.pem"
    certificates.authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    client = ssl.create_default_context(cafile=str(certificates.ca_file))
    return server_context(str(certificate), str(tmp_path / "keys")), client


@asynccontextmanager
async def connected(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], end: Callable[[Connection], Awaitable[object]]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client whose second request is answered by ``end``."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(contexts[0], reader, writer)
        try:
            await connection.handshake()
            assert (await connection.request()).query == {"uid": "1"}  # type: ignore[union-attr]
            # Larger than a record: each counts for what an alert is encrypted with.
            await connection.write(Answer(200, b"x" * 20_000).encode())
            await connection.request()
            await end(connection)
        except GoneError:
            pass
        finally:
            connection.cut()
            over.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=contexts[1], server_hostname="localhost")
        writer.write(ASK)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(20_000)
        writer.write(ASK)
        yield reader, writer
        writer.transport.abort()
        await over.wait()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (20, "SSLV3_ALERT_BAD_RECORD_MAC"),
        (40, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        (45, "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
        (80, "TLSV1_ALERT_INTERNAL_ERROR"),
        (116, "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
    ],
)
async def test_an_alert_is_that_alert(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], description: int, reason: str
) -> None:
    async with connected(contexts, lambda connection: connection.alert(description)) as (reader, _):
        with pytest.raises(ssl.SSLError) as caught:
            await reader.read()
    assert caught.value.reason == reason


async def test_an_answer_that_is_cut_has_no_goodbye(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def half(connection: Connection) -> None:
        await connection.write(Answer(200, b"x" * 20_000).encode()[:10_000])
        connection.cut()

    async with connected(contexts, half) as (reader, _):
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readexactly(20_000)
    assert len(caught.value.partial) == 10_000


async def test_a_reset_is_one(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def reset(connection: Connection) -> None:
        connection.cut(reset=True)

    async with connected(contexts, reset) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read()
