"""Presence, and feeds of its changes."""

from __future__ import annotations

import secrets
from typing import Any

from ..handlers import Call, HttpError, reads, success, writes
from ..state import Json, User, now_ms
from .roles import is_administrator

CATEGORIES = frozenset({"UNDEFINED", "AVAILABLE", "BUSY", "AWAY", "ON_THE_PHONE", "BE_RIGHT_BACK", "IN_A_MEETING",
                        "OUT_OF_OFFICE", "OFF_WORK", "DO_NOT_DISTURB", "OFFLINE"})  # fmt: skip

_V1 = {"IN_A_MEETING": "BUSY", "OUT_OF_OFFICE": "AWAY", "OFF_WORK": "OFFLINE"}
"""Categories that version 1 does not know, and what it shows instead."""

FEED_READ = 500
"""The most changes that one read of a feed returns."""


def _is_online(call: Call, user: User) -> bool:
    # An assumption: a user with a session is online. The sandbox does not see what users do, so nobody is ever idle.
    return next(call.auth.sessions(user.id), None) is not None


def _presence(call: Call, user: User) -> Json:
    waiting = call.state.soft_presences.get(user.id)
    if waiting is not None and _is_online(call, user):
        return waiting
    known = call.db.presences.get(user.id)
    return known or {"category": "OFFLINE", "userId": user.id, "timestamp": user.updated}


def _set(call: Call, user: User, category: str) -> Json:
    if category not in CATEGORIES:
        raise HttpError(400, f"category {category!r} does not exist")
    known = _presence(call, user)
    value = {"category": category, "userId": user.id, "timestamp": now_ms()}
    if call.query.get("soft") and known["category"] == "OFFLINE" and not _is_online(call, user):
        call.state.soft_presences[user.id] = value
        return known
    call.state.soft_presences.pop(user.id, None)
    call.db.presences.put(value)
    for feed, owner in call.state.feed_owner.items():
        # A feed shows users of its own pod, and other users in whom its owner has registered interest.
        if not user.external or user.id in call.state.interest.get(owner, ()):
            call.state.feeds[feed][user.id] = value
    return value


def _v1(value: Json) -> Json:
    return {"category": _V1.get(value["category"], value["category"])}


def _seen(call: Call, uid: int) -> Json:
    """The presence of a user as the caller may see it."""
    user = call.user(uid, local=call.query.get("local", False), status=404)
    if user.external and uid not in call.state.interest.get(call.caller.id, ()):
        return {"category": "UNDEFINED", "userId": uid, "timestamp": now_ms()}
    return _presence(call, user)


@reads("v2_user_presence_get")
def own(call: Call) -> Any:
    """The caller's presence."""
    return _presence(call, call.caller)


@reads("v1_user_presence_get")
def own_v1(call: Call) -> Any:
    """The caller's presence; version 1."""
    return _v1(_presence(call, call.caller))


@writes("v2_user_presence_post")
def set_own(call: Call) -> Any:
    """Set the caller's presence."""
    return _set(call, call.caller, call.body["category"])


@writes("v1_user_presence_post")
def set_own_v1(call: Call) -> Any:
    """Set the caller's presence; version 1."""
    return _v1(_set(call, call.caller, call.body.get("category", "UNDEFINED")))


@reads("v3_user_uid_presence_get")
def of_user(call: Call) -> Any:
    """The presence of a user."""
    return _seen(call, call.path["uid"])


@reads("v1_user_uid_presence_get", "v2_user_uid_presence_get")
def of_user_v1(call: Call) -> Any:
    """The presence of a user; version 1."""
    return _v1(_seen(call, call.path["uid"]))


def _may_set(call: Call, uid: int) -> User:
    user = call.user(uid, status=404)
    if user.id != call.caller.id and not is_administrator(call.caller):
        raise HttpError(403, "only an administrator may set the presence of another user")
    return user


@writes("v3_user_presence_post")
def set_of_user(call: Call) -> Any:
    """Set the presence of a user."""
    if "userId" not in call.body:
        raise HttpError(400, "userId is missing")
    return _set(call, _may_set(call, call.body["userId"]), call.body["category"])


@writes("v1_user_uid_presence_post")
def set_of_user_v1(call: Call) -> Any:
    """Set the presence of a user; version 1."""
    return _v1(_set(call, _may_set(call, call.path["uid"]), call.body.get("category", "UNDEFINED")))


@reads("v2_users_presence_get")
def of_all(call: Call) -> Any:
    """A page of the presence of the pod's active users, by ascending id."""
    limit = call.capped(call.query.get("limit", 1000), 5000)
    rows = call.db.users.group("external", value=False)
    last = call.query.get("lastUserId")
    skip = 0 if last is None else rows.position(last, inclusive=call.options.inclusive_last_user_id)
    found: list[User] = []
    while len(found) < limit and (users := rows.slice(skip, limit)):
        skip += len(users)
        found += [user for user in users if user.status != "DISABLED"]  # an assumption: these are the inactive ones
    return [_presence(call, user) for user in found[:limit]]


@reads("v1_presence_get")
def of_all_v1(call: Call) -> Any:
    """The presence of every user who has set it, as in version 1.40.0 of the API."""
    return [{"uid": value["userId"], **_v1(value)} for value in call.db.presences]


@writes("v1_user_presence_register_post")
def register_interest(call: Call) -> Any:
    """Register the caller's interest in the presence of these users."""
    uids = {call.user(uid, local=False, status=404).id for uid in call.body}
    call.state.interest.setdefault(call.caller.id, set()).update(uids)
    return success("OK")


@writes("v1_presence_feed_create_post")
def create_feed(call: Call) -> Any:
    """Create a feed of presence changes."""
    feed = secrets.token_hex(16)
    call.state.feeds[feed] = {}
    call.state.feed_owner[feed] = call.caller.id
    return {"id": feed}


def _own_feed(call: Call) -> str:
    feed = str(call.path["feedId"])
    if call.state.feed_owner.get(feed) != call.caller.id:
        raise HttpError(400, f"feed {feed} does not exist")
    return feed


@writes("v1_presence_feed_feed_id_read_get")
def read_feed(call: Call) -> Any:
    """Take changes out of a feed: of each user, the latest since the last read."""
    waiting = call.state.feeds[_own_feed(call)]
    return [waiting.pop(uid) for uid in list(waiting)[:FEED_READ]]


@writes("v1_presence_feed_feed_id_delete_post")
def delete_feed(call: Call) -> Any:
    """Delete a feed."""
    feed = _own_feed(call)
    del call.state.feeds[feed], call.state.feed_owner[feed]
    return {"id": feed}
