"""Cases 10 to 16: bodies that are too slow, too large or none, and connections that are not what they seem."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc

import pytest

from aiosymphony import PodClient, StaticToken
from aiosymphony.errors import ApiError, DecodeError, OutcomeUnknown, TransportError
from aiosymphony.limits import Limits
from aiosymphony.retry import RetryPolicy
from aiosymphony.transport.deadlines import Deadlines

from .clients import CREATE, OPEN_CREATE, OPEN_READ, READ, THING, Clients, attempt, operation
from .server import (
    FaultServer,
    acts,
    dies_under_next,
    drip,
    endless,
    gzip_bomb,
    hang,
    raw,
    redirect,
    reply,
    response,
)

OPEN_REPLACE = operation("PUT", idempotent=True, auth=())
MEGABYTE = 2**20
INTRUDER = response(200, b'{"id": 666}')


@pytest.mark.parametrize("slow_from", ["head", "body"])
async def test_case_10_a_byte_every_fifth_of_a_second_meets_the_total_deadline(
    slow_from: str, server: FaultServer, clients: Clients
) -> None:
    answer = response(200, b" " * 500 + b"{}")
    if slow_from == "head":
        step = drip(answer)
    else:
        head, body = answer[:-502], answer[-502:]

        async def step(exchange) -> None:
            await exchange.write(head)
            await drip(body)(exchange)

    server.on("GET", THING, then=step)
    session = clients.session(timeout=30.0, retry=RetryPolicy(attempts=1))
    async with asyncio.timeout(40.0):
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_READ.build())
    assert (caught.value.kind, caught.value.sent) == ("timeout", True)
    assert server.counts["GET", THING] == 1


async def test_case_10_a_create_that_times_out_is_outcome_unknown(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(hang()))
    with pytest.raises(OutcomeUnknown) as caught:
        await clients.session().with_options(timeout=0.5).execute(OPEN_CREATE.build({}))
    assert isinstance(caught.value.__cause__, TransportError)
    assert caught.value.__cause__.kind == "timeout"
    assert len(server.writes) == server.counts["POST", THING] == 1


async def test_case_10_an_exchange_has_30_seconds_unless_said_otherwise(server: FaultServer) -> None:
    server.on("GET", "/pod/v2/sessioninfo", then=hang())
    loop = asyncio.get_running_loop()
    async with PodClient(server.url, StaticToken("t"), retry=RetryPolicy(attempts=1)) as pod:
        began = loop.time()
        with pytest.raises(TransportError) as caught:
            await pod.session.info()
        assert caught.value.kind == "timeout"
        assert 29.9 <= loop.time() - began < 30.1


async def test_case_11_a_gzip_bomb_is_refused_before_it_unpacks(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=gzip_bomb(100 * MEGABYTE))
    session = clients.session()
    tracemalloc.start()
    try:
        with pytest.raises(TransportError) as caught:
            await session.execute(OPEN_READ.build())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (caught.value.kind, caught.value.permanent) == ("too_large", True)
    assert peak < 48 * MEGABYTE
    assert server.counts["GET", THING] == 1


async def test_case_10_each_of_a_hundred_calls_meets_its_own_deadline(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=hang())
    session = clients.session(retry=RetryPolicy(attempts=1), limits=Limits(rate=None))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def late_by(whole: float) -> float:
        outcome = await attempt(session.with_options(timeout=whole).execute(OPEN_READ.build()))
        assert isinstance(outcome, TransportError)
        assert outcome.kind == "timeout"
        return loop.time() - began - whole

    late = await asyncio.gather(*(late_by(1.0 + (37 * n) % 100) for n in range(100)))
    assert all(0.0 <= seconds < 0.1 for seconds in late)
    assert server.counts["GET", THING] == 100


async def test_case_10_a_deadline_leaves_its_task_as_it_found_it() -> None:
    """Also when the work fails otherwise at the last moment, or is cancelled by somebody else at the same time."""
    deadlines = Deadlines()

    async def fails_otherwise() -> int:
        task = asyncio.current_task()
        assert task is not None
        deadline = deadlines.enter(1.0)
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            pass  # as a library that turns a cancellation into an error of its own
        finally:
            deadline.leave()
        return task.cancelling()

    async def is_cancelled() -> None:
        deadline = deadlines.enter(1.0)
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            if not deadline.caused():
                raise
        finally:
            deadline.leave()

    assert await asyncio.ensure_future(fails_otherwise()) == 0
    task = asyncio.ensure_future(is_cancelled())
    asyncio.get_running_loop().call_later(1.0, task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()
    assert await asyncio.ensure_future(is_cancelled()) is None


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
async def test_case_11_the_cap_counts_what_is_unpacked(headers, server: FaultServer, clients: Clients) -> None:
    fits, exceeds = b'"' + b"a" * 998 + b'"', b'"' + b"a" * 999 + b'"'
    pack = gzip.compress if headers else bytes
    server.on("GET", THING, reply(200, pack(fits), headers), then=reply(200, pack(exceeds), headers))
    session = clients.session(max_bytes=1000)
    assert len(await session.execute(OPEN_READ.build())) == 998
    with pytest.raises(TransportError, match="larger than 1000 bytes"):
        await session.execute(OPEN_READ.build())
    assert len(await session.with_options(max_bytes=1001).execute(OPEN_READ.build())) == 999
    assert server.counts["GET", THING] == 3


async def test_case_11_the_cap_is_16_mib_unless_said_otherwise(server: FaultServer, clients: Clients) -> None:
    fits, exceeds = b'"%s"' % (b"a" * (16 * MEGABYTE - 2)), b'"%s"' % (b"a" * (16 * MEGABYTE - 1))
    server.on("GET", THING, reply(200, fits), then=reply(200, exceeds))
    session = clients.session()
    assert len(await session.execute(OPEN_READ.build())) == 16 * MEGABYTE - 2
    with pytest.raises(TransportError) as caught:
        await session.execute(OPEN_READ.build())
    assert caught.value.kind == "too_large"


async def test_case_11_an_endless_body_is_cut_off(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=endless())
    with pytest.raises(TransportError) as caught:
        await clients.session().execute(OPEN_READ.build())
    assert caught.value.kind == "too_large"
    assert server.counts["GET", THING] == 1


async def test_case_11_a_create_answered_without_end_is_outcome_unknown(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(endless()))
    with pytest.raises(OutcomeUnknown):
        await clients.session().execute(OPEN_CREATE.build({}))
    assert len(server.writes) == server.counts["POST", THING] == 1


HTML = "<html><body><h1>Please sign in to the gateway</h1></body></html>"


async def test_case_12_a_200_with_an_html_page_is_a_decode_error(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(200, HTML, content_type="text/html"))
    with pytest.raises(DecodeError, match="not JSON"):
        await clients.session().execute(OPEN_READ.build())
    assert server.counts["GET", THING] == 4


async def test_case_12_an_html_page_after_a_create_is_outcome_unknown(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(reply(200, HTML, content_type="text/html")))
    with pytest.raises(OutcomeUnknown):
        await clients.session().execute(OPEN_CREATE.build({}))
    assert len(server.writes) == server.counts["POST", THING] == 1


NO_CONTENT = response(204, length=False)


async def test_case_13_a_204_without_body_means_none(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, raw(NO_CONTENT, close=False), then=reply(200, {"id": 1}))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) is None
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2
    assert server.connections == 1


async def test_case_13_the_body_behind_a_204_is_nobody_elses_answer(server: FaultServer, clients: Clients) -> None:
    async def body_behind(exchange) -> None:
        await exchange.write(NO_CONTENT)
        await asyncio.sleep(0.01)
        await exchange.write(INTRUDER)

    server.on("GET", THING, body_behind, then=reply(200, {"id": 1}))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) is None
    await asyncio.sleep(1.0)
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("body", [b"{}", b'{"id": 9}', b"<html>"])
async def test_case_13_a_204_with_a_body_in_one_piece_is_never_read_wrongly(
    body: bytes, server: FaultServer, clients: Clients
) -> None:
    # aiohttp's parser takes the body for the start of a next answer and drops both: asked again, or unknown.
    server.on("GET", THING, raw(response(204, body), close=False), then=reply(200, {"id": 1}))
    server.on("POST", THING, acts(raw(response(204, body), close=False)), then=acts(reply(200, {"id": 2})))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    with pytest.raises(OutcomeUnknown):
        await session.execute(OPEN_CREATE.build({}))
    assert await session.execute(OPEN_CREATE.build({})) == {"id": 2}
    assert len(server.writes) == server.counts["POST", THING] == 2


async def test_case_13_an_empty_200_where_an_object_was_promised_is_a_decode_error(
    server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=reply(200))
    with pytest.raises(DecodeError, match="empty"):
        await clients.session().execute(OPEN_READ.build())
    assert server.counts["GET", THING] == 4


async def test_case_14_bytes_that_came_while_idle_are_never_an_answer(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(200, {"id": 1}))
    session = clients.session()
    await session.execute(OPEN_READ.build())
    await server.push(INTRUDER)
    await asyncio.sleep(0.01)  # until the client has received them
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2
    assert server.connections == 2


async def test_case_14_a_second_answer_right_behind_the_first_is_never_an_answer(
    server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, raw(response(200, b'{"id": 1}') + INTRUDER, close=False), then=reply(200, {"id": 2}))
    session = clients.session()
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert await session.execute(OPEN_READ.build()) == {"id": 2}
    assert server.counts["GET", THING] == 2


async def test_case_15_keep_alive_race_leaves_a_create_unknown(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=dies_under_next(200, {}))
    server.on("POST", THING, then=acts(reply(201, {})))
    session = clients.session()
    await session.execute(OPEN_READ.build())
    with pytest.raises(OutcomeUnknown):
        await session.execute(OPEN_CREATE.build({}))
    assert server.counts["POST", THING] == 0
    assert server.connections == 1


async def test_case_15_keep_alive_race_repeats_what_is_idempotent(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=dies_under_next(200, {}))
    server.on("PUT", THING, then=acts(reply(200, {"id": 1})))
    session = clients.session()
    await session.execute(OPEN_READ.build())
    assert await session.execute(OPEN_REPLACE.build({})) == {"id": 1}
    assert len(server.writes) == 1
    assert server.connections == 2


async def test_case_15_a_connection_seen_to_be_closed_is_not_used(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()
    for _ in range(3):
        assert await session.execute(OPEN_CREATE.build({})) == {"id": 1}
        server.hang_up()
        await asyncio.sleep(0.01)  # until the client has noticed
    assert len(server.writes) == server.counts["POST", THING] == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_case_16_a_redirect_to_another_host_is_an_error_and_the_other_host_sees_nothing(
    method: str, status: int, server: FaultServer, other: FaultServer, clients: Clients
) -> None:
    server.on(method, THING, then=redirect(other.url + "/harvest", status))
    call = READ.build() if method == "GET" else CREATE.build({"name": "x"})
    with pytest.raises(ApiError, match="redirects are never followed") as caught:
        await clients.session().execute(call)
    assert caught.value.status == status
    assert not caught.value.may_have_acted
    assert server.counts[method, THING] == 1
    assert other.connections == other.total == 0


@pytest.mark.parametrize(
    "location",
    ["/pod/v1/other", THING, "https://127.0.0.1:1/x", "file:///etc/passwd", "//evil.example", "", "http://[bad"],
    ids=["same host", "loop", "other scheme", "file", "other authority", "empty", "garbage"],
)
async def test_case_16_no_redirect_is_followed_anywhere(location: str, server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=redirect(location))
    with pytest.raises(ApiError) as caught:
        await clients.session().execute(OPEN_READ.build())
    assert caught.value.status == 302
    assert server.total == 1


@pytest.mark.parametrize("status", [302, 307])
async def test_case_16_a_login_that_is_redirected_carries_no_secret_away(
    status: int, server: FaultServer, other: FaultServer, clients: Clients
) -> None:
    server.on("POST", "/oauth/token", then=redirect(other.url + "/harvest", status))
    with pytest.raises(ApiError) as caught:
        await clients.session().execute(READ.build())
    assert caught.value.status == status
    assert server.counts["POST", "/oauth/token"] == 1
    assert server.counts["GET", THING] == 0
    assert other.connections == other.total == 0
