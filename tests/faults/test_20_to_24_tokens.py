"""Cases 20 to 24: tokens that expire, logins that fail, callers that go away, clocks that jump."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from aiosymphony import OnBehalfOf, PodClient
from aiosymphony.auth.store import FileTokenStore
from aiosymphony.errors import ApiError, AuthError, ServerError, SymphonyError, TransportError
from aiosymphony.limits import Limits
from aiosymphony.retry import RetryPolicy

from .clients import CREATE, READ, THING, Clients, attempt
from .clock import LoopClock
from .server import FaultServer, close, hang, reply, signal, token, wait_for

LOGIN = "/oauth/token"
HOUR = 3600.0
AT_ONCE = Limits(rate=None)
"""All at the same moment, and not one after the other as the rate lets them through."""


@pytest.fixture
def server(server: FaultServer) -> FaultServer:
    server.check_tokens = True
    server.on("GET", THING, then=reply(200, {"id": 1}))
    server.on("POST", THING, then=reply(201, {"id": 2}))
    return server


async def test_case_20_a_first_call_by_200_callers_is_one_login(server: FaultServer, clients: Clients) -> None:
    session = clients.session()
    answers = await asyncio.gather(*(session.execute(READ.build()) for _ in range(200)))
    assert answers == [{"id": 1}] * 200
    assert server.logins[LOGIN] == 1
    assert server.counts["GET", THING] == 200


async def test_case_20_a_401_under_200_concurrent_calls_is_one_login_and_no_failed_call(
    server: FaultServer, clients: Clients
) -> None:
    session = clients.session(limits=AT_ONCE)
    await session.execute(READ.build())
    server.expire()
    answers = await asyncio.gather(*(session.execute(CREATE.build({"n": n})) for n in range(200)))
    assert answers == [{"id": 2}] * 200
    assert server.logins[LOGIN] == 2
    assert server.counts["POST", THING] == 400
    assert {seen.token for seen in server.seen("POST", THING)} == {server.token(1), server.token(2)}


async def test_case_20_late_401s_for_the_old_token_do_not_discard_the_new_one(
    server: FaultServer, clients: Clients
) -> None:
    """Answers straggle in over ten seconds, most of them after the new token is there."""
    session = clients.session(limits=AT_ONCE)
    await session.execute(READ.build())
    order = random.Random(20)

    async def slowly(exchange) -> None:
        await asyncio.sleep(order.uniform(0.0, 10.0))
        valid = server._is_valid(exchange.request.token)
        await reply(201 if valid else 401, {"id": 2})(exchange)

    server.check_tokens = False
    server.expire()
    server.on("POST", THING, then=slowly)
    answers = await asyncio.gather(*(session.execute(CREATE.build({"n": n})) for n in range(200)))
    assert answers == [{"id": 2}] * 200
    assert server.logins[LOGIN] == 2
    assert server.counts["POST", THING] == 400


async def test_case_20_tokens_that_hold_for_five_requests_fail_no_call(server: FaultServer, clients: Clients) -> None:
    """Many generations of tokens at once; each call may be refused for an old one, and resends with the newest."""
    session = clients.session()
    left = 0

    async def tired(exchange) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            server.expire()
            left = 5
        await reply(200, {"id": 1})(exchange)

    server.on("GET", THING, then=tired)
    for _ in range(40):
        assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins[LOGIN] == 9
    assert server.counts["GET", THING] == 40 + 8


async def test_case_21_a_401_for_ever_is_auth_error_after_two_sends_and_two_logins(
    server: FaultServer, clients: Clients
) -> None:
    server.check_tokens = False
    server.on("POST", THING, then=reply(401, {"code": 401, "message": "no"}))
    session = clients.session()
    with pytest.raises(AuthError, match="refused") as caught:
        await session.execute(CREATE.build({}))
    assert caught.value.status == 401
    assert not caught.value.may_have_acted
    assert caught.value.operation == CREATE.id
    assert server.counts["POST", THING] == 2
    assert server.logins[LOGIN] == 2


async def test_case_21_a_401_for_ever_under_100_calls_ends_for_all_with_few_logins(
    server: FaultServer, clients: Clients
) -> None:
    server.check_tokens = False
    server.on("GET", THING, then=reply(401, {}))
    session = clients.session(limits=AT_ONCE)
    outcomes = await asyncio.gather(*(attempt(session.execute(READ.build())) for _ in range(100)))
    assert all(isinstance(outcome, AuthError) for outcome in outcomes)
    assert server.counts["GET", THING] <= 300
    assert server.logins[LOGIN] <= 3


async def stale(server: FaultServer, clients: Clients, clock: LoopClock):
    """A session whose token of one hour has four minutes left."""
    server.on("POST", LOGIN, token(expires_in=HOUR), then=token(expires_in=HOUR))
    session = clients.session()
    await session.execute(READ.build())
    await clock.sleep(HOUR - 240.0)
    return session


async def test_case_22_login_500_while_stale_disturbs_nobody_and_is_quiet_for_30_seconds(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    session = await stale(server, clients, clock)
    server.on("POST", LOGIN, then=reply(500, {"message": "login is down"}))
    for _ in range(20):
        assert await session.execute(READ.build()) == {"id": 1}
        await clock.sleep(1.0)
    failed = server.logins[LOGIN] - 1
    assert 1 <= failed <= 4  # one refresh with its retries
    await clock.sleep(31.0)
    server.on("POST", LOGIN, then=token(expires_in=HOUR))
    await session.execute(READ.build())
    await clock.sleep(1.0)
    await session.execute(READ.build())
    assert server.logins[LOGIN] == 1 + failed + 1
    assert server.requests[-1].token == server.token(2)


async def test_case_22_login_500_while_expired_sends_nothing_and_is_no_unknown_outcome(
    server: FaultServer, clients: Clients
) -> None:
    server.on("POST", LOGIN, then=reply(500, {"message": "login is down"}))
    session = clients.session()
    with pytest.raises(SymphonyError, match="login is down") as caught:
        await session.execute(CREATE.build({}))
    assert isinstance(caught.value, ServerError | AuthError)
    assert not caught.value.may_have_acted
    assert server.counts["POST", THING] == 0
    assert server.logins[LOGIN] <= 4  # retries do not multiply
    server.on("POST", LOGIN, then=token())
    assert await session.execute(CREATE.build({})) == {"id": 2}


async def test_case_22_login_500_while_expired_is_shared_by_100_callers(server: FaultServer, clients: Clients) -> None:
    server.on("POST", LOGIN, then=reply(500, {}))
    session = clients.session()
    outcomes = await asyncio.gather(*(attempt(session.execute(READ.build())) for _ in range(100)))
    assert all(isinstance(outcome, SymphonyError) for outcome in outcomes)
    assert server.logins[LOGIN] <= 4
    assert server.counts["GET", THING] == 0


async def test_case_22_login_that_recovers_is_enough(server: FaultServer, clients: Clients) -> None:
    server.on("POST", LOGIN, reply(500, {}), close(), reply(503, {}), then=token())
    session = clients.session()
    answers = await asyncio.gather(*(session.execute(CREATE.build({})) for _ in range(50)))
    assert answers == [{"id": 2}] * 50
    assert server.logins[LOGIN] == 4
    assert server.counts["POST", THING] == 50


async def test_case_22_login_refused_is_remembered_for_a_minute(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("POST", LOGIN, then=reply(401, {"message": "wrong key"}))
    session = clients.session()
    for _ in range(50):
        with pytest.raises(AuthError, match="wrong key") as caught:
            await session.execute(READ.build())
        assert caught.value.status == 401
    await asyncio.gather(*(attempt(session.execute(READ.build())) for _ in range(50)))
    assert server.logins[LOGIN] == 1
    await clock.sleep(61.0)
    server.on("POST", LOGIN, then=token())
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins[LOGIN] == 2


async def test_case_22_login_never_answered_ends_in_a_timeout_of_the_login(
    server: FaultServer, clients: Clients
) -> None:
    server.on("POST", LOGIN, then=hang())
    session = clients.session(timeout=5.0, retry=RetryPolicy(attempts=2))
    outcomes = await asyncio.gather(*(attempt(session.execute(CREATE.build({}))) for _ in range(10)))
    assert all(isinstance(outcome, TransportError) for outcome in outcomes)
    assert not any(outcome.may_have_acted for outcome in outcomes)
    assert server.logins[LOGIN] <= 2
    assert server.counts["POST", THING] == 0


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, {}),
        reply(200, {"access_token": ""}),
        reply(200, {"access_token": 7}),
        reply(200, "<html>"),
        reply(200, []),
    ],
    ids=["empty object", "empty token", "number", "html", "array"],
)
async def test_case_22_login_answered_without_a_token_is_no_unknown_outcome(
    answer, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", LOGIN, then=answer)
    with pytest.raises(SymphonyError) as caught:
        await clients.session().execute(CREATE.build({}))
    assert not caught.value.may_have_acted
    assert server.logins[LOGIN] <= 4
    assert server.counts["POST", THING] == 0


async def test_case_23_a_caller_cancelled_during_the_login_takes_nobody_along(
    server: FaultServer, clients: Clients
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", LOGIN, then=signal(arrived, wait_for(go, token())))
    session = clients.session()
    calls = [asyncio.ensure_future(session.execute(READ.build())) for _ in range(10)]
    await arrived.wait()
    for call in calls[:5]:
        call.cancel()
    outcomes = await asyncio.gather(*calls[:5], return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    go.set()
    assert await asyncio.gather(*calls[5:]) == [{"id": 1}] * 5
    assert server.logins[LOGIN] == 1
    assert server.counts["GET", THING] == 5


async def test_case_23_the_login_that_all_callers_left_serves_the_next(server: FaultServer, clients: Clients) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", LOGIN, then=signal(arrived, wait_for(go, token())))
    session = clients.session()
    calls = [asyncio.ensure_future(session.execute(READ.build())) for _ in range(10)]
    await arrived.wait()
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert session.limiter.in_flight == 0
    go.set()
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins[LOGIN] == 1


async def test_case_23_a_failed_login_that_nobody_awaits_any_more_is_no_unseen_exception(
    server: FaultServer, clients: Clients
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", LOGIN, then=signal(arrived, wait_for(go, reply(401, {}))))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(READ.build()))
    await arrived.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    go.set()
    await asyncio.sleep(1.0)
    assert server.logins[LOGIN] == 1
    assert server.counts["GET", THING] == 0


async def test_case_23_a_timeout_around_a_call_during_the_login(server: FaultServer, clients: Clients) -> None:
    go = asyncio.Event()
    server.on("POST", LOGIN, then=wait_for(go, token()))
    session = clients.session()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await session.execute(READ.build())
    go.set()
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins[LOGIN] == 1


async def test_case_23_closing_during_a_login_ends_every_caller_and_the_login(
    server: FaultServer, clients: Clients
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", LOGIN, then=signal(arrived, wait_for(go, token())))
    session = clients.session()
    calls = [asyncio.ensure_future(session.execute(READ.build())) for _ in range(5)]
    await arrived.wait()
    closing = asyncio.ensure_future(session.close())
    await asyncio.sleep(1.0)
    assert not closing.done()  # it waits for what is under way
    go.set()
    assert await asyncio.gather(*calls) == [{"id": 1}] * 5
    await closing


@pytest.mark.parametrize(("step", "logins"), [(HOUR, 2), (-HOUR, 1), (10 * HOUR, 2), (-10 * HOUR, 1)])
async def test_case_24_a_clock_that_is_set_costs_at_most_one_login(
    step: float, logins: int, server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("POST", LOGIN, then=token(expires_in=HOUR))
    session = clients.session()
    await session.execute(READ.build())
    clock.step(step)
    for _ in range(10):
        assert await session.execute(READ.build()) == {"id": 1}
        await clock.sleep(1.0)
    assert server.logins[LOGIN] == logins


async def test_case_24_a_token_that_expired_while_the_machine_was_suspended_is_not_sent(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("POST", LOGIN, then=token(expires_in=HOUR))
    session = clients.session()
    await session.execute(READ.build())
    clock.step(2 * HOUR)  # the monotonic clock of Linux stands still meanwhile
    server.expire()
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2
    assert server.logins[LOGIN] == 2


async def test_case_24_a_clock_set_back_does_not_keep_an_expired_token(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("POST", LOGIN, then=token(expires_in=HOUR))
    session = clients.session()
    await session.execute(READ.build())
    clock.step(-HOUR)
    await clock.sleep(HOUR + 1.0)
    server.expire()
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.counts["GET", THING] == 2
    assert server.logins[LOGIN] == 2


async def test_case_24_a_wrong_clock_from_the_start_does_not_matter(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    clock.step(-1_600_000_000.0)
    server.on("POST", LOGIN, then=token(expires_in=HOUR))
    session = clients.session()
    for _ in range(10):
        await session.execute(READ.build())
        await clock.sleep(60.0)
    assert server.logins[LOGIN] == 1


async def test_case_24_an_api_error_is_no_reason_to_log_in(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(403, {"message": "no entitlement"}))
    session = clients.session()
    for _ in range(3):
        with pytest.raises(ApiError, match="no entitlement"):
            await session.execute(READ.build())
    assert server.logins[LOGIN] == 1
    assert server.counts["GET", THING] == 3


async def test_case_20_a_store_is_shared_by_an_app_and_its_users_without_a_deadlock(
    server: FaultServer, pem: str, tmp_path: Path
) -> None:
    """The login for a user holds its lock while the application logs in."""
    info = "/pod/v2/sessioninfo"
    server.on("GET", info, then=reply(200, {"id": 7}))
    store = await asyncio.to_thread(FileTokenStore, tmp_path / "tokens.json")
    auth = await asyncio.to_thread(OnBehalfOf, "app", pem)
    for _ in range(2):  # the second time as another process of the same application
        async with asyncio.timeout(600.0), PodClient(server.url, auth, token_store=store) as app:
            await asyncio.gather(*(app.on_behalf_of(user_id=user).session.info() for user in range(1, 21)))
    assert server.logins["/login/pubkey/app/authenticate"] == 1
    assert sum(server.logins.values()) == 21
    assert server.counts["GET", info] == 40
    assert len({seen.token for seen in server.seen("GET", info)}) == 20
    modes = await asyncio.to_thread(lambda: {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()})
    assert modes == {0o600}
