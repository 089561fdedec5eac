"""Connect's codes as text and as numbers, under each status that may carry them, in problems and in rows of a 207."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiosymphony import ApiError, ClientCredentials, Conflict, ConnectClient, NotFound, RateLimited, ServerError
from aiosymphony.connect.users import UserResult
from aiosymphony_api.connect.models import User
from tests.faults.canary import CANARY
from tests.faults.server import FaultServer, reply

COMPANY = "/api/v2/companies/c"
USERS = "/api/v2/companies/c/users"
ADA, BOB = ({"email": f"{name}@acme.test", "firstName": name, "lastName": "x"} for name in ("ada", "bob"))
FORMS = [str, int]


@pytest.fixture
async def connect(server: FaultServer) -> AsyncIterator[ConnectClient]:
    credentials = ClientCredentials("id", f"secret-{CANARY}", token_url=f"{server.url}/oauth/token")
    async with ConnectClient(credentials, base_url=server.url) as connect:
        yield connect
        assert connect.limiter.in_flight == 0


def problem(code: Any, status: int) -> dict[str, Any]:
    return {"title": "T", "status": status, "detail": "d", "X-Trace-Id": "server", "detailErrorCode": code}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("inner", [400, 404])
@pytest.mark.parametrize("status", [400, 404, 409])
async def test_case_71_a_code_means_the_same_under_each_status(
    server: FaultServer, connect: ConnectClient, status: int, inner: int, form: type
) -> None:
    server.on("PATCH", COMPANY, then=reply(status, problem(form(40103), inner)))
    with pytest.raises(Conflict) as taken:
        await connect.companies.update("c", email_domains=["taken.test"])
    assert (taken.value.status, taken.value.code, taken.value.trace_id) == (status, 40103, "server")
    server.on("POST", USERS, then=reply(status, problem(form(40102), inner)))
    with pytest.raises(NotFound) as early:
        await connect.users.create_objects("c", [ADA])
    assert early.value.company_not_ready
    [result] = await connect.users.create("c", [User.from_dict(ADA)])
    assert result.error is not None
    assert (result.error.company_not_ready, result.error.code, result.status) == (True, 40102, status)
    server.on("GET", f"{USERS}/u", then=reply(status, problem(form(40106), inner)))
    with pytest.raises(NotFound) as missing:
        await connect.users.get("c", "u")
    assert not missing.value.company_not_ready
    assert server.counts["POST", USERS] == 2


@pytest.mark.parametrize("form", FORMS)
async def test_case_71_a_code_does_not_hide_that_the_server_failed_or_throttles(
    server: FaultServer, connect: ConnectClient, form: type
) -> None:
    server.on("GET", f"{USERS}/u", then=reply(503, problem(form(40106), 404)))
    with pytest.raises(ServerError):
        await connect.users.get("c", "u")
    assert server.counts["GET", f"{USERS}/u"] == 4
    server.on("GET", f"{USERS}/v", then=reply(429, problem(form(40106), 404), {"Retry-After": "9999"}))
    with pytest.raises(RateLimited):
        await connect.users.get("c", "v")


@pytest.mark.parametrize("code", ["QUOTA-7", "00040102", "4O1O2", " 40102", "40102.0", "٤٠١٠٢"])
async def test_case_71_an_unknown_code_keeps_its_text(server: FaultServer, connect: ConnectClient, code: str) -> None:
    server.on("POST", USERS, then=reply(409, problem(code, 409)))
    with pytest.raises(ApiError) as caught:
        await connect.users.create_objects("c", [ADA])
    assert (type(caught.value), caught.value.code, caught.value.company_not_ready) == (Conflict, code, False)
    assert f"(code {code})" in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("status", "code", "unknown", "throttled"),
    [
        (400, 40001, False, False),
        (409, 40002, False, False),
        (404, 40102, False, False),
        (429, 42900, False, True),
        (408, 40800, True, False),
        (500, 50000, True, False),
        (503, 50300, True, False),
    ],
)
async def test_case_71_a_row_is_refused_only_by_a_refusal(
    server: FaultServer,
    connect: ConnectClient,
    form: type,
    status: int,
    code: int,
    unknown: bool,
    throttled: bool,
) -> None:
    nulls = dict.fromkeys(("id", "createdAt", "updatedAt", "symphonyUserId", "displayName", "title"))
    rows = [
        {**nulls, **ADA, "status": status, "error": problem(form(code), status)},
        {**BOB, "id": "bob", "status": 201, "error": None},
    ]
    server.on("POST", USERS, then=reply(207, rows))
    one, two = await connect.users.create_objects("c", [ADA, BOB])
    assert isinstance(one, UserResult)
    assert isinstance(two, UserResult)
    assert two.ok
    assert one.error is not None
    assert (one.error.code, one.error.may_have_acted, one.error.throttled) == (code, unknown, throttled)
    assert one.error.company_not_ready is (code == 40102)
