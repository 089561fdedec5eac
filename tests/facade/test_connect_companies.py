"""connect.companies."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiosymphony import (
    CompanyFailed,
    CompanyTimeout,
    ConfigError,
    Conflict,
    ConnectClient,
    NotFound,
    StaticToken,
    SymphonyError,
)
from aiosymphony.connect.companies import Companies
from aiosymphony.sandbox import Sandbox
from aiosymphony.session import Session
from aiosymphony.testing import ScriptedTransport, SentRequest, make_response
from aiosymphony.transport import Response

from .wire import HOST, Wire, sent

ACME = {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.test"], "id": "c1", "state": "STARTED"}


async def test_what_is_sent(wire: Wire) -> None:
    companies = wire.connect.companies
    wire.answers(ACME, status=202)
    created = await companies.create(name="Acme", vanity_name="acme", email_domains=iter(["acme.test"]))
    assert created.id == "c1"
    wire.answers([ACME])
    assert await companies.list() == [created]
    assert await companies.list(vanity_name="acme") == [created]
    wire.answers(ACME)
    assert await companies.get("c/1") == created
    wire.answers(make_response(200), make_response(304))
    await companies.update("c1", email_domains=["acme.test", "acme.example"])
    await companies.update("c1", email_domains=["acme.test"])
    assert wire.sent == [
        sent("POST", "/api/v2/companies", {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.test"]}),
        sent("GET", "/api/v2/companies"),
        sent("GET", "/api/v2/companies?vanityName=acme"),
        sent("GET", "/api/v2/companies/c%2F1"),
        sent("PATCH", "/api/v2/companies/c1", {"emailDomains": ["acme.test", "acme.example"]}),
        sent("PATCH", "/api/v2/companies/c1", {"emailDomains": ["acme.test"]}),
    ]


async def test_what_is_refused_before_anything_is_sent(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="email_domains: expected several texts"):
        await wire.connect.companies.create(name="Acme", vanity_name="acme", email_domains="acme.test")
    for bad in ({"timeout": 0.0}, {"interval": 0.0}, {"interval": float("nan")}, {"timeout": -1.0}):
        with pytest.raises(ConfigError, match="timeout and interval"):
            await wire.connect.companies.wait_until_completed("c1", **bad)
    assert wire.requests == []


# --- waiting ----------------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Waiting:
    """Companies on a clock of the test's, over a server that goes through some states."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.session = Session(
            hosts=lambda _: HOST, auth=StaticToken("t"), transport=ScriptedTransport(self.answer), clock=self.clock
        )
        self.companies = Companies(self.session)
        self.states: list[dict[str, Any]] = []
        self.looks = 0

    def answer(self, request: SentRequest) -> Response:
        assert (request.method, request.path) == ("GET", "/api/v2/companies/c1")
        self.looks += 1
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return make_response(200, json={**ACME, **state})


@pytest.fixture
async def waiting() -> AsyncIterator[Waiting]:
    waiting = Waiting()
    yield waiting
    await waiting.session.close()


async def test_waiting_for_the_end(waiting: Waiting) -> None:
    waiting.states = [
        {"state": "STARTED"},
        {"state": "TENANT_CREATED"},
        {"state": "SOMETHING_NEW"},
        {},
        {"state": None},
    ]
    waiting.states.append({"state": "COMPLETED"})
    company = await waiting.companies.wait_until_completed("c1", interval=7)
    assert company.state == "COMPLETED"
    assert waiting.clock.slept == [7] * 5


async def test_a_company_that_is_there_is_not_waited_for(waiting: Waiting) -> None:
    waiting.states = [{"state": "COMPLETED"}]
    await waiting.companies.wait_until_completed("c1", timeout=None)
    assert waiting.clock.slept == []


@pytest.mark.parametrize("state", ["TENANT_CREATION_ERROR", "AUTH0_CONFIG_ERROR", "TENANT_CONFIG_ERROR", "NEW_ERROR"])
@pytest.mark.parametrize("said", ["the tenant is full", None])
async def test_a_company_that_failed(waiting: Waiting, state: str, said: str | None) -> None:
    waiting.states = [{"state": "STARTED"}, {"state": state, "errorMessage": said}]
    with pytest.raises(CompanyFailed) as caught:
        await waiting.companies.wait_until_completed("c1")
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.company_id, error.state, error.error_message) == ("c1", state, said or "")
    assert state in str(error)
    assert (said or "") in str(error)
    assert waiting.looks == 2


async def test_a_company_that_takes_too_long(waiting: Waiting) -> None:
    waiting.states = [{"state": "STARTED"}]
    with pytest.raises(CompanyTimeout) as caught:
        await waiting.companies.wait_until_completed("c1", timeout=100, interval=30)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.company_id, error.state) == ("c1", "STARTED")
    assert isinstance(error, SymphonyError)
    assert isinstance(error, TimeoutError)
    assert "STARTED after 100 s" in str(error)
    # It looks one last time at the very end.
    assert waiting.clock.slept == [30, 30, 30, 10]
    assert waiting.looks == 5


# --- the sandbox ------------------------------------------------------------------------------------------------------


@pytest.mark.symphony_sandbox(company_seconds=0.05, failing_companies=["broken"])
async def test_a_life_in_the_sandbox(connect: ConnectClient, symphony_sandbox: Sandbox) -> None:
    companies = connect.companies
    company = await companies.create(name="Acme", vanity_name="acme", email_domains=["acme.test"])
    assert company.id is not None
    assert company.state == "STARTED"
    assert (await companies.wait_until_completed(company.id, interval=0.01)).state == "COMPLETED"
    with pytest.raises(Conflict):
        await companies.create(name="Acme 2", vanity_name="acme", email_domains=["acme2.test"])
    with pytest.raises(Conflict) as taken:
        await companies.create(name="Acme 2", vanity_name="acme2", email_domains=["acme.test"])
    assert taken.value.code == 40103
    await companies.update(company.id, email_domains=["acme.example"])
    await companies.update(company.id, email_domains=["acme.test"])  # 304: it has it
    assert [found.email_domains for found in await companies.list(vanity_name="acme")] == [
        ["acme.test", "acme.example"]
    ]
    other = await companies.create(name="Other", vanity_name="other", email_domains=["other.test"])
    with pytest.raises(Conflict) as taken:
        await companies.update(other.id or "", email_domains=["acme.example"])
    assert (taken.value.status, taken.value.code) == (404, 40103)
    with pytest.raises(NotFound):
        await companies.get("nobody")

    broken = await companies.create(name="Broken", vanity_name="broken", email_domains=["broken.test"])
    with pytest.raises(CompanyFailed, match="could not be created"):
        await companies.wait_until_completed(broken.id or "", interval=0.01)
