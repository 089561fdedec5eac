"""Connect: the life of a company, batches of users, and pages from 0 or from 1."""

from __future__ import annotations

from typing import Any

import pytest

from aiosymphony.sandbox import Sandbox

from .conftest import Client, Clock

COMPANIES = "/api/v2/companies"
ACME = {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.example"]}


def person(number: int = 0, *, domain: str = "company-1.example", **more: Any) -> dict[str, Any]:
    return {"email": f"p{number}@{domain}", "firstName": "P", "lastName": str(number), **more}


async def users_path(client: Client) -> str:
    _, companies = await client.get(COMPANIES)
    return f"{COMPANIES}/{companies[0]['id']}/users"


async def state_of(client: Client, company: str) -> str:
    return (await client.get(f"{COMPANIES}/{company}"))[1]["state"]


@pytest.mark.symphony_sandbox(company_seconds=1)
async def test_a_company_takes_a_moment_to_complete(client: Client, clock: Clock) -> None:
    status, company = await client.post(COMPANIES, ACME)
    assert (status, company["state"]) == (202, "STARTED")
    path = f"{COMPANIES}/{company['id']}/users"
    status, problem = await client.post(path, [person(domain="acme.example")])
    assert (status, problem["status"], problem["detailErrorCode"]) == (400, 404, "40102")
    for state in ("STARTED", "TENANT_CREATED", "COMPLETED"):
        assert await state_of(client, company["id"]) == state
        clock.step(0.5)
    assert (await client.post(path, [person(domain="acme.example")]))[0] == 201


@pytest.mark.symphony_sandbox(failing_companies=["acme"])
async def test_a_company_may_fail(client: Client, clock: Clock) -> None:
    _, company = await client.post(COMPANIES, ACME)
    assert await state_of(client, company["id"]) == "STARTED"
    clock.step(1)
    assert await state_of(client, company["id"]) == "TENANT_CREATION_ERROR"
    assert (await client.get(f"{COMPANIES}/{company['id']}"))[1]["errorMessage"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"vanityName": "other", "name": "Other"}, (409, "40103")),
        ({"vanityName": "other", "emailDomains": ["o.example"]}, (409, None)),
        ({"name": "Other", "emailDomains": ["o.example"]}, (409, None)),
        ({"emailDomains": ["not a domain"]}, (400, None)),
        ({"emailDomains": []}, (400, None)),
        ({"vanityName": "Not A Name"}, (400, None)),
        ({"color": "blue"}, (400, None)),
    ],
)
async def test_a_company_that_cannot_be_is_refused(
    client: Client, change: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    assert (await client.post(COMPANIES, ACME))[0] == 202
    status, problem = await client.post(COMPANIES, {**ACME, **change})
    assert (status, problem.get("detailErrorCode")) == expected
    assert problem["status"] == status
    assert problem["timestamp"].endswith("Z")
    assert len((await client.get(COMPANIES))[1]) == 1


@pytest.mark.symphony_sandbox(companies=1)
async def test_one_answer_a_user(client: Client, symphony_sandbox: Sandbox) -> None:
    path = await users_path(client)
    status, results = await client.post(path, [person(0), person(1)])
    assert (status, [result["status"] for result in results]) == (201, [201, 201])
    batch = [
        person(1),
        person(2, domain="elsewhere.example"),
        person(3),
        {**person(3), "email": "P3@Company-1.example"},
    ]
    status, results = await client.post(path, batch)
    assert status == 207
    assert [result["status"] for result in results] == [409, 400, 201, 409]
    assert [result.get("error", {}).get("detailErrorCode") for result in results] == [
        "40002",
        "40001",
        None,
        "40002",
    ]
    nulls = {"id", "createdAt", "updatedAt", "symphonyUserId", "displayName", "active", "phoneNumber", "department"}
    assert {name for name, value in results[0].items() if value is None} == nulls | {"title", "location"}
    assert set(results[0]["error"]) == {"title", "status", "detail", "detailErrorCode"}
    assert [result["email"] for result in results] == [given["email"] for given in batch]
    assert sorted(user.attributes["email"] for user in symphony_sandbox.state.connect_users()) == [
        f"p{number}@company-1.example" for number in (0, 1, 3)
    ]


@pytest.mark.symphony_sandbox(companies=1)
@pytest.mark.parametrize("batch", [[], [person(n) for n in range(21)], [person(nickname="x")], [{"email": "a@b.c"}]])
async def test_a_batch_out_of_bounds_changes_nothing(
    client: Client, symphony_sandbox: Sandbox, batch: list[dict[str, Any]]
) -> None:
    assert (await client.post(await users_path(client), batch))[0] == 400
    assert symphony_sandbox.state.counts()["connect_users"] == 0


@pytest.mark.symphony_sandbox(companies=1, uniqueness=False)
async def test_without_uniqueness_a_repeated_batch_makes_doubles(client: Client, symphony_sandbox: Sandbox) -> None:
    path = await users_path(client)
    assert [(await client.post(path, [person()]))[0] for _ in range(2)] == [201, 201]
    assert symphony_sandbox.state.counts()["connect_users"] == 2


@pytest.mark.parametrize(
    ("base", "cap"),
    [
        pytest.param(base, cap, marks=pytest.mark.symphony_sandbox(companies=1, page_base=base, page_cap=cap))
        for base in (0, 1)
        for cap in (None, 7)
    ],
)
async def test_pages_count_from_the_base_and_keep_to_the_cap(client: Client, base: int, cap: int | None) -> None:
    path = await users_path(client)
    for start in (0, 20):
        await client.post(path, [person(start + number) for number in range(20)])
    _, page = await client.get(path, pageSize=15)
    assert (page["currentPage"], page["total"]) == (base, 40)
    assert page["pageSize"] == len(page["users"]) == (15 if cap is None else cap)
    emails = []
    while page["users"]:
        emails += [user["email"] for user in page["users"]]
        _, page = await client.get(path, pageSize=15, currentPage=page["currentPage"] + 1)
    assert emails == [f"p{number}@company-1.example" for number in range(40)]
    assert (await client.get(path, currentPage=base - 1))[0] == 400
    assert (await client.get(path, pageSize=101))[0] == 400


@pytest.mark.symphony_sandbox(companies=2)
async def test_what_is_missing_has_its_code(client: Client) -> None:
    path = await users_path(client)
    for method, missing, body, expected in (
        ("GET", f"{COMPANIES}/none", None, (404, "40102")),
        ("PATCH", f"{COMPANIES}/none", {"emailDomains": ["a.example"]}, (404, "40102")),
        ("GET", f"{COMPANIES}/none/users", None, (404, "40102")),
        ("POST", f"{COMPANIES}/none/users", [person()], (400, "40102")),
        ("GET", f"{path}/none", None, (404, "40106")),
        ("PATCH", f"{path}/none", {"active": False}, (404, "40106")),
    ):
        status, problem = await client.send(method, missing, json=body)
        assert (method, missing, status, problem["detailErrorCode"]) == (method, missing, *expected)
        assert problem["status"] == 404
    company = path.removesuffix("/users")
    status, problem = await client.send("PATCH", company, json={"emailDomains": ["company-2.example"]})
    assert (status, problem["detailErrorCode"]) == (404, "40103")
    assert len((await client.get(COMPANIES, vanityName="company-2"))[1]) == 1
    assert (await client.get(COMPANIES, vanityName="company-3"))[1] == []


@pytest.mark.symphony_sandbox(companies=1)
async def test_domains_are_added_and_never_taken_away(client: Client) -> None:
    company = (await users_path(client)).removesuffix("/users")
    for domains, expected in (
        (["new.example"], 200),
        (["company-1.example"], 304),
        (["NEW.example", "company-1.example"], 304),
        (["new.example", "newer.example"], 200),
    ):
        assert (await client.send("PATCH", company, json={"emailDomains": domains}))[0] == expected
    _, known = await client.get(company)
    assert known["emailDomains"] == ["company-1.example", "new.example", "newer.example"]


async def test_a_problem_repeats_the_trace_id(client: Client) -> None:
    headers = {**client.connect, "X-Trace-Id": "abc123"}
    assert (await client.get(f"{COMPANIES}/none", headers=headers))[1]["X-Trace-Id"] == "abc123"
    assert "X-Trace-Id" not in (await client.get(f"{COMPANIES}/none"))[1]
