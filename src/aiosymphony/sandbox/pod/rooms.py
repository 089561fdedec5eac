"""Rooms and their members."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ..handlers import Call, HttpError, reads, success, writes
from ..state import Json, Member, Stream, User, new_stream_id, now_ms
from .roles import is_administrator

_FLAGS = ("membersCanInvite", "discoverable", "public", "readOnly", "copyProtected", "crossPod", "viewHistory",
          "multiLateralRoom", "scheduledMeeting", "groupChat")  # fmt: skip
_V1 = ("name", "description", "membersCanInvite", "discoverable")
_V2 = ("name", "keywords", "description", "membersCanInvite", "discoverable", "public", "readOnly", "copyProtected")
_IMMUTABLE = ("public", "readOnly", "copyProtected")


def _info(room: Stream) -> Json:
    return {
        "id": room.id,
        "creationDate": room.created,
        "createdByUserId": room.created_by,
        "active": room.active,
    }


def _v3(room: Stream) -> Json:
    return {"roomAttributes": room.attributes, "roomSystemInfo": _info(room)}


def _v2(room: Stream) -> Json:
    attributes = {name: room.attributes[name] for name in _V2 if name in room.attributes}
    return {"roomAttributes": attributes, "roomSystemInfo": _info(room)}


def _v1(room: Stream) -> Json:
    return {
        "roomAttributes": {name: room.attributes[name] for name in _V1 if name in room.attributes},
        "roomSystemInfo": _info(room),
        "immutableRoomAttributes": {name: room.attributes[name] for name in _IMMUTABLE},
    }


# --- rooms -------------------------------------------------------------------------------------------------------


def _create(call: Call, given: Json) -> Stream:
    if not given.get("name", "").strip():
        raise HttpError(400, "the name of the room is missing or empty")
    attributes = {**dict.fromkeys(_FLAGS, False), **given}
    _name_is_free(call, attributes, own=None)
    now = now_ms()
    room = Stream(
        id=new_stream_id(),
        type="ROOM",
        attributes=attributes,
        created=now,
        created_by=call.caller.id,
        updated=now,
        external=attributes["crossPod"],
    )
    call.db.streams.put(room)
    call.db.members.put(Member(stream=room.id, user=call.caller.id, owner=True, joined=now))
    return room


def _name_is_free(call: Call, attributes: Json, *, own: str | None) -> None:
    """Names of public rooms are unique; those of private rooms are not."""
    if not (attributes["public"] and call.options.uniqueness):
        return
    for other in call.db.streams.find("name", attributes["name"].casefold()):
        if other.id != own and other.active and other.attributes["public"]:
            raise HttpError(400, "a public room of this name exists")


def _update(call: Call, given: Json) -> Stream:
    room = call.stream(call.path["id"], "ROOM")
    _must_own(call, room)
    if not room.active:
        raise HttpError(400, f"room {room.id} is not active")
    for name in _IMMUTABLE:
        if name in given and given[name] != room.attributes[name]:
            raise HttpError(400, f"{name} of a room cannot be changed")
    attributes = {**room.attributes, **given}
    if not attributes["name"].strip():
        raise HttpError(400, "the name of the room is empty")
    _name_is_free(call, attributes, own=room.id)
    room = evolve(room, attributes=attributes, updated=now_ms())
    call.db.streams.put(room)
    return room


def _must_own(call: Call, room: Stream) -> None:
    member = call.member(room, call.caller.id)
    if member is None or not member.owner:
        raise HttpError(403, f"the caller does not own room {room.id}")


@writes("v3_room_create_post")
def create(call: Call) -> Any:
    """Create a room; the caller owns it."""
    return _v3(_create(call, call.body))


@writes("v2_room_create_post")
def create_v2(call: Call) -> Any:
    """Create a room; version 2."""
    return _v2(_create(call, call.body))


@writes("v1_room_create_post")
def create_v1(call: Call) -> Any:
    """Create a room; version 1."""
    given = {**(call.body.get("roomAttributes") or {}), **(call.body.get("immutableRoomAttributes") or {})}
    return _v1(_create(call, given))


@reads("v3_room_id_info_get")
def info(call: Call) -> Any:
    """A room."""
    return _v3(call.stream(call.path["id"], "ROOM"))


@reads("v2_room_id_info_get")
def info_v2(call: Call) -> Any:
    """A room; version 2."""
    return _v2(call.stream(call.path["id"], "ROOM"))


@reads("v1_room_id_info_get")
def info_v1(call: Call) -> Any:
    """A room; version 1."""
    return _v1(call.stream(call.path["id"], "ROOM"))


@writes("v3_room_id_update_post")
def update(call: Call) -> Any:
    """Change attributes of a room."""
    return _v3(_update(call, call.body))


@writes("v2_room_id_update_post")
def update_v2(call: Call) -> Any:
    """Change attributes of a room; version 2."""
    return _v2(_update(call, call.body))


@writes("v1_room_id_update_post")
def update_v1(call: Call) -> Any:
    """Change attributes of a room; version 1."""
    return _v1(_update(call, call.body))


def _set_active(call: Call, room: Stream) -> Json:
    room = evolve(room, active=call.query["active"], updated=now_ms())
    call.db.streams.put(room)
    return _v1(room)


@writes("v1_room_id_set_active_post")
def set_active(call: Call) -> Any:
    """Activate or deactivate a room that the caller owns."""
    room = call.stream(call.path["id"], "ROOM")
    _must_own(call, room)
    return _set_active(call, room)


@writes("v1_admin_room_id_set_active_post")
def admin_set_active(call: Call) -> Any:
    """Activate or deactivate any room."""
    return _set_active(call, call.stream(call.path["id"], "ROOM"))


# --- search ------------------------------------------------------------------------------------------------------


def _search(call: Call, *, hidden: bool) -> tuple[list[Stream], Json]:
    skip, limit = call.window(50, 100)
    found = [room for room in call.db.streams if room.type == "ROOM" and _matches(call, room, hidden=hidden)]
    results = {
        "count": len(found),
        "skip": skip,
        "limit": limit,
        "query": call.body,
        "facetedMatchCount": [{"facet": call.body["query"], "count": len(found)}],
    }
    return found[skip : skip + limit], results


def _matches(call: Call, room: Stream, *, hidden: bool) -> bool:
    criteria, attributes = call.body, room.attributes
    text = f"{attributes['name']} {attributes.get('description', '')}".casefold()
    if any(word not in text for word in criteria["query"].casefold().split()):
        return False
    visible = hidden or attributes["public"] or attributes["discoverable"]
    if not (visible or call.member(room, call.caller.id)):
        return False
    for name in ("owner", "member"):
        wanted = criteria.get(name)
        member = call.member(room, wanted.get("id", 0)) if wanted else None
        if wanted and (member is None or (name == "owner" and not member.owner)):
            return False
    labels = criteria.get("labels")
    return all(
        (
            criteria.get("active") in (None, room.active),
            criteria.get("private") in (None, not attributes["public"]),
            "creator" not in criteria or criteria["creator"].get("id") == room.created_by,
            criteria.get("subType") in (None, attributes.get("subType")),
            not labels or any(tag["key"] in labels for tag in attributes.get("keywords", ())),
        )
    )


@reads("v3_room_search_post")
def search(call: Call) -> Any:
    """A page of the rooms that match."""
    rooms, results = _search(call, hidden=call.query.get("includeNonDiscoverable", False))
    return {**results, "rooms": [_v3(room) for room in rooms]}


@reads("v2_room_search_post")
def search_v2(call: Call) -> Any:
    """A page of the rooms that match; version 2."""
    rooms, results = _search(call, hidden=False)
    return {**results, "rooms": [_v2(room) for room in rooms]}


# --- members -----------------------------------------------------------------------------------------------------


def _open_room(call: Call) -> Stream:
    room = call.stream(call.path["id"], "ROOM")
    if not room.active:
        raise HttpError(400, f"room {room.id} is not active")
    return room


def _named(call: Call) -> User:
    return call.user(call.body.get("id", 0), local=False)


def _add(call: Call, room: Stream) -> Json:
    user = _named(call)
    if user.external and not room.external:
        raise HttpError(400, f"user {user.id} is of another pod, and room {room.id} is internal")
    if call.member(room, user.id) is not None:
        return success("Member already part of the room")
    call.db.past_members.remove((room.id, user.id))
    call.db.members.put(Member(stream=room.id, user=user.id, joined=now_ms()))
    return success("Member added")


def _remove(call: Call, room: Stream) -> Json:
    member = call.member(room, call.body.get("id", 0))
    if member is None:
        return success("Member is not part of the room")
    call.db.members.remove((room.id, member.user))
    call.db.past_members.put(evolve(member, left=now_ms()))
    return success("Member removed")


@writes("v1_room_id_membership_add_post")
def add_member(call: Call) -> Any:
    """Add a member: as an owner, as a member who may invite, or oneself to a public room."""
    room = _open_room(call)
    me = call.member(room, call.caller.id)
    joins_public = room.attributes["public"] and call.body.get("id") == call.caller.id
    if not joins_public and (me is None or not (me.owner or room.attributes["membersCanInvite"])):
        raise HttpError(403, f"the caller may not add members to room {room.id}")
    return _add(call, room)


@writes("v1_room_id_membership_remove_post")
def remove_member(call: Call) -> Any:
    """Remove a member as an owner, or leave."""
    room = _open_room(call)
    if call.body.get("id") != call.caller.id:
        _must_own(call, room)
    return _remove(call, room)


@writes("v1_admin_room_id_membership_add_post")
def admin_add_member(call: Call) -> Any:
    """Add a member to any room."""
    return _add(call, _open_room(call))


@writes("v1_admin_room_id_membership_remove_post")
def admin_remove_member(call: Call) -> Any:
    """Remove a member from any room."""
    return _remove(call, _open_room(call))


def _set_owner(call: Call, *, owner: bool) -> Json:
    room = _open_room(call)
    if not is_administrator(call.caller):
        _must_own(call, room)
    member = call.member(room, _named(call).id)
    if member is None:
        raise HttpError(400, f"user {call.body.get('id')} is not in room {room.id}")
    call.db.members.put(evolve(member, owner=owner))
    return success("Member promoted" if owner else "Member demoted")


@writes("v1_room_id_membership_promote_owner_post")
def promote(call: Call) -> Any:
    """Make a member an owner."""
    return _set_owner(call, owner=True)


@writes("v1_room_id_membership_demote_owner_post")
def demote(call: Call) -> Any:
    """Make an owner an ordinary member."""
    return _set_owner(call, owner=False)


def _members(members: Any) -> list[Json]:
    return [{"id": member.user, "owner": member.owner, "joinDate": member.joined} for member in members]


@reads("v1_room_id_membership_list_get", "v2_room_id_membership_list_get")
def list_members(call: Call) -> Any:
    """All members of a room that is public or has the caller as a member."""
    room = call.stream(call.path["id"], "ROOM")
    if not room.attributes["public"] and call.member(room, call.caller.id) is None:
        raise HttpError(403, f"the caller is not in room {room.id}")
    return _members(call.db.members.group("stream", room.id))


@reads("v1_admin_room_id_membership_list_get")
def admin_list_members(call: Call) -> Any:
    """All members of any room, with past members on request."""
    room = call.stream(call.path["id"], "ROOM")
    members = _members(call.db.members.group("stream", room.id))
    if call.query.get("includePastMembers"):
        members += _members(call.db.past_members.group("stream", room.id))
    return members
