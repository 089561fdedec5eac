"""Disclaimers, and the users who have them."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ..handlers import NO_CONTENT, Call, HttpError, reads, success, writes
from ..state import Json


@reads("v1_admin_disclaimer_list_get")
def list_disclaimers(call: Call) -> Any:
    """All disclaimers."""
    return list(call.db.disclaimers)


def _disclaimer(call: Call) -> Json:
    row = call.db.disclaimers.get(call.path["did"])
    if row is None:
        raise HttpError(400, f"disclaimer {call.path['did']!r} does not exist")
    return row


@reads("v1_admin_disclaimer_did_get")
def get_disclaimer(call: Call) -> Any:
    """A disclaimer."""
    return _disclaimer(call)


@reads("v1_admin_disclaimer_did_users_get")
def list_disclaimer_users(call: Call) -> Any:
    """The users who have a disclaimer."""
    wanted = _disclaimer(call)["id"]
    return [user.id for user in call.db.users if user.disclaimer == wanted]


@reads("v1_admin_user_uid_disclaimer_get")
def disclaimer(call: Call) -> Any:
    """The disclaimer of a user; 204 if there is none."""
    user = call.user(call.path["uid"])
    return NO_CONTENT if user.disclaimer is None else call.db.disclaimers.get(user.disclaimer)


@writes("v1_admin_user_uid_disclaimer_update_post")
def set_disclaimer(call: Call) -> Any:
    """Assign a disclaimer to a user."""
    user = call.user(call.path["uid"])
    if call.body.get("id") not in call.db.disclaimers:
        raise HttpError(400, f"disclaimer {call.body.get('id')!r} does not exist")
    call.save_user(evolve(user, disclaimer=call.body["id"]))
    return success("OK")


@writes("v1_admin_user_uid_disclaimer_delete")
def remove_disclaimer(call: Call) -> Any:
    """Remove the disclaimer of a user."""
    call.save_user(evolve(call.user(call.path["uid"]), disclaimer=None))
    return success("OK")
