"""The directory: how everyone finds users, by id, email, username or search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..handlers import NO_CONTENT, Call, HttpError, reads
from ..state import POD_NAME, Json, User
from .views import directory_view, display_name

MAX_LOOKUPS = 100


def _visible(call: Call, found: Iterable[User]) -> User | None:
    local = call.query.get("local", False)
    return next((user for user in found if not (local and user.external)), None)


def _finders(call: Call) -> dict[str, Callable[[str], tuple[User, ...]]]:
    def by_id(text: str) -> tuple[User, ...]:
        if not text.isdecimal():
            raise HttpError(400, f"query parameter uid: {text!r} is not a user id")
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
        raise HttpError(400, "give exactly one of the query parameters uid, email and username")
    if given == ["username"] and not call.query.get("local"):
        raise HttpError(400, "a look-up by username needs local=true")
    return given[0]


@reads("v2_user_get")
def look_up(call: Call) -> Any:
    """One user by id, email or username; 204 if there is none."""
    kind = _one_kind(call)
    user = _visible(call, _finders(call)[kind](str(call.query[kind])))
    return NO_CONTENT if user is None else directory_view(user)


@reads("v3_users_get")
def look_up_many(call: Call) -> Any:
    """Up to 100 users by id, email or username, and the keys that were not found; 204 if none was found."""
    kind = _one_kind(call)
    wanted = [text for text in call.query[kind].split(",") if text]
    if not 1 <= len(wanted) <= MAX_LOOKUPS:
        raise HttpError(400, f"query parameter {kind} has {len(wanted)} values; 1 to {MAX_LOOKUPS} are allowed")
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
    """One user by email; 204 if there is none; version 1."""
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
        raise HttpError(400, "query and filters are both empty")
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
