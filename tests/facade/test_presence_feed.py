"""pod.presence.feed()."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aiosymphony import (
    AuthError,
    BadRequest,
    ConfigError,
    Forbidden,
    MissedChanges,
    NotFound,
    OutcomeUnknown,
    PodClient,
    PresenceFeed,
    RetryPolicy,
    ServerError,
    StaticToken,
    TransportError,
)
from aiosymphony.pod import presence_feed
from aiosymphony.pod.presence import Presence
from aiosymphony.sandbox import Sandbox
from aiosymphony.session import Session
from aiosymphony.testing import ScriptedTransport, make_response
from aiosymphony_api.login.api.authentication import login_pubkey_authenticate_post
from aiosymphony_api.pod.models import V2Presence

from .wire import HOST

CREATE = "/pod/v1/presence/feed/create"
LOST = TransportError("the connection was lost", sent=True)
NO_FEED = {"code": 400, "message": "no such feed"}


def read(feed: str = "f1") -> str:
    return f"/pod/v1/presence/feed/{feed}/read"


def delete(feed: str = "f1") -> str:
    return f"/pod/v1/presence/feed/{feed}/delete"


def change(user_id: int) -> dict[str, Any]:
    return {"category": "BUSY", "userId": user_id, "timestamp": 1}


def refuse(status: int, **headers: str) -> Any:
    return make_response(status, json=NO_FEED, headers={name.replace("_", "-"): v for name, v in headers.items()})


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Gated(ScriptedTransport):
    """A scripted transport whose answers to some paths wait for `gate`; the server has acted by then."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.held: set[str] = set()
        self.arrived = asyncio.Event()
        self.clock = Clock()

    async def send(self, *args: Any, **options: Any) -> Any:
        response = await super().send(*args, **options)
        if self.requests[-1].path in self.held:
            self.arrived.set()
            await self.gate.wait()
        return response

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class Server:
    """A pod with feeds: what it answers to reads is the test's list, and creating gives f1, f2, ..."""

    def __init__(self) -> None:
        self.transport = Gated()
        self.clock = self.transport.clock
        self.session = Session(
            hosts=lambda _: HOST,
            auth=StaticToken("t"),
            transport=self.transport,
            clock=self.clock,
            retry=RetryPolicy(attempts=1),
        )
        self.presence = Presence(self.session)
        self.reads: list[Any] = []
        self.creates: list[Any] = []
        self.deletes: list[Any] = []
        self.created = 0
        self.transport.respond_with(self.answer)

    @property
    def paths(self) -> list[str]:
        return self.transport.paths

    def answer(self, request: Any) -> Any:
        answers = self.creates
        if request.path == CREATE:
            assert request.method == "POST"
            self.created += 1
            default: Any = {"id": f"f{self.created}"}
        elif request.path.endswith("/delete"):
            assert request.method == "POST"
            answers, default = self.deletes, {"id": "deleted"}
        else:
            assert request.method == "GET"
            answers, default = self.reads, []
        answer = answers.pop(0) if answers else default
        if isinstance(answer, TransportError):
            raise TransportError(answer.message, sent=answer.sent)
        return answer if hasattr(answer, "status") else make_response(json=answer)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    yield server
    server.transport.gate.set()
    await server.session.close()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "aiosymphony presence feed"] == []


async def take(feed: PresenceFeed, count: int) -> list[Any]:
    """The next items: the user's id of a change, and notices as they are."""
    items = [await anext(feed) for _ in range(count)]
    return [item.user_id if isinstance(item, V2Presence) else item for item in items]


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_it_is_created_read_and_deleted(server: Server) -> None:
    server.reads = [[change(7), change(8)]]
    async with server.presence.feed() as feed:
        assert server.paths == [CREATE]
        assert await take(feed, 2) == [7, 8]
    assert server.paths == [CREATE, read(), delete()]
    assert feed.left_behind == 0
    assert [item async for item in feed] == []


async def test_the_wait_doubles_while_nothing_comes_and_begins_anew_with_a_change(server: Server) -> None:
    server.reads = [[]] * 6 + [[change(7)], [], [change(8)]]
    async with server.presence.feed(min_wait=1, max_wait=5) as feed:
        await take(feed, 2)
    assert server.clock.slept == [1, 2, 4, 5, 5, 5, 1, 2]


@pytest.mark.parametrize(("count", "slept"), [(499, [1]), (500, []), (501, [])])
async def test_after_a_full_read_the_next_does_not_wait(server: Server, count: int, slept: list[float]) -> None:
    server.reads = [[change(n) for n in range(count)], [change(1000)]]
    async with server.presence.feed() as feed:
        assert await take(feed, count + 1) == [*range(count), 1000]
    assert server.clock.slept == slept


async def test_nothing_is_read_ahead_of_the_reader_and_its_own_time_counts_as_waiting(server: Server) -> None:
    server.reads = [[change(1), change(2)], [change(3)]]
    async with server.presence.feed() as feed:
        await take(feed, 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert server.paths == [CREATE, read()]
        server.clock.now += 60
        await take(feed, 1)
    assert server.clock.slept == []


@pytest.mark.parametrize(
    "wrong", [{"min_wait": 0}, {"min_wait": 20}, {"max_wait": 0.5}, {"give_up_after": 0}, {"give_up_after": -1}]
)
async def test_wrong_times_are_refused(server: Server, wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"min_wait|give_up_after"):
        server.presence.feed(**wrong)


async def test_it_is_entered_once_and_before_it_is_read(server: Server) -> None:
    feed = server.presence.feed()
    with pytest.raises(ConfigError, match="enter the presence feed first"):
        await anext(feed)
    async with feed:
        with pytest.raises(ConfigError, match="can be entered once"):
            async with feed:
                pass
    assert server.paths == [CREATE, delete()]


# --- a feed that is lost ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 410])
@pytest.mark.parametrize("before", range(4))
async def test_a_feed_that_is_lost_at_any_read_is_replaced(server: Server, status: int, before: int) -> None:
    server.reads = [*[[change(n)] for n in range(before)], refuse(status), [change(9)]]
    async with server.presence.feed() as feed:
        assert await take(feed, before) == [*range(before)]
        # The last read that came whole began at 100 + what was slept before it; the feed was there at 100.
        complete = 100 + max(0, before - 1)
        missed, after = await take(feed, 2)
        assert isinstance(missed, MissedChanges)
        assert (missed.since, missed.until) == (complete * 1000, (100 + before) * 1000)
        assert after == 9
    # The refusal may have had another cause: the lost feed is deleted all the same.
    assert server.paths == [CREATE, *[read()] * (before + 1), delete(), CREATE, read("f2"), delete("f2")]
    assert feed.left_behind == 0


async def test_a_feed_that_expired_while_the_reader_was_busy_tells_since_when(server: Server) -> None:
    server.reads = [[change(1)], refuse(404)]
    async with server.presence.feed() as feed:
        await take(feed, 1)
        server.clock.now += 3600
        [missed] = await take(feed, 1)
        assert (missed.since, missed.until) == (100_000, 3_700_000)
        assert missed.reason.status == 404


async def test_feeds_that_are_all_lost_have_another_cause_which_is_raised(server: Server) -> None:
    server.reads = [refuse(400)] * 3
    async with server.presence.feed() as feed:
        with pytest.raises(BadRequest):
            await take(feed, 10)
    assert server.paths.count(CREATE) == 3
    assert server.paths[-1] == delete("f3")
    assert feed.left_behind == 0


async def test_a_login_that_is_answered_with_404_is_no_lost_feed(server: Server) -> None:
    failed = NotFound("no such login", status=404, operation=login_pubkey_authenticate_post.OPERATION)

    async def fail(_: str) -> list[V2Presence]:
        raise failed

    presence = server.presence
    feed = PresenceFeed(
        server.session,
        create=presence.create_feed,
        read=fail,
        delete=presence.delete_feed,
        min_wait=1,
        max_wait=1,
        give_up_after=None,
    )
    async with feed:
        with pytest.raises(NotFound) as caught:
            await anext(feed)
        assert caught.value is failed
        assert server.paths == [CREATE]


async def test_400_with_retry_after_is_throttling_and_no_lost_feed(server: Server) -> None:
    server.reads = [refuse(400, Retry_After="30"), [change(1)]]
    async with server.presence.feed() as feed:
        assert await take(feed, 1) == [1]
    assert server.created == 1
    assert server.clock.slept[-1] >= 30


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [LOST, refuse(500), refuse(502), make_response(200, content=b"<html>")])
async def test_a_lost_answer_is_told_before_the_changes_that_follow(server: Server, failure: Any) -> None:
    server.reads = [[change(1)], failure, failure, [change(2)]]
    async with server.presence.feed() as feed:
        one, missed, two = await take(feed, 3)
        assert (one, two) == (1, 2)
        assert isinstance(missed, MissedChanges)
        assert isinstance(missed.reason, OutcomeUnknown)
        # Reads at 100, 101, 103, 107.
        assert (missed.since, missed.until) == (100_000, 103_000)
    assert server.clock.slept == [1, 2, 4]
    assert server.created == 1


async def test_what_waited_behind_a_full_read_may_be_older_than_it(server: Server) -> None:
    server.reads = [[], [change(n) for n in range(500)], LOST, [change(1000)]]
    async with server.presence.feed() as feed:
        missed = (await take(feed, 502))[500]
        # The full read was at 101, and may have left older changes for the read whose answer was lost.
        assert (missed.since, missed.until) == (100_000, 101_000)


async def test_a_read_that_was_not_sent_loses_nothing(server: Server) -> None:
    server.reads = [TransportError("no connection", sent=False), refuse(429), [change(1)]]
    async with server.presence.feed() as feed:
        assert await take(feed, 1) == [1]


async def test_a_failure_that_does_not_pass_is_raised_and_the_feed_is_deleted(server: Server) -> None:
    server.reads = [refuse(403), [change(1)]]
    async with server.presence.feed() as feed:
        with pytest.raises(Forbidden):
            await anext(feed)
        assert await take(feed, 1) == [1]
    assert server.paths == [CREATE, read(), read(), delete()]


async def test_failures_are_raised_after_the_time_that_was_given(server: Server) -> None:
    server.reads = [refuse(500)] * 9
    async with server.presence.feed(give_up_after=10) as feed:
        with pytest.raises(OutcomeUnknown) as caught:
            await anext(feed)
    assert isinstance(caught.value.__cause__, ServerError)
    assert server.clock.slept == [1, 2, 4, 8]


async def test_a_success_ends_the_time_of_failures(server: Server) -> None:
    server.reads = [refuse(429), refuse(429), [], refuse(429), refuse(429), [change(1)]]
    async with server.presence.feed(max_wait=3, give_up_after=5) as feed:
        assert await take(feed, 1) == [1]


async def test_a_first_create_of_unknown_outcome_is_raised_and_not_repeated(server: Server) -> None:
    server.creates = [LOST]
    feed = server.presence.feed()
    with pytest.raises(OutcomeUnknown):
        async with feed:
            pytest.fail("it was entered")
    assert server.paths == [CREATE]
    assert feed.left_behind == 1


async def test_a_later_create_of_unknown_outcome_is_counted_and_another_feed_created(server: Server) -> None:
    server.reads = [refuse(404), [change(1)]]
    server.creates = [{"id": "f1"}, LOST]
    async with server.presence.feed() as feed:
        missed, one = await take(feed, 2)
        assert one == 1
        assert missed.until == int(server.clock.now * 1000)
        assert feed.left_behind == 1
    assert server.paths == [CREATE, read(), delete(), CREATE, CREATE, read("f3"), delete("f3")]


# --- its end ----------------------------------------------------------------------------------------------------------


async def turn(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def follow(server: Server, feeds: list[PresenceFeed]) -> None:
    feed = server.presence.feed()
    feeds.append(feed)
    async with feed:
        async for _ in feed:
            pass


@pytest.mark.parametrize(
    ("held", "paths"),
    [
        # A create under way is waited for: its answer has the id that the delete needs.
        (CREATE, [CREATE, delete()]),
        (read(), [CREATE, read(), delete()]),
    ],
)
async def test_cancelled_during_a_request_it_deletes_the_feed(server: Server, held: str, paths: list[str]) -> None:
    feeds: list[PresenceFeed] = []
    server.transport.held = {held}
    task = asyncio.create_task(follow(server, feeds))
    await server.transport.arrived.wait()
    task.cancel()
    await asyncio.sleep(0)
    server.transport.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.paths == paths
    assert feeds[0].left_behind == 0


async def test_cancelled_during_the_create_of_another_feed_it_deletes_that(server: Server) -> None:
    feeds: list[PresenceFeed] = []
    server.reads = [refuse(404)]
    server.deletes = [refuse(404)]
    task = asyncio.create_task(follow(server, feeds))
    await turn(lambda: server.paths == [CREATE, read(), delete()])
    server.transport.held = {CREATE}
    await server.transport.arrived.wait()
    task.cancel()
    await asyncio.sleep(0)
    server.transport.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.paths == [CREATE, read(), delete(), CREATE, delete("f2")]
    assert feeds[0].left_behind == 0


@pytest.mark.parametrize("turns", range(40))
async def test_cancelled_at_any_turn_it_leaves_no_feed(server: Server, turns: int) -> None:
    feeds: list[PresenceFeed] = []
    server.reads = [[change(1)], [], refuse(404), LOST]
    task = asyncio.create_task(follow(server, feeds))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for number in range(1, server.created + 1):
        assert delete(f"f{number}") in server.paths
    assert [feed.left_behind for feed in feeds] in ([], [0])


async def test_cancelled_while_it_deletes_it_ends_at_once(server: Server) -> None:
    feeds: list[PresenceFeed] = []
    server.transport.held = {delete()}
    server.reads = [refuse(403)]
    task = asyncio.create_task(follow(server, feeds))
    await server.transport.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert feeds[0].left_behind == 1


async def test_a_create_that_is_never_answered_is_counted_before_its_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_feed, "_END_WITHIN", 0.01)
    server.transport.held = {CREATE}
    left: list[int] = []

    async def enter() -> None:
        feed = server.presence.feed()
        try:
            await feed.__aenter__()
        finally:
            left.append(feed.left_behind)

    task = asyncio.create_task(enter())
    await server.transport.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left == [1]


@pytest.mark.parametrize("held", [CREATE, delete()])
async def test_a_server_that_does_not_answer_does_not_hold_its_end_up(
    server: Server, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_feed, "_END_WITHIN", 0.01)
    feeds: list[PresenceFeed] = []
    server.transport.held = {held}
    server.reads = [refuse(403)]
    task = asyncio.create_task(follow(server, feeds))
    await server.transport.arrived.wait()
    if held == CREATE:
        task.cancel()
    with pytest.raises((asyncio.CancelledError, Forbidden)):
        await task
    assert feeds[0].left_behind == 1


@pytest.mark.parametrize("held", [read(), CREATE])
async def test_a_change_is_not_lost_with_a_wait_that_was_cancelled(server: Server, held: str) -> None:
    server.reads = [refuse(404), [change(7)]] if held == CREATE else [[change(7)]]
    async with server.presence.feed() as feed:
        server.transport.held = {held}
        waiting = asyncio.create_task(take(feed, 1))
        await server.transport.arrived.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        server.transport.gate.set()
        assert (await take(feed, 2 if held == CREATE else 1))[-1] == 7
    assert server.created == (2 if held == CREATE else 1)


async def test_a_read_that_others_cancelled_is_told(server: Server) -> None:
    async with server.presence.feed() as feed:
        server.transport.held = {read()}
        waiting = asyncio.create_task(take(feed, 1))
        await server.transport.arrived.wait()
        # As programs do that end all tasks there are.
        for task in asyncio.all_tasks():
            if task.get_name() == "aiosymphony presence feed":
                task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        server.transport.gate.set()
        [missed] = await take(feed, 1)
        assert isinstance(missed.reason, OutcomeUnknown)


@pytest.mark.parametrize(
    ("deletes", "count", "left"),
    [
        ([LOST], 2, 0),
        ([refuse(500), refuse(404)], 2, 0),
        ([LOST, LOST, LOST], 3, 1),
        ([refuse(404)], 1, 0),
        ([refuse(400)], 1, 0),
        ([refuse(403)], 1, 1),
        ([refuse(429)], 1, 1),
    ],
)
async def test_a_delete_that_fails_is_sent_again_if_that_helps_and_hides_nothing(
    server: Server, deletes: list[Any], count: int, left: int
) -> None:
    server.deletes = deletes
    feed = server.presence.feed()
    with pytest.raises(ZeroDivisionError):
        async with feed:
            raise ZeroDivisionError
    assert server.paths == [CREATE, *[delete()] * count]
    assert feed.left_behind == left


@pytest.mark.parametrize("reads", [[], [LOST] * 99, [refuse(429)] * 99])
async def test_closing_the_client_ends_the_iteration(server: Server, reads: list[Any]) -> None:
    server.reads = reads
    feeds: list[PresenceFeed] = []
    task = asyncio.create_task(follow(server, feeds))
    await turn(lambda: len(server.clock.slept) > 3)
    await server.session.close()
    await task
    # It was closed before the feed was left, which could not delete it any more.
    assert feeds[0].left_behind == 1


async def test_closing_the_client_ends_a_wait(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def sleep(_: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(server.clock, "sleep", sleep)
    task = asyncio.create_task(follow(server, []))
    await begun.wait()
    await server.session.close()
    await task
    assert server.paths == [CREATE, read()]


async def test_cancelled_in_a_wait_it_deletes_the_feed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def sleep(_: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(server.clock, "sleep", sleep)
    task = asyncio.create_task(follow(server, []))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.paths == [CREATE, read(), delete()]


async def test_closing_the_client_during_a_read_delivers_it_first(server: Server) -> None:
    server.reads = [[change(1), change(2)]]
    async with server.presence.feed() as feed:
        server.transport.held = {read()}
        waiting = asyncio.create_task(take(feed, 1))
        await server.transport.arrived.wait()
        closing = asyncio.create_task(server.session.close())
        await asyncio.sleep(0)
        server.transport.gate.set()
        await closing
        assert await waiting == [1]
        assert [item.user_id async for item in feed if isinstance(item, V2Presence)] == [2]


async def test_closing_the_client_tells_what_was_missed_by_then(server: Server) -> None:
    server.reads = [[change(1)]]
    async with server.presence.feed() as feed:
        await take(feed, 1)
        server.transport.held = {read()}
        waiting = asyncio.create_task(take(feed, 1))
        server.transport.arrived.clear()
        await server.transport.arrived.wait()
        await server.session.close(timeout=0)
        [missed] = await waiting
        assert isinstance(missed, MissedChanges)
        assert [item async for item in feed] == []


# --- in the sandbox ---------------------------------------------------------------------------------------------------


@pytest.mark.symphony_sandbox(users=7)
async def test_a_life_in_the_sandbox(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    me = (await pod.session.info()).id
    other = next(user.id for user in symphony_sandbox.state.users() if user.id != me)
    feeds = symphony_sandbox.state.feeds
    async with pod.presence.feed(min_wait=0.01) as feed:
        await pod.presence.set(other, "AWAY")
        first = await anext(feed)
        assert isinstance(first, V2Presence)
        assert (first.user_id, first.category) == (other, "AWAY")
        feeds.clear()
        symphony_sandbox.state.feed_owner.clear()
        assert isinstance(await anext(feed), MissedChanges)
        await pod.presence.set(other, "BUSY")
        second = await anext(feed)
        assert isinstance(second, V2Presence)
        assert (second.user_id, second.category) == (other, "BUSY")
        assert len(feeds) == 1
    assert not feeds


# --- logins -----------------------------------------------------------------------------------------------------------


async def test_a_refused_login_is_waited_out(server: Server) -> None:
    async with server.presence.feed() as feed:
        server.reads = [refuse(401), [change(7)]]
        assert await take(feed, 1) == [7]
    assert feed.left_behind == 0


async def test_a_login_that_stays_refused_is_raised_after_ten_minutes(server: Server) -> None:
    async with server.presence.feed() as feed:
        server.reads = [refuse(401)] * 1000
        began = server.clock.now
        with pytest.raises(AuthError):
            await anext(feed)
        assert 600 <= server.clock.now - began < 700
        server.reads = [[change(7)]]
        server.clock.now += 60
        assert await take(feed, 1) == [7]
