"""pod.rooms. What becomes of room ids is in test_ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiosymphony import ConfigError, PodClient, TransportError
from aiosymphony.sandbox import Sandbox

from .wire import Wire, sent

ROOM = {"roomAttributes": {"name": "Desk"}, "roomSystemInfo": {"id": "r"}}


@pytest.mark.parametrize(
    ("call", "answer", "request_"),
    [
        (
            lambda rooms: rooms.create(name="Desk", description="d"),
            ROOM,
            sent("POST", "/pod/v3/room/create", {"name": "Desk", "description": "d"}),
        ),
        (
            lambda rooms: rooms.create(
                name="Desk", description="d", keywords={"city": "Bern"}, public=True, read_only=False, sub_type="EMAIL"
            ),
            ROOM,
            sent(
                "POST",
                "/pod/v3/room/create",
                {
                    "name": "Desk",
                    "description": "d",
                    "keywords": [{"key": "city", "value": "Bern"}],
                    "public": True,
                    "readOnly": False,
                    "subType": "EMAIL",
                },
            ),
        ),
        (lambda rooms: rooms.get("r"), ROOM, sent("GET", "/pod/v3/room/r/info")),
        (
            lambda rooms: rooms.update("r", description="new", keywords={}, members_can_invite=True),
            ROOM,
            sent("POST", "/pod/v3/room/r/update", {"description": "new", "keywords": [], "membersCanInvite": True}),
        ),
        (
            lambda rooms: rooms.search("desk").first(),
            {},
            sent("POST", "/pod/v3/room/search?skip=0&limit=100", {"query": "desk"}),
        ),
        (
            lambda rooms: rooms.search(
                "desk",
                labels=["a"],
                search_fields=iter(["title"]),
                active=True,
                private=False,
                owner=1,
                creator=2,
                member=3,
                sort_order="BASIC",
                include_non_discoverable=True,
                page_size=7,
            ).first(),
            {},
            sent(
                "POST",
                "/pod/v3/room/search?skip=0&limit=7&includeNonDiscoverable=true",
                {
                    "query": "desk",
                    "labels": ["a"],
                    "searchFields": ["title"],
                    "active": True,
                    "private": False,
                    "owner": {"id": 1},
                    "creator": {"id": 2},
                    "member": {"id": 3},
                    "sortOrder": "BASIC",
                },
            ),
        ),
        (lambda rooms: rooms.activate("r"), {}, sent("POST", "/pod/v1/room/r/setActive?active=true")),
        (lambda rooms: rooms.deactivate("r"), {}, sent("POST", "/pod/v1/room/r/setActive?active=false")),
        (
            lambda rooms: rooms.admin_set_active("r", False),
            {},
            sent("POST", "/pod/v1/admin/room/r/setActive?active=false"),
        ),
        (lambda rooms: rooms.list_members("r"), [], sent("GET", "/pod/v2/room/r/membership/list")),
        (lambda rooms: rooms.add_member("r", 7), {}, sent("POST", "/pod/v1/room/r/membership/add", {"id": 7})),
        (
            lambda rooms: rooms.remove_member("r", 7),
            {},
            sent("POST", "/pod/v1/room/r/membership/remove", {"id": 7}),
        ),
        (lambda rooms: rooms.promote("r", 7), {}, sent("POST", "/pod/v1/room/r/membership/promoteOwner", {"id": 7})),
        (lambda rooms: rooms.demote("r", 7), {}, sent("POST", "/pod/v1/room/r/membership/demoteOwner", {"id": 7})),
        (
            lambda rooms: rooms.admin_list_members("r", include_past_members=True),
            [],
            sent("GET", "/pod/v1/admin/room/r/membership/list?includePastMembers=true"),
        ),
        (
            lambda rooms: rooms.admin_add_member("r", 7),
            {},
            sent("POST", "/pod/v1/admin/room/r/membership/add", {"id": 7}),
        ),
        (
            lambda rooms: rooms.admin_remove_member("r", 7),
            {},
            sent("POST", "/pod/v1/admin/room/r/membership/remove", {"id": 7}),
        ),
    ],
)
async def test_what_is_sent(
    wire: Wire, call: Callable[[Any], Awaitable[object]], answer: Any, request_: tuple[str, str, Any]
) -> None:
    wire.answers(answer)
    await call(wire.pod.rooms)
    assert wire.sent == [request_]


async def test_one_text_is_no_list_of_them(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="labels: expected several texts"):
        await wire.pod.rooms.search("x", labels="city").first()
    assert wire.requests == []


async def test_adding_a_member_is_repeated_when_the_answer_is_lost(wire: Wire) -> None:
    wire.answers(TransportError("the connection was lost"), {"message": "Member added"})
    assert (await wire.pod.rooms.add_member("r", 7)).message == "Member added"
    assert wire.sent == [sent("POST", "/pod/v1/room/r/membership/add", {"id": 7})] * 2


@pytest.mark.symphony_sandbox(users=5, page_cap=2)
async def test_a_life_in_the_sandbox(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    rooms = pod.rooms
    users = [user.id for user in symphony_sandbox.state.users()]
    me = (await pod.session.info()).id
    other = next(user for user in users if user != me)
    ids = set()
    for n in range(5):
        room = await rooms.create(name=f"Desk {n}", description="A desk")
        assert room.room_system_info is not None
        ids.add(room.room_system_info.id)
    found = await rooms.search("Desk", include_non_discoverable=True).unique().collect()
    assert {room.room_system_info.id for room in found if room.room_system_info} == ids
    assert symphony_sandbox.stats.by_operation["v3_room_search_post"] == 3

    room_id = min(id_ or "" for id_ in ids)
    await rooms.add_member(room_id, other)
    await rooms.promote(room_id, other)
    assert {(m.id, m.owner) for m in await rooms.list_members(room_id)} == {(me, True), (other, True)}
    await rooms.demote(room_id, other)
    assert {(m.id, m.owner) for m in await rooms.admin_list_members(room_id)} == {(me, True), (other, False)}
    await rooms.admin_remove_member(room_id, other)
    assert [m.id for m in await rooms.list_members(room_id)] == [me]

    renamed = await rooms.update(room_id, name="Renamed")
    assert renamed.room_attributes is not None
    assert renamed.room_attributes.name == "Renamed"
    await rooms.deactivate(room_id)
    info = (await rooms.get(room_id)).room_system_info
    assert info is not None
    assert info.active is False


@pytest.mark.parametrize(
    "method", ["add_member", "remove_member", "promote", "demote", "admin_add_member", "admin_remove_member"]
)
async def test_a_room_and_a_user_in_the_other_order_are_refused(wire: Wire, method: str) -> None:
    with pytest.raises(ConfigError, match="the room is 7 and the user 'room': the room comes first"):
        await getattr(wire.pod.rooms, method)(7, "room")
    assert wire.sent == []


async def test_a_page_of_a_search_with_its_counts(wire: Wire) -> None:
    room = {"roomAttributes": {"name": "Desk"}, "roomSystemInfo": {"id": "r"}}
    wire.answers({"count": 71, "rooms": [room], "facetedMatchCount": [{"facet": "industry", "count": 3}]})
    page = await wire.pod.rooms.search("desk", page_size=10).starting_at({"skip": 50}).page()
    assert ([found.room_system_info.id for found in page.items], page.total) == (["r"], 71)
    assert [(each.facet, each.count) for each in page.answer.faceted_match_count] == [("industry", 3)]
    assert wire.sent == [sent("POST", "/pod/v3/room/search?skip=50&limit=10", {"query": "desk"})]
