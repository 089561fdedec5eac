"""Information barriers: groups, their members, and the policies between groups."""

from __future__ import annotations

from typing import Any

from ..handlers import Call, HttpError, reads, writes
from ..state import Json


def _group(call: Call, status: int = 400) -> str:
    group = str(call.path["gid"])
    if group not in call.db.groups:
        raise HttpError(status, f"group {group!r} does not exist")
    return group


@reads("v1_admin_group_list_get")
def list_groups(call: Call) -> Any:
    """All information barrier groups."""
    return [{**row, "memberCount": len(call.db.group_members.group("group", row["id"]))} for row in call.db.groups]


@reads("v1_admin_policy_list_get")
def list_policies(call: Call) -> Any:
    """All policies between groups."""
    members = call.db.group_members
    return [
        {**row, "memberCount": sum(len(members.group("group", group)) for group in row["groups"])}
        for row in call.db.policies
    ]


@reads("v1_admin_group_gid_membership_list_get")
def list_group_members(call: Call) -> Any:
    """A page of the users in a group."""
    skip, limit = call.window(10_000, 10_000)
    return [uid for _, uid in call.db.group_members.group("group", _group(call, 404)).slice(skip, limit)]


def _bulk(call: Call, apply: Any, group: str) -> Json:
    results = []
    for uid in call.body:
        user = call.db.users.get(uid)
        if user is None or user.external:
            results.append(f"user {uid} does not exist")
        else:
            apply((group, uid))
            results.append("")
    return {"overallResult": "FAIL" if any(results) else "SUCCESS", "results": results}


@writes("v1_admin_group_gid_membership_add_post")
def add_group_members(call: Call) -> Any:
    """Add users to a group; one result per user."""
    return _bulk(call, call.db.group_members.put, _group(call))


@writes("v1_admin_group_gid_membership_remove_post")
def remove_group_members(call: Call) -> Any:
    """Remove users from a group; one result per user."""
    return _bulk(call, call.db.group_members.remove, _group(call))
