"""A Pod, as its documents have it: what an administrator does with users, and the directory's look-ups."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .trouble import Trouble
from .wire import Answer, Request

FIRST_ID: Final = 12987981103105
MOST_PER_PAGE: Final = 1000
MOST_LOOKED_UP: Final = 100
LISTS: Final = frozenset({"assetClasses", "industries", "marketCoverage", "responsibility", "function", "instrument"})
ATTRIBUTES: Final = LISTS | {
    "userName", "emailAddress", "firstName", "lastName", "displayName", "companyName", "department", "division",
    "title", "workPhoneNumber", "mobilePhoneNumber", "twoFactorAuthPhone", "smsNumber", "accountType", "location",
    "recommendedLanguage", "jobFunction",
}  # fmt: skip
ROLES: Final = ("INDIVIDUAL", "USER_PROVISIONING", "SUPER_ADMINISTRATOR", "CONTENT_MANAGEMENT")
RESERVED: Final = "reserved"
"""No user name may begin like this here: something that this pod refuses for good."""
_OF_USER = re.compile(r"/pod/v[12]/admin/user/(\d+)(/.*|)")

Act = Callable[[], Answer]


@dataclass(slots=True)
class Account:
    """A user; ``shows_at`` is when look-ups and listings have it."""

    id: int
    attributes: dict[str, Any]
    roles: list[str]
    features: dict[str, bool]
    active: bool
    shows_at: float


class Pod:
    """The state, and what each request does to it.

    Args:
        trouble: How much look-ups lag, and whether pages are cut.
        unique: Whether a name or an address can be there once only.
    """

    def __init__(self, trouble: Trouble, *, unique: bool) -> None:
        self.trouble, self.unique = trouble, unique
        self.users: dict[int, Account] = {}
        self.created: list[str] = []
        self.clamps_skip = False

    def add_user(
        self,
        attributes: dict[str, Any],
        roles: list[str],
        features: dict[str, bool],
        *,
        active: bool = True,
        lags: float = 0.0,
    ) -> Account:
        number = FIRST_ID + len(self.created)
        user = Account(number, attributes, roles, features, active, self.trouble.now() + lags)
        self.users[number] = user
        self.created.append(attributes["emailAddress"])
        return user

    def answer(self, request: Request) -> Answer | Act:
        """What is answered, or for a write that is acceptable, what carries it out."""
        match request.method, request.path:
            case "GET", "/pod/v2/sessioninfo":
                return Answer(200, {"id": FIRST_ID - 1, "username": "provisioning-bot", "roles": ["USER_PROVISIONING"]})
            case "GET", "/pod/v3/users":
                return self._look_up(request)
            case "GET", "/pod/v2/user":
                return self._look_up_one(request)
            case "GET", "/pod/v2/admin/user/list":
                return self._list(request, self._detail)
            case "GET", "/pod/v3/admin/user/list":
                return self._list(request, self._detail_3)
            case "POST", "/pod/v1/admin/user/find":
                return self._find(request)
            case "POST", "/pod/v2/admin/user/create":
                return self._create(request)
        of_user = _OF_USER.fullmatch(request.path)
        if of_user is None:
            return error(404, "nothing here")
        user = self.users.get(int(of_user[1]))
        if user is None:
            return error(400, "There is no such user")
        return self._of_user(user, request, of_user[2])

    # Reading.

    def _shown(self) -> list[Account]:
        now = self.trouble.now()
        return [user for user in self.users.values() if user.shows_at <= now]

    def _look_up(self, request: Request) -> Answer:
        kinds = [kind for kind in ("uid", "email", "username") if kind in request.query]
        if len(kinds) != 1:
            return error(400, "One of uid, email and username is needed")
        kind = kinds[0]
        wanted = [key for key in request.query[kind].split(",") if key]
        if len(wanted) > MOST_LOOKED_UP:
            return error(400, "Too many keys")
        by_key: dict[str, list[Account]] = {}
        for user in self._shown():
            by_key.setdefault(_key(user, kind).casefold(), []).append(user)
        found = [user for key in wanted for user in by_key.get(key.casefold(), ())]
        lacking = [key for key in wanted if key.casefold() not in by_key]
        if not found:
            return Answer(204)
        name = "email" if kind == "email" else "id"
        errors = [{"error": "invalid.format", name: key} for key in lacking]
        return Answer(200, {"users": [_listed(user) for user in found], **({"errors": errors} if errors else {})})

    def _look_up_one(self, request: Request) -> Answer:
        for kind in ("uid", "email", "username"):
            if (wanted := request.query.get(kind)) is not None:
                found = [user for user in self._shown() if _key(user, kind).casefold() == wanted.casefold()]
                return Answer(200, _listed(found[0])) if found else Answer(204)
        return error(400, "One of uid, email and username is needed")

    def _list(self, request: Request, told: Callable[[Account], Any], users: list[Account] | None = None) -> Answer:
        """A part of the list. In the mode ``pages`` it is shorter than was asked for."""
        users = self._shown() if users is None else users
        skip, limit = int(request.query.get("skip", 0)), int(request.query.get("limit", 100))
        limit = min(limit, MOST_PER_PAGE)
        if self.trouble.is_on("pages"):
            self.trouble.drawn["pages"] += 1
            limit = min(limit, 137)
        if self.clamps_skip:
            skip = min(skip, max(0, len(users) - limit))
        return Answer(200, [told(user) for user in users[skip : skip + limit]])

    def _find(self, request: Request) -> Answer:
        asked = request.json() or {}
        users = [
            user
            for user in self._shown()
            if ("role" not in asked or asked["role"] in user.roles)
            and ("feature" not in asked or user.features.get(asked["feature"]))
            and ("status" not in asked or asked["status"] == _status(user))
        ]
        return self._list(request, self._detail, users)

    @staticmethod
    def _detail(user: Account) -> dict[str, Any]:
        info = {"id": user.id, "status": _status(user), "createdDate": 1461509550000, "createdBy": "68719476742"}
        told = {"userAttributes": user.attributes, "userSystemInfo": info, "roles": user.roles}
        return told | {"features": [], "apps": [], "groups": [], "disclaimers": [], "avatar": {}}

    def _detail_3(self, user: Account) -> dict[str, Any]:
        told = {name: value for name, value in self._detail(user).items() if name not in ("apps", "groups")}
        return told | {"features": _features(user)}

    # Writing.

    def _create(self, request: Request) -> Answer | Act:
        asked = request.json() or {}
        attributes, roles = asked.get("userAttributes") or {}, asked.get("roles") or []
        if not asked.keys() <= {"userAttributes", "roles", "password"} or not attributes.keys() <= ATTRIBUTES:
            return error(400, "An unknown field")
        if wrong := self._wrong(attributes, roles):
            return error(400, wrong)
        lags = self.trouble.lags()

        def act() -> Answer:
            # Asked again: what is carried out late may find another state.
            if wrong := self._wrong(attributes, roles):
                return error(400, wrong)
            return Answer(200, self._detail(self.add_user({**attributes}, [*roles], {}, lags=lags)))

        return act

    def _wrong(self, attributes: dict[str, Any], roles: list[str]) -> str:
        name, address = attributes.get("userName", ""), attributes.get("emailAddress", "")
        if not name or not address or not attributes.get("displayName"):
            return "userName, emailAddress and displayName are needed"
        if name.startswith(RESERVED):
            return f"The user name {name} is reserved"
        if not {*roles} <= {*ROLES}:
            return "An unknown role"
        keys = {name.casefold(), address.casefold()}
        if self.unique and any(
            keys & {user.attributes["userName"].casefold(), user.attributes["emailAddress"].casefold()}
            for user in self.users.values()
        ):
            return "The user name or the email address is taken"
        return ""

    def _of_user(self, user: Account, request: Request, what: str) -> Answer | Act:
        asked = request.json()
        match request.method, what:
            case "GET", "":
                return Answer(200, self._detail(user))
            case "GET", "/features":
                return Answer(200, _features(user))
            case "GET", "/status":
                return Answer(200, {"status": _status(user)})
            case "POST", "/update":
                if not asked.keys() <= ATTRIBUTES or "accountType" in asked:
                    return error(400, "A field that cannot be changed")
                return lambda: Answer(200, self._detail(_updated(user, asked)))
            case "POST", "/features/update":
                switches = {each["entitlment"]: each["enabled"] for each in asked}
                return lambda: _done(user.features.update(switches))
            case "POST", "/roles/add":
                if asked["id"] not in ROLES:
                    return error(400, "An unknown role")
                return lambda: _done(_give(user, asked["id"]))
            case "POST", "/roles/remove":
                return lambda: _done(user.roles.remove(asked["id"]) if asked["id"] in user.roles else None)
            case "POST", "/status/update":
                return lambda: _done(_switch(user, asked["status"]))
            case _:
                return error(404, "nothing here")


def _updated(user: Account, attributes: dict[str, Any]) -> Account:
    user.attributes.update(attributes)
    return user


def _give(user: Account, role: str) -> None:
    if role not in user.roles:
        user.roles.append(role)


def _switch(user: Account, status: str) -> None:
    user.active = status == "ENABLED"


def _done(_: None) -> Answer:
    return Answer(200, {"format": "TEXT", "message": "OK"})


def error(code: int, message: str) -> Answer:
    return Answer(code, {"code": code, "message": message})


def _status(user: Account) -> str:
    return "ENABLED" if user.active else "DISABLED"


def _features(user: Account) -> list[dict[str, Any]]:
    return [{"entitlment": name, "enabled": on} for name, on in user.features.items()]


def _key(user: Account, kind: str) -> str:
    if kind == "uid":
        return str(user.id)
    return str(user.attributes["emailAddress" if kind == "email" else "userName"])


def _listed(user: Account) -> dict[str, Any]:
    """The directory's view, which has names of its own for some fields."""
    told = {
        "id": user.id,
        "username": user.attributes["userName"],
        "company": user.attributes.get("companyName", "Adversary"),
        "accountType": user.attributes.get("accountType", "NORMAL"),
        "avatars": [],
    }
    same = ("emailAddress", "firstName", "lastName", "displayName", "title", "location", "department", "division")
    return told | {name: user.attributes[name] for name in same if name in user.attributes}
