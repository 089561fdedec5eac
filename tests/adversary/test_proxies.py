"""Proxies that refuse, fail or are not there: the error names the proxy and never its password; nothing doubles."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Self, TypeAlias

import pytest

from aiosymphony.errors import ApiError, ConfigError, TransportError
from aiosymphony.retry import RetryPolicy
from aiosymphony.transport import Transport
from tests.faults.canary import CANARY
from tests.faults.certificates import Certificates
from tests.faults.clients import OPEN_CREATE, OPEN_READ, THING, TRANSPORTS, Clients
from tests.faults.conftest import Trail
from tests.faults.server import FaultServer, acts, reply, response

Answer: TypeAlias = "Callable[[Proxy, str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"

_CHALLENGE = (("Proxy-Authenticate", 'Basic realm="corporate"'),)


class Proxy:
    """An HTTP proxy that answers each request by the next of its answers, later ones by the last."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.credentials: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def name(self) -> str:
        return f"the proxy 127.0.0.1:{self.port}"

    def transport(self, clients: Clients, *, login: bool = False, **options: object) -> Transport:
        """Made here, so that no frame of a test holds the password."""
        who = f"bot:pass-{CANARY}@" if login else ""
        return clients.transport(proxy=f"http://{who}127.0.0.1:{self.port}", **options)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            self.asked.append(first.split(" ")[0])
            self.credentials += [line.split(" ")[2] for line in lines if line.lower().startswith("proxy-auth")]
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
            await answer(self, first.split(" ")[1], reader, writer)
        writer.close()


def basic() -> str:
    """The credentials as they travel."""
    return base64.b64encode(f"bot:pass-{CANARY}".encode()).decode()


def refuses(status: int) -> Answer:
    async def answer(proxy: Proxy, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response(status, f"no {CANARY}".encode(), _CHALLENGE if status == 407 else ()))
        await writer.drain()

    return answer


def says(data: bytes) -> Answer:
    async def answer(proxy: Proxy, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


async def tunnels(proxy: Proxy, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.wait(
        [asyncio.ensure_future(_pump(reader, back)), asyncio.ensure_future(_pump(there, writer))],
        return_when=asyncio.ALL_COMPLETED,
    )


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def https(certificates: Certificates, trail: Trail) -> AsyncIterator[FaultServer]:
    async with FaultServer(tls=certificates.good) as server:
        server.on("POST", THING, then=acts(reply(201, {"id": 1})))
        yield server


@pytest.mark.parametrize("login", [False, True], ids=["no credentials", "credentials"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_case_42_a_407_names_the_proxy_and_is_not_retried(
    scheme: str,
    login: bool,
    server: FaultServer,
    https: FaultServer,
    clients: Clients,
    certificates: Certificates,
    trail: Trail,
) -> None:
    target = https if scheme == "https" else server
    async with Proxy(refuses(407)) as proxy:
        transport = proxy.transport(clients, login=login, ca_file=certificates.ca_file)
        session = clients.session(base_url=target.url, transport=transport)
        with pytest.raises(TransportError, match=rf"{proxy.name} .*407.*Nothing was sent") as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "connect")
        assert ("refused the user and password" in str(caught.value)) is login
        assert proxy.asked == ["CONNECT" if scheme == "https" else "POST"]
        trail.secrets.add(basic())
        assert proxy.credentials == [basic()] * login
        assert target.connections == 0


async def test_case_42_a_407_of_a_server_without_a_proxy_is_the_servers(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(407, ""))
    with pytest.raises(ApiError) as caught:
        await clients.session().execute(OPEN_READ.build())
    assert caught.value.status == 407


@pytest.mark.parametrize(
    "failing",
    [refuses(502), refuses(503), refuses(504), refuses(429), says(b""), says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")],
    ids=["502", "503", "504", "429", "hangs up", "garbage"],
)
async def test_case_42_a_proxy_that_opens_no_tunnel_has_sent_nothing(
    failing: Answer, https: FaultServer, clients: Clients, certificates: Certificates
) -> None:
    async with Proxy(failing, tunnels) as proxy:
        transport = proxy.transport(clients, login=True, ca_file=certificates.ca_file)
        session = clients.session(base_url=https.url, transport=transport)
        assert await session.execute(OPEN_CREATE.build({})) == {"id": 1}
        assert proxy.asked == ["CONNECT", "CONNECT"]
        assert len(https.writes) == 1


@pytest.mark.parametrize("status", [400, 403, 405])
async def test_case_42_a_tunnel_that_is_forbidden_is_asked_for_once(
    status: int, https: FaultServer, clients: Clients, certificates: Certificates
) -> None:
    async with Proxy(refuses(status)) as proxy:
        session = clients.session(base_url=https.url, transport=proxy.transport(clients))
        with pytest.raises(TransportError, match=rf"{proxy.name} opened no tunnel.*{status}") as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent) == (False, True)
        assert proxy.asked == ["CONNECT"]


async def test_case_42_a_proxy_that_keeps_failing_is_named(https: FaultServer, clients: Clients) -> None:
    async with Proxy(says(b"")) as proxy:
        session = clients.session(base_url=https.url, transport=proxy.transport(clients), retry=RetryPolicy(attempts=2))
        with pytest.raises(TransportError, match=f"{proxy.name} opened no tunnel to localhost:{https.port}") as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent) == (False, False)
        assert proxy.asked == ["CONNECT"] * 2


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_case_42_a_proxy_that_is_not_there_is_named(scheme: str, clients: Clients) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        seen = []
        session = clients.session(
            base_url=f"{scheme}://localhost:9",
            transport=clients.transport(proxy=f"http://127.0.0.1:{port}"),
            observer=seen.append,
        )
        with pytest.raises(TransportError, match=f"connecting to the proxy 127.0.0.1:{port} failed") as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent) == (False, False)
        assert len(seen) == 4


async def test_case_42_a_proxy_whose_name_is_unknown_is_named(clients: Clients) -> None:
    session = clients.session(
        base_url="https://localhost:9", transport=clients.transport(proxy="http://no-such-proxy.invalid:3128")
    )
    with pytest.raises(TransportError, match=r"host name of the proxy no-such-proxy\.invalid:3128 could not be"):
        await session.execute(OPEN_CREATE.build({}))


async def test_case_42_a_certificate_behind_a_proxy_is_the_servers(
    certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=certificates.expired) as server, Proxy(tunnels) as proxy:
        transport = proxy.transport(clients, login=True, ca_file=certificates.ca_file)
        session = clients.session(base_url=server.url, transport=transport)
        with pytest.raises(TransportError, match=f"the certificate of localhost:{server.port} has expired"):
            await session.execute(OPEN_CREATE.build({}))
        assert proxy.asked == ["CONNECT"]


@pytest.mark.parametrize("scheme", ["socks5://", "ftp://", "", "//"])
def test_case_42_what_is_no_http_proxy_is_refused_and_not_repeated(scheme: str, over: str) -> None:
    with pytest.raises(ConfigError, match="must be the URL of an HTTP proxy"):
        TRANSPORTS[over](proxy=scheme + f"bot:pass-{CANARY}@proxy.example:1080")


def test_case_42_no_password_of_a_proxy_in_what_else_is_wrong_with_the_transport(over: str) -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        TRANSPORTS[over](proxy=f"http://bot:pass-{CANARY}@proxy.example:3128", ca_file="absent.pem")
