"""Connections between users of different pods."""

from __future__ import annotations

from typing import Any, Literal

from attrs import evolve

from ..handlers import Call, HttpError, reads, success, writes
from ..state import Connection, Json, User, now_ms


def _same_pod(call: Call, other: User) -> bool:
    return call.caller.external == other.external


def _between(call: Call, other: int) -> Connection | None:
    me = call.caller.id
    return call.db.connections.get((me, other)) or call.db.connections.get((other, me))


def _view(call: Call, connection: Connection) -> Json:
    sent = connection.sender == call.caller.id
    status: str = connection.status
    if status == "PENDING":
        status = "PENDING_OUTGOING" if sent else "PENDING_INCOMING"
    return {
        "userId": connection.receiver if sent else connection.sender,
        "status": status,
        "firstRequestedAt": connection.first_requested,
        "updatedAt": connection.updated,
        "requestCounter": connection.requests,
    }


def _implicit(other: User) -> Json:
    """Users of the same pod are always connected."""
    return {"userId": other.id, "status": "ACCEPTED"}


def _other(call: Call, uid: int) -> User:
    other = call.user(uid, local=False, status=404)
    if other.id == call.caller.id:
        raise HttpError(400, "users cannot connect to themselves")
    return other


def _asked(call: Call) -> User:
    if "userId" not in call.body:
        raise HttpError(400, "userId is missing")
    return _other(call, call.body["userId"])


@writes("v1_connection_create_post")
def connect(call: Call) -> Any:
    """Send a connection request to a user of another pod."""
    other = _asked(call)
    if _same_pod(call, other):
        return _implicit(other)
    known, now = _between(call, other.id), now_ms()
    if known is None:
        connection = Connection(sender=call.caller.id, receiver=other.id, first_requested=now, updated=now)
    elif known.status == "REJECTED" or (known.status == "PENDING" and known.sender == call.caller.id):
        call.db.connections.remove((known.sender, known.receiver))
        connection = evolve(
            known,
            sender=call.caller.id,
            receiver=other.id,
            status="PENDING",
            updated=now,
            requests=known.requests + 1,
        )
    else:
        return _view(call, known)
    call.db.connections.put(connection)
    return _view(call, connection)


def _decide(call: Call, status: Literal["ACCEPTED", "REJECTED"]) -> Json:
    other = _asked(call)
    if _same_pod(call, other):
        if status == "REJECTED":
            raise HttpError(400, "users of the same pod are always connected: nothing can be rejected")
        return _implicit(other)
    known = _between(call, other.id)
    if known is None or (known.status == "PENDING" and known.sender == call.caller.id):
        raise HttpError(404, f"there is no connection request from user {other.id}")
    decided = evolve(known, status=status, updated=now_ms())
    call.db.connections.put(decided)
    return _view(call, decided)


@writes("v1_connection_accept_post")
def accept(call: Call) -> Any:
    """Accept a connection request."""
    return _decide(call, "ACCEPTED")


@writes("v1_connection_reject_post")
def reject(call: Call) -> Any:
    """Reject a connection request."""
    return _decide(call, "REJECTED")


@writes("v1_connection_user_uid_remove_post")
def disconnect(call: Call) -> Any:
    """Remove a connection."""
    other = _other(call, call.path["uid"])
    if _same_pod(call, other):
        raise HttpError(400, "users of the same pod are always connected: nothing can be removed")
    known = _between(call, other.id)
    if known is None:
        raise HttpError(404, f"there is no connection with user {other.id}")
    call.db.connections.remove((known.sender, known.receiver))
    return success("Connection removed.")


@reads("v1_connection_user_user_id_info_get")
def connection_info(call: Call) -> Any:
    """The connection with a user."""
    other = _other(call, _ids(call.path["userId"])[0])
    if _same_pod(call, other):
        return _implicit(other)
    known = _between(call, other.id)
    if known is None:
        raise HttpError(404, f"there is no connection with user {other.id}")
    return _view(call, known)


def _ids(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise HttpError(400, f"{text!r} is not a list of user ids")
    return [int(part) for part in parts]


@reads("v1_connection_list_get")
def list_connections(call: Call) -> Any:
    """The caller's connections with this status; pending ones by default."""
    wanted = call.query.get("status")
    only = _ids(call.query["userIds"]) if "userIds" in call.query else None
    me = call.caller.id
    rows = [*call.db.connections.group("sender", me), *call.db.connections.group("receiver", me)]
    views = [_view(call, row) for row in rows]
    if only is not None:
        views = [view for view in views if view["userId"] in only]
        users = (call.db.users.get(uid) for uid in only)
        views += [_implicit(user) for user in users if user is not None and user.id != me and _same_pod(call, user)]
    if wanted == "ALL":
        return views
    return [view for view in views if (view["status"] == wanted if wanted else view["status"].startswith("PENDING"))]
