"""Groups of the profile manager, which are distribution lists, and what the directory shows of them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from ..handlers import Call, HttpError, reads, writes
from ..state import Json

SDL = {
    "id": "SDL",
    "ownerType": "PLATFORM",
    "name": "Symphony Distribution List",
    "status": "ACTIVE",
    "membershipControl": {"manualMembership": True, "canBelongToMultipleGroup": True},
    "interactionControl": {"allowIMs": True, "allowRooms": True, "canHaveInteraction": True},
}
"""The one type of groups that the sandbox has."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _group(call: Call) -> Json:
    group = call.db.lists.get(call.path["groupId"])
    if group is None:
        raise HttpError(404, f"there is no group {call.path['groupId']}")
    return group


def _saved(call: Call, group: Json, **changes: Any) -> Json:
    changed = {
        **group,
        **changes,
        "updatedDate": _now(),
        "updatedBy": str(call.caller.id),
        "eTag": secrets.token_hex(8),
    }
    call.db.lists.put(changed)
    return changed


def _members(body: Json) -> list[Json]:
    return [{**member, "addedDate": _now()} for member in body.get("members", ())]


def _profile(body: Json) -> Json:
    return {"displayName": body["name"], **body.get("profile", {})}


@writes("v1_groups_post")
def create_group(call: Call) -> Any:
    """Create a group."""
    if call.body["type"] != SDL["id"]:
        raise HttpError(400, f"there is no type {call.body['type']}")
    # An assumption: ids of groups are numbers in text here, as they are numbers in the directory.
    number = str(71_811_853_191_000 + len(call.db.lists) + 1)
    made = {"createdDate": _now(), "createdBy": str(call.caller.id), "status": "ACTIVE"}
    group = {**call.body, **made, "id": number, "members": _members(call.body), "profile": _profile(call.body)}
    return _saved(call, group)


@reads("v1_groups_group_id_get")
def get_group(call: Call) -> Any:
    """A group."""
    return _group(call)


@reads("v1_groups_type_type_id_get")
def list_groups(call: Call) -> Any:
    """The groups of a type, a page of them."""
    wanted = [group for group in call.db.lists if group["type"] == call.path["typeId"]]
    if "status" in call.query:
        wanted = [group for group in wanted if group["status"] == call.query["status"]]
    wanted.sort(key=lambda group: int(group["id"]), reverse=call.query.get("sortOrder") == "DESC")
    page, pagination = call.cursor_page(wanted)
    return {"data": page, "pagination": pagination}


@writes("v1_groups_group_id_put")
def update_group(call: Call) -> Any:
    """Replace what a group is; 412 if somebody has changed it."""
    group = _group(call)
    if call.headers.get("If-Match") != group["eTag"]:
        raise HttpError(412, "the group has changed since it was read")
    kept = {name: group[name] for name in ("id", "createdDate", "createdBy", "status")}
    wanted = {**kept, **call.body, "members": _members(call.body), "profile": _profile(call.body)}
    return _saved(call, wanted)


@writes("v1_groups_group_id_member_post")
def add_member(call: Call) -> Any:
    """Add a member."""
    group, member = _group(call), call.body.get("member", {})
    if any(known.get("memberId") == member.get("memberId") for known in group["members"]):
        return group
    return _saved(call, group, members=[*group["members"], *_members({"members": [member]})])


@writes("v1_groups_group_id_avatar_post")
def set_avatar(call: Call) -> Any:
    """Set the picture."""
    group = _group(call)
    avatars = [{"size": size, "url": f"../avatars/groups/{size}/{group['id']}.png"} for size in ("50", "150", "600")]
    return _saved(call, group, profile={**group["profile"], "avatars": avatars})


@writes("v1_groups_delete_all_delete")
def delete_groups(call: Call) -> Any:
    """Delete every group; they stay, as deleted."""
    deleted = [_saved(call, group, status="DELETED") for group in list(call.db.lists) if group["status"] == "ACTIVE"]
    return {"data": deleted, "pagination": {"cursors": {}}}


@reads("v1_types_get")
def list_types(call: Call) -> Any:
    """The types of groups."""
    page, pagination = call.cursor_page([{name: SDL[name] for name in ("id", "ownerType", "name", "status")}])
    return {"data": page, "pagination": pagination}


@reads("v1_types_type_id_get")
def get_type(call: Call) -> Any:
    """A type of groups."""
    if call.path["typeId"] != SDL["id"]:
        raise HttpError(404, f"there is no type {call.path['typeId']}")
    return SDL


def _in_directory(group: Json) -> Json:
    profile = group["profile"]
    shown = {
        "groupId": int(group["id"]),
        "name": group["name"],
        "username": f"sdl-{group['id']}",
        "type": "SDL",
        "active": group["status"] == "ACTIVE",
        "displayName": profile["displayName"],
        "members": [
            {"userId": member["memberId"], "tenantId": member.get("memberTenant", 0)} for member in group["members"]
        ],
        "eTag": group["eTag"],
    }
    return shown | {name: profile[name] for name in ("companyName", "email") if name in profile}


@reads("v1_groups_sdl_list_get")
def list_in_directory(call: Call) -> Any:
    """Distribution lists after the last id."""
    last = call.query.get("lastGroupId", 0)
    groups = sorted((_in_directory(group) for group in call.db.lists), key=lambda group: group["groupId"])
    later = [group for group in groups if group["groupId"] > last]
    return later[: call.capped(call.query.get("limit", 50), 100)]


@reads("v1_groups_sdl_group_id_get")
def get_in_directory(call: Call) -> Any:
    """A distribution list."""
    group = call.db.lists.get(str(call.path["groupId"]))
    if group is None:
        raise HttpError(400, f"there is no group {call.path['groupId']}")
    return _in_directory(group)


@reads("v5_users_apps_group_app_id_get")
def list_app_users(call: Call) -> Any:
    """The users of an application, asked by the application. In the sandbox every user has every application."""
    app_id = call.path["groupAppId"]
    if call.session is None or call.session.app != app_id:
        raise HttpError(403, "an application may ask for its own users alone")
    users = [user for user in call.db.users if not user.external] if call.query.get("installed", True) else []
    size, number = call.capped(call.query.get("size", 50), 1000), call.query.get("page", 0)
    rows = [{"userId": user.id, "enable": True, "listed": True} for user in users[number * size : (number + 1) * size]]
    pages = -(-len(users) // size)
    page = {"size": len(rows), "number": number, "totalElements": len(users), "totalPages": pages,
            "first": number == 0, "last": number >= pages - 1, "hasNext": number < pages - 1,
            "hasPrevious": number > 0}  # fmt: skip
    return {"users": rows, "page": page}
