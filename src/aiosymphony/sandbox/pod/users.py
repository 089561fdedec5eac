"""Users: creation and change, lists, and what administrators set for each of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from attrs import evolve

from ..auth import is_public_key
from ..handlers import Call, HttpError, reads, success, writes
from ..state import Json, User, now_ms
from .roles import FEATURES, ROLES
from .views import avatars, suspension, v1_detail, v2_detail

MAX_AVATAR = 2_000_000

_SHORT = {"firstName": 64, "lastName": 64}

_LONG = 256
_KEY_GRACE_MS = 72 * 3600 * 1000
"""How long a user can still log in with a key that was replaced."""


# --- creation and change ---------------------------------------------------------------------------------------------


def _checked(call: Call, attributes: Json, *, own: int | None) -> None:
    """Refuse attributes that are too long, of an unknown kind, or taken by another user."""
    for name, value in attributes.items():
        limit = _SHORT.get(name, _LONG)
        if isinstance(value, str) and len(value) > limit:
            raise HttpError(400, f"userAttributes.{name} is longer than {limit} characters")
    email = attributes.get("emailAddress")
    if email is not None and not all((email.count("@") == 1, *email.split("@"))):
        raise HttpError(400, "userAttributes.emailAddress is not an email address")
    if attributes.get("userName") == "":
        raise HttpError(400, "userAttributes.userName is empty")
    if not call.options.uniqueness:
        return
    for field, index in (("emailAddress", "email"), ("userName", "name")):
        value = attributes.get(field)
        if value and any(other.id != own for other in call.db.users.find(index, value.casefold())):
            raise HttpError(400, f"userAttributes.{field} belongs to another user")


def _required(attributes: Json) -> None:
    more = ("displayName",) if attributes.get("accountType") == "SYSTEM" else ("firstName", "lastName")
    missing = [name for name in ("userName", "emailAddress", *more) if not attributes.get(name)]
    if missing:
        raise HttpError(400, f"userAttributes.{missing[0]} is missing")


def _check_roles(roles: Iterable[str]) -> None:
    for role in roles:
        if role not in ROLES:
            raise HttpError(400, f"role {role!r} does not exist")


def _with_keys(old: Json, given: Json) -> Json:
    """The attributes after an update. A new RSA key replaces the old one, which stays valid for 72 hours."""
    merged = {**old, **given}
    change = given.get("currentKey")
    if change is None:
        return merged
    action = change.get("action", "SAVE")
    before = old.get("currentKey")
    merged.pop("currentKey")
    if action == "REVOKE":
        merged.pop("previousKey", None)
        return merged
    if not is_public_key(change.get("key", "")):
        raise HttpError(400, "userAttributes.currentKey.key is not an RSA public key in PEM")
    if before and before["key"] != change["key"]:
        merged["previousKey"] = {"key": before["key"], "expirationDate": now_ms() + _KEY_GRACE_MS}
    merged["currentKey"] = {"key": change["key"]}
    return merged


def _create(call: Call) -> User:
    given = call.body.get("userAttributes")
    if given is None:
        raise HttpError(400, "userAttributes is missing")
    given = {"accountType": "NORMAL", **given}
    _required(given)
    _checked(call, given, own=None)
    roles = tuple(dict.fromkeys(call.body.get("roles", ("INDIVIDUAL",))))
    _check_roles(roles)
    return call.state.add_user(_with_keys({}, given), roles=roles, created_by=str(call.caller.id))


def _update(call: Call) -> User:
    user = call.user(call.path["uid"])
    kind = call.body.get("accountType")
    if kind is not None and kind != user.attributes.get("accountType"):
        raise HttpError(400, "userAttributes.accountType cannot be changed")
    _checked(call, call.body, own=user.id)
    return call.save_user(evolve(user, attributes=_with_keys(user.attributes, call.body)))


@writes("v2_admin_user_create_post")
def create(call: Call) -> Any:
    """Create a user."""
    return v2_detail(_create(call))


@writes("v1_admin_user_create_post")
def create_v1(call: Call) -> Any:
    """Create a user; version 1."""
    return v1_detail(_create(call))


@writes("v2_admin_user_uid_update_post")
def update(call: Call) -> Any:
    """Change attributes of a user."""
    return v2_detail(_update(call))


@writes("v1_admin_user_uid_update_post")
def update_v1(call: Call) -> Any:
    """Change attributes of a user; version 1."""
    return v1_detail(_update(call))


@reads("v2_admin_user_uid_get")
def detail(call: Call) -> Any:
    """A user as administrators see it."""
    return v2_detail(call.user(call.path["uid"]))


@reads("v1_admin_user_uid_get")
def detail_v1(call: Call) -> Any:
    """A user as administrators see it; version 1."""
    return v1_detail(call.user(call.path["uid"]))


# --- lists -----------------------------------------------------------------------------------------------------------


def _page(call: Call) -> list[User]:
    return call.db.users.group("external", value=False).slice(*call.window(100, 1000))


@reads("v2_admin_user_list_get")
def list_v2(call: Call) -> Any:
    """A page of all users."""
    return [v2_detail(user) for user in _page(call)]


@reads("v3_admin_user_list_get")
def list_v3(call: Call) -> Any:
    """A page of all users, with their features on request."""
    page = []
    for user in _page(call):
        value = v2_detail(user)
        entry = {name: value[name] for name in ("userAttributes", "userSystemInfo", "roles", "avatar")}
        if call.query.get("includeFeatures"):
            entry["features"] = _features(user)
        page.append(entry)
    return page


@reads("v1_admin_user_list_get")
def list_v1(call: Call) -> Any:
    """The ids of all users."""
    return [user.id for user in call.db.users.group("external", value=False)]


@reads("v1_admin_user_find_post")
def find(call: Call) -> Any:
    """Users by role, feature and status."""
    skip, limit = call.window(100, 1000)
    role, feature, status = (call.body.get(name) for name in ("role", "feature", "status"))
    found = [
        user
        for user in call.db.users.group("external", value=False)
        if (role is None or role in user.roles)
        and (feature is None or user.features.get(feature, FEATURES.get(feature, False)))
        and (status is None or user.status == status)
    ]
    return [v1_detail(user) for user in found[skip : skip + limit]]


# --- status, roles, features, avatar and delegates -------------------------------------------------------------------


@reads("v1_admin_user_uid_status_get")
def status(call: Call) -> Any:
    """Whether a user may log in."""
    user = call.user(call.path["uid"])
    return {"status": user.status, **suspension(user)}


@writes("v1_admin_user_uid_status_update_post")
def update_status(call: Call) -> Any:
    """Enable, disable or suspend a user. Disabling ends all sessions of the user."""
    user = call.user(call.path["uid"])
    wanted = call.body.get("status", user.status)
    user = evolve(user, status=wanted, deactivated=now_ms() if wanted == "DISABLED" else None)
    if "suspended" in call.body:
        user = _suspended(user, call.body)
    call.save_user(user)
    if wanted == "DISABLED":
        call.auth.revoke_all(user.id)
    return success("OK")


@writes("v1_admin_user_user_id_suspension_update_put")
def suspend(call: Call) -> Any:
    """Suspend a user, or end the suspension."""
    call.save_user(_suspended(call.user(call.path["userId"]), call.body))
    return success("OK")


def _suspended(user: User, given: Json) -> User:
    suspended = bool(given.get("suspended", False))
    return evolve(
        user,
        suspended=suspended,
        suspended_until=given.get("suspendedUntil") if suspended else None,
        suspension_reason=given.get("suspensionReason") if suspended else None,
    )


@writes("v1_admin_user_uid_roles_add_post")
def add_role(call: Call) -> Any:
    """Give a user a role."""
    user = call.user(call.path["uid"])
    role = call.body.get("id", "")
    _check_roles([role])
    call.save_user(evolve(user, roles=tuple(dict.fromkeys((*user.roles, role)))))
    return success("Role added")


@writes("v1_admin_user_uid_roles_remove_post")
def remove_role(call: Call) -> Any:
    """Take a role from a user; 404 if the user does not have it."""
    user = call.user(call.path["uid"])
    role = call.body.get("id", "")
    _check_roles([role])
    if role not in user.roles:
        raise HttpError(404, f"user {user.id} does not have the role {role}")
    call.save_user(evolve(user, roles=tuple(other for other in user.roles if other != role)))
    return success("Role removed")


def _features(user: User) -> list[Json]:
    return [{"entitlment": name, "enabled": user.features.get(name, default)} for name, default in FEATURES.items()]


@reads("v1_admin_user_uid_features_get")
def features(call: Call) -> Any:
    """The feature entitlements of a user."""
    return _features(call.user(call.path["uid"]))


@writes("v1_admin_user_uid_features_update_post")
def update_features(call: Call) -> Any:
    """Change feature entitlements of a user."""
    user = call.user(call.path["uid"])
    changes = {}
    for feature in call.body:
        if feature.get("entitlment") not in FEATURES:
            raise HttpError(400, f"feature {feature.get('entitlment')!r} does not exist")
        changes[feature["entitlment"]] = feature.get("enabled", False)
    call.save_user(evolve(user, features={**user.features, **changes}))
    return success("OK")


@reads("v1_admin_user_uid_avatar_get")
def avatar(call: Call) -> Any:
    """The URLs of a user's avatars."""
    return avatars(call.user(call.path["uid"]))


@writes("v1_admin_user_uid_avatar_update_post")
def update_avatar(call: Call) -> Any:
    """Replace the avatar of a user by an image in base64 of less than 2 MB."""
    user = call.user(call.path["uid"])
    try:
        image = base64.b64decode(call.body.get("image", ""), validate=True)
    except binascii.Error:
        raise HttpError(400, "image is not base64") from None
    if not image or len(image) >= MAX_AVATAR:
        raise HttpError(400, "image is empty" if not image else "image is 2 MB or larger")
    call.save_user(evolve(user, avatar=str(len(image))))
    return success("OK")


@reads("v1_admin_user_uid_delegates_get")
def delegates(call: Call) -> Any:
    """The delegates of a user."""
    return list(call.user(call.path["uid"]).delegates)


@writes("v1_admin_user_uid_delegates_update_post")
def update_delegates(call: Call) -> Any:
    """Add or remove a delegate."""
    user = call.user(call.path["uid"])
    delegate = call.user(call.body.get("userId", 0)).id
    others = tuple(other for other in user.delegates if other != delegate)
    call.save_user(evolve(user, delegates=others if call.body.get("action") == "REMOVE" else (*others, delegate)))
    return success("OK")


# --- followers -------------------------------------------------------------------------------------------------------


@writes("v1_user_uid_follow_post")
def follow(call: Call) -> Any:
    """Let users follow another user."""
    user = call.user(call.path["uid"])
    for follower in [call.user(uid) for uid in call.body.get("followers", ())]:
        call.db.follows.put((follower.id, user.id))
    return success("OK")


@writes("v1_user_uid_unfollow_post")
def unfollow(call: Call) -> Any:
    """Let users stop following another user."""
    user = call.user(call.path["uid"])
    for follower in call.body.get("followers", ()):
        call.db.follows.remove((follower, user.id))
    return success("OK")


@reads("v1_user_uid_followers_get")
def followers(call: Call) -> Any:
    """A page of the followers of a user."""
    rows = call.db.follows.group("followed", call.user(call.path["uid"]).id)
    page, pagination = call.cursor_page(rows)
    return {"count": len(rows), "followers": [follower for follower, _ in page], "pagination": pagination}


@reads("v1_user_uid_following_get")
def following(call: Call) -> Any:
    """A page of the users that a user follows."""
    rows = call.db.follows.group("follower", call.user(call.path["uid"]).id)
    page, pagination = call.cursor_page(rows)
    return {"count": len(rows), "following": [followed for _, followed in page], "pagination": pagination}
