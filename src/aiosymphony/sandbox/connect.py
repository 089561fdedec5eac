"""Connect: companies, whose creation takes a moment, and their users.

Error codes are text, as in every published example. Where the documents leave a fact open, a comment says what is
assumed.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from attrs import evolve

from .handlers import Answer, Call, HttpError, reads, writes
from .state import Company, ConnectUser, Json, timestamp

DOMAIN_NOT_ALLOWED = 40001
EMAIL_EXISTS = 40002
COMPANY_MISSING = 40102
DOMAINS_TAKEN = 40103
USER_MISSING = 40106

_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+\Z")


def problem(status: int, detail: str, code: int | None = None) -> Json:
    """A ProblemDetail. For a company that is not COMPLETED it says 404, although the response has status 400."""
    status = 404 if code == COMPANY_MISSING else status
    return {"type": "about:blank", **_error(status, detail, code), "timestamp": timestamp()}


def _error(status: int, detail: str, code: int | None) -> Json:
    value: Json = {"title": _TITLES.get(status, "Error"), "status": status, "detail": detail}
    if code is not None:
        value["detailErrorCode"] = str(code)
    return value


_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def company_state(call: Call, company: Company) -> str:
    """The state of a company, by its age."""
    seconds = call.options.company_seconds
    age = call.state.clock() - company.started
    if age < seconds / 2:
        return "STARTED"
    if company.fails is not None:
        return company.fails
    return "TENANT_CREATED" if age < seconds else "COMPLETED"


def _company(call: Call, company: Company) -> Json:
    state = company_state(call, company)
    value = {
        "id": company.id,
        "createdAt": company.created,
        "updatedAt": company.updated,
        "name": company.name,
        "vanityName": company.vanity_name,
        "emailDomains": list(company.domains),
        "publicUrl": f"https://{company.vanity_name}.on.symphony.com",
        "state": state,
    }
    if state.endswith("ERROR"):
        value["errorMessage"] = "the tenant could not be created"
    return value


def _user(user: ConnectUser) -> Json:
    return {
        "id": user.id,
        "createdAt": user.created,
        "updatedAt": user.updated,
        "symphonyUserId": user.symphony_id,
        **user.attributes,
        "active": user.active,
    }


def _find_company(call: Call) -> Company:
    company = call.db.companies.get(call.path["companyId"])
    if company is None:
        raise HttpError(404, f"company {call.path['companyId']} does not exist", COMPANY_MISSING)
    return company


def _find_user(call: Call) -> ConnectUser:
    company = _find_company(call)
    user = call.db.connect_users.get(call.path["userId"])
    if user is None or user.company != company.id:
        raise HttpError(404, f"user {call.path['userId']} does not exist in company {company.id}", USER_MISSING)
    return user


def _domains(call: Call, given: list[str], *, own: str | None = None, taken_status: int) -> tuple[str, ...]:
    domains = tuple(dict.fromkeys(domain.lower() for domain in given))
    for domain in domains:
        if not _DOMAIN.match(domain):
            raise HttpError(400, f"emailDomains: {domain!r} is not a domain")
    for other in call.state.db.companies:
        taken = set(domains) & set(other.domains)
        if taken and other.id != own:
            wrong = f"emailDomains: {', '.join(sorted(taken))} already belong to a company"
            raise HttpError(taken_status, wrong, DOMAINS_TAKEN)
    return domains


@reads("api_v2_companies_get")
def list_companies(call: Call) -> Any:
    """All companies, or the one with this vanity name."""
    if "vanityName" in call.query:
        return [_company(call, company) for company in call.db.companies.find("vanity", call.query["vanityName"])]
    return [_company(call, company) for company in call.db.companies]


@writes("api_v2_companies_post")
def create_company(call: Call) -> Any:
    """Create a company, in the state STARTED."""
    body = call.body
    # An assumption: no failure of this operation is documented.
    domains = _domains(call, body["emailDomains"], taken_status=409)
    if call.options.uniqueness:
        for index, key, name in (
            ("vanity", body["vanityName"], "vanityName"),
            ("name", body["name"].casefold(), "name"),
        ):
            if call.db.companies.find(index, key):
                raise HttpError(409, f"{name} is taken by another company")
    return Answer(202, _company(call, call.state.add_company(body["name"], body["vanityName"], domains)))


@reads("api_v2_companies_company_id_get")
def get_company(call: Call) -> Any:
    """A company with its current state."""
    return _company(call, _find_company(call))


@writes("api_v2_companies_company_id_patch")
def update_company(call: Call) -> Any:
    """Add email domains to a company; 304 if it has them all."""
    company = _find_company(call)
    domains = _domains(call, call.body["emailDomains"], own=company.id, taken_status=404)
    added = tuple(domain for domain in domains if domain not in company.domains)
    if not added:
        return Answer(304)
    call.db.companies.put(evolve(company, domains=(*company.domains, *added), updated=timestamp()))
    return None


@reads("api_v2_companies_company_id_users_get")
def list_users(call: Call) -> Any:
    """A page of a company's users, oldest first."""
    company = _find_company(call)
    base = call.options.page_base
    page = call.query.get("currentPage", base)
    if page < base:
        raise HttpError(400, f"query parameter currentPage is less than {base}")
    size = call.capped(call.query.get("pageSize", 100), 100)
    users = call.db.connect_users.group("company", company.id)
    rows = users.slice((page - base) * size, size)
    return {"total": len(users), "pageSize": size, "currentPage": page, "users": [_user(user) for user in rows]}


@writes("api_v2_companies_company_id_users_post")
def create_users(call: Call) -> Any:
    """Create users; one result per user."""
    company = call.db.companies.get(call.path["companyId"])
    if company is None or company_state(call, company) != "COMPLETED":
        raise HttpError(400, f"company {call.path['companyId']} does not exist or is not COMPLETED", COMPANY_MISSING)
    now = timestamp()
    results = [_create_user(call, company, given, now) for given in call.body]
    return Answer(201 if all(result["status"] == 201 for result in results) else 207, results)


_READ_ONLY = frozenset({"id", "createdAt", "updatedAt", "symphonyUserId", "status", "error"})
_NULLS: Json = dict.fromkeys(
    ("id", "createdAt", "updatedAt", "symphonyUserId", "displayName", "active", "phoneNumber", "department", "title",
     "location")
)  # fmt: skip
"""Fields that were not sent are null in the result of a user who was not created."""


def _create_user(call: Call, company: Company, given: Json, now: str) -> Json:
    attributes = {name: value for name, value in given.items() if name not in _READ_ONLY and value is not None}
    active = attributes.pop("active", True)
    # An assumption: the documents do not say which status goes with which code for a single user.
    email = given["email"].casefold()
    local, at, domain = email.rpartition("@")
    if not local or not at or domain not in company.domains:
        return _rejected(
            given, 400, f"the domain of {given['email']!r} is not one of the company's", DOMAIN_NOT_ALLOWED
        )
    for name in ("firstName", "lastName"):
        if not given[name].strip():
            return _rejected(given, 400, f"{name} is empty")
    if call.options.uniqueness and call.db.connect_users.find("email", email):
        return _rejected(given, 409, f"a user with the email {given['email']!r} exists", EMAIL_EXISTS)
    user = ConnectUser(
        id=str(uuid.uuid4()),
        company=company.id,
        symphony_id=call.state.new_user_id(company.tenant),
        attributes=attributes,
        active=active,
        created=now,
        updated=now,
    )
    call.db.connect_users.put(user)
    return {**_user(user), "status": 201}


def _rejected(given: Json, status: int, detail: str, code: int | None = None) -> Json:
    return {**_NULLS, **given, "status": status, "error": _error(status, detail, code)}


@reads("api_v2_companies_company_id_users_user_id_get")
def get_user(call: Call) -> Any:
    """A user of a company."""
    return _user(_find_user(call))


@writes("api_v2_companies_company_id_users_user_id_patch")
def update_user(call: Call) -> Any:
    """Enable or disable a user."""
    user = _find_user(call)
    if user.active != call.body["active"]:
        call.db.connect_users.put(evolve(user, active=call.body["active"], updated=timestamp()))
    return None
