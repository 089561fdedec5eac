"""Users as JSON: as administrators see them, and as the directory shows them."""

from __future__ import annotations

from ..state import POD_NAME, Json, User


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
    """A UserSystemInfo without the fields that were never set."""
    info: Json = {
        "id": user.id,
        "status": user.status,
        "createdDate": user.created,
        "createdBy": user.created_by,
        "lastUpdatedDate": user.updated,
    }
    if user.suspended:
        info.update(suspension(user))
    if user.last_login is not None:
        info["lastLoginDate"] = user.last_login
    if user.deactivated is not None:
        info["deactivatedDate"] = user.deactivated
    return info


def suspension(user: User) -> Json:
    """Whether a user is suspended; until when and why, if that is known."""
    value: Json = {"suspended": user.suspended}
    if user.suspended_until is not None:
        value["suspendedUntil"] = user.suspended_until
    if user.suspension_reason is not None:
        value["suspensionReason"] = user.suspension_reason
    return value


def _avatar_url(user: User) -> str:
    return f"../avatars/static/{user.id if user.avatar else 'default'}.png"


def avatars(user: User) -> list[Json]:
    """The avatars of a user, one for each size."""
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
    view["avatars"] = avatars(user)
    return view


def display_name(user: User) -> str:
    """The display name, or else first and last name."""
    given = user.attributes
    return str(given.get("displayName") or f"{given.get('firstName', '')} {given.get('lastName', '')}".strip())
