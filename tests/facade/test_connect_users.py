"""connect.users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiosymphony import (
    ApiError,
    BadRequest,
    ConfigError,
    Conflict,
    ConnectClient,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServerError,
    TransportError,
)
from aiosymphony.connect.users import UserResult
from aiosymphony.sandbox import Sandbox
from aiosymphony.testing import SentRequest, make_response
from aiosymphony.transport import Response
from aiosymphony_api.connect.models import User

from .wire import Wire, sent


def person(n: int, domain: str = "acme.test") -> User:
    return User(email=f"user{n}@{domain}", first_name="User", last_name=str(n))


def create(request: SentRequest) -> Response:
    """Create whoever has a number in the address that is not a multiple of 7."""
    rows = []
    for asked in request.json():
        if int(asked["lastName"]) % 7:
            rows.append({**asked, "status": 201, "id": f"id-{asked['lastName']}"})
        else:
            problem = {"type": "about:blank", "status": 409, "detail": "email exists", "detailErrorCode": "40002"}
            rows.append({**asked, "status": 409, "error": problem})
    return make_response(201 if all(row["status"] == 201 for row in rows) else 207, json=rows)


async def test_what_is_sent(wire: Wire) -> None:
    users = wire.connect.users
    ada = {"email": "ada@acme.test", "firstName": "Ada", "lastName": "Abbott"}
    wire.answers([{**ada, "status": 201, "id": "u1"}], status=201)
    [result] = await users.create_batch("c1", [User.from_dict({**ada, "department": "Desk"})])
    assert result.ok
    wire.answers({"total": 0, "users": []})
    assert await users.list("c1", page_size=7).collect() == []
    wire.answers({**ada, "id": "u1"})
    assert (await users.get("c1", "u/1")).id == "u1"
    wire.answers(make_response(200))
    await users.set_active("c1", "u1", True)
    await users.enable("c1", "u1")
    await users.disable("c1", "u1")
    assert wire.sent == [
        sent("POST", "/api/v2/companies/c1/users", [{**ada, "department": "Desk"}]),
        sent("GET", "/api/v2/companies/c1/users?pageSize=7"),
        sent("GET", "/api/v2/companies/c1/users/u%2F1"),
        sent("PATCH", "/api/v2/companies/c1/users/u1", {"active": True}),
        sent("PATCH", "/api/v2/companies/c1/users/u1", {"active": True}),
        sent("PATCH", "/api/v2/companies/c1/users/u1", {"active": False}),
    ]


@pytest.mark.parametrize(("batch_size", "concurrency"), [(20, 4), (20, 1), (7, 3), (1, 16)])
async def test_one_result_a_user_in_the_order_asked(wire: Wire, batch_size: int, concurrency: int) -> None:
    def people() -> Iterator[User]:
        yield from map(person, range(95))

    wire.answers(create)
    results = await wire.connect.users.create("c1", people(), batch_size=batch_size, concurrency=concurrency)
    assert [result.asked for result in results] == list(people())
    assert [result.ok for result in results] == [n % 7 != 0 for n in range(95)]
    assert [result.status for result in results] == [201 if n % 7 else 409 for n in range(95)]
    for n, result in enumerate(results):
        assert result.user is not None
        assert result.user.email == result.asked.email
        if n % 7:
            assert result.user.id == f"id-{n}"
        else:
            assert result.error is not None
            assert (result.error.code, result.error.message) == (40002, "email exists")
            assert not result.error.may_have_acted
            assert result.error.cause is None
    sizes = sorted((len(body) for _, _, body in wire.sent), reverse=True)
    assert sizes == sorted([batch_size] * (95 // batch_size) + ([95 % batch_size] if 95 % batch_size else []))[::-1]


async def test_rows_may_come_in_any_order_and_some_not_at_all(wire: Wire) -> None:
    people = [person(1), person(2), person(3)]
    wire.answers(
        [
            {"email": "USER3@acme.test", "firstName": "x", "lastName": "3", "status": 201, "id": "three"},
            {"email": "user1@acme.test", "firstName": "x", "lastName": "1", "status": 500},
        ],
        status=207,
    )
    one, two, three = await wire.connect.users.create_batch("c1", people)
    assert three.ok
    assert three.user is not None
    assert three.user.id == "three"
    assert not one.ok
    assert one.error is not None
    assert (one.status, one.error.may_have_acted, one.error.message) == (500, True, "status 500")
    assert not two.ok
    assert two.user is None
    assert two.error is not None
    assert two.error.may_have_acted
    assert "does not say whether this user was created" in two.error.message


async def test_objects_are_sent_as_they_are_and_their_ids_come_back_in_order(wire: Wire) -> None:
    people = [person(1).to_dict(), person(2).to_dict()]
    rows = [{**each, "status": 201, "id": f"id{number}"} for number, each in enumerate(people)]
    wire.answers(rows, status=201)
    assert await wire.connect.users.create_objects("c1", people) == ["id0", "id1"]
    assert wire.sent == [sent("POST", "/api/v2/companies/c1/users", people)]
    wire.answers(rows[::-1], status=201)
    results = await wire.connect.users.create_objects("c1", people)
    assert [each.user.id for each in results if isinstance(each, UserResult) and each.user] == ["id0", "id1"]


@pytest.mark.parametrize(
    ("changed", "status", "ok"),
    [({"status": 409}, 207, False), ({"error": {"detailErrorCode": 40002}}, 201, False), ({"id": None}, 201, True)],
)
async def test_an_answer_to_objects_that_is_not_all_good_has_a_result_each(
    wire: Wire, changed: dict[str, Any], status: int, ok: bool
) -> None:
    people = [person(1).to_dict(), person(2).to_dict()]
    wire.answers(
        [{**people[0], "status": 201, "id": "a"}, {**people[1], "status": 201, "id": "b", **changed}], status=status
    )
    one, two = await wire.connect.users.create_objects("c1", people)
    assert isinstance(one, UserResult)
    assert isinstance(two, UserResult)
    assert (one.ok, two.ok) == (True, ok)


REFUSED, UNKNOWN, THROTTLED = (False, False), (True, False), (False, True)


@pytest.mark.parametrize(
    ("row", "judged", "code"),
    [
        ({"status": 400, "error": {"detailErrorCode": "40001"}}, REFUSED, 40001),
        ({"status": 400, "error": {"detailErrorCode": 40001}}, REFUSED, 40001),
        ({"status": 409, "error": {"detailErrorCode": "40002", "detail": None, "title": None}}, REFUSED, 40002),
        ({"status": None, "error": {"status": 409, "detailErrorCode": "40002"}}, REFUSED, 40002),
        ({"status": "409", "error": {"detailErrorCode": "X-1"}}, REFUSED, "X-1"),
        ({"status": 404, "error": {"detailErrorCode": "007"}}, REFUSED, "007"),
        ({"status": 422, "error": None}, REFUSED, None),
        ({"status": 201, "error": {"detailErrorCode": "40001"}}, REFUSED, 40001),
        ({"status": 201, "error": {"detail": "created, or not"}}, UNKNOWN, None),
        ({"status": "odd", "error": {"detail": "no status"}}, UNKNOWN, None),
        ({"status": "odd", "error": None}, UNKNOWN, None),
        ({"status": None, "error": {"detail": "no status"}}, UNKNOWN, None),
        ({"status": 408, "error": {"detailErrorCode": None}}, UNKNOWN, None),
        ({"status": 500, "error": {"detailErrorCode": "40001"}}, UNKNOWN, 40001),
        ({"status": 503, "error": None}, UNKNOWN, None),
        ({"status": 504, "error": {"status": 504}}, UNKNOWN, None),
        ({"status": None, "error": {"status": 503}}, UNKNOWN, None),
        ({"status": 429, "error": {"status": 429}}, THROTTLED, None),
        ({"status": 429}, THROTTLED, None),
    ],
)
async def test_a_row_of_any_status_is_judged_like_a_request(
    wire: Wire, row: dict[str, Any], judged: tuple[bool, bool], code: int | str | None
) -> None:
    """What a refused row looks like: its own input, and explicit nulls for what only a created one has."""
    nulls = dict.fromkeys(("id", "createdAt", "updatedAt", "symphonyUserId", "displayName", "department", "active"))
    one, two = person(1).to_dict(), person(2).to_dict()
    wire.answers([{**nulls, **one, **row}, {**two, "id": "two", "status": 201, "error": None}], status=207)
    for results in (
        await wire.connect.users.create_objects("c1", [one, two]),
        await wire.connect.users.create_batch("c1", [person(1), person(2)]),
    ):
        refused, created = results
        assert isinstance(refused, UserResult)
        assert isinstance(created, UserResult)
        assert created.ok
        assert refused.error is not None
        assert (refused.error.may_have_acted, refused.error.throttled) == judged
        assert refused.error.code == code


@pytest.mark.parametrize("code", ["40102", 40102])
async def test_rows_may_say_that_the_company_is_not_ready(wire: Wire, code: object) -> None:
    wire.answers([{**person(1).to_dict(), "status": 404, "error": {"detailErrorCode": code}}], status=207)
    [result] = await wire.connect.users.create_batch("c1", [person(1)])
    assert result.error is not None
    assert result.error.company_not_ready


async def test_rows_in_another_order_may_write_addresses_in_another_normal_form(wire: Wire) -> None:
    people = [User(email=f"{name}@acme.test", first_name="U", last_name="V") for name in ("jose\u0301", "zoe\u0308")]
    rows = [
        {"email": f"{name}@acme.test", "firstName": "U", "lastName": "V", "status": 201, "id": name}
        for name in ("ZO\u00cb", "jos\u00e9")
    ]
    wire.answers(rows, status=201)
    results = await wire.connect.users.create_batch("c1", people)
    assert [each.user.id for each in results if each.ok and each.user] == ["jos\u00e9", "ZO\u00cb"]
    again = await wire.connect.users.create_objects("c1", [user.to_dict() for user in people])
    assert [each.user.id for each in again if isinstance(each, UserResult) and each.user] == ["jos\u00e9", "ZO\u00cb"]


async def test_rows_in_another_order_may_write_domains_in_ascii(wire: Wire) -> None:
    domains = {"b\u00fccher.example": "xn--bcher-kva.example", "m\u00fcnchen.example": "xn--mnchen-3ya.example"}
    people = [User(email=f"ann@{domain}", first_name="U", last_name="V") for domain in domains]
    rows = [
        {"email": f"ann@{domain}", "firstName": "U", "lastName": "V", "status": 201, "id": domain}
        for domain in reversed(domains.values())
    ]
    wire.answers(rows, status=201)
    results = await wire.connect.users.create_batch("c1", people)
    assert [each.user.id for each in results if each.ok and each.user] == [*domains.values()]


async def test_two_users_of_one_address_have_a_result_each(wire: Wire) -> None:
    row = {"email": "user1@acme.test", "firstName": "User", "lastName": "1"}
    wire.answers([{**row, "status": 409}, {**row, "status": 201}], status=207)
    results = await wire.connect.users.create_batch("c1", [person(1), person(1)])
    assert [result.ok for result in results] == [False, True]


async def test_a_batch_that_is_refused_fails_each_of_its_users(wire: Wire) -> None:
    def answer(request: SentRequest) -> Response:
        if b"user25@" in (request.body or b""):
            return make_response(
                400, json={"title": "Bad Request", "detail": "not COMPLETED", "detailErrorCode": "40102"}
            )
        return create(request)

    wire.answers(answer)
    results = await wire.connect.users.create("c1", [person(7 * n + 1) if n < 20 else person(n) for n in range(41)])
    assert [result.ok for result in results[:20]] == [True] * 20
    for result in results[20:40]:
        assert (result.user, result.status, result.ok) == (None, 400, False)
        assert result.error is not None
        assert result.error.code == 40102
        assert "not COMPLETED" in result.error.message
        assert not result.error.may_have_acted
        assert isinstance(result.error.cause, NotFound)
        assert result.error.company_not_ready
    assert results[40].ok
    with pytest.raises(NotFound) as refused:
        await wire.connect.users.create_batch("c1", [person(25)])
    assert (refused.value.status, refused.value.company_not_ready) == (400, True)


@pytest.mark.parametrize(
    "failure", [make_response(503), TransportError("the connection was lost"), make_response(201, content=b"<html>")]
)
async def test_a_batch_of_unknown_outcome_is_sent_once_and_says_so(wire: Wire, failure: Any) -> None:
    wire.answers(failure)
    results = await wire.connect.users.create("c1", [person(1), person(2)])
    assert len(wire.requests) == 1
    for result in results:
        assert result.error is not None
        assert result.error.may_have_acted
        assert isinstance(result.error.cause, OutcomeUnknown)
    with pytest.raises(OutcomeUnknown):
        await wire.connect.users.create_batch("c1", [person(1)])


async def test_an_answer_about_others_is_of_unknown_outcome(wire: Wire) -> None:
    rows = [{"email": f"user{n}@acme.test", "firstName": "x", "lastName": "y", "status": 201} for n in (1, 3)]
    wire.answers(rows, status=201)
    results = await wire.connect.users.create("c1", [person(1), person(2)])
    assert [result.error and result.error.may_have_acted for result in results] == [True, True]
    assert wire.transport.resets == 1


async def test_what_is_refused_before_anything_is_sent(wire: Wire) -> None:
    users = wire.connect.users
    for size in (0, 21):
        with pytest.raises(ConfigError, match="batch_size"):
            await users.create("c1", [person(1)], batch_size=size)
        with pytest.raises(ConfigError, match="1 to 20 users"):
            await users.create_batch("c1", [person(n) for n in range(size)])
    with pytest.raises(ConfigError, match="concurrency"):
        await users.create("c1", [person(1)], concurrency=0)
    assert await users.create("c1", []) == []
    assert wire.requests == []


async def test_an_error_in_the_input_is_raised(wire: Wire) -> None:
    def people() -> Iterator[User]:
        yield person(1)
        raise RuntimeError("line 2 is bad")

    wire.answers(create)
    with pytest.raises(RuntimeError, match="line 2"):
        await wire.connect.users.create("c1", people())


# A server that neither counts from 0 nor says from where cannot be told from one that does.
@pytest.mark.parametrize(("base", "numbered"), [(0, True), (0, False), (1, True)])
@pytest.mark.parametrize("total", [True, False])
async def test_every_user_once_from_wherever_pages_count(wire: Wire, base: int, total: bool, numbered: bool) -> None:
    def answer(request: SentRequest) -> Response:
        query = {name: int(value) for name, value in parse_qsl(request.query)}
        number = query.get("currentPage", base)
        page = [
            {"id": f"u{n}", "email": f"{n}@a.test", "firstName": "x", "lastName": "y"}
            for n in range((number - base) * 10, min((number - base + 1) * 10, 35))
        ]
        said = {"users": page, "pageSize": 10}
        said |= {"total": 35} if total else {}
        said |= {"currentPage": number} if numbered else {}
        return make_response(200, json=said)

    wire.answers(answer)
    users = await wire.connect.users.list("c1").unique().collect()
    assert [user.id for user in users] == [f"u{n}" for n in range(35)]
    assert len(wire.requests) == (4 if total else 5)
    assert wire.requests[0].query == "pageSize=100"


async def test_disabling_is_repeated_as_it_may_be(wire: Wire) -> None:
    wire.answers(make_response(500), make_response(200))
    await wire.connect.users.disable("c1", "u1")
    assert len(wire.requests) == 2
    wire.answers(make_response(500))
    with pytest.raises(ServerError):
        await wire.connect.users.enable("c1", "u1")


@pytest.mark.symphony_sandbox(companies=1, page_base=1, page_cap=30)
async def test_a_life_in_the_sandbox(connect: ConnectClient, symphony_sandbox: Sandbox) -> None:
    [company] = await connect.companies.list()
    assert company.id is not None
    domain = company.email_domains[0]
    people = [person(n, domain) for n in range(64)]
    people[10], people[40] = person(10, "elsewhere.test"), people[41]
    results = await connect.users.create(company.id, people)
    assert {n: result.error.code for n, result in enumerate(results) if result.error} == {10: 40001, 41: 40002}

    users = await connect.users.list(company.id).collect()
    assert {user.email for user in users} == {p.email for n, p in enumerate(people) if n not in (10, 40)}
    assert symphony_sandbox.stats.by_operation["api_v2_companies_company_id_users_get"] == 3
    first = users[0].id or ""
    await connect.users.disable(company.id, first)
    assert (await connect.users.get(company.id, first)).active is False
    await connect.users.enable(company.id, first)
    assert (await connect.users.get(company.id, first)).active is True


async def test_one_user_by_keywords(wire: Wire) -> None:
    ann = {"email": "ann@acme.test", "firstName": "Ann", "lastName": "Lee"}
    wire.answers([{**ann, "id": "u1", "status": 201}], status=201)
    made = await wire.connect.users.create_one("c1", email="ann@acme.test", first_name="Ann", last_name="Lee")
    assert made.id == "u1"
    assert wire.sent == [sent("POST", "/api/v2/companies/c1/users", [ann])]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(409, "40002", Conflict), (400, "40001", BadRequest), (404, "40102", NotFound), (429, "", RateLimited)],
)
async def test_one_user_that_is_refused_is_the_error_of_a_request(
    wire: Wire, status: int, code: str, kind: type[ApiError]
) -> None:
    problem = {"status": status, "detail": "no", "detailErrorCode": code}
    row = {"email": "ann@acme.test", "firstName": "Ann", "lastName": "Lee", "id": None, "status": status}
    wire.answers([{**row, "error": problem}], status=207)
    with pytest.raises(kind, match=r"POST /api/v2/companies/\{companyId\}/users: no") as caught:
        await wire.connect.users.create_one("c1", email="ann@acme.test", first_name="Ann", last_name="Lee")
    assert (caught.value.status, caught.value.may_have_acted) == (status, False)


async def test_one_user_of_whom_nothing_is_known_may_be_there(wire: Wire) -> None:
    row = {"email": "ann@acme.test", "firstName": "Ann", "lastName": "Lee", "status": 500}
    wire.answers([{**row, "error": {"status": 500, "detail": "oops"}}], status=207)
    with pytest.raises(OutcomeUnknown, match="oops"):
        await wire.connect.users.create_one("c1", email="ann@acme.test", first_name="Ann", last_name="Lee")
