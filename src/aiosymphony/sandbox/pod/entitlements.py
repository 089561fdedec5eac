"""Entitlements: the applications of the pod, and those of each user."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ..handlers import Call, HttpError, reads, writes
from ..state import Json


@reads("v1_admin_app_entitlement_list_get")
def list_entitlements(call: Call) -> Any:
    """The entitlements of the pod."""
    return list(call.db.app_entitlements)


@writes("v1_admin_app_entitlement_list_post")
def update_entitlements(call: Call) -> Any:
    """Change entitlements of the pod."""
    for entry in call.body:
        if entry["appId"] not in call.db.app_entitlements:
            raise HttpError(400, f"application {entry['appId']!r} does not exist")
    for entry in call.body:
        call.db.app_entitlements.put(entry)
    return list(call.db.app_entitlements)


def _user_entitlements(call: Call) -> dict[str, Json]:
    """Per application the pod's settings, overridden by the user's own."""
    user = call.user(call.path["uid"])
    defaults = {
        row["appId"]: {name: row[name] for name in ("appId", "appName", "listed", "install")}
        for row in call.db.app_entitlements
        if row["enable"]
    }
    own = {row["appId"]: row for row in user.apps if row["appId"] in defaults}
    return {app_id: {**default, **own.get(app_id, {})} for app_id, default in defaults.items()}


def _set_user_entitlements(call: Call, own: dict[str, Json]) -> None:
    user = call.user(call.path["uid"])
    call.save_user(evolve(user, apps=tuple(own.values())))


@reads("v1_admin_user_uid_app_entitlement_list_get")
def list_user_entitlements(call: Call) -> Any:
    """The entitlements of a user."""
    return list(_user_entitlements(call).values())


@writes("v1_admin_user_uid_app_entitlement_list_post")
def update_user_entitlements(call: Call) -> Any:
    """Replace entitlements of a user."""
    known = _user_entitlements(call)
    own = {row["appId"]: row for row in call.user(call.path["uid"]).apps}
    for entry in call.body:
        if entry["appId"] not in known:
            raise HttpError(400, f"application {entry['appId']!r} does not exist")
        own[entry["appId"]] = entry
    _set_user_entitlements(call, own)
    return list(_user_entitlements(call).values())


@writes("v1_admin_user_uid_app_entitlement_list_patch")
def patch_user_entitlements(call: Call) -> Any:
    """Change settings of a user's entitlements: set them, keep them, or return to those of the pod."""
    known = _user_entitlements(call)
    own = {row["appId"]: dict(row) for row in call.user(call.path["uid"]).apps}
    for entry in call.body:
        if entry["appId"] not in known:
            raise HttpError(400, f"application {entry['appId']!r} does not exist")
        mine = own.setdefault(entry["appId"], {"appId": entry["appId"]})
        for name in ("listed", "install"):
            change = entry.get(name, "KEEP")
            if change == "REMOVE":
                mine.pop(name, None)
            elif change != "KEEP":
                mine[name] = change == "TRUE"
        if "product" in entry:
            others = [product for product in mine.get("products", ()) if product["name"] != entry["product"]["name"]]
            mine["products"] = [*others, entry["product"]]
    _set_user_entitlements(call, own)
    return list(_user_entitlements(call).values())
