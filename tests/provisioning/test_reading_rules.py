"""How a target reads what its tenant takes: which requests, and what becomes of those that are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from aiosymphony import ConnectClient, PodClient, RetryPolicy, StaticToken
from aiosymphony.errors import TransportError
from aiosymphony.provisioning import ConnectTarget, PodTarget
from aiosymphony.provisioning.plans.actions import Action, Step
from aiosymphony.testing import ScriptedTransport, make_response

HOST = "https://acme.symphony.test"
COMPANY = {"id": "c1", "name": "Acme", "vanityName": "acme", "emailDomains": ["acme.com"], "state": "COMPLETED"}
GET_COMPANY = ("GET", "/api/v2/companies/c1", None)
GET_ROLES = ("GET", "/pod/v1/admin/system/roles/list", None)
GET_FEATURES = ("GET", "/pod/v1/admin/system/features/list", None)
ROLE_LIST = [{"id": "INDIVIDUAL", "name": "Individual", "userTypes": ["NORMAL"]}, {"id": "L1_SUPPORT"}, {"name": "?"}]


def worker(name: str, **more: object) -> dict[str, Any]:
    names = {"displayName": name.title(), "firstName": name.title(), "lastName": "Lee"}
    return {"userName": name, "emailAddress": f"{name}@acme.com", **names, **more}


@pytest.fixture
def wire() -> ScriptedTransport:
    return ScriptedTransport()


@pytest.fixture
async def company(wire: ScriptedTransport) -> AsyncIterator[ConnectTarget]:
    retry = RetryPolicy(base=0.001)
    async with ConnectClient(StaticToken("token"), base_url=HOST, transport=wire, retry=retry) as connect:
        yield ConnectTarget(connect, "c1")


@pytest.fixture
async def pod(wire: ScriptedTransport) -> AsyncIterator[PodTarget]:
    async with PodClient(HOST, StaticToken("token"), transport=wire, retry=RetryPolicy(base=0.001)) as client:
        yield PodTarget(client)


@pytest.mark.parametrize(
    ("answer", "domains", "warnings"),
    [
        (COMPANY, ["acme.com"], []),
        ({**COMPANY, "state": None}, ["acme.com"], []),
        (
            {**COMPANY, "state": "STARTED"},
            ["acme.com"],
            ["the company is STARTED, and nobody can be created in it before it is COMPLETED"],
        ),
        (
            {**COMPANY, "state": "AUTH0_CONFIG_ERROR", "errorMessage": "\x1b"},
            ["acme.com"],
            ["the company is AUTH0_CONFIG_ERROR (\\x1b), and nobody can be created in it before it is COMPLETED"],
        ),
        (
            {**COMPANY, "emailDomains": []},
            [],
            ["e-mail domains were not checked, because the company does not tell its own"],
        ),
        (
            make_response(403, json={"title": "Forbidden", "detail": "no scope"}),
            [],
            ["e-mail domains were not checked, because the server does not tell them: 403 no scope"],
        ),
        (
            make_response(200, content=b"<html>"),
            [],
            ["e-mail domains were not checked, because the server does not tell them: {decode}"],
        ),
    ],
)
async def test_one_request_brings_the_domains_of_a_company(
    wire: ScriptedTransport, company: ConnectTarget, answer: Any, domains: list[str], warnings: list[str]
) -> None:
    wire.respond_with(answer)
    rules = await company.rules({"email"})
    # What is no JSON may be a gateway's: the client asks for it again, and nobody else.
    assert wire.sent == [GET_COMPANY] * (4 if "{decode}" in "".join(warnings) else 1)
    assert [*rules.domains] == domains
    assert len(rules.warnings) == len(warnings)
    for found, expected in zip(rules.warnings, warnings, strict=True):
        assert found.startswith(expected.removesuffix("{decode}"))


@pytest.mark.parametrize(
    ("columns", "requests"),
    [
        ({"userName", "displayName"}, []),
        ({"userName", "roles"}, [GET_ROLES]),
        ({"userName", "features"}, [GET_FEATURES]),
        ({"userName", "roles", "features"}, [GET_ROLES, GET_FEATURES]),
    ],
)
async def test_a_pod_is_asked_for_what_the_file_has_a_column_of(
    wire: ScriptedTransport, pod: PodTarget, columns: Collection[str], requests: list[Any]
) -> None:
    wire.respond_with(*[ROLE_LIST if request == GET_ROLES else ["postReadEnabled"] for request in requests])
    rules = await pod.rules(columns)
    assert wire.sent == requests
    assert rules.warnings == []
    values = worker("ann", roles=["Individual"], features={"postRead": True})
    steps: list[Step] = [{"do": "create"}, {"do": "features", "set": {"postRead": True}}]
    wrong = dict(rules.check(Action("create", 1, "ann", steps=steps, values=values)))
    assert wrong == {
        column: reason
        for column, reason in {
            "features": "holds postRead, which is no feature of the pod (did you mean postReadEnabled?)",
            "roles": "holds Individual, which is no role of the pod (did you mean INDIVIDUAL?)",
        }.items()
        if column in columns
    }


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_what_cannot_be_read_is_said_and_not_checked(
    wire: ScriptedTransport, pod: PodTarget, status: int
) -> None:
    refused = make_response(status, json={"code": status, "message": "not for you"})
    wire.respond_with(refused, refused)
    rules = await pod.rules({"roles", "features"})
    tries = 4 if status >= 500 else 1
    assert wire.sent == [*[GET_ROLES] * tries, *[GET_FEATURES] * tries]
    assert [*rules.warnings] == [
        f"roles were not checked, because the server does not tell them: {status} not for you",
        f"features were not checked, because the server does not tell them: {status} not for you",
    ]
    steps: list[Step] = [{"do": "create"}, {"do": "features", "set": {"y": True}}]
    values = worker("ann", roles=["x"], features={"y": True})
    assert rules.check(Action("create", 1, "ann", steps=steps, values=values)) == []


async def test_an_empty_list_forbids_nothing(wire: ScriptedTransport, pod: PodTarget) -> None:
    wire.respond_with([])
    rules = await pod.rules({"roles"})
    assert [*rules.warnings] == ["roles were not checked, because the server names none"]
    values = worker("ann", roles=["x"])
    assert rules.check(Action("create", 1, "ann", steps=[{"do": "create"}], values=values)) == []


async def test_an_overloaded_server_is_waited_for(
    wire: ScriptedTransport, pod: PodTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiosymphony.provisioning.targets.retrying.WAITS", (0.0,) * 6)
    busy = make_response(429, json={"code": 429, "message": "busy"}, headers={"Retry-After": "0"})
    wire.respond_with(*[busy] * 9, ROLE_LIST)
    rules = await pod.rules({"roles"})
    assert (rules.warnings, wire.sent) == ([], [GET_ROLES] * 10)


async def test_a_server_that_is_not_there_stops_the_plan(wire: ScriptedTransport, pod: PodTarget) -> None:
    wire.respond_with(TransportError("no such host", sent=False, permanent=True))
    with pytest.raises(TransportError, match="no such host"):
        await pod.rules({"roles"})
