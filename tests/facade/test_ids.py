"""Ids of streams and messages, in the two spellings of base64."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony import ConfigError
from aiosymphony.wire.encoding import url_safe_id
from aiosymphony_api.pod import OPERATIONS
from aiosymphony_api.pod.models import MessageIds, V1IMAttributes, V3RoomAttributes

from .wire import Wire

SHOWN = "a+b/c+d/w=="
SAFE = "a-b_c-d_w"


@given(st.binary(min_size=1, max_size=40))
def test_either_spelling_gives_the_one_that_the_api_takes(raw: bytes) -> None:
    safe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert url_safe_id(base64.b64encode(raw).decode()) == safe
    assert url_safe_id(base64.urlsafe_b64encode(raw).decode()) == safe
    assert url_safe_id(f" {safe}\n") == safe
    assert url_safe_id(quote(base64.b64encode(raw).decode(), safe="")) == safe
    assert url_safe_id(quote(base64.urlsafe_b64encode(raw).decode(), safe="")) == safe


METHODS: list[tuple[Callable[[Wire], object], str]] = [
    (lambda wire: wire.pod.rooms.get(SHOWN), f"/pod/v3/room/{SAFE}/info"),
    (lambda wire: wire.pod.rooms.update(SHOWN, name="x"), f"/pod/v3/room/{SAFE}/update"),
    (lambda wire: wire.pod.rooms.set_active(SHOWN, True), f"/pod/v1/room/{SAFE}/setActive?active=true"),
    (lambda wire: wire.pod.rooms.admin_set_active(SHOWN, False), f"/pod/v1/admin/room/{SAFE}/setActive?active=false"),
    (lambda wire: wire.pod.rooms.list_members(SHOWN), f"/pod/v2/room/{SAFE}/membership/list"),
    (lambda wire: wire.pod.rooms.add_member(SHOWN, 1), f"/pod/v1/room/{SAFE}/membership/add"),
    (lambda wire: wire.pod.rooms.remove_member(SHOWN, 1), f"/pod/v1/room/{SAFE}/membership/remove"),
    (lambda wire: wire.pod.rooms.promote(SHOWN, 1), f"/pod/v1/room/{SAFE}/membership/promoteOwner"),
    (lambda wire: wire.pod.rooms.demote(SHOWN, 1), f"/pod/v1/room/{SAFE}/membership/demoteOwner"),
    (lambda wire: wire.pod.rooms.admin_list_members(SHOWN), f"/pod/v1/admin/room/{SAFE}/membership/list"),
    (lambda wire: wire.pod.rooms.admin_add_member(SHOWN, 1), f"/pod/v1/admin/room/{SAFE}/membership/add"),
    (lambda wire: wire.pod.rooms.admin_remove_member(SHOWN, 1), f"/pod/v1/admin/room/{SAFE}/membership/remove"),
    (lambda wire: wire.pod.streams.get(SHOWN), f"/pod/v2/streams/{SAFE}/info"),
    (lambda wire: wire.pod.streams.get_im(SHOWN), f"/pod/v1/im/{SAFE}/info"),
    (lambda wire: wire.pod.streams.update_im(SHOWN, pinned_message_id="x"), f"/pod/v1/im/{SAFE}/update"),
    (
        lambda wire: wire.pod.streams.list_members(SHOWN).first(),
        f"/pod/v1/admin/stream/{SAFE}/membership/list?skip=0&limit=1000",
    ),
    (
        lambda wire: wire.pod.streams.list_attachments(SHOWN).first(),
        f"/pod/v1/streams/{SAFE}/attachments?limit=100&sortDir=ASC",
    ),
]


@pytest.mark.parametrize(("call", "target"), METHODS, ids=[target for _, target in METHODS])
async def test_methods_take_ids_as_clients_show_them(wire: Wire, call: Callable[[Wire], object], target: str) -> None:
    wire.answers([] if ("/list" in target and "admin/stream" not in target) or "attach" in target else {})
    await call(wire)  # type: ignore[misc]
    assert [(method, path) for method, path, _ in wire.sent] == [(wire.requests[0].method, target)]


async def test_messages_to_pin_too(wire: Wire) -> None:
    wire.answers({})
    await wire.pod.rooms.update(SAFE, pinned_message_id=SHOWN)
    await wire.pod.streams.update_im(SAFE, pinned_message_id=SHOWN)
    assert [body for _, _, body in wire.sent] == [{"pinnedMessageId": SAFE}] * 2


@pytest.mark.parametrize("empty", ["", " ", "=="])
async def test_an_empty_id_is_refused(wire: Wire, empty: str) -> None:
    with pytest.raises(ConfigError, match="id"):
        await wire.pod.rooms.get(empty)
    assert wire.requests == []


FORMS = [SHOWN, SAFE, SAFE + "==", quote(SHOWN, safe=""), quote(SHOWN), f" {SHOWN} "]
WORDS = ("room", "im", "stream", "streams", "message", "messages", "messagesuppression", "group")


@pytest.mark.parametrize("form", FORMS)
def test_call_takes_what_the_resources_take(form: str) -> None:
    """Every operation with such an id, known by the word before it in the path."""
    found = []
    for operation in OPERATIONS.values():
        head, brace, tail = operation.path.partition("/{")
        if brace and head.rpartition("/")[2] in WORDS:
            possible = {"body": {}, "active": True, "since": 1, "to": 2}
            taken = inspect.signature(operation.build).parameters
            given = {name: value for name, value in possible.items() if name in taken}
            found.append((operation.build(form, **given).path, f"{head}/{SAFE}{tail.partition('}')[2]}"))
    assert len(found) > 25
    assert [path for path, _ in found] == [wanted for _, wanted in found]


@pytest.mark.parametrize("form", FORMS)
async def test_call_takes_them_in_bodies_and_leaves_the_body_as_it_is(wire: Wire, form: str) -> None:
    wire.answers({})
    room, im = V3RoomAttributes(pinned_message_id=form), V1IMAttributes(pinned_message_id=form)
    await wire.pod.call(OPERATIONS["v3_room_create_post"], body=room)
    await wire.pod.call(OPERATIONS["v3_room_id_update_post"], form, body=room)
    await wire.pod.call(OPERATIONS["v1_im_id_update_post"], form, body=im)
    assert [body for _, _, body in wire.sent] == [{"pinnedMessageId": SAFE}] * 3
    assert (room.pinned_message_id, im.pinned_message_id) == (form, form)
    wire.answers([])
    ids = MessageIds(message_ids=[form, SAFE])
    await wire.pod.call(OPERATIONS["v1_admin_messages_post"], body=ids)
    assert wire.sent[-1][2] == {"messageIds": [SAFE, SAFE]}
    assert ids.message_ids == [form, SAFE]


async def test_other_ids_are_sent_as_they_are(wire: Wire) -> None:
    wire.answers({})
    await wire.pod.users.end_session(7, "a+b/c==")
    assert unquote(wire.sent[0][1]) == "/pod/v1/users/7/sessions/a+b/c==/logout"


async def test_one_text_for_several_ids_is_refused(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="message_ids: expected several texts"):
        await wire.pod.messages.get_details(SAFE)
    assert wire.requests == []
