"""Cases 17 to 19: a server that says "too fast", or that is down for a while."""

from __future__ import annotations

import asyncio
import email.utils
import itertools
import time

import pytest

from aiosymphony import OnBehalfOf, PodClient
from aiosymphony.errors import RateLimited, ServerError
from aiosymphony.limits import Limits
from aiosymphony.retry import RetryPolicy

from .clients import OPEN_CREATE, OPEN_READ, THING, Clients, attempt, operation
from .clock import LoopClock
from .server import FaultServer, acts, reply


def gaps(server: FaultServer, method: str = "GET") -> list[float]:
    return [later.at - earlier.at for earlier, later in itertools.pairwise(server.seen(method, THING))]


@pytest.mark.parametrize("status", [429, 400, 503])
@pytest.mark.parametrize(("value", "least", "most"), [("7", 7.0, 8.0), ("0.5", 0.5, 1.0), ("0", 0.0, 0.1)])
async def test_case_17_retry_after_in_seconds_is_waited_even_for_a_create(
    status: int, value: str, least: float, most: float, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", THING, reply(status, {}, {"Retry-After": value}), then=acts(reply(201, {"id": 1})))
    assert await clients.session().execute(OPEN_CREATE.build({})) == {"id": 1}
    assert server.counts["POST", THING] == 2
    assert len(server.writes) == 1
    (gap,) = gaps(server, "POST")
    assert least <= gap <= most


@pytest.mark.parametrize(
    ("ahead", "least", "most"), [(30.0, 25.0, 40.0), (-3600.0, 0.0, 0.1)], ids=["ahead", "in the past"]
)
async def test_case_17_retry_after_as_a_date_is_waited_for(
    ahead: float, least: float, most: float, server: FaultServer, clients: Clients
) -> None:
    date = email.utils.formatdate(time.time() + ahead, usegmt=True)
    server.on("GET", THING, reply(429, {}, {"Retry-After": date}), then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    (gap,) = gaps(server)
    assert least <= gap <= most


@pytest.mark.parametrize(
    "value",
    [None, "-5", "nan", "inf", "1_0", "soon", "", "1 minute", "Tue, 99 Foo 2024 99:99:99 GMT", "\x00"],
)
async def test_case_17_an_unusable_retry_after_is_ignored(
    value: str | None, server: FaultServer, clients: Clients
) -> None:
    headers = {} if value is None else {"Retry-After": value}
    server.on("GET", THING, reply(429, {}, headers), then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2
    (gap,) = gaps(server)
    assert gap <= 1.0  # the policy's own first wait


@pytest.mark.parametrize("value", ["1e9", "121", "99999999999999999999999"])
async def test_case_17_a_retry_after_past_the_cap_fails_at_once_and_stops_nobody_else(
    value: str, server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("GET", THING, reply(429, {"message": "later"}, {"Retry-After": value}), then=reply(200, {"id": 1}))
    session = clients.session()
    began = clock.monotonic()
    with pytest.raises(RateLimited, match="later") as caught:
        await session.execute(OPEN_READ.build())
    assert caught.value.retry_after == float(value)
    assert server.counts["GET", THING] == 1
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    assert clock.monotonic() - began < 1.0


@pytest.mark.parametrize("value", ["61", "119"])
async def test_case_17_a_retry_after_up_to_the_cap_is_honoured_with_the_default_policy(
    value: str, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, reply(429, {}, {"Retry-After": value}), then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    (gap,) = gaps(server)
    assert gap >= float(value)


async def test_case_17_a_429_that_never_ends_ends_after_four_sends(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(429, {"code": 429, "message": "slow down"}, {"Retry-After": "1"}))
    with pytest.raises(RateLimited) as caught:
        await clients.session().execute(OPEN_READ.build())
    assert (caught.value.retry_after, caught.value.server_message) == (1.0, "slow down")
    assert server.counts["GET", THING] == 4


async def test_case_18_a_storm_of_a_hundred_429s_is_one_decrease_and_one_pause(
    server: FaultServer, clients: Clients
) -> None:
    throttled = [reply(429, {}, {"Retry-After": "5"})] * 100
    server.on("GET", THING, *throttled, then=reply(200, {"id": 1}))
    session = clients.session(limits=Limits(concurrency=100, rate=None))
    answers = await asyncio.gather(*(session.execute(OPEN_READ.build()) for _ in range(100)))
    assert answers == [{"id": 1}] * 100
    assert session.limiter.concurrency == 70
    seen = server.seen("GET", THING)
    assert len(seen) == 200
    # The hundred that were under way, then silence for as long as the server asked, then the rest.
    assert seen[100].at - seen[99].at >= 5.0
    assert seen[99].at - seen[0].at < 1.0


async def test_case_18_a_newcomer_waits_out_the_pause_of_others(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, reply(429, {}, {"Retry-After": "5"}), then=reply(200, {"id": 1}))
    session = clients.session()
    first = asyncio.ensure_future(session.execute(OPEN_READ.build()))
    await asyncio.sleep(1.0)
    assert await session.execute(OPEN_READ.build()) == {"id": 1}
    await first
    assert server.counts["GET", THING] == 3
    assert gaps(server)[0] >= 5.0


async def test_case_18_a_client_and_its_copies_share_the_limits_and_their_pauses(server: FaultServer, pem: str) -> None:
    info = "/pod/v2/sessioninfo"
    held, go = asyncio.Semaphore(0), asyncio.Event()

    async def hold(exchange) -> None:
        held.release()
        await go.wait()
        await reply(200, {"id": 7})(exchange)

    server.on("GET", info, then=hold)
    async with PodClient(server.url, OnBehalfOf("app", pem), limits=Limits(concurrency=3, rate=None)) as app:
        users = [app.on_behalf_of(user_id=n) for n in range(3)]
        pods = [*users, *(user.with_options(timeout=99.0) for user in users)]
        calls = [asyncio.ensure_future(pod.session.info()) for pod in pods for _ in range(3)]
        for _ in range(3):
            await held.acquire()
        await asyncio.sleep(1.0)
        assert server.in_flight == 3
        go.set()
        await asyncio.gather(*calls)
        server.on("GET", info, reply(429, {}, {"Retry-After": "5"}), then=reply(200, {"id": 7}))
        throttled = asyncio.ensure_future(pods[0].session.info())
        await asyncio.sleep(1.0)
        await asyncio.gather(*(pod.session.info() for pod in pods[1:]), throttled)
    assert server.most_in_flight <= 3
    first, second = server.seen("GET", info)[-len(pods) - 1 :][:2]
    assert second.at - first.at >= 5.0


async def test_case_18_concurrency_comes_back_step_by_step(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, reply(429, {}, {"Retry-After": "0"}), then=reply(200, {"id": 1}))
    session = clients.session(limits=Limits(concurrency=10, rate=None))
    await session.execute(OPEN_READ.build())
    seen = [session.limiter.concurrency]
    for _ in range(6):
        await asyncio.sleep(1.0)
        await asyncio.gather(*(session.execute(OPEN_READ.build()) for _ in range(20)))
        seen.append(session.limiter.concurrency)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (7, 10)
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(seen))


async def test_case_18_a_family_that_is_throttled_slows_down_too(server: FaultServer, clients: Clients) -> None:
    search = operation("GET", auth=(), family="search")
    server.on("GET", THING, reply(429, {}, {"Retry-After": "1"}), then=reply(200, {"id": 1}))
    session = clients.session()
    await session.execute(search.build())
    assert session._router.families["search"].concurrency == 35
    assert session.limiter.concurrency == 140


async def test_case_19_a_read_against_a_server_that_is_down_is_sent_four_times(
    server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=reply(503, "upstream connect error"))
    with pytest.raises(ServerError, match="upstream connect error") as caught:
        await clients.session().execute(OPEN_READ.build())
    assert caught.value.status == 503
    assert server.counts["GET", THING] == 4


async def test_case_19_ten_minutes_of_503_from_a_hundred_callers(server: FaultServer, clients: Clients) -> None:
    """At most 1.1 times the normal request rate reaches the server, and the full rate is back within a minute."""
    down = False

    async def answer(exchange) -> None:
        await (failing if down else working)(exchange)

    working, failing = reply(200, {}), reply(503, "")
    server.on("GET", THING, then=answer)
    session = clients.session(limits=Limits(concurrency=100, rate=None))
    stop = False

    async def caller() -> None:
        while not stop:
            await attempt(session.execute(OPEN_READ.build()))
            await asyncio.sleep(10.0)

    async def rate(seconds: float) -> float:
        before = server.total
        await asyncio.sleep(seconds)
        return (server.total - before) / seconds

    callers = [asyncio.ensure_future(caller()) for _ in range(100)]
    normal = await rate(60.0)
    down = True
    during = await rate(600.0)
    down = False
    await asyncio.sleep(60.0)
    after = await rate(60.0)
    stop = True
    await asyncio.gather(*callers)
    assert during <= 1.1 * normal
    assert after >= 0.98 * normal
    # and a single failure is retried again: the budget has filled up
    server.on("GET", THING, reply(503, ""), then=reply(200, {}))
    await session.execute(OPEN_READ.build())


async def test_case_19_the_same_when_the_server_says_retry_after(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(503, "", {"Retry-After": "1"}))
    session = clients.session(limits=Limits(concurrency=100, rate=None))
    calls = 3000
    for _ in range(calls // 100):
        outcomes = await asyncio.gather(*(attempt(session.execute(OPEN_READ.build())) for _ in range(100)))
        assert all(isinstance(outcome, ServerError) for outcome in outcomes)
    assert server.counts["GET", THING] <= 1.1 * calls


async def test_case_19_without_retries_each_call_is_one_request(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(503, ""))
    session = clients.session()
    without = session.with_options(retry=RetryPolicy(attempts=1))
    for _ in range(3):
        with pytest.raises(ServerError):
            await without.execute(OPEN_READ.build())
    assert server.counts["GET", THING] == 3
    with pytest.raises(ServerError):
        await session.execute(OPEN_READ.build())
    assert server.counts["GET", THING] == 3 + 4
