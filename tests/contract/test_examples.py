"""The sandbox's answers, and what the client makes of them, against examples of what Symphony's services answer.

The examples are written from Symphony's documents and from nothing of ours. ``"…"`` stands for any text, ``0`` for any
number; everything else is compared, fields that are null or absent included.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import httpx
import pytest
from attrs import evolve

from aiosymphony import ApiError, Conflict, ConnectClient, NotFound, PodClient, RsaAuth, StaticToken
from aiosymphony.connect.users import UserResult
from aiosymphony.sandbox import Sandbox
from aiosymphony.sandbox.state import Member
from aiosymphony.transport.httpx import HttpxTransport
from aiosymphony_api.connect.models import User
from tests.sandbox.conftest import Client, login_jwt

TEXT, NUMBER = "…", 0
ADA = {"email": "ada@company-1.example", "firstName": "Ada", "lastName": "Abbott", "department": "Desk"}
FAR = {"email": "bob@elsewhere.example", "firstName": "Bob", "lastName": "Baker"}


def problem(status: int, title: str, code: str) -> dict[str, Any]:
    """An error of Connect as a whole."""
    return {
        "type": TEXT,
        "title": title,
        "status": status,
        "detail": TEXT,
        "timestamp": TEXT,
        "X-Trace-Id": "abc123",
        "detailErrorCode": code,
    }


def refused(user: Mapping[str, Any], status: int, title: str, code: str) -> dict[str, Any]:
    """The entry of a user that was refused: what was sent, and null for the rest."""
    fields = ("displayName", "active", "phoneNumber", "department", "title", "location")
    return {
        **dict.fromkeys(("id", "createdAt", "updatedAt", "symphonyUserId", *fields)),
        **user,
        "status": status,
        "error": {"title": title, "status": status, "detail": TEXT, "detailErrorCode": code},
    }


def listed(user: Mapping[str, Any]) -> dict[str, Any]:
    """A user as a page or the entry of a create shows it."""
    return {"id": TEXT, "createdAt": TEXT, "updatedAt": TEXT, "symphonyUserId": NUMBER, **user, "active": True}


# What is asked, and the answer. "{completed}" and "{started}" are companies of the partner's.
CONNECT: dict[str, tuple[str, str, Any, int, Any]] = {
    "a company that is not there": (
        *("GET", "/api/v2/companies/none", None, 404),
        problem(404, "Not Found", "40102"),
    ),
    "domains for a company that is not there": (
        *("PATCH", "/api/v2/companies/none", {"emailDomains": ["a.example"]}, 404),
        problem(404, "Not Found", "40102"),
    ),
    "domains that another company has": (
        *("PATCH", "/api/v2/companies/{completed}", {"emailDomains": ["company-2.example"]}, 404),
        problem(404, "Not Found", "40103"),
    ),
    "domains that the company has": (
        *("PATCH", "/api/v2/companies/{completed}", {"emailDomains": ["company-1.example"]}, 304),
        None,
    ),
    "users for a company that is not there": (
        *("POST", "/api/v2/companies/none/users", [ADA], 400),
        problem(404, "Not Found", "40102"),
    ),
    "users for a company that is not complete": (
        *("POST", "/api/v2/companies/{started}/users", [ADA], 400),
        problem(404, "Not Found", "40102"),
    ),
    "users of whom some are refused": (
        *("POST", "/api/v2/companies/{completed}/users", [ADA, FAR, ADA], 207),
        [
            {**listed(ADA), "status": 201},
            refused(FAR, 400, "Bad Request", "40001"),
            refused(ADA, 409, "Conflict", "40002"),
        ],
    ),
    "a user that is not there": (
        *("GET", "/api/v2/companies/{completed}/users/none", None, 404),
        problem(404, "Not Found", "40106"),
    ),
    "disabling a user that is not there": (
        *("PATCH", "/api/v2/companies/{completed}/users/none", {"active": False}, 404),
        problem(404, "Not Found", "40106"),
    ),
}


def differences(example: Any, answer: Any, where: str = "$") -> list[str]:
    """Where an answer is not like the example. A code is the same as text and as a number."""
    if isinstance(example, dict) and isinstance(answer, dict):
        found = [f"{where}.{name} is {'missing' if name in example else 'too much'}" for name in {*example} ^ {*answer}]
        for name in example.keys() & answer.keys():
            one, other = example[name], answer[name]
            if name == "detailErrorCode":
                one, other = str(one), str(other)
            found += differences(one, other, f"{where}.{name}")
        return found
    if isinstance(example, list) and isinstance(answer, list):
        found = [f"{where} has {len(answer)} items instead of {len(example)}"] * (len(example) != len(answer))
        for number, (one, other) in enumerate(zip(example, answer, strict=False)):
            found += differences(one, other, f"{where}[{number}]")
        return found
    if type(example) is type(answer) and (example in (TEXT, NUMBER) or example == answer):
        return []
    return [f"{where} is {answer!r} instead of {example!r}"]


def codes_in(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [code for item in value for code in codes_in(item)]
    if isinstance(value, dict):
        return [
            code for name, item in value.items() for code in ([item] if name == "detailErrorCode" else codes_in(item))
        ]
    return []


def with_numbers(value: Any) -> Any:
    """The same example with codes as numbers."""
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: int(item) if name == "detailErrorCode" else with_numbers(item) for name, item in value.items()}
    return value


@pytest.fixture
async def client(symphony_sandbox: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(symphony_sandbox.url) as session:
        client = Client(symphony_sandbox, session)
        await client.log_in()
        await client.log_in_connect()
        yield client


# How the facade asks.
CALLS: dict[tuple[str, bool], Callable[[ConnectClient], Awaitable[Any]]] = {
    ("GET", False): lambda connect: connect.companies.get("c"),
    ("PATCH", False): lambda connect: connect.companies.update("c", email_domains=["a.example"]),
    ("GET", True): lambda connect: connect.users.get("c", "u"),
    ("POST", True): lambda connect: connect.users.create_batch("c", [User.from_dict(ADA)]),
    ("PATCH", True): lambda connect: connect.users.disable("c", "u"),
}
each_example = pytest.mark.parametrize("example", CONNECT.values(), ids=CONNECT.keys())
both_forms = pytest.mark.parametrize("form", [lambda value: value, with_numbers], ids=["text", "number"])


# Connect


@pytest.mark.symphony_sandbox(companies=2, company_seconds=3600)
@both_forms
@each_example
async def test_the_sandbox_answers_like_connect(client: Client, example: Any, form: Any) -> None:
    method, path, body, status, expected = example
    started = client.sandbox.state.add_company("Young", "young", ("young.example",)).id
    [completed] = [company.id for company in client.sandbox.state.db.companies if company.vanity_name == "company-1"]
    headers = {**client.connect, "X-Trace-Id": "abc123"}
    path = path.format(started=started, completed=completed)
    came, answer = await client.send(method, path, json=body, headers=headers)
    assert came == status
    assert differences(form(expected), answer) == []
    assert all(isinstance(code, str) for code in codes_in(answer))


@both_forms
@each_example
async def test_the_client_judges_these_answers_by_their_codes(example: Any, form: Any) -> None:
    method, path, body, status, expected = example
    content = b"" if expected is None else json.dumps(form(expected)).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    async with httpx.AsyncClient(transport=transport) as http:
        connect = ConnectClient(StaticToken("token"), base_url="https://acme.test", transport=HttpxTransport(http))
        if status == 207:
            created, far, double = await connect.users.create_batch("c", [User.from_dict(user) for user in body])
            assert created.ok
            assert [(user.error.code, user.error.may_have_acted) for user in (far, double) if user.error] == [
                (40001, False),
                (40002, False),
            ]
            assert all(isinstance(row, UserResult) for row in await connect.users.create_objects("c", body))
            return
        call = CALLS[method, "/users" in path](connect)
        if status == 304:
            await call
            return
        with pytest.raises(ApiError) as caught:
            await call
        error, code = caught.value, int(expected["detailErrorCode"])
        assert (error.status, error.code) == (status, code)
        assert type(error) is {40102: NotFound, 40103: Conflict, 40106: NotFound}[code]
        assert error.company_not_ready is (code == 40102)
        assert error.trace_id == "abc123"


@pytest.mark.symphony_sandbox(companies=1)
async def test_a_page_of_users_is_in_the_order_of_their_creation(client: Client) -> None:
    [company] = client.sandbox.state.db.companies
    path = f"/api/v2/companies/{company.id}/users"
    names = ["zoe", "ada", "mia"]
    people = [{"email": f"{name}@company-1.example", "firstName": name, "lastName": "x"} for name in names]
    for person in people:
        await client.post(path, [person])
    status, page = await client.get(path)
    assert status == 200
    expected = {"total": 3, "pageSize": 100, "currentPage": NUMBER, "users": [listed(person) for person in people]}
    assert differences(expected, page) == []
    assert [user["createdAt"] for user in page["users"]] == sorted(user["createdAt"] for user in page["users"])


@pytest.mark.symphony_sandbox(companies=1)
async def test_domains_that_are_sent_are_added(client: Client) -> None:
    [company] = client.sandbox.state.db.companies
    path = f"/api/v2/companies/{company.id}"
    assert await client.send("PATCH", path, json={"emailDomains": ["new.example"]}) == (200, None)
    _, answer = await client.get(path)
    assert answer["emailDomains"] == ["company-1.example", "new.example"]


# Presence


def change(uid: int, category: str) -> dict[str, Any]:
    return {"category": category, "userId": uid, "timestamp": NUMBER}


@pytest.mark.symphony_sandbox(users=502)
async def test_a_read_of_a_feed_brings_five_hundred_records_at_most(client: Client) -> None:
    _, feed = await client.post("/pod/v1/presence/feed/create")
    users = [user.id for user in client.sandbox.state.users()][:502]
    for uid in users:
        await client.post("/pod/v3/user/presence", {"userId": uid, "category": "AWAY"})
    path = f"/pod/v1/presence/feed/{feed['id']}/read"
    answers = [(await client.get(path)) for _ in range(3)]
    assert differences([change(uid, "AWAY") for uid in users[:500]], answers[0][1]) == []
    assert differences([change(uid, "AWAY") for uid in users[500:]], answers[1][1]) == []
    assert answers[2] == (200, [])


@pytest.mark.symphony_sandbox(users=4)
async def test_the_list_of_presences_omits_inactive_users(client: Client) -> None:
    users = [user.id for user in client.sandbox.state.users()]
    inactive = users[2]
    status, _ = await client.post(f"/pod/v1/admin/user/{inactive}/status/update", {"status": "DISABLED"})
    assert status == 200
    for limit in (1, 2, 5):
        found: list[int] = []
        while page := (await client.get("/pod/v2/users/presence", limit=limit, lastUserId=found[-1] if found else 0))[
            1
        ]:
            assert len(page) <= limit
            found += [presence["userId"] for presence in page]
        assert found == [uid for uid in users if uid != inactive]


@pytest.mark.symphony_sandbox(users=2)
async def test_a_soft_presence_waits_for_who_is_offline_and_for_nobody_else(client: Client) -> None:
    me, other = [user.id for user in client.sandbox.state.users()][:2]
    for category in ("BUSY", "AWAY", "DO_NOT_DISTURB"):
        _, answer = await client.post("/pod/v2/user/presence", {"category": category}, soft=True)
        assert differences(change(me, category), answer) == []
    path = f"/pod/v3/user/{other}/presence"
    _, answer = await client.post("/pod/v3/user/presence", {"userId": other, "category": "AWAY"}, soft=True)
    assert differences(change(other, "OFFLINE"), answer) == []
    assert (await client.get(path))[1]["category"] == "OFFLINE"
    await client.behalf_of(other)  # the user comes online
    assert differences(change(other, "AWAY"), (await client.get(path))[1]) == []


# Users


@pytest.mark.symphony_sandbox(users=2, external_users=2, companies=2)
async def test_a_user_id_has_its_tenant_in_it(client: Client) -> None:
    def tenant(uid: int) -> int:
        return (uid >> 36) & (2**27 - 1)

    state = client.sandbox.state
    own, others = (
        {tenant(user.id) for user in state.db.users if user.external is external} for external in (False, True)
    )
    sponsored = set()
    for number, company in enumerate(state.db.companies, 1):
        person = {"email": f"ada@company-{number}.example", "firstName": "Ada", "lastName": "Abbott"}
        _, [user] = await client.post(f"/api/v2/companies/{company.id}/users", [person])
        sponsored.add(tenant(user["symphonyUserId"]))
    assert (len(own), len(others), len(sponsored)) == (1, 1, 2)
    assert len(own | others | sponsored) == 4


# Streams


@pytest.mark.symphony_sandbox(users=2)
async def test_the_dates_of_the_list_of_streams_are_about_membership(client: Client) -> None:
    db = client.sandbox.state.db
    me, other, third = [user.id for user in client.sandbox.state.users()]
    _, room = await client.post("/pod/v3/room/create", {"name": "Room", "description": "-", "public": True})
    stream = room["roomSystemInfo"]["id"]
    # Created at 1,000; the second member came at 5,000, the third came at 6,000 and left at 8,000.
    db.streams.put(evolve(db.streams.rows.get(stream), created=1_000, updated=9_000))
    for uid, joined in ((me, 1_000), (other, 5_000)):
        db.members.put(Member(stream=stream, user=uid, joined=joined))
    db.past_members.put(Member(stream=stream, user=third, joined=6_000, left=8_000))
    for start, end, found in (
        (None, None, True),
        (0, 2_000, True),
        (2_000, 4_000, False),
        (2_000, None, True),
        (5_000, 5_000, True),
        (7_000, 9_000, True),
        (8_500, None, False),
        (None, 500, False),
    ):
        body = {name: moment for name, moment in (("startDate", start), ("endDate", end)) if moment is not None}
        _, answer = await client.post("/pod/v2/admin/streams/list", body)
        assert (start, end, [entry["id"] for entry in answer["streams"]]) == (start, end, [stream] if found else [])


# The audit trail

TRAIL = "/agent/v1/audittrail/privilegeduser"
ACTION = {
    "action": TEXT,
    "actionName": TEXT,
    "timestamp": TEXT,
    "initiatorId": TEXT,
    "initiatorUsername": TEXT,
    "initiatorEmailAddress": TEXT,
}


def agents() -> list[Any]:
    """Which kind of Agent, with the key manager's token or without it, and what it answers."""
    answers = {("optional", False): 200, ("optional", True): 200, ("required", False): 401, ("required", True): 200}
    return [
        pytest.param(both, status, marks=pytest.mark.symphony_sandbox(key_manager=kind), id=f"{kind}-{both}")
        for (kind, both), status in answers.items()
    ]


async def key_manager_token(client: Client) -> str:
    bot = client.sandbox.bot
    _, body = await client.post("/relay/pubkey/authenticate", {"token": login_jwt(bot.username, bot.private_key)})
    assert differences({"name": "keyManagerToken", "token": TEXT}, body) == []
    return str(body["token"])


@pytest.mark.parametrize(("both", "expected"), agents())
async def test_both_kinds_of_agent_are_there(client: Client, both: bool, expected: int) -> None:
    headers = client.pod | ({"keyManagerToken": await key_manager_token(client)} if both else {})
    await client.post("/pod/v1/admin/system/protocols", {"scheme": "skype"})
    status, answer = await client.get(TRAIL, headers=headers, startTimestamp=0)
    assert status == expected
    if status == 401:
        assert differences({"code": 401, "message": TEXT}, answer) == []
    else:
        assert differences({"items": [ACTION], "pagination": {"cursors": {"before": TEXT}}}, answer) == []
        assert (await client.get(TRAIL, headers=headers, startTimestamp=2**50)) == (204, None)


@pytest.mark.symphony_sandbox(key_manager="none")
async def test_an_agent_without_a_key_manager_takes_the_session_alone(client: Client) -> None:
    status, _ = await client.post("/relay/pubkey/authenticate", {"token": "a.b.c"})
    assert status == 404
    for headers in (client.pod, {**client.pod, "keyManagerToken": "whatever"}):
        assert (await client.get(TRAIL, headers=headers, startTimestamp=0))[0] == 204


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.symphony_sandbox(key_manager=kind))
        for kind in ("optional", "none", "required")
    ],
)
async def test_the_client_reads_the_audit_trail(symphony_sandbox: Sandbox, kind: str) -> None:
    bot = symphony_sandbox.bot
    async with PodClient(symphony_sandbox.url, RsaAuth(bot.username, bot.private_key)) as pod:
        await pod.system.add_protocol("skype")
        [action] = await pod.audit_trail.list(0).collect()
        assert action.initiator_username == bot.username
