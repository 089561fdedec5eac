"""The cases of the wire over the httpx transport: the same promises, kept by other means."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial

import httpx
import pytest

from aiosymphony.errors import ApiError, DecodeError, OutcomeUnknown, TransportError
from aiosymphony.retry import RetryPolicy
from aiosymphony.session import Session
from aiosymphony.transport.httpx import HttpxTransport

from .certificates import Certificates
from .clients import CREATE, OPEN_CREATE, OPEN_READ, READ, THING, Clients
from .server import (
    FaultServer,
    acts,
    close,
    drip,
    endless,
    gzip_bomb,
    raw,
    redirect,
    refuse_handshake,
    reply,
    reset,
    response,
)
from .test_04_to_09_broken_answers import BROKEN_OFF, HEADER_BOMBS, NOT_HTTP


@pytest.fixture
def over() -> str:
    return "httpx"


@pytest.fixture
async def session(clients: Clients) -> Session:
    return clients.session()


@pytest.mark.parametrize("lost", [close, reset])
async def test_case_04_read_closed_before_reply_is_sent_exactly_twice(
    lost, server: FaultServer, session: Session
) -> None:
    server.on("GET", THING, lost(), then=reply(200, {"id": 1}))
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("broken", [*BROKEN_OFF, "closed", "reset"])
async def test_case_05_06_lost_answer_to_a_create_is_outcome_unknown(
    broken: str, server: FaultServer, session: Session
) -> None:
    steps = {"closed": close(), "reset": reset(), **BROKEN_OFF}
    server.on("POST", THING, then=acts(steps[broken]))
    with pytest.raises(OutcomeUnknown):
        await session.execute(OPEN_CREATE.build({}))
    assert len(server.writes) == server.counts["POST", THING] == 1


# httpx reads these three as something; what it makes of them is still never an answer to rely on.
LENIENT = {"chunk without its end", "both framings", "nul in a header"}


@pytest.mark.parametrize("flaw", sorted(set(NOT_HTTP) - LENIENT))
async def test_case_08_what_is_not_http_is_a_transport_error(flaw: str, server: FaultServer, session: Session) -> None:
    server.on("POST", THING, then=acts(NOT_HTTP[flaw]))
    with pytest.raises(OutcomeUnknown) as caught:
        await session.execute(OPEN_CREATE.build({}))
    assert isinstance(caught.value.__cause__, TransportError)
    assert len(server.writes) == server.counts["POST", THING] == 1


@pytest.mark.parametrize("bomb", HEADER_BOMBS)
async def test_case_09_a_header_bomb_is_a_transport_error(bomb: str, server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=raw(HEADER_BOMBS[bomb]))
    session = clients.session(retry=RetryPolicy(attempts=1))
    with pytest.raises(TransportError):
        await session.execute(OPEN_READ.build())
    assert server.counts["GET", THING] == 1


async def test_case_10_a_byte_every_fifth_of_a_second_meets_the_total_deadline(
    server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=drip(response(200, b" " * 500 + b"{}")))
    session = clients.session(timeout=30.0, retry=RetryPolicy(attempts=1))
    async with asyncio.timeout(40.0):
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_READ.build())
    assert caught.value.kind == "timeout"
    assert server.counts["GET", THING] == 1


@pytest.mark.parametrize("step", [gzip_bomb(100 * 2**20), endless()], ids=["gzip", "endless"])
async def test_case_11_a_body_past_the_cap_is_cut_off(step, server: FaultServer, session: Session) -> None:
    server.on("GET", THING, then=step)
    with pytest.raises(TransportError) as caught:
        await session.execute(OPEN_READ.build())
    assert (caught.value.kind, caught.value.permanent) == ("too_large", True)
    assert server.counts["GET", THING] == 1


async def test_case_12_a_200_with_an_html_page_is_a_decode_error(server: FaultServer, session: Session) -> None:
    server.on("GET", THING, then=reply(200, "<html>", content_type="text/html"))
    with pytest.raises(DecodeError):
        await session.execute(OPEN_READ.build())
    assert server.counts["GET", THING] == 4


@pytest.mark.parametrize("status", [302, 307])
async def test_case_16_a_redirect_is_an_error_and_the_other_host_sees_nothing(
    status: int, server: FaultServer, other: FaultServer, clients: Clients
) -> None:
    """Even when the caller's own client was told to follow them."""
    server.on("POST", THING, then=redirect(other.url + "/harvest", status))
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
        session = clients.session(transport=HttpxTransport(client))
        with pytest.raises(ApiError) as caught:
            await session.execute(CREATE.build({}))
        await session.close()
    assert caught.value.status == status
    assert server.counts["POST", THING] == 1
    assert other.connections == 0


async def test_case_02_a_certificate_that_does_not_fit_is_permanent(
    certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=certificates.unknown_ca) as server:
        session = clients.session(base_url=server.url)
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert server.total == 0


async def test_case_20_a_401_under_200_concurrent_calls_is_one_login(server: FaultServer, clients: Clients) -> None:
    server.check_tokens = True
    server.on("GET", THING, then=reply(200, {"id": 1}))
    session = clients.session()
    await session.execute(READ.build())
    server.expire()
    assert await asyncio.gather(*(session.execute(READ.build()) for _ in range(200))) == [{"id": 1}] * 200
    assert server.logins["/oauth/token"] == 2


@pytest.mark.parametrize("turns", range(0, 40, 4))
async def test_case_44_cancelled_at_any_await_leaves_nothing(turns: int, server: FaultServer, session: Session) -> None:
    server.on("GET", THING, then=reply(200, {"id": 1}))
    call = asyncio.ensure_future(session.execute(READ.build()))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins["/oauth/token"] == 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_case_02_a_missing_client_certificate_is_permanent(
    version: str, certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer() as server:
        # With TLS 1.3 the client learns of it only after it has sent its request.
        context = certificates.asks_client if version == "1.3" else certificates.asks_client_tls12
        server.on_connect = partial(refuse_handshake, context)
        trust = ssl.create_default_context(cafile=str(certificates.ca_file))
        async with httpx.AsyncClient(trust_env=False, verify=trust) as client:
            session = clients.session(
                base_url=f"https://localhost:{server.port}",
                transport=HttpxTransport(client),
                observer=(seen := []).append,
            )
            with pytest.raises(TransportError) as caught:
                await session.execute(OPEN_CREATE.build({"name": "x"}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert len(seen) == 1
        assert server.total == 0
