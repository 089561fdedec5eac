"""Cases 1 to 3: no connection can be made."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import pytest

from aiosymphony.errors import ConfigError, TransportError
from aiosymphony.limits import Limits
from aiosymphony.retry import RetryPolicy

from .certificates import Certificates
from .clients import OPEN_CREATE, OPEN_READ, THING, Clients, attempt
from .server import FaultServer, refuse_handshake, reply, response, wait_for


async def test_case_01_connection_refused_is_not_sent_and_retried_even_for_a_create(clients: Clients) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        seen = []
        session = clients.session(base_url=url, observer=seen.append)
        with pytest.raises(TransportError, match="Nothing was sent") as caught:
            await session.execute(OPEN_CREATE.build({"name": "x"}))
    error = caught.value
    assert (error.sent, error.permanent, error.kind, error.may_have_acted) == (False, False, "connect", False)
    assert [attempt.number for attempt in seen] == [1, 2, 3, 4]


async def test_case_01_dns_failure_is_not_sent(clients: Clients) -> None:
    session = clients.session(base_url="https://no-such-host.invalid", retry=RetryPolicy(attempts=2))
    with pytest.raises(TransportError) as caught:
        await session.execute(OPEN_CREATE.build({"name": "x"}))
    assert (caught.value.sent, caught.value.kind) == (False, "connect")


async def test_case_01_a_server_that_comes_back_gets_the_create_once(server: FaultServer, clients: Clients) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    hosts = iter([f"http://127.0.0.1:{port}"])
    session = clients.session()
    send = session._router.transport.send

    async def first_elsewhere(method, url, *args, **kwargs):
        return await send(method, next(hosts, server.url) + THING, *args, **kwargs)

    session._router.transport.send = first_elsewhere
    server.on("POST", THING, then=reply(201, {"id": 7}))
    assert await session.execute(OPEN_CREATE.build({"name": "x"})) == {"id": 7}
    assert server.counts["POST", THING] == 1


@pytest.mark.parametrize(("whole", "connecting"), [(30.0, 10.0), (5.0, 10.0), (10.0, 10.0)])
async def test_case_01_a_host_that_does_not_answer_is_not_sent(
    whole: float, connecting: float, clients: Clients
) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):  # with its queue full, the system lets further connections wait
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        session = clients.session(
            base_url=f"http://127.0.0.1:{full.getsockname()[1]}",
            transport=clients.transport(connect_timeout=connecting),
            timeout=whole,
            retry=RetryPolicy(attempts=2),
        )
        seen = []
        session._observer = seen.append
        with pytest.raises(TransportError, match="Nothing was sent") as caught:
            await session.execute(OPEN_CREATE.build({"name": "x"}))
        assert (caught.value.sent, caught.value.kind) == (False, "connect")
        assert len(seen) == 2


@pytest.mark.parametrize("flaw", ["wrong_host", "expired", "unknown_ca"])
async def test_case_02_a_server_certificate_that_does_not_fit_is_permanent(
    flaw: str, certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=getattr(certificates, flaw)) as server:
        seen = []
        session = clients.session(
            base_url=server.url, transport=clients.transport(ca_file=certificates.ca_file), observer=seen.append
        )
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_CREATE.build({"name": "x"}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert len(seen) == 1
        assert server.total == 0


async def test_case_02_a_server_older_than_tls_1_2_gets_nothing(certificates: Certificates, clients: Clients) -> None:
    async with FaultServer() as server:
        server.on_connect = partial(refuse_handshake, certificates.old_tls)
        session = clients.session(
            base_url=f"https://localhost:{server.port}", transport=clients.transport(ca_file=certificates.ca_file)
        )
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_CREATE.build({"name": "x"}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert server.connections == 1
        assert server.total == 0


async def test_case_02_own_authority_is_trusted_when_given_and_only_then(
    certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=certificates.good) as server:
        server.on("GET", THING, then=reply(200, {"id": 1}))
        trusting = clients.session(base_url=server.url, transport=clients.transport(ca_file=certificates.ca_file))
        assert await trusting.execute(OPEN_READ.build()) == {"id": 1}
        with pytest.raises(TransportError) as caught:
            await clients.session(base_url=server.url).execute(OPEN_READ.build())
        assert caught.value.kind == "tls"
        assert server.total == 1


@pytest.mark.parametrize("own", [None, "foreign_client_file"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_case_02_missing_or_foreign_client_certificate_is_permanent(
    version: str, own: str | None, certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer() as server:
        # With TLS 1.3 the client learns of it only after it has sent its request.
        context = certificates.asks_client if version == "1.3" else certificates.asks_client_tls12
        server.on_connect = partial(refuse_handshake, context)
        transport = clients.transport(
            ca_file=certificates.ca_file, client_cert=None if own is None else getattr(certificates, own)
        )
        seen = []
        session = clients.session(
            base_url=f"https://localhost:{server.port}", transport=transport, observer=seen.append
        )
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_CREATE.build({"name": "x"}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert len(seen) == 1
        assert server.total == 0


async def test_case_02_the_right_client_certificate_is_presented(certificates: Certificates, clients: Clients) -> None:
    async with FaultServer(tls=certificates.asks_client) as server:
        server.on("GET", THING, then=reply(200, {"id": 1}))
        transport = clients.transport(ca_file=certificates.ca_file, client_cert=certificates.client_file)
        session = clients.session(base_url=server.url, transport=transport)
        assert await session.execute(OPEN_READ.build()) == {"id": 1}


@pytest.mark.parametrize("option", ["ca_file", "client_cert"])
async def test_case_02_a_certificate_file_that_is_missing_is_named(option: str, tmp_path, clients: Clients) -> None:
    path = tmp_path / "absent.pem"
    with pytest.raises(ConfigError, match=rf"{option}.*absent\.pem"):
        clients.transport(**{option: path})


async def test_case_03_a_pool_smaller_than_the_concurrency_is_not_sent(server: FaultServer, clients: Clients) -> None:
    release = asyncio.Event()
    server.on("POST", THING, then=wait_for(release, reply(201, {"id": 1})))
    session = clients.session(
        transport=clients.transport(limit=2, connect_timeout=1.0), retry=RetryPolicy(attempts=1), timeout=600.0
    )
    calls = [asyncio.ensure_future(attempt(session.execute(OPEN_CREATE.build({"n": n})))) for n in range(5)]
    await asyncio.sleep(30.0)
    assert session.limiter.in_flight == 2
    release.set()
    outcomes = await asyncio.gather(*calls)
    failed = [outcome for outcome in outcomes if isinstance(outcome, TransportError)]
    assert len(failed) == 3
    assert {(error.sent, error.permanent, error.kind) for error in failed} == {(False, False, "connect")}
    assert server.counts["POST", THING] == 2


async def test_case_03_waiting_in_the_limiter_does_not_use_up_the_timeout(
    server: FaultServer, clients: Clients
) -> None:
    async def slow(exchange) -> None:
        await asyncio.sleep(8.0)
        await exchange.write(response(200, b"{}"))

    server.on("GET", THING, then=slow)
    session = clients.session(limits=Limits(concurrency=1, rate=None), timeout=10.0)
    answers = await asyncio.gather(*(session.execute(OPEN_READ.build()) for _ in range(5)))
    assert answers == [{}] * 5
    assert server.most_in_flight == 1
    assert server.counts["GET", THING] == 5
