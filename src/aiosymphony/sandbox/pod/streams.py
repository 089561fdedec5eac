"""Streams: conversations, lists of streams, and the files in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve

from ..handlers import NO_CONTENT, Call, HttpError, reads, writes
from ..state import POD_ID, POD_NAME, Json, Member, Stream, User, new_stream_id, now_ms
from .messages import in_window
from .views import display_name

# --- conversations ---------------------------------------------------------------------------------------------------


def _conversation(call: Call, members: Iterable[int]) -> Json:
    users = [call.user(uid, local=False) for uid in sorted(set(members))]
    if len(users) < 2:
        raise HttpError(400, "a conversation needs at least two users")
    key = tuple(user.id for user in users)
    known = call.db.streams.first("key", key)
    if known is not None:
        return {"id": known.id}
    now = now_ms()
    external = len({user.external for user in users}) > 1
    stream = Stream(
        id=new_stream_id(),
        type="IM" if len(users) == 2 else "MIM",
        attributes={},
        created=now,
        created_by=call.caller.id,
        updated=now,
        external=external,
        key=key,
    )
    call.db.streams.put(stream)
    for uid in key:
        call.db.members.put(Member(stream=stream.id, user=uid, joined=now))
    return {"id": stream.id}


@writes("v1_im_create_post")
def create_im(call: Call) -> Any:
    """Find the conversation of the caller with these users, or create it."""
    return _conversation(call, [call.caller.id, *call.body])


@writes("v1_admin_im_create_post")
def admin_create_im(call: Call) -> Any:
    """Find the conversation of these users, without the caller, or create it."""
    return _conversation(call, call.body)


def _im_detail(stream: Stream) -> Json:
    return {
        "V1IMAttributes": stream.attributes,
        "IMSystemInfo": {"id": stream.id, "creationDate": stream.created, "active": stream.active},
    }


@reads("v1_im_id_info_get")
def im_info(call: Call) -> Any:
    """A conversation."""
    return _im_detail(call.stream(call.path["id"], "IM", "MIM"))


@writes("v1_im_id_update_post")
def update_im(call: Call) -> Any:
    """Pin another message in a conversation."""
    stream = call.stream(call.path["id"], "IM", "MIM")
    if call.member(stream, call.caller.id) is None:
        raise HttpError(403, f"the caller is not in conversation {stream.id}")
    stream = evolve(stream, attributes={**stream.attributes, **call.body}, updated=now_ms())
    call.db.streams.put(stream)
    return _im_detail(stream)


# --- lists -----------------------------------------------------------------------------------------------------------


def _member_ids(call: Call, stream: Stream) -> list[int]:
    return [member.user for member in call.db.members.group("stream", stream.id)]


def _attributes(call: Call, stream: Stream) -> Json:
    value: Json = {
        "id": stream.id,
        "crossPod": stream.external,
        "active": stream.active,
        "streamType": {"type": stream.type},
    }
    if stream.type == "ROOM":
        value["roomAttributes"] = {"name": stream.attributes["name"]}
    else:
        value["streamAttributes"] = {"members": _member_ids(call, stream)}
    return value


def _streams_of(call: Call, user: User) -> Any:
    skip, limit = call.window(50, 1000)
    body = call.body or {}
    types = {entry.get("type") for entry in body.get("streamTypes", ())}
    inactive = body.get("includeInactiveStreams", False)
    streams = (call.db.streams.get(member.stream) for member in call.db.members.group("user", user.id))
    found = [
        stream
        for stream in streams
        if stream is not None and (not types or stream.type in types) and (stream.active or inactive)
    ]
    if not found:
        return NO_CONTENT
    return [_attributes(call, stream) for stream in found[skip : skip + limit]]


@reads("v1_streams_list_post")
def list_own(call: Call) -> Any:
    """A page of the caller's streams; 204 if there are none."""
    return _streams_of(call, call.caller)


@reads("v1_admin_user_uid_streams_list_post")
def list_of_user(call: Call) -> Any:
    """A page of a user's streams; 204 if there are none."""
    return _streams_of(call, call.user(call.path["uid"]))


def _origin(stream: Stream) -> str:
    return "EXTERNAL" if stream.external and stream.attributes.get("multiLateralRoom") else "INTERNAL"


def _last_message(call: Call, stream: Stream) -> int | None:
    messages = call.db.messages.group("stream", stream.id)
    return messages.slice(len(messages) - 1, 1)[0].created if len(messages) else None


@reads("v1_streams_sid_info_get")
def info_v1(call: Call) -> Any:
    """A stream; version 1."""
    return _attributes(call, call.stream(call.path["sid"]))


@reads("v2_streams_sid_info_get")
def info(call: Call) -> Any:
    """A stream."""
    stream = call.stream(call.path["sid"])
    value = {**_attributes(call, stream), "origin": _origin(stream)}
    last = _last_message(call, stream)
    return value if last is None else {**value, "lastMessageDate": last}


def _membership_modified(call: Call, stream: Stream, start: int, end: int) -> bool:
    # An assumption: joining and leaving count, a change of owners does not.
    rows = (*call.db.members.group("stream", stream.id), *call.db.past_members.group("stream", stream.id))
    return any(start <= moment <= end for row in rows for moment in (row.joined, row.left) if moment is not None)


def _admin_matches(call: Call, stream: Stream, wanted: Json) -> bool:
    types = {entry.get("type") for entry in wanted.get("streamTypes", ())}
    is_public = stream.attributes.get("public", False)
    return all(
        (
            not types or stream.type in types,
            wanted.get("scope") in (None, "EXTERNAL" if stream.external else "INTERNAL"),
            wanted.get("origin") in (None, _origin(stream)),
            wanted.get("status") in (None, "ACTIVE" if stream.active else "INACTIVE"),
            wanted.get("privacy") in (None, "PUBLIC" if is_public else "PRIVATE"),
            not wanted.keys() & {"startDate", "endDate"}
            or _membership_modified(call, stream, wanted.get("startDate", 0), wanted.get("endDate", now_ms())),
        )
    )


def _admin_list(call: Call) -> tuple[list[Stream], Json]:
    skip, limit = call.window(50, 100)
    wanted = call.body or {}
    found = [stream for stream in call.db.streams if _admin_matches(call, stream, wanted)]
    return found[skip : skip + limit], {"count": len(found), "skip": skip, "limit": limit, "filter": wanted}


def _admin_info(call: Call, stream: Stream) -> Json:
    members = _member_ids(call, stream)
    attributes: Json = {
        "members": members,
        "membersCount": len(members),
        "createdByUserId": stream.created_by,
        "createdDate": stream.created,
        "lastModifiedDate": stream.updated,
        "originCompany": POD_NAME,
        "originCompanyId": POD_ID,
    }
    if stream.type == "ROOM":
        attributes["roomName"] = stream.attributes["name"]
        attributes["roomDescription"] = stream.attributes.get("description", "")
    return {
        "id": stream.id,
        "isExternal": stream.external,
        "isActive": stream.active,
        "isPublic": stream.attributes.get("public", False),
        "type": stream.type,
        "attributes": attributes,
    }


@reads("v1_admin_streams_list_post")
def admin_list_v1(call: Call) -> Any:
    """A page of all streams that match; version 1."""
    streams, page = _admin_list(call)
    return {**page, "streams": [_admin_info(call, stream) for stream in streams]}


@reads("v2_admin_streams_list_post")
def admin_list(call: Call) -> Any:
    """A page of all streams that match."""
    streams, page = _admin_list(call)
    entries = []
    for stream in streams:
        entry = {**_admin_info(call, stream), "crossPod": stream.external, "origin": _origin(stream)}
        last = _last_message(call, stream)
        if last is not None:
            entry["attributes"]["lastMessageDate"] = last
        entries.append(entry)
    return {**page, "streams": entries}


@reads("v1_admin_stream_id_membership_list_get")
def admin_members(call: Call) -> Any:
    """A page of the members of any stream."""
    skip, limit = call.window(100, 1000)
    stream = call.stream(call.path["id"])
    rows = call.db.members.group("stream", stream.id)
    members = []
    for member in rows.slice(skip, limit):
        user = call.user(member.user, local=False)
        given = user.attributes
        detail = {
            "userId": user.id,
            "email": user.email,
            "firstName": given.get("firstName", ""),
            "lastName": given.get("lastName", ""),
            "displayName": display_name(user),
            "company": given.get("companyName", POD_NAME),
            "companyId": POD_ID + user.external,
            "isExternal": user.external,
        }
        members.append(
            {
                "user": detail,
                "isOwner": member.owner,
                "isCreator": stream.created_by == user.id,
                "joinDate": member.joined,
            }
        )
    return {"count": len(rows), "skip": skip, "limit": limit, "members": members}


@reads("v1_streams_sid_attachments_get")
def attachments(call: Call) -> Any:
    """The files of a stream between two times, by time of ingestion."""
    stream = call.stream(call.path["sid"])
    limit = call.capped(call.query.get("limit", 50), 100)
    items = [
        {"messageId": message.id, "ingestionDate": message.created, "userId": message.author, **attachment}
        for message in in_window(call, call.db.messages.group("stream", stream.id))
        for attachment in message.attachments
    ]
    if call.query.get("sortDir", "ASC").upper() == "DESC":
        items.reverse()
    return items[:limit]
