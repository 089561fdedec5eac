"""Whatever ends a call, nobody who shows tracebacks with locals sees a token: not in the frames of the error, nor in
those of any error behind it. What is shown is what error trackers and pretty tracebacks show: containers item by item,
records field by field, everything else by its repr.
"""

from __future__ import annotations

import asyncio
import traceback
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony import Failed, bulk
from aiosymphony.auth.rsa import RsaAuth
from aiosymphony.errors import SymphonyError
from aiosymphony.paging import Page, Pager, SkipLimit
from aiosymphony.retry import RetryPolicy
from aiosymphony.session import Session
from tests.faults.canary import CANARY
from tests.faults.clients import CREATE, READ, THING, Clients, operation
from tests.faults.server import Exchange, FaultServer, hang, reply, signal, wait_for

_TESTS = str(Path(__file__).parents[1])
LOGIN = "/oauth/token"
BODY = {"password": f"word-{CANARY}"}


def behind(error: BaseException) -> Iterator[BaseException]:
    """The error and each one that a traceback of it shows."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        found = todo.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        todo += [found.__cause__, found.__context__]
        if isinstance(found, BaseExceptionGroup):
            todo += found.exceptions


def texts(value: Any, depth: int = 0) -> Iterator[str]:
    with suppress(AttributeError):  # a constructor failed half-way
        yield repr(value)
    if depth > 6:
        return
    match value:
        case Mapping():
            for key in list(value):
                yield from texts(key, depth + 1)
                yield from texts(value[key], depth + 1)
        case str() | bytes() | bytearray():
            pass
        case Sequence() | AbstractSet():
            for item in list(value):
                yield from texts(item, depth + 1)
        case _ if attrs.has(type(value)):
            for name in (field.name for field in attrs.fields(type(value)) if field.repr):
                yield from texts(getattr(value, name, None), depth + 1)


def leaks(error: BaseException, *, secret: str = CANARY) -> list[str]:
    """Where a traceback of the error shows the secret, and each frame in it that belongs to no file of ours."""
    found = []
    for each in behind(error):
        if any(secret in text for text in (str(each), *texts(list(each.args)), *getattr(each, "__notes__", ()))):
            found.append(f"{type(each).__name__} itself")
        for frame, _ in traceback.walk_tb(each.__traceback__):
            code = frame.f_code
            if code.co_filename.startswith(_TESTS):
                continue
            if "site-packages" in code.co_filename:
                found.append(f"frame {code.co_filename}:{code.co_name} of {type(each).__name__}")
            for name, value in frame.f_locals.items():
                if any(secret in text for text in texts(value)):
                    found.append(f"local {name} of {code.co_name} of {type(each).__name__}")
    return found


@types.coroutine
def thrown_into(
    call: Coroutine[Any, Any, Any], error: BaseException, arrived: asyncio.Event
) -> Generator[Any, Any, Any]:
    """Await the call; a cancellation after its request arrived comes up in the innermost of its frames as ``error``."""
    step: Callable[[], Any] = lambda: call.send(None)  # noqa: E731
    while True:
        try:
            waits_for = step()
        except StopIteration as done:
            return done.value
        try:
            yield waits_for
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            assert task is not None
            # anyio cancels its own task while it connects.
            as_it_is = isinstance(error, asyncio.CancelledError) or not arrived.is_set()
            if not as_it_is:
                task.uncancel()
            what = cancelled if as_it_is else error
            step = lambda: call.throw(what)  # noqa: B023, E731
        else:
            step = lambda: call.send(None)  # noqa: E731


class Bang(BaseException):
    """No Exception, as KeyboardInterrupt is none."""


ENDS: list[Callable[[], BaseException]] = [
    asyncio.CancelledError,
    KeyboardInterrupt,
    SystemExit,
    Bang,
    lambda: RuntimeError("a fault"),
    lambda: ExceptionGroup("several", [OSError("one"), OSError("another")]),
]
NAMES = ["cancelled", "interrupt", "exit", "no exception", "fault", "group"]


@pytest.fixture(params=["aiohttp", "fast", "httpx"])
def over(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def session(clients: Clients) -> AsyncIterator[Session]:
    session = clients.session(retry=RetryPolicy(attempts=1))
    yield session
    await session.close()


async def logged_in(session: Session, server: FaultServer) -> None:
    server.on("GET", THING, then=reply(200, {"id": 1}))
    await session.execute(READ.build())


async def ending_of(call: Coroutine[Any, Any, Any], arrived: asyncio.Event, error: BaseException) -> BaseException:
    """What comes out of a call into whose innermost frame an error is thrown once its request has arrived."""

    async def run() -> BaseException:
        try:
            await thrown_into(call, error, arrived)
        except BaseException as ended:  # noqa: BLE001 - it is looked at
            return ended
        raise AssertionError("it ended well")

    task = asyncio.ensure_future(run())
    await arrived.wait()
    task.cancel()
    return await task


@pytest.mark.parametrize("error", ENDS, ids=NAMES)
async def test_case_50_a_call_under_way(
    error: Callable[[], BaseException], session: Session, server: FaultServer
) -> None:
    await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", THING, then=signal(arrived, hang()))
    ended = await ending_of(session.execute(CREATE.build(BODY)), arrived, error())
    assert type(ended) is type(error())
    assert not leaks(ended)
    assert server.seen("POST", THING)[0].token == server.token(1)


@pytest.mark.parametrize("error", ENDS, ids=NAMES)
async def test_case_50_a_call_that_waits_for_its_login(
    error: Callable[[], BaseException], session: Session, server: FaultServer
) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("POST", LOGIN, then=signal(arrived, wait_for(go, reply(200, {"access_token": server.token(1)}))))
    ended = await ending_of(session.execute(CREATE.build(BODY)), arrived, error())
    assert type(ended) is type(error())
    assert not leaks(ended)
    go.set()
    server.on("GET", THING, then=reply(200, {"id": 1}))
    assert await session.execute(READ.build()) == {"id": 1}
    assert server.logins[LOGIN] == 1


@pytest.mark.parametrize("error", ENDS[3:], ids=NAMES[3:])  # a task that ends by the others ends the loop's run too
async def test_case_50_a_login_under_way(
    error: Callable[[], BaseException], session: Session, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes up inside the login, which all calls share, and not in the call."""
    arrived = asyncio.Event()
    server.on("POST", LOGIN, then=signal(arrived, hang()))
    send = session._router.transport.send

    async def interrupted(*args: Any, **kwargs: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        arriving = asyncio.ensure_future(arrived.wait())
        arriving.add_done_callback(lambda _: task.cancel())
        return await thrown_into(send(*args, **kwargs), error(), arrived)

    monkeypatch.setattr(session._router.transport, "send", interrupted)
    calls = [asyncio.ensure_future(session.execute(CREATE.build(BODY))) for _ in range(2)]
    await asyncio.wait(calls)
    for call in calls:
        assert type(call.exception()) is type(error())
        assert not leaks(call.exception())  # type: ignore[arg-type]


@pytest.mark.parametrize("what", [THING, LOGIN], ids=["call", "login"])
async def test_case_50_a_timeout_of_the_caller(what: str, session: Session, server: FaultServer) -> None:
    if what == THING:
        await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", what, then=signal(arrived, hang()))

    async def call() -> None:
        async with asyncio.timeout(None) as timeout:
            arriving = asyncio.ensure_future(arrived.wait())
            arriving.add_done_callback(lambda _: timeout.reschedule(0.0))
            await session.execute(CREATE.build(BODY))

    with pytest.raises(TimeoutError) as caught:
        await call()
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert not leaks(caught.value)


@pytest.mark.parametrize("what", [THING, LOGIN], ids=["call", "login"])
async def test_case_50_a_task_that_is_cancelled(what: str, session: Session, server: FaultServer) -> None:
    if what == THING:
        await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", what, then=signal(arrived, hang()))
    task = asyncio.ensure_future(session.execute(CREATE.build(BODY)))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not leaks(caught.value)


@pytest.mark.parametrize("error", [lambda: RuntimeError("a fault"), asyncio.CancelledError], ids=["fault", "cancelled"])
async def test_case_50_items_of_a_bulk_run(
    error: Callable[[], BaseException], session: Session, server: FaultServer
) -> None:
    await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", THING, then=signal(arrived, hang()))

    async def create(n: int) -> None:
        arriving = asyncio.ensure_future(arrived.wait())
        task = asyncio.current_task()
        assert task is not None
        arriving.add_done_callback(lambda _: task.cancel())
        await thrown_into(session.execute(CREATE.build(BODY)), error(), arrived)

    async with bulk(range(1), create) as run:
        outcomes = [outcome async for outcome in run]
    assert len(outcomes) == 1
    (outcome,) = outcomes
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is type(error())
    assert not leaks(outcome.error)


async def test_case_50_a_bulk_run_that_is_cancelled(session: Session, server: FaultServer) -> None:
    await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", THING, then=signal(arrived, hang()))

    async def read() -> None:
        async with bulk(range(3), lambda _: session.execute(CREATE.build(BODY))) as run:
            async for _ in run:
                pass

    task = asyncio.ensure_future(read())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not leaks(caught.value)


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("page", [1, 2])
async def test_case_50_a_listing(page: int, ahead: int, session: Session, server: FaultServer) -> None:
    await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("GET", THING, *[reply(200, [1, 2])] * (page - 1), then=signal(arrived, hang()))

    async def fetch(query: Mapping[str, Any]) -> Page[int]:
        return Page(await session.execute(READ.build(query=f"skip={query['skip']}")))

    async def call() -> list[int]:
        async with asyncio.timeout(None) as timeout:
            arriving = asyncio.ensure_future(arrived.wait())
            arriving.add_done_callback(lambda _: timeout.reschedule(0.0))
            return await Pager(fetch, lambda: SkipLimit(2)).prefetch(ahead).collect()

    with pytest.raises(TimeoutError) as caught:
        await call()
    assert not leaks(caught.value)


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_case_50_an_answer_that_repeats_the_token(status: int, session: Session, server: FaultServer) -> None:
    await logged_in(session, server)

    async def parrot(exchange: Exchange) -> None:
        await reply(status, f"you sent {exchange.request.header_lines}")(exchange)

    server.on("POST", THING, then=parrot)
    with pytest.raises(SymphonyError, match="you sent") as caught:
        await session.execute(operation("POST", idempotent=True).build(BODY))
    assert not leaks(caught.value)


async def test_case_50_an_rsa_login_that_is_cancelled(server: FaultServer, clients: Clients, pem: str) -> None:
    session = clients.session(auth=RsaAuth("bot", pem))
    login = "/login/pubkey/authenticate"
    arrived = asyncio.Event()
    server.on("POST", login, then=signal(arrived, hang()))
    task = asyncio.ensure_future(session.execute(operation("GET", auth=("sessionToken",)).build()))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not leaks(caught.value, secret=server.seen("POST", login)[0].json()["token"])
    await session.close()


async def test_case_50_the_callers_own_errors_stay_as_they_are(session: Session, server: FaultServer) -> None:
    """What was being handled when the call began belongs to the caller, frames and all."""
    await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", THING, then=signal(arrived, hang()))
    mine = ValueError("mine")

    async def call() -> None:
        try:
            raise mine
        except ValueError:
            await session.execute(CREATE.build(BODY))

    task = asyncio.ensure_future(call())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.__context__ is mine
    assert mine.__traceback__ is not None
    assert not leaks(caught.value)


async def test_case_50_a_fault_says_where_it_came_up(session: Session, server: FaultServer) -> None:
    """Its traceback is gone: lines of code without values take its place."""
    await logged_in(session, server)
    arrived = asyncio.Event()
    server.on("POST", THING, then=signal(arrived, hang()))
    ended = await ending_of(session.execute(CREATE.build(BODY)), arrived, RuntimeError("a fault"))
    (note,) = ended.__notes__
    assert CREATE.id in note
    assert "transport" in note
    assert CANARY not in note


@attrs.frozen
class Record:
    """Something that shows its fields."""

    items: list[str]


def test_case_50_a_planted_secret_is_found_wherever_it_is_shown() -> None:
    namespace: dict[str, Any] = {"CANARY": CANARY, "suppress": suppress}
    code = "def leak(held):\n try:\n  raise OSError('below')\n except OSError:\n  raise ValueError('above')\n"
    exec(compile(code, "product.py", "exec"), namespace)
    for held in (CANARY, {"a": [{"b": CANARY}]}, ({CANARY},), b"x" + CANARY.encode(), Record([CANARY])):
        with pytest.raises(ValueError, match="above") as caught:
            namespace["leak"](held)
        assert {"local held of leak of ValueError", "local held of leak of OSError"} == set(leaks(caught.value))
