"""The people of a kill proof: what the file wants of each, what is there before, and what must be there in the end."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from .tenant_pod import RESERVED

Kind = Literal["connect", "pod"]
SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Person:
    """One row.

    Attributes:
        row: The cells of the file.
        values: The attributes that a tenant has of it.
        active, roles, features: The same for what has operations of its own.
        end: ``there`` as the row asks, ``refused`` by the tenant for good, or in ``conflict`` with an existing user.
        before: The user that is there before, None for nobody.
    """

    row: dict[str, str]
    values: dict[str, Any]
    active: bool
    roles: list[str]
    features: dict[str, bool]
    end: Literal["there", "refused", "conflict"]
    before: dict[str, Any] | None

    @property
    def email(self) -> str:
        return str(self.values.get("email") or self.values["emailAddress"])


def people(kind: Kind, count: int) -> list[Person]:
    """The rows of a file: new people mostly, some to be disabled, some there already, some that cannot be."""
    return [_connect_user(n) if kind == "connect" else _pod_user(n) for n in range(count)]


def bystanders(kind: Kind, count: int) -> list[dict[str, Any]]:
    """Users that are there and not in the file: nobody may touch them."""
    return [_before(_connect_user(-n) if kind == "connect" else _pod_user(-n), n % 3 > 0) for n in range(1, count + 1)]


def write_file(everyone: list[Person], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, everyone[0].row.keys())
        lines.writeheader()
        lines.writerows(person.row for person in everyone)


def _connect_user(n: int) -> Person:
    end: Any = "there"
    email = f"row{n}@acme.example"
    if n % 50 == 7:
        end, email = "refused", f"row{n}@elsewhere.example"
    values = {"email": email, "firstName": "Row", "lastName": f"N{n}", "title": f"Title {n}"}
    active = n % 5 != 2
    row = {**values, "active": "true" if active else "false"}
    nulls = dict.fromkeys(("displayName", "phoneNumber", "department", "location"))
    person = Person(row, nulls | values, active, [], {}, end, None)
    match n % 50:
        case 3 | 23:  # Exists as the row asks, in another spelling.
            return _with_before(person, _before(person, active, email=email.upper()))
        case 9 | 29:  # There, and with the switch the wrong way round.
            return _with_before(person, _before(person, not active))
        case 11:  # There, and different in what Connect cannot change.
            return _with_before(person, _before(person, active, lastName="Other"), "conflict")
    return person


def _pod_user(n: int) -> Person:
    end: Any = "there"
    name = f"row{n}"
    if n % 50 == 7:
        end, name = "refused", f"{RESERVED}{n}"
    values = {
        "userName": name,
        "emailAddress": f"{name}@acme.example",
        "firstName": "Row",
        "lastName": f"N{n}",
        "displayName": f"Row {n}",
        "title": f"Title {n}",
    }
    active = n % 10 != 2
    roles = ["INDIVIDUAL", "USER_PROVISIONING"] if n % 4 == 0 else ["INDIVIDUAL"]
    features = {"postReadEnabled": True, "delegatesEnabled": False} if n % 20 == 1 else {}
    row = {
        **values,
        "roles": "|".join(roles),
        "features": "postReadEnabled|delegatesEnabled=false" if features else "",
        "status": "ENABLED" if active else "DISABLED",
    }
    person = Person(row, values, active, roles, features, end, None)
    match n % 50:
        case 3 | 23:
            return _with_before(person, _before(person, active, emailAddress=f"{name}@acme.example".upper()))
        case 9 | 29:
            return _with_before(person, _before(person, not active))
        case 11 | 31:  # There, and to be changed.
            return _with_before(person, _before(person, active, roles=["CONTENT_MANAGEMENT"], title="Another"))
    return person


def _before(person: Person, active: bool, roles: list[str] | None = None, **changes: str) -> dict[str, Any]:
    features = dict(person.features)
    given = person.roles if roles is None else roles
    return {"values": {**person.values, **changes}, "active": active, "roles": [*given], "features": features}


def _with_before(person: Person, before: dict[str, Any], end: Any = "there") -> Person:
    return Person(person.row, person.values, person.active, person.roles, person.features, end, before)


@dataclass(slots=True)
class Verdict:
    """How what is there differs from what the file wants.

    Attributes:
        lost: Rows the tenant would take, that are not there, and that the report does not name.
        doubled: Rows that are there more than once.
        otherwise: Users whose state or id is not what the report says; users that nobody asked for, and bystanders
            that were touched.
        named: Users whose state is not the wanted one, and the report's audit names them.
        given_up: Rows the tenant would take that the report names as failed or in conflict.
        unknown: Rows that the report names as unknown.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in self.__slots__}

    def shown(self) -> dict[str, list[str]]:
        return {name: rows[:SHOWN] for name in self.__slots__ if (rows := getattr(self, name))}


def judge(
    kind: Kind,
    everyone: list[Person],
    state: dict[str, Any],
    told: dict[str, dict[str, str]],
    different: set[str],
    others: int,
) -> Verdict:
    """Compare the tenant with the file.

    Args:
        kind: Which API.
        everyone: The rows of the file.
        state: What the tenant says of itself.
        told: The report's line about each row, by its label.
        different: The labels that the report's audit names as different.
        others: How many bystanders there are.
    """
    verdict = Verdict()
    key = "email" if kind == "connect" else "emailAddress"
    there: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for user in state["users"]:
        there[user["values"][key].casefold()].append(user)
    for person in everyone:
        _judge_one(verdict, person, there.pop(person.email.casefold(), []), told, different)
    for user in bystanders(kind, others):
        found = there.pop(user["values"][key].casefold(), [])
        if [{name: each[name] for name in user} for each in found] != [user]:
            verdict.otherwise.append(f"{user['values'][key]}: not in the file, and touched: {found}")
    verdict.otherwise += [f"{email}: nobody asked for it" for email in there]
    return verdict


def _judge_one(
    verdict: Verdict,
    person: Person,
    found: list[dict[str, Any]],
    told: dict[str, dict[str, str]],
    different: set[str],
) -> None:
    label = person.row.get("userName") or person.row["email"]
    line = told.get(label, {"state": "not in the report", "id": "", "code": "", "reason": ""})
    state, said = line["state"], f"{label}: {line['state']} {line['code']} {line['reason']}".rstrip()
    if len(found) > 1:
        verdict.doubled.append(f"{said}: {len(found)} times")
    elif person.end == "refused":
        if found or state != "FAILED":
            verdict.otherwise.append(f"{said}, and it cannot be there: {found}")
    elif person.end == "conflict":
        assert person.before is not None
        if state != "CONFLICT" or [{name: user[name] for name in person.before} for user in found] != [person.before]:
            verdict.otherwise.append(f"{said}, and it is in conflict: {found}")
    elif state in ("FAILED", "CONFLICT"):
        verdict.given_up.append(said)
    elif state == "UNKNOWN":
        verdict.unknown.append(said)
    elif not found:
        verdict.lost.append(said)
    elif differs := _difference(person, found[0]):
        (verdict.named if label in different else verdict.otherwise).append(f"{said}: {differs}")
    elif state == "DONE" and line["id"] != found[0]["id"]:
        verdict.otherwise.append(f"{said}: the report has the id {line['id']}, and it is {found[0]['id']}")


def _difference(person: Person, user: dict[str, Any]) -> str:
    """Where a user is not as its row wants it; what the row does not name is as it was before."""
    kept: dict[str, Any] = {} if person.before is None else person.before["values"]
    wanted = kept | {name: value for name, value in person.values.items() if name not in ("email", "emailAddress")}
    values = {name: value for name, value in user["values"].items() if name not in ("email", "emailAddress")}
    wrong = {name: value for name, value in values.items() if value != wanted.get(name)}
    if user["active"] != person.active:
        wrong["active"] = user["active"]
    had = [] if person.before is None else person.before["roles"]
    if Counter(user["roles"]) != Counter({*had, *person.roles}):
        wrong["roles"] = user["roles"]
    if {name for name, on in user["features"].items() if on} != {name for name, on in person.features.items() if on}:
        wrong["features"] = user["features"]
    return ", ".join(f"{name} is {value!r}" for name, value in wrong.items())
