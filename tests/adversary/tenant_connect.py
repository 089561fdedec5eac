"""Connect, as its documents have it: companies and their users, codes as text, explicit nulls, problem documents."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from .trouble import Trouble
from .wire import Answer, Request

MOST_ROWS: Final = 20
MOST_PER_PAGE: Final = 100
FIELDS: Final = ("email", "firstName", "lastName", "displayName", "phoneNumber", "department", "title", "location")
DOMAIN_NOT_ALLOWED, EMAIL_EXISTS, NO_COMPANY, DOMAIN_TAKEN, NO_USER = "40001", "40002", "40102", "40103", "40106"
_USERS = re.compile(r"/api/v2/companies/([^/]+)/users")
_USER = re.compile(r"/api/v2/companies/([^/]+)/users/([^/]+)")
_COMPANY = re.compile(r"/api/v2/companies/([^/]+)")

Act = Callable[[], Answer]
"""Carries a write out, whenever that is, and says what is answered to it."""


@dataclass(slots=True)
class Account:
    """A user; ``shows_at`` is when a listing has it."""

    id: str
    number: int
    values: dict[str, Any]
    active: bool
    shows_at: float


@dataclass(slots=True)
class Company:
    id: str
    name: str
    vanity: str
    domains: list[str]
    completed_at: float
    users: dict[str, Account] = field(default_factory=dict)


class Connect:
    """The state, and what each request does to it.

    Args:
        trouble: How answers about many users are put.
        unique: Whether an address can be there once only.
        first_page: The number of the first page, 0 or 1: documents and examples differ.
        later: Runs a function after so many seconds.
    """

    def __init__(
        self, trouble: Trouble, *, unique: bool, first_page: int, later: Callable[[float, Callable[[], object]], None]
    ) -> None:
        self.trouble, self.unique, self.first_page, self.later = trouble, unique, first_page, later
        self.companies: dict[str, Company] = {}
        self.created: list[str] = []

    def add_company(self, name: str, vanity: str, domains: list[str], *, takes: float) -> Company:
        company = Company(uuid(), name, vanity, domains, self.trouble.now() + takes)
        self.companies[company.id] = company
        return company

    def add_user(self, company: Company, values: dict[str, Any], *, active: bool, lags: float = 0.0) -> Account:
        user = Account(uuid(), 691867691778058 + len(self.created), values, active, self.trouble.now() + lags)
        company.users[user.id] = user
        self.created.append(values["email"])
        return user

    def answer(self, request: Request) -> Answer | Act:
        """What is answered, or for a write that is acceptable, what carries it out."""
        method, path = request.method, request.path
        if path == "/api/v2/companies":
            return self._companies(request) if method == "GET" else self._create_company(request)
        match = _USERS.fullmatch(path) or _USER.fullmatch(path) or _COMPANY.fullmatch(path)
        if match is None:
            return problem(404, "Not Found", "nothing here")
        company = self.companies.get(match[1])
        if company is None:
            return problem(404, "Not Found", "There is no such company", NO_COMPANY)
        if match.re is _COMPANY:
            return self._company(company) if method == "GET" else self._update_company(company, request)
        if self.state(company) != "COMPLETED":
            # As documented: the status of the answer and that in it differ.
            return Answer(400, problem(404, "Not Found", "The company is not completed", NO_COMPANY).body)
        if match.re is _USERS:
            return self._page(company, request) if method == "GET" else self._create(company, request)
        user = company.users.get(match[2])
        if user is None:
            return problem(404, "Not Found", "There is no such user", NO_USER)
        return Answer(200, _shown(user)) if method == "GET" else self._set_active(user, request)

    def state(self, company: Company) -> str:
        return "COMPLETED" if self.trouble.now() >= company.completed_at else "STARTED"

    # Companies.

    def _companies(self, request: Request) -> Answer:
        vanity = request.query.get("vanityName")
        return Answer(200, [self._told(each) for each in self.companies.values() if vanity in (None, each.vanity)])

    def _company(self, company: Company) -> Answer:
        return Answer(200, self._told(company))

    def _create_company(self, request: Request) -> Act:
        asked = request.json()

        def act() -> Answer:
            company = self.add_company(asked["name"], asked["vanityName"], asked["emailDomains"], takes=1200.0)
            return Answer(202, self._told(company))

        return act

    def _update_company(self, company: Company, request: Request) -> Answer | Act:
        asked = request.json()["emailDomains"]
        others = {domain for each in self.companies.values() if each is not company for domain in each.domains}
        if self.state(company) != "COMPLETED":
            return problem(404, "Not Found", "The company is not completed", NO_COMPANY)
        if others & {*asked}:
            return problem(404, "Not Found", "A domain belongs to another company", DOMAIN_TAKEN)
        new = [domain for domain in asked if domain not in company.domains]
        if not new:
            return Answer(304)

        def act() -> Answer:
            company.domains += [domain for domain in new if domain not in company.domains]
            return Answer(200)

        return act

    def _told(self, company: Company) -> dict[str, Any]:
        return {
            "id": company.id,
            "createdAt": "2023-12-22T08:53:39.269539Z",
            "updatedAt": None,
            "name": company.name,
            "vanityName": company.vanity,
            "emailDomains": company.domains,
            "publicUrl": f"https://{company.vanity}.on.symphony.com",
            "state": self.state(company),
            "errorMessage": None,
        }

    # Users.

    def _page(self, company: Company, request: Request) -> Answer:
        """A page of the users by creation date. In the mode ``pages``, sizes and numbers are cut to what there is."""
        now = self.trouble.now()
        users = [user for user in company.users.values() if user.shows_at <= now]
        size = int(request.query.get("pageSize", MOST_PER_PAGE))
        if not 1 <= size <= MOST_PER_PAGE:
            return problem(400, "Bad Request", "pageSize must be 1 to 100")
        number = max(0, int(request.query.get("currentPage", self.first_page)) - self.first_page)
        if self.trouble.is_on("pages"):
            self.trouble.drawn["pages"] += 1
            size = min(size, 37)
            number = min(number, max(0, len(users) - 1) // size)
        shown = users[number * size : (number + 1) * size]
        return Answer(
            200,
            {
                "total": len(users),
                "pageSize": size,
                "currentPage": number + self.first_page,
                "users": [_shown(user) for user in shown],
            },
        )

    def _create(self, company: Company, request: Request) -> Answer | Act:
        rows = request.json()
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
            return problem(400, "Bad Request", "1 to 20 users")
        if any(not isinstance(row, dict) or not row.keys() <= {*FIELDS, "active"} for row in rows):
            return problem(400, "Bad Request", "an unknown field")
        shape = self.trouble.shape()
        return lambda: self._created(company, rows, shape)

    def _created(self, company: Company, rows: list[dict[str, Any]], shape: str) -> Answer:
        told = [self._create_one(company, row, mixed=shape == "rows") for row in rows]
        status = 201 if all(each["status"] == 201 for each in told) else 207
        made = [each for each in told if each["id"] is not None]
        if shape == "anonymous":
            status = 207
            told = [each | {"email": None, "firstName": None, "lastName": None} for each in told]
        if shape in ("shuffled", "anonymous"):
            self.trouble.chance.shuffle(told)
        if shape == "twins" and len(made) > 1:
            status, one = 207, self.trouble.chance.sample(made, 2)
            one[1]["id"] = one[0]["id"]
        return Answer(status, told)

    def _create_one(self, company: Company, row: dict[str, Any], *, mixed: bool) -> dict[str, Any]:
        email = row["email"]
        if email.rpartition("@")[2].lower() not in company.domains:
            return _refused(row, 400, "Bad Request", "The email domain is not allowed", DOMAIN_NOT_ALLOWED)
        if self.unique and any(_same(user.values["email"], email) for user in company.users.values()):
            return _refused(row, 409, "Conflict", "The email exists", EMAIL_EXISTS)
        status, after = self.trouble.row() if mixed else (201, 0.0)
        lags = self.trouble.lags()

        def add() -> Account:
            values = {name: row.get(name) for name in FIELDS}
            return self.add_user(company, values, active=row.get("active") is not False, lags=lags)

        if status == 201:
            return _shown(add()) | {"status": 201, "error": None}
        if after == 0:
            add()
        elif after is not None:
            self.later(after, add)
        return _refused(row, status, "Not now", "The directory did not answer", None)

    def _set_active(self, user: Account, request: Request) -> Answer | Act:
        asked = request.json()
        if not isinstance(asked, dict) or not isinstance(asked.get("active"), bool):
            return problem(400, "Bad Request", "active is missing")

        def act() -> Answer:
            user.active = asked["active"]
            return Answer(200, {})

        return act


def problem(status: int, title: str, detail: str, code: str | None = None) -> Answer:
    """A problem document; the trace stands in it too."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body |= {"instance": "/api/v2/companies", "timestamp": "2023-12-22T08:53:39.269539Z", "X-Trace-Id": "gT5mQr"}
    return Answer(status, body if code is None else body | {"detailErrorCode": code})


def _shown(user: Account) -> dict[str, Any]:
    return {
        "id": user.id,
        "createdAt": "2023-12-22T08:53:39.269539Z",
        "updatedAt": None,
        "symphonyUserId": user.number,
        **user.values,
        "active": user.active,
    }


def _refused(row: dict[str, Any], status: int, title: str, detail: str, code: str | None) -> dict[str, Any]:
    """A user of a 207 that was not created, or is not told to be: its own input, and the rest explicit nulls."""
    error = {"title": title, "status": status, "detail": detail, "detailErrorCode": code}
    nulls = dict.fromkeys(("id", "createdAt", "updatedAt", "symphonyUserId"))
    return {**nulls, **{name: row.get(name) for name in FIELDS}, "active": None, "status": status, "error": error}


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def uuid() -> str:
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
