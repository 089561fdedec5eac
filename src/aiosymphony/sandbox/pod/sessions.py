"""Sessions: the calling user, the open sessions of a user, and the manifest of a service account."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ..handlers import NO_CONTENT, Call, HttpError, reads, success, writes
from ..state import User
from .roles import is_administrator
from .views import directory_view


@reads("v2_sessioninfo_get")
def session_info(call: Call) -> Any:
    """The calling user."""
    return {**directory_view(call.caller), "roles": list(call.caller.roles)}


@reads("v1_sessioninfo_get")
def session_info_v1(call: Call) -> Any:
    """The id of the calling user."""
    return {"userId": call.caller.id}


def _path_user(call: Call) -> User:
    text = call.path["uid"]
    if not text.isdecimal():
        raise HttpError(400, f"path parameter uid: {text!r} is not a user id")
    user = call.user(int(text))
    if user.id != call.caller.id and not is_administrator(call.caller):
        raise HttpError(403, "only an administrator may see or end the sessions of another user")
    return user


@reads("v1_users_uid_sessions_get")
def sessions(call: Call) -> Any:
    """The live sessions of a user; 204 if there are none."""
    user = _path_user(call)
    found = [
        {
            "sessionId": session.id,
            "clientIp": session.peer,
            "userId": user.id,
            "userAgent": session.agent,
            "creationTime": session.created,
            "expirationDelay": int(call.auth.lifetime() * 1000),
        }
        for session in call.auth.sessions(user.id)
    ]
    return {"sessions": found} if found else NO_CONTENT


@writes("v1_users_uid_sessions_logout_post")
def log_out_everywhere(call: Call) -> Any:
    """End all sessions of a user."""
    call.auth.revoke_all(_path_user(call).id)
    return success("OK")


@writes("v1_users_uid_sessions_sid_logout_post")
def log_out_session(call: Call) -> Any:
    """End one session of a user."""
    if not call.auth.revoke_all(_path_user(call).id, call.path["sid"]):
        raise HttpError(400, f"session {call.path['sid']} does not exist")
    return success("OK")


@reads("v1_user_manifest_own_get")
def manifest(call: Call) -> Any:
    """The manifest of the calling service account."""
    return {"manifest": call.caller.manifest or "{}"}


@writes("v1_user_manifest_own_post")
def set_manifest(call: Call) -> Any:
    """Replace the manifest of the calling service account."""
    call.save_user(evolve(call.caller, manifest=call.body["manifest"]))
    return success("OK")
