"""The Agent's audit trail: the actions of administrators."""

from __future__ import annotations

from typing import Any

from ..handlers import NO_CONTENT, Call, reads
from ..state import Json


def _matches(call: Call, entry: tuple[int, int, str, int]) -> bool:
    _, moment, _, uid = entry
    query = call.query
    if not query["startTimestamp"] <= moment <= query.get("endTimestamp", moment):
        return False
    if query.get("initiatorId", uid) != uid:
        return False
    user = call.state.db.users.get(uid)
    return "role" not in query or (user is not None and query["role"] in user.roles)


def _item(call: Call, entry: tuple[int, int, str, int]) -> Json:
    _, moment, operation, uid = entry
    user = call.state.db.users.get(uid)
    return {
        "action": operation.upper(),
        "actionName": operation.replace("_", " "),
        "timestamp": str(moment),
        "initiatorId": str(uid),
        "initiatorUsername": "" if user is None else user.username,
        "initiatorEmailAddress": "" if user is None else user.email,
    }


@reads("v1_audittrail_privilegeduser_get")
def audit_trail(call: Call) -> Any:
    """A page of the actions between two times, oldest first; 204 if there are none."""
    call.query.setdefault("limit", 50)
    limit = call.capped(call.query["limit"], 500)
    found = [entry for entry in call.state.audit if _matches(call, entry)]
    if not found:
        return NO_CONTENT
    call.query["limit"] = limit
    page, pagination = call.cursor_page(found)
    return {"items": [_item(call, entry) for entry in page], "pagination": pagination}
