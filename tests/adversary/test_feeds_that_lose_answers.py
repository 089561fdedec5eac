"""A presence feed whose answer is lost: reading has taken the changes out, though the method is GET."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from aiosymphony import ApiError, BadRequest, OutcomeUnknown, PodClient, StaticToken
from aiosymphony.errors import DecodeError, TransportError
from aiosymphony_api.pod import OPERATIONS
from tests.faults.canary import CANARY
from tests.faults.server import FaultServer, Step, acts, close, reply, reset, truncated

FEED = "/pod/v1/presence/feed/f/read"
LOST: dict[str, tuple[Callable[[], Step], type[Exception]]] = {
    "reset": (reset, TransportError),
    "closed": (close, TransportError),
    "cut off": (lambda: truncated(b'[{"category": "AWAY", "userId": 7}]'), TransportError),
    "not JSON": (lambda: reply(200, "<html>"), DecodeError),
    "500": (lambda: reply(500, {"code": 500, "message": "oops"}), ApiError),
    "502": (lambda: reply(502, "<html>gateway"), ApiError),
}


@pytest.fixture
async def pod(server: FaultServer) -> AsyncIterator[PodClient]:
    async with PodClient(server.url, StaticToken(f"static-{CANARY}")) as pod:
        yield pod
        assert pod.limiter.in_flight == 0


@pytest.mark.parametrize(("lost", "cause"), LOST.values(), ids=LOST.keys())
async def test_a_lost_answer_is_of_unknown_outcome_and_the_feed_is_not_read_on(
    server: FaultServer, pod: PodClient, lost: Callable[[], Step], cause: type[Exception]
) -> None:
    for read in (pod.presence.read_feed("f"), pod.call(OPERATIONS["v1_presence_feed_feed_id_read_get"], feed_id="f")):
        server.on("GET", FEED, acts(lost()), then=reply(200, [{"category": "AWAY", "userId": 8}]))
        with pytest.raises(OutcomeUnknown) as caught:
            await read
        assert caught.value.may_have_acted
        assert isinstance(caught.value.__cause__, cause)
        assert getattr(caught.value.__cause__, "may_have_acted", False)
    assert server.counts["GET", FEED] == 2


async def test_a_read_that_was_not_carried_out_is_repeated(server: FaultServer, pod: PodClient) -> None:
    change = {"category": "AWAY", "userId": 8}
    server.on(
        "GET",
        FEED,
        reply(429, b"", {"Retry-After": "0"}),
        reply(503, b"", {"Retry-After": "0"}),
        then=reply(200, [change]),
    )
    [read] = await pod.presence.read_feed("f")
    assert read.user_id == 8
    assert server.counts["GET", FEED] == 3
    server.on("GET", FEED, then=reply(400, {"code": 400, "message": "no such feed"}))
    with pytest.raises(BadRequest) as caught:
        await pod.presence.read_feed("f")
    assert not caught.value.may_have_acted


async def test_no_other_get_has_acted(server: FaultServer, pod: PodClient) -> None:
    reads = [operation for operation in OPERATIONS.values() if operation.method == "GET" and operation.kind != "take"]
    assert len(reads) > 60
    for operation in reads:
        error = TransportError("lost", operation=operation)
        assert not error.may_have_acted, operation.id
