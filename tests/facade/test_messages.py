"""pod.messages."""

from __future__ import annotations

import base64

import httpx
import pytest
import respx

from aiosymphony import BadRequest, PodClient, StaticToken
from aiosymphony.pod.messages import WINDOW_MS
from aiosymphony.sandbox import Sandbox
from aiosymphony.sandbox.state import Message, Stream
from aiosymphony.transport.httpx import HttpxTransport


@pytest.fixture
def room(symphony_sandbox: Sandbox) -> Stream:
    """A room with all users of the pod in it."""
    from aiosymphony.sandbox.state import Member

    db = symphony_sandbox.state.db
    room = Stream(id="cm9vbQ", type="ROOM", attributes={"name": "Room"}, created=1, created_by=1, updated=1)
    db.streams.put(room)
    for user in symphony_sandbox.state.users():
        db.members.put(Member(stream=room.id, user=user.id, joined=1))
    return room


@pytest.fixture
def message(symphony_sandbox: Sandbox, room: Stream) -> Message:
    """A message of the bot's, with bytes that the two spellings of base64 write differently."""
    author, *readers = (user.id for user in symphony_sandbox.state.users())
    state = symphony_sandbox.state
    message = Message(id="-_-_", stream=room.id, author=author, created=5, readers=tuple(readers[:2]))
    state.db.messages.put(message)
    state.db.messages.put(Message(id="reply", stream=room.id, author=author, created=6, parent="-_-_",
                                  relationship="REPLY"))  # fmt: skip
    return message


@pytest.mark.symphony_sandbox(users=8, page_cap=3)
async def test_one_message(pod: PodClient, symphony_sandbox: Sandbox, message: Message) -> None:
    shown = base64.b64encode(base64.urlsafe_b64decode(message.id)).decode()
    assert shown == "+/+/"

    status = await pod.messages.get_status(shown)
    assert len(status.read or ()) == 2
    (detail,) = await pod.messages.get_details(iter([shown]))
    assert detail.message_id == message.id
    assert detail.read_receipt_count == 2
    assert (await pod.messages.get_relationships(shown)).replies == ["reply"]

    receipts = await pod.messages.list_receipts(shown).collect()
    assert len({receipt.user.id for receipt in receipts if receipt.user}) == len(receipts) == 8
    assert symphony_sandbox.stats.by_operation["v1_admin_messages_message_id_receipts_get"] == 3

    assert (await pod.messages.suppress(shown)).suppressed
    with pytest.raises(BadRequest):
        await pod.messages.suppress("bm9uZQ")


@pytest.mark.symphony_sandbox(users=1, page_cap=4)
async def test_ids_of_a_stream(pod: PodClient, symphony_sandbox: Sandbox, room: Stream) -> None:
    hour = 60 * 60 * 1000
    start = 1_700_000_000_000
    # One message every four hours of three days, those on the windows' boundaries among them.
    for n in range(19):
        symphony_sandbox.state.db.messages.put(
            Message(id=f"m{n:02}", stream=room.id, author=1, created=start + 4 * hour * n)
        )

    ids = await pod.messages.list_ids(room.id, since=start, to=start + 3 * WINDOW_MS).collect()
    assert sorted(ids) == [f"m{n:02}" for n in range(19)]
    assert await pod.messages.list_ids(room.id, since=start + hour, to=start + 9 * hour).collect() == ["m01", "m02"]


async def test_windows_that_are_asked_for() -> None:
    with respx.mock(base_url="https://acme.symphony.com") as server:
        route = server.get("/pod/v2/admin/streams/c3Q/messageIds").mock(
            side_effect=[
                httpx.Response(200, json={"Data": ["a", "b"], "TotalNumberFound": 3, "nextStartNumber": 2}),
                httpx.Response(200, json={"Data": ["c"], "TotalNumberFound": 3, "nextStartNumber": 3}),
                httpx.Response(200, json={"Data": [], "TotalNumberFound": 0}),
                httpx.Response(200, json={"Data": ["c", "d"], "TotalNumberFound": 2, "nextStartNumber": 2}),
            ]
        )
        async with PodClient("https://acme.symphony.com", StaticToken("t"), transport=HttpxTransport()) as pod:
            end = 10 + 2 * WINDOW_MS + 7
            assert await pod.messages.list_ids("c3Q=", since=10, to=end, page_size=2).collect() == ["a", "b", "c", "d"]

    def asked(offset: int, since: int, to: int) -> dict[str, str]:
        return {"offset": str(offset), "limit": "2", "since": str(since), "to": str(to)}

    second, third = 10 + WINDOW_MS, 10 + 2 * WINDOW_MS
    assert [dict(call.request.url.params) for call in route.calls] == [
        asked(0, 10, second),
        asked(2, 10, second),
        asked(0, second, third),
        asked(0, third, end),
    ]
