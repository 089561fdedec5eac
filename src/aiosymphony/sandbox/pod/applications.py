"""Applications of the pod."""

from __future__ import annotations

import uuid
from typing import Any

from ..auth import is_public_key
from ..handlers import Call, HttpError, reads, success, writes
from ..state import Json


def _app(call: Call) -> Json:
    row = call.db.apps.get(call.path["id"])
    if row is None:
        raise HttpError(400, f"application {call.path['id']!r} does not exist")
    return row


def _checked_app(given: Json) -> Json:
    key = ((given.get("authenticationKeys") or {}).get("current") or {}).get("key")
    if key is not None and not is_public_key(key):
        raise HttpError(400, "authenticationKeys.current.key is not an RSA public key in PEM")
    return given


@writes("v1_admin_app_create_post")
def create_app(call: Call) -> Any:
    """Create an application, and its entitlement."""
    given = _checked_app(call.body)
    info = {"appId": f"app-{uuid.uuid4().hex[:12]}", **(given.get("applicationInfo") or {})}
    if not info.get("name"):
        raise HttpError(400, "applicationInfo.name is missing")
    if info["appId"] in call.db.apps:
        raise HttpError(400, f"application {info['appId']!r} exists")
    row = {**given, "applicationInfo": info}
    call.db.apps.put(row)
    entitlement = {
        "appId": info["appId"],
        "appName": info["name"][:50],
        "enable": True,
        "listed": True,
        "install": False,
    }
    call.db.app_entitlements.put(entitlement)
    return row


@writes("v1_admin_app_id_update_post")
def update_app(call: Call) -> Any:
    """Change an application."""
    row = _app(call)
    given = _checked_app(call.body)
    info = {**row["applicationInfo"], **(given.get("applicationInfo") or {})}
    if info["appId"] != row["applicationInfo"]["appId"]:
        raise HttpError(400, "applicationInfo.appId cannot be changed")
    row = {**row, **given, "applicationInfo": info}
    call.db.apps.put(row)
    return row


@writes("v1_admin_app_id_delete_post")
def delete_app(call: Call) -> Any:
    """Delete an application, and its entitlement."""
    app_id = _app(call)["applicationInfo"]["appId"]
    call.db.apps.remove(app_id)
    call.db.app_entitlements.remove(app_id)
    return success("OK")


@reads("v1_admin_app_id_get_get")
def get_app(call: Call) -> Any:
    """An application."""
    return _app(call)
