"""Users of the pod: administration, and the directory's view of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve

from ..auth import is_public_key
from ..handlers import NO_CONTENT, Call, Refused, reads, success, writes
from ..login import KEY_GRACE_MS
from ..state import POD_NAME, Json, User, now_ms

ROLES: dict[str, tuple[str, ...]] = {
    "INDIVIDUAL": ("NORMAL", "SYSTEM"),
    "ADMINISTRATOR": ("NORMAL",),
    "SUPER_ADMINISTRATOR": ("NORMAL",),
    "USER_PROVISIONING": ("NORMAL", "SYSTEM"),
    "CONTENT_MANAGEMENT": ("NORMAL", "SYSTEM"),
    "SCOPE_MANAGEMENT": ("NORMAL", "SYSTEM"),
    "AUDIT_TRAIL_MANAGEMENT": ("NORMAL", "SYSTEM"),
    "L1_SUPPORT": ("NORMAL",),
    "L2_SUPPORT": ("NORMAL",),
    "COMPLIANCE_OFFICER": ("NORMAL",),
    "SUPER_COMPLIANCE_OFFICER": ("NORMAL",),
}
"""Every role, with the account types that may have it."""
ADMINISTRATIVE = frozenset(ROLES) - {"INDIVIDUAL"}

FEATURES: dict[str, bool] = {
    "isExternalRoomEnabled": True,
    "isExternalIMEnabled": True,
    "canCreatePublicRoom": True,
    "canChatInExternalIM": True,
    "canSharefilesExternally": True,
    "sendFilesEnabled": True,
    "canUpdateAvatar": True,
    "delegatesEnabled": False,
    "canUseCompactMode": False,
    "postReadEnabled": True,
    "postWriteEnabled": False,
    "mustBeRecorded": False,
}
"""Every feature entitlement, with its default."""

MAX_AVATAR = 2_000_000
MAX_LOOKUPS = 100
_SHORT = {"firstName": 64, "lastName": 64}
_LONG = 256


def v2_detail(user: User) -> Json:
    """A V2UserDetail."""
    return {
        "userAttributes": {**user.attributes, "companyName": user.attributes.get("companyName", POD_NAME)},
        "userSystemInfo": system_info(user),
        "features": [],
        "apps": [],
        "groups": [],
        "roles": list(user.roles),
        "disclaimers": [] if user.disclaimer is None else [int(user.disclaimer)],
        "avatar": {"size": "original", "url": _avatar_url(user)},
    }


_V1_ATTRIBUTES = ("emailAddress", "firstName", "lastName", "userName", "displayName", "companyName", "department",
                  "division", "title", "workPhoneNumber", "mobilePhoneNumber", "smsNumber", "accountType", "location",
                  "jobFunction", "assetClasses", "industries")  # fmt: skip


def v1_detail(user: User) -> Json:
    """A UserDetail."""
    detail = v2_detail(user)
    given = detail["userAttributes"]
    return {**detail, "userAttributes": {name: given[name] for name in _V1_ATTRIBUTES if name in given}}


def system_info(user: User) -> Json:
    """A UserSystemInfo; what was never set is absent."""
    info: Json = {
        "id": user.id,
        "status": user.status,
        "createdDate": user.created,
        "createdBy": user.created_by,
        "lastUpdatedDate": user.updated,
    }
    if user.suspended:
        info.update(_suspension(user))
    if user.last_login is not None:
        info["lastLoginDate"] = user.last_login
    if user.deactivated is not None:
        info["deactivatedDate"] = user.deactivated
    return info


def _suspension(user: User) -> Json:
    value: Json = {"suspended": user.suspended}
    if user.suspended_until is not None:
        value["suspendedUntil"] = user.suspended_until
    if user.suspension_reason is not None:
        value["suspensionReason"] = user.suspension_reason
    return value


def _avatar_url(user: User) -> str:
    return f"../avatars/static/{user.id if user.avatar else 'default'}.png"


def _avatars(user: User) -> list[Json]:
    return [{"size": size, "url": _avatar_url(user)} for size in ("original", "small")]


_DIRECTORY = {"emailAddress": "emailAddress", "firstName": "firstName", "lastName": "lastName", "title": "title",
              "userName": "username", "location": "location", "accountType": "accountType", "department": "department",
              "division": "division", "jobFunction": "jobFunction", "userMetadata": "userMetadata"}  # fmt: skip
_LOCAL_ONLY = {"workPhoneNumber": "workPhoneNumber", "mobilePhoneNumber": "mobilePhoneNumber"}


def directory_view(user: User) -> Json:
    """A UserV2."""
    given = user.attributes
    view: Json = {"id": user.id}
    for source, name in _DIRECTORY.items():
        if source in given:
            view[name] = given[source]
    if not user.external:
        view.update({name: given[source] for source, name in _LOCAL_ONLY.items() if source in given})
    view["displayName"] = display_name(user)
    view["company"] = given.get("companyName", POD_NAME)
    view["avatars"] = _avatars(user)
    return view


def display_name(user: User) -> str:
    """The display name, made of the others if there is none."""
    given = user.attributes
    return str(given.get("displayName") or f"{given.get('firstName', '')} {given.get('lastName', '')}".strip())


# --- creation and change -----------------------------------------------------------------------------------------


def _checked(call: Call, attributes: Json, *, own: int | None) -> None:
    """Refuse attributes that are too long, of an unknown kind, or taken by another user."""
    for name, value in attributes.items():
        limit = _SHORT.get(name, _LONG)
        if isinstance(value, str) and len(value) > limit:
            raise Refused(400, f"userAttributes.{name} is longer than {limit} characters")
    email = attributes.get("emailAddress")
    if email is not None and not all((email.count("@") == 1, *email.split("@"))):
        raise Refused(400, "userAttributes.emailAddress is no email address")
    if attributes.get("userName") == "":
        raise Refused(400, "userAttributes.userName is empty")
    if not call.options.uniqueness:
        return
    for field, index in (("emailAddress", "email"), ("userName", "name")):
        value = attributes.get(field)
        if value and any(other.id != own for other in call.db.users.find(index, value.casefold())):
            raise Refused(400, f"userAttributes.{field} belongs to another user")


def _required(attributes: Json) -> None:
    more = ("displayName",) if attributes.get("accountType") == "SYSTEM" else ("firstName", "lastName")
    missing = [name for name in ("userName", "emailAddress", *more) if not attributes.get(name)]
    if missing:
        raise Refused(400, f"userAttributes.{missing[0]} is missing")


def _check_roles(roles: Iterable[str]) -> None:
    for role in roles:
        if role not in ROLES:
            raise Refused(400, f"role {role!r} does not exist")


def _with_keys(old: Json, given: Json) -> Json:
    """Attributes after an update, with the RSA keys rotated: the replaced one stays good for 72 hours."""
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
        raise Refused(400, "userAttributes.currentKey.key is no RSA public key in PEM")
    if before and before["key"] != change["key"]:
        merged["previousKey"] = {"key": before["key"], "expirationDate": now_ms() + KEY_GRACE_MS}
    merged["currentKey"] = {"key": change["key"]}
    return merged


def _create(call: Call) -> User:
    given = call.body.get("userAttributes")
    if given is None:
        raise Refused(400, "userAttributes is missing")
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
        raise Refused(400, "userAttributes.accountType cannot be changed")
    _checked(call, call.body, own=user.id)
    return _put(call, evolve(user, attributes=_with_keys(user.attributes, call.body)))


def _put(call: Call, user: User) -> User:
    user = evolve(user, updated=now_ms())
    call.db.users.put(user)
    return user


@writes("v2_admin_user_create_post")
def create(call: Call) -> Any:
    """A new user."""
    return v2_detail(_create(call))


@writes("v1_admin_user_create_post")
def create_v1(call: Call) -> Any:
    """A new user, in the older shape."""
    return v1_detail(_create(call))


@writes("v2_admin_user_uid_update_post")
def update(call: Call) -> Any:
    """A user with some attributes changed."""
    return v2_detail(_update(call))


@writes("v1_admin_user_uid_update_post")
def update_v1(call: Call) -> Any:
    """A user with some attributes changed, in the older shape."""
    return v1_detail(_update(call))


@reads("v2_admin_user_uid_get")
def detail(call: Call) -> Any:
    """A user as administrators see it."""
    return v2_detail(call.user(call.path["uid"]))


@reads("v1_admin_user_uid_get")
def detail_v1(call: Call) -> Any:
    """A user as administrators see it, in the older shape."""
    return v1_detail(call.user(call.path["uid"]))


# --- lists -------------------------------------------------------------------------------------------------------


def _page(call: Call) -> list[User]:
    return call.db.users.group("external", value=False).slice(*call.window(100, 1000))


@reads("v2_admin_user_list_get")
def list_v2(call: Call) -> Any:
    """A page of all users."""
    return [v2_detail(user) for user in _page(call)]


@reads("v3_admin_user_list_get")
def list_v3(call: Call) -> Any:
    """A page of all users, with their features if asked for."""
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


# --- status, roles, features, avatar, delegates, disclaimer --------------------------------------------------------


@reads("v1_admin_user_uid_status_get")
def status(call: Call) -> Any:
    """Whether a user may log in."""
    user = call.user(call.path["uid"])
    return {"status": user.status, **_suspension(user)}


@writes("v1_admin_user_uid_status_update_post")
def update_status(call: Call) -> Any:
    """A user, enabled, disabled or suspended; who is disabled loses all sessions."""
    user = call.user(call.path["uid"])
    wanted = call.body.get("status", user.status)
    user = evolve(user, status=wanted, deactivated=now_ms() if wanted == "DISABLED" else None)
    if "suspended" in call.body:
        user = _suspended(user, call.body)
    _put(call, user)
    if wanted == "DISABLED":
        call.auth.revoke_all(user.id)
    return success("OK")


@writes("v1_admin_user_user_id_suspension_update_put")
def suspend(call: Call) -> Any:
    """A user, suspended or released."""
    _put(call, _suspended(call.user(call.path["userId"]), call.body))
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
    """A role, given."""
    user = call.user(call.path["uid"])
    role = call.body.get("id", "")
    _check_roles([role])
    _put(call, evolve(user, roles=tuple(dict.fromkeys((*user.roles, role)))))
    return success("Role added")


@writes("v1_admin_user_uid_roles_remove_post")
def remove_role(call: Call) -> Any:
    """A role, taken; a user who has it not is answered 404."""
    user = call.user(call.path["uid"])
    role = call.body.get("id", "")
    _check_roles([role])
    if role not in user.roles:
        raise Refused(404, f"user {user.id} has no role {role}")
    _put(call, evolve(user, roles=tuple(other for other in user.roles if other != role)))
    return success("Role removed")


@reads("v1_admin_system_roles_list_get")
def list_roles(_call: Call) -> Any:
    """Every role."""
    return [
        {"id": role, "name": role.replace("_", " ").title(), "userTypes": list(kinds), "optionalActions": []}
        for role, kinds in ROLES.items()
    ]


@reads("v1_admin_system_features_list_get")
def list_features(_call: Call) -> Any:
    """Every feature entitlement."""
    return list(FEATURES)


def _features(user: User) -> list[Json]:
    return [{"entitlment": name, "enabled": user.features.get(name, default)} for name, default in FEATURES.items()]


@reads("v1_admin_user_uid_features_get")
def features(call: Call) -> Any:
    """The feature entitlements of a user."""
    return _features(call.user(call.path["uid"]))


@writes("v1_admin_user_uid_features_update_post")
def update_features(call: Call) -> Any:
    """Some feature entitlements of a user, changed."""
    user = call.user(call.path["uid"])
    changes = {}
    for feature in call.body:
        if feature.get("entitlment") not in FEATURES:
            raise Refused(400, f"feature {feature.get('entitlment')!r} does not exist")
        changes[feature["entitlment"]] = feature.get("enabled", False)
    _put(call, evolve(user, features={**user.features, **changes}))
    return success("OK")


@reads("v1_admin_user_uid_avatar_get")
def avatar(call: Call) -> Any:
    """Where the avatars of a user are."""
    return _avatars(call.user(call.path["uid"]))


@writes("v1_admin_user_uid_avatar_update_post")
def update_avatar(call: Call) -> Any:
    """A new avatar: an image in base64 of less than 2 MB."""
    user = call.user(call.path["uid"])
    try:
        image = base64.b64decode(call.body.get("image", ""), validate=True)
    except binascii.Error:
        raise Refused(400, "image is not base64") from None
    if not image or len(image) >= MAX_AVATAR:
        raise Refused(400, "image is empty" if not image else "image has 2 MB or more")
    _put(call, evolve(user, avatar=str(len(image))))
    return success("OK")


@reads("v1_admin_user_uid_delegates_get")
def delegates(call: Call) -> Any:
    """Who acts for a user."""
    return list(call.user(call.path["uid"]).delegates)


@writes("v1_admin_user_uid_delegates_update_post")
def update_delegates(call: Call) -> Any:
    """A delegate, added or removed."""
    user = call.user(call.path["uid"])
    delegate = call.user(call.body.get("userId", 0)).id
    others = tuple(other for other in user.delegates if other != delegate)
    _put(call, evolve(user, delegates=others if call.body.get("action") == "REMOVE" else (*others, delegate)))
    return success("OK")


@reads("v1_admin_user_uid_disclaimer_get")
def disclaimer(call: Call) -> Any:
    """The disclaimer of a user; 204 if there is none."""
    user = call.user(call.path["uid"])
    return NO_CONTENT if user.disclaimer is None else call.db.disclaimers.get(user.disclaimer)


@writes("v1_admin_user_uid_disclaimer_update_post")
def set_disclaimer(call: Call) -> Any:
    """A disclaimer, assigned."""
    user = call.user(call.path["uid"])
    if call.body.get("id") not in call.db.disclaimers:
        raise Refused(400, f"disclaimer {call.body.get('id')!r} does not exist")
    _put(call, evolve(user, disclaimer=call.body["id"]))
    return success("OK")


@writes("v1_admin_user_uid_disclaimer_delete")
def remove_disclaimer(call: Call) -> Any:
    """The disclaimer of a user, taken away."""
    _put(call, evolve(call.user(call.path["uid"]), disclaimer=None))
    return success("OK")


# --- the directory -----------------------------------------------------------------------------------------------


def _visible(call: Call, found: Iterable[User]) -> User | None:
    local = call.query.get("local", False)
    return next((user for user in found if not (local and user.external)), None)


def _finders(call: Call) -> dict[str, Callable[[str], tuple[User, ...]]]:
    def by_id(text: str) -> tuple[User, ...]:
        if not text.isdecimal():
            raise Refused(400, f"query parameter uid: {text!r} is no user id")
        user = call.db.users.get(int(text))
        return () if user is None else (user,)

    return {
        "uid": by_id,
        "email": lambda text: call.db.users.find("email", text.casefold()),
        "username": lambda text: call.db.users.find("name", text.casefold()),
    }


def _one_kind(call: Call) -> str:
    given = [name for name in ("uid", "email", "username") if name in call.query]
    if len(given) != 1:
        raise Refused(400, "exactly one of the query parameters uid, email and username is wanted")
    if given == ["username"] and not call.query.get("local"):
        raise Refused(400, "a look-up by username needs local=true")
    return given[0]


@reads("v2_user_get")
def look_up(call: Call) -> Any:
    """One user by id, email or username; 204 if there is none."""
    kind = _one_kind(call)
    user = _visible(call, _finders(call)[kind](str(call.query[kind])))
    return NO_CONTENT if user is None else directory_view(user)


@reads("v3_users_get")
def look_up_many(call: Call) -> Any:
    """Up to 100 users by id, email or username, and those that were not found; 204 if none was."""
    kind = _one_kind(call)
    wanted = [text for text in call.query[kind].split(",") if text]
    if not 1 <= len(wanted) <= MAX_LOOKUPS:
        raise Refused(400, f"query parameter {kind} has {len(wanted)} values; 1 to {MAX_LOOKUPS} are allowed")
    find_by = _finders(call)[kind]
    active = call.query.get("active")
    users, errors = [], []
    for text in wanted:
        user = _visible(call, find_by(text))
        if user is None or (active is not None and (user.status == "ENABLED") != active):
            errors.append({"error": "invalid.user", {"uid": "id", "email": "email"}.get(kind, "id"): text})
        else:
            users.append(directory_view(user))
    if not users:
        return NO_CONTENT
    return {"users": users, "errors": errors} if errors else {"users": users}


@reads("v1_user_get")
def look_up_v1(call: Call) -> Any:
    """One user by email, in the older shape; 204 if there is none."""
    user = _visible(call, call.db.users.find("email", call.query["email"].casefold()))
    return NO_CONTENT if user is None else {"id": user.id, "emailAddress": user.email}


@reads("v1_user_name_user_name_get_get")
def look_up_name(call: Call) -> Any:
    """One user of this pod by username; 204 if there is none."""
    found = [user for user in call.db.users.find("name", call.path["userName"].casefold()) if not user.external]
    return {"id": found[0].id, "emailAddress": found[0].email} if found else NO_CONTENT


_FILTERS = ("title", "company", "location", "marketCoverage", "responsibility", "function", "instrument")


@reads("v1_user_search_post")
def search(call: Call) -> Any:
    """Users whose names, username or email contain every word of the query; 204 if there are none."""
    skip, limit = call.window(50, 1000)
    words = call.body.get("query", "").casefold().split()
    filters = call.body.get("filters") or {}
    if not words and not filters:
        raise Refused(400, "query and filters are both empty")
    local = call.query.get("local", False)
    users = call.db.users.group("external", value=False) if local else call.db.users
    found = [user for user in users if _matches(user, words, filters)]
    if not found:
        return NO_CONTENT
    return {
        "count": len(found),
        "skip": skip,
        "limit": limit,
        "searchQuery": call.body,
        "users": [directory_view(user) for user in found[skip : skip + limit]],
    }


def _matches(user: User, words: list[str], filters: Json) -> bool:
    given = user.attributes
    if words:
        names = (display_name(user), given.get("firstName", ""), given.get("lastName", ""), user.username, user.email)
        text = " ".join(names).casefold()
        if not all(word in text for word in words):
            return False
    if "accountTypes" in filters and given.get("accountType") not in filters["accountTypes"]:
        return False
    for name in _FILTERS:
        if name in filters:
            value = given.get("companyName", POD_NAME) if name == "company" else given.get(name, "")
            values = value if isinstance(value, list) else [value]
            if not any(filters[name].casefold() in str(entry).casefold() for entry in values):
                return False
    return True


# --- sessions ----------------------------------------------------------------------------------------------------


@reads("v2_sessioninfo_get")
def session_info(call: Call) -> Any:
    """Who is calling."""
    return {**directory_view(call.caller), "roles": list(call.caller.roles)}


@reads("v1_sessioninfo_get")
def session_info_v1(call: Call) -> Any:
    """The id of who is calling."""
    return {"userId": call.caller.id}


def _path_user(call: Call) -> User:
    text = call.path["uid"]
    if not text.isdecimal():
        raise Refused(400, f"path parameter uid: {text!r} is no user id")
    user = call.user(int(text))
    if user.id != call.caller.id and not ADMINISTRATIVE.intersection(call.caller.roles):
        raise Refused(403, "sessions of others need an administrative role")
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
    """All sessions of a user, ended."""
    call.auth.revoke_all(_path_user(call).id)
    return success("OK")


@writes("v1_users_uid_sessions_sid_logout_post")
def log_out_session(call: Call) -> Any:
    """One session of a user, ended."""
    if not call.auth.revoke_all(_path_user(call).id, call.path["sid"]):
        raise Refused(400, f"session {call.path['sid']} does not exist")
    return success("OK")


# --- followers ---------------------------------------------------------------------------------------------------


@writes("v1_user_uid_follow_post")
def follow(call: Call) -> Any:
    """Users who follow another from now on."""
    user = call.user(call.path["uid"])
    for follower in [call.user(uid) for uid in call.body.get("followers", ())]:
        call.db.follows.put((follower.id, user.id))
    return success("OK")


@writes("v1_user_uid_unfollow_post")
def unfollow(call: Call) -> Any:
    """Users who follow another no longer."""
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
    """A page of whom a user follows."""
    rows = call.db.follows.group("follower", call.user(call.path["uid"]).id)
    page, pagination = call.cursor_page(rows)
    return {"count": len(rows), "following": [followed for _, followed in page], "pagination": pagination}


@reads("v1_user_manifest_own_get")
def manifest(call: Call) -> Any:
    """The manifest of the calling service account."""
    return {"manifest": call.caller.manifest or "{}"}


@writes("v1_user_manifest_own_post")
def set_manifest(call: Call) -> Any:
    """The manifest of the calling service account, replaced."""
    _put(call, evolve(call.caller, manifest=call.body["manifest"]))
    return success("OK")
