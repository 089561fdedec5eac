"""Cases 44 and 45: clients in the wrong loop or process, closing, and leaving early."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from aiosymphony import Failed, Ok, OnBehalfOf, PodClient, StaticToken, bulk
from aiosymphony.errors import ConfigError, OutcomeUnknown, RateLimited, ServerError, SymphonyError, TransportError
from aiosymphony.limits import Limits
from aiosymphony.retry import RetryPolicy
from aiosymphony.session import Session
from aiosymphony.transport.aiohttp import AiohttpTransport

from .clients import CREATE, OPEN_CREATE, OPEN_READ, READ, THING, Clients, attempt
from .clock import LoopClock
from .server import FaultServer, Step, acts, hang, reply, reset, signal, token, wait_for


def used_session(server: FaultServer) -> Session:
    return Session(hosts=lambda _: server.url, auth=StaticToken("t"), transport=AiohttpTransport())


def test_case_44_another_event_loop_is_a_clear_error() -> None:
    async def first() -> Session:
        async with FaultServer() as server:
            server.on("GET", THING, then=reply(200, {"id": 1}))
            session = used_session(server)
            await session.execute(OPEN_READ.build())
            await session._router.transport.close()
            return session

    async def second(session: Session) -> Any:
        return await attempt(session.execute(OPEN_READ.build()))

    session = asyncio.run(first())
    error = asyncio.run(second(session))
    assert isinstance(error, ConfigError)
    assert "another event loop" in str(error)
    assert session.limiter.in_flight == 0


def test_case_44_a_closed_loop_is_a_clear_error() -> None:
    async def first() -> Session:
        async with FaultServer() as server:
            server.on("GET", THING, then=reply(200, {"id": 1}))
            session = used_session(server)
            await session.execute(OPEN_READ.build())
            await session.close()
            return session

    session = asyncio.run(first())

    async def second() -> None:
        with pytest.raises(ConfigError, match=r"closed|another event loop"):
            await session.execute(OPEN_READ.build())
        await session.close()  # closing what is closed is no error, wherever

    asyncio.run(second())


def test_case_44_a_forked_process_is_a_clear_error_and_sends_nothing(tmp_path: Path) -> None:
    answer = tmp_path / "answer"

    async def use(session: Session) -> Any:
        return await attempt(session.execute(OPEN_READ.build()))

    async def parent() -> None:
        async with FaultServer() as server:
            server.on("GET", THING, then=reply(200, {"id": 1}))
            session = used_session(server)
            assert await use(session) == {"id": 1}
            child = os.fork()
            if child == 0:
                try:
                    said = repr(asyncio.run(use(session)))
                    descriptor = os.open(answer, os.O_CREAT | os.O_WRONLY)
                    os.write(descriptor, said.encode())
                finally:
                    os._exit(0)
            await asyncio.to_thread(os.waitpid, child, 0)
            said = await asyncio.to_thread(answer.read_text)
            assert "ConfigError" in said
            assert "forked" in said
            assert server.total == 1
            assert await use(session) == {"id": 1}
            await session.close()

    asyncio.run(parent())


async def test_case_44_a_closed_client_is_a_clear_error(server: FaultServer, clients: Clients) -> None:
    session = clients.session()
    await session.close()
    with pytest.raises(ConfigError, match="closed"):
        await session.execute(READ.build())
    await session.close()
    assert server.total == 0


async def test_case_44_closing_waits_for_what_is_under_way(server: FaultServer, clients: Clients) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", THING, then=signal(arrived, wait_for(go, acts(reply(201, {"id": 1})))))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(CREATE.build({})))
    await arrived.wait()
    closing = [asyncio.ensure_future(session.close()) for _ in range(3)]
    await asyncio.sleep(1.0)
    assert not any(task.done() for task in closing)
    with pytest.raises(ConfigError, match="closed"):
        await session.execute(READ.build())
    go.set()
    assert await call == {"id": 1}
    async with asyncio.timeout(5.0):
        await asyncio.gather(*closing)
    assert len(server.writes) == 1


async def test_case_44_closing_leaves_no_task_no_connection_and_no_timer(server: FaultServer, clients: Clients) -> None:
    """After calls that were answered, that were repeated, and that met their deadline; and a refresh to come."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks()
    server.on("POST", "/oauth/token", then=token(expires_in=3600))
    server.on("GET", THING, reply(503, ""), reply(200, {"id": 1}), then=hang())
    session = clients.session()
    assert await session.execute(READ.build()) == {"id": 1}
    with pytest.raises(TransportError):
        await session.with_options(timeout=1.0, retry=RetryPolicy(attempts=1)).execute(READ.build())
    await session.close()
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)  # until the server has seen it
    assert asyncio.all_tasks() == tasks
    assert server.open_connections == 0


async def test_case_44_closing_lets_a_call_under_way_log_in_again(server: FaultServer, clients: Clients) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("GET", THING, signal(arrived, wait_for(go, reply(401, {}))), then=reply(200, {"id": 1}))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(READ.build()))
    await arrived.wait()
    closing = asyncio.ensure_future(session.close())
    await asyncio.sleep(1.0)
    go.set()
    assert await call == {"id": 1}
    await closing
    assert server.logins["/oauth/token"] == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(429, {}, {"Retry-After": "100"}), RateLimited),
        (reply(503, "", {"Retry-After": "100"}), ServerError),
        (reply(503, ""), ServerError),
        (reset(), TransportError),
    ],
    ids=["429", "503 at the door", "503", "lost"],
)
@pytest.mark.parametrize("what", [THING, "/oauth/token"], ids=["call", "login"])
async def test_case_44_a_call_that_waits_to_be_repeated_ends_when_the_client_closes(
    what: str, answer: Step, error: type[SymphonyError], server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("GET", THING, then=reply(200, {"id": 1}))
    server.on("GET" if what == THING else "POST", what, then=answer)
    session = clients.session(retry=RetryPolicy(attempts=100, base=1e6, throttle_base=1e6, cap=1e6, total=1e9))
    call = asyncio.ensure_future(session.execute(READ.build()))
    await asyncio.sleep(1.0)
    began, sent = clock.monotonic(), server.total
    await session.close()
    with pytest.raises(error):
        await call
    assert clock.monotonic() - began < 1.0
    assert server.total == sent
    assert server.counts["GET" if what == THING else "POST", what] == 1


async def test_case_44_what_fails_while_the_client_closes_is_not_repeated(
    server: FaultServer, clients: Clients
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("GET", THING, signal(arrived, wait_for(go, reply(503, ""))), then=reply(200, {"id": 1}))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(READ.build()))
    await arrived.wait()
    closing = asyncio.ensure_future(session.close())
    await asyncio.sleep(1.0)
    go.set()
    with pytest.raises(ServerError):
        await call
    await closing
    assert server.counts["GET", THING] == 1


async def test_case_44_a_retry_that_waits_for_a_place_does_not_begin_once_the_client_closes(
    server: FaultServer, clients: Clients
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("GET", THING, reply(503, ""), then=signal(arrived, wait_for(go, reply(200, {"id": 1}))))
    session = clients.session(limits=Limits(concurrency=1))
    calls = [asyncio.ensure_future(attempt(session.execute(OPEN_READ.build()))) for _ in range(2)]
    await arrived.wait()  # the second call, while the first waits for its next attempt
    while not session.limiter.waiting:
        await asyncio.sleep(0.001)
    closing = asyncio.ensure_future(session.close())
    await asyncio.sleep(1.0)
    go.set()
    await closing
    first, second = await asyncio.gather(*calls)
    assert isinstance(first, ServerError)
    assert second == {"id": 1}
    assert server.counts["GET", THING] == 2


async def test_case_44_a_retry_that_waits_out_a_pause_of_all_ends_when_the_client_closes(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    server.on("GET", THING, then=reply(503, ""))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(OPEN_READ.build()))
    while not server.total:
        await asyncio.sleep(0.001)
    session.limiter.throttled(100.0)
    while not session.limiter.waiting:
        await asyncio.sleep(0.001)
    sent = server.counts["GET", THING]  # a second one, if its wait was over before the pause began
    began = clock.monotonic()
    await session.close()
    with pytest.raises(ServerError):
        await call
    assert clock.monotonic() - began < 1.0
    assert server.counts["GET", THING] == sent


@pytest.mark.parametrize("over", ["aiohttp", "fast", "httpx"])
async def test_case_44_closing_with_a_timeout_breaks_off_what_is_left(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    arrived = asyncio.Event()
    server.on("GET", THING, then=hang())
    server.on("POST", THING, then=signal(arrived, acts(hang())))
    server.on("POST", "/oauth/token", then=hang())
    session = clients.session(limits=Limits(concurrency=2), timeout=1e6)
    requests = [OPEN_READ.build(), OPEN_CREATE.build({}), OPEN_CREATE.build({}), READ.build()]
    cancelled: list[bool] = []

    async def call(request: Any) -> Any:
        outcome = await attempt(session.execute(request))
        task = asyncio.current_task()
        assert task is not None
        cancelled.append(task.cancelling() > 0)
        return outcome

    calls = [asyncio.ensure_future(call(request)) for request in requests]
    await arrived.wait()
    while not server.logins["/oauth/token"]:
        await asyncio.sleep(0.001)
    began = clock.monotonic()
    await session.close(timeout=5.0)
    assert 5.0 <= clock.monotonic() - began < 6.0
    read, create, queued, waits_for_login = await asyncio.gather(*calls)
    assert isinstance(read, TransportError)
    assert read.sent
    assert isinstance(create, OutcomeUnknown)
    assert isinstance(queued, TransportError)
    assert not queued.sent
    assert not queued.may_have_acted
    assert isinstance(waits_for_login, SymphonyError)
    assert not waits_for_login.may_have_acted
    assert cancelled == [False] * 4
    assert all("closed" in str(outcome) for outcome in (read, create, queued, waits_for_login))
    assert server.counts["POST", THING] == 1


async def test_case_44_closing_with_a_timeout_waits_no_longer_than_it_must(
    server: FaultServer, clients: Clients, clock: LoopClock
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("GET", THING, then=signal(arrived, wait_for(go, reply(200, {"id": 1}))))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(OPEN_READ.build()))
    await arrived.wait()
    closing = asyncio.ensure_future(session.close(timeout=25.0))
    await asyncio.sleep(1.0)
    go.set()
    assert await call == {"id": 1}
    began = clock.monotonic()
    await closing
    assert clock.monotonic() - began < 1.0


async def test_case_44_a_caller_that_is_cancelled_while_the_client_breaks_off_stays_cancelled(
    server: FaultServer, clients: Clients
) -> None:
    arrived = asyncio.Event()
    server.on("GET", THING, then=signal(arrived, hang()))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(OPEN_READ.build()))
    await arrived.wait()
    session._life.cut()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_case_44_closing_the_app_closes_its_users_at_once_and_within_one_timeout(
    server: FaultServer, clock: LoopClock, pem: str
) -> None:
    server.on("GET", "/pod/v2/sessioninfo", then=hang())
    app = PodClient(server.url, OnBehalfOf("app", pem), timeout=1e6)
    users = [app.on_behalf_of(user_id=n) for n in range(3)]
    calls = [asyncio.ensure_future(attempt(user.session.info())) for user in users[:2]]
    while server.counts["GET", "/pod/v2/sessioninfo"] < 2:
        await asyncio.sleep(0.001)
    began = clock.monotonic()
    closing = asyncio.ensure_future(app.close(timeout=5.0))
    await asyncio.sleep(1.0)
    for user in (*users, app.on_behalf_of(user_id=99)):
        with pytest.raises(ConfigError, match="closed"):
            await user.session.info()
    await closing
    assert asyncio.get_running_loop().time() - began < 6.0
    assert all(isinstance(outcome, TransportError) for outcome in await asyncio.gather(*calls))
    assert server.counts["GET", "/pod/v2/sessioninfo"] == 2


async def test_case_44_closing_the_client_of_one_user_leaves_the_calls_of_others_alone(server: FaultServer) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", THING, then=signal(arrived, wait_for(go, acts(reply(201, {"id": 1})))))
    app = Session(hosts=lambda _: server.url, auth=StaticToken("app"), transport=AiohttpTransport())
    user, other = (app.with_auth(StaticToken(name)) for name in ("user", "other"))
    calls = []
    for session in (app, other):
        arrived.clear()
        calls.append(asyncio.ensure_future(session.execute(OPEN_CREATE.build({}))))
        await arrived.wait()
    await user.close()
    with pytest.raises(ConfigError, match="closed"):
        await user.execute(OPEN_READ.build())
    go.set()
    assert await asyncio.gather(*calls) == [{"id": 1}, {"id": 1}]
    await app.close()


@pytest.mark.parametrize("turns", range(40))
async def test_case_44_cancelled_at_any_await_leaves_nothing(turns: int, server: FaultServer, clients: Clients) -> None:
    """The fixtures see to it: no place taken, no connection acquired, no task, no exception unseen."""
    server.on("GET", THING, then=reply(200, {"id": 1}))
    session = clients.session()
    calls = [asyncio.ensure_future(session.execute(READ.build())) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(outcome == {"id": 1} or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert session.limiter.in_flight == session.limiter.waiting == 0
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins["/oauth/token"] == 1


async def test_case_44_a_cancelled_call_does_not_hand_its_answer_to_the_next(
    server: FaultServer, clients: Clients
) -> None:
    go = asyncio.Event()
    server.on("GET", THING, wait_for(go, reply(200, {"id": "late"})), then=reply(200, {"id": "mine"}))
    session = clients.session()
    call = asyncio.ensure_future(session.execute(OPEN_READ.build()))
    await asyncio.sleep(1.0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    go.set()
    assert await session.execute(OPEN_READ.build()) == {"id": "mine"}
    assert server.connections == 2


async def test_case_45_stop_begins_nothing_more_and_finishes_what_is_under_way(
    server: FaultServer, clients: Clients
) -> None:
    """What Ctrl-C does once: the journal's half of this case is told by the provisioning tests."""
    go = asyncio.Event()
    server.on("POST", THING, then=acts(wait_for(go, reply(201, {"id": 1}))))
    session = clients.session()
    async with bulk(range(1000), lambda n: session.execute(CREATE.build({"n": n})), concurrency=4) as run:
        await asyncio.sleep(1.0)
        assert run.in_flight == 4
        run.stop()
        go.set()
        outcomes = [outcome async for outcome in run]
    assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2, 3]
    assert all(isinstance(outcome, Ok) for outcome in outcomes)
    assert len(server.writes) == server.counts["POST", THING] == 4


@pytest.mark.parametrize("ordered", [False, True])
async def test_case_45_leaving_early_cancels_what_is_under_way(
    ordered: bool, server: FaultServer, clients: Clients
) -> None:
    """What Ctrl-C does twice."""
    server.on("POST", THING, reply(201, {"id": 1}), then=hang())
    session = clients.session()
    async with bulk(
        range(1000), lambda n: session.execute(CREATE.build({"n": n})), concurrency=4, ordered=ordered
    ) as run:
        async for outcome in run:
            assert outcome.index == 0
            break
    assert session.limiter.in_flight == 0
    assert server.counts["POST", THING] <= 6


async def test_case_45_a_bulk_run_survives_every_kind_of_failure(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(reply(201, {"id": 1})))
    session = clients.session()

    async def sometimes(n: int) -> Any:
        if n % 10 == 3:
            raise ValueError(n)
        if n % 10 == 7:
            task = asyncio.ensure_future(asyncio.sleep(60.0))
            task.cancel()
            await task  # a CancelledError that nobody asked the worker for
        return await session.execute(CREATE.build({"n": n}))

    async with asyncio.timeout(60.0), bulk(range(100), sometimes, concurrency=4) as run:
        outcomes = [outcome async for outcome in run]
    assert len(outcomes) == 100
    assert sum(isinstance(outcome, Failed) for outcome in outcomes) == 20
    assert len(server.writes) == 80
