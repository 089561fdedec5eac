"""Jobs on a company whose server is out for a while, puts off, or is not ready: nobody is lost, doubled or failed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import JobError, JobInterrupted
from tests.faults.server import Exchange, FaultServer, Step, close, reply

from .company import USERS, Company, Row, journalled, people, problem, provision

DAY = 86_400
LOGIN = "/oauth/token"


@pytest.fixture
def may_block() -> bool:
    return True


@pytest.fixture
def company(server: FaultServer) -> Company:
    return Company(server)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


def once(count: int) -> Counter[str]:
    return Counter(row["email"] for row in people(count))


def now() -> float:
    return asyncio.get_running_loop().time()


OUT: dict[str, Step] = {
    "503": reply(503, "no server is available"),
    "503 with Retry-After": reply(503, headers={"Retry-After": "20"}),
    "502": reply(502, "<html>bad gateway</html>"),
    "429": reply(429),
    "a maintenance page": reply(200, "<html>back soon</html>", content_type="text/html"),
    "closed": close(),
}


@pytest.mark.parametrize("steps", [False, True], ids=["creates", "steps"])
@pytest.mark.parametrize("out", OUT.values(), ids=OUT.keys())
async def test_60_the_login_is_out_while_the_token_expires(
    server: FaultServer, company: Company, journal: Path, out: Step, steps: bool
) -> None:
    server.check_tokens = True
    records = people(100, active=False) if steps else people(400)

    def script(exchange: Exchange) -> None:
        if len(company.patches) == 10 if steps else len(company.creates) == 5:
            company.script = lambda _: None
            server.expire()
            server.on("POST", LOGIN, *[out] * 12, then=_token)

    company.script = script
    found = await provision(server, journal, records)
    assert Counter(row.state for row in found) == {"DONE": len(records)}
    assert company.there() == once(len(records))
    assert len(server.seen("POST", LOGIN)) > 12, "the login was out"
    assert sum(map(len, company.creates)) == len(records), "nobody was asked for twice"
    if steps:
        assert Counter(company.patches) == Counter((row["email"], False) for row in records)


async def _token(exchange: Exchange) -> None:
    from tests.faults.server import token

    await token()(exchange)


async def test_60_a_login_that_stays_out_stops_the_job_and_loses_nothing(
    server: FaultServer, company: Company, journal: Path
) -> None:
    server.check_tokens = True

    def script(exchange: Exchange) -> None:
        if len(company.creates) == 5:
            company.script = lambda _: None
            server.expire()
            server.on("POST", LOGIN, then=reply(503))

    company.script = script
    began = now()
    with pytest.raises(JobError, match="carried nothing out for 300 s") as caught:
        await provision(server, journal, people(400))
    assert isinstance(caught.value, JobInterrupted)
    assert 300 <= now() - began < 330
    assert await journalled(journal) == {"DONE": len(company.users), "TODO": 400 - len(company.users)}
    server.on("POST", LOGIN, then=_token)
    assert Counter(row.state for row in await provision(server, journal, people(400))) == {"DONE": 400}
    assert company.there() == once(400)


@pytest.mark.parametrize("after", ["2", "90", "3600"])
async def test_61_a_server_that_is_closed_for_maintenance_is_waited_for(
    server: FaultServer, company: Company, journal: Path, after: str
) -> None:
    ends = 0.0

    def script(exchange: Exchange) -> Step | None:
        nonlocal ends
        if len(company.creates) == 5 and not ends:
            ends = now() + 200
        return reply(503, headers={"Retry-After": after}) if now() < ends else None

    company.script = script
    found = await provision(server, journal, people(400))
    assert Counter(row.state for row in found) == {"DONE": 400}
    assert company.there() == once(400)
    assert sum(map(len, company.creates)) == 400


@pytest.mark.parametrize("status", [429, 503])
async def test_62_nobody_sleeps_for_a_year(server: FaultServer, company: Company, journal: Path, status: int) -> None:
    def script(exchange: Exchange) -> Step | None:
        put_off = len(company.creates) == 5 and exchange.request.method == "POST"
        return reply(status, headers={"Retry-After": str(365 * DAY)}) if put_off else None

    company.script = script
    began = now()
    with pytest.raises(JobError, match=r"asks to wait for 3.1536e\+07 s; run the same command later") as caught:
        await provision(server, journal, people(400), give_up_after=120.0)
    assert isinstance(caught.value, JobInterrupted)
    assert 120 <= now() - began < 150
    assert await journalled(journal) == {"DONE": 100, "TODO": 300}
    assert len(server.seen("POST", USERS)) <= 5 + 2 * 4, "nor is the server asked all the time"


def with_rows(status: int, company: Company, *, acts: bool) -> Callable[[list[Row]], Step]:
    """A 207 in which every other row has this status; whether those were carried out, it does not tell."""

    def answer(asked: list[Row]) -> Step:
        made = company.act(asked if acts else asked[::2])
        if acts:
            rows = [row if n % 2 == 0 else {**row, "id": None} for n, row in enumerate(made)]
        else:
            rest = iter(made)
            rows = [next(rest) if n % 2 == 0 else {**row, "id": None} for n, row in enumerate(asked)]
        wrong = {"status": status, "error": problem(status)}
        return reply(207, [row if n % 2 == 0 else {**row, **wrong} for n, row in enumerate(rows)])

    return answer


@pytest.mark.parametrize("acts", [False, True], ids=["not carried out", "carried out"])
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
async def test_61_rows_of_a_207_that_may_have_been_carried_out_are_looked_up(
    server: FaultServer, company: Company, journal: Path, status: int, acts: bool
) -> None:
    company.answers = [with_rows(status, company, acts=acts)] * 3
    found = await provision(server, journal, people(200))
    assert Counter(row.state for row in found) == {"DONE": 200}
    assert company.there() == once(200)


async def test_61_rows_of_a_207_that_were_throttled_are_sent_again(
    server: FaultServer, company: Company, journal: Path
) -> None:
    company.answers = [with_rows(429, company, acts=False)] * 3
    found = await provision(server, journal, people(200), audit=False)
    assert Counter(row.state for row in found) == {"DONE": 200}
    assert {row.attempts for row in found} == {1}
    assert company.there() == once(200)
    assert len(server.seen("GET", USERS)) == 1, "the plan listed the company; nothing was in doubt"


async def test_61_only_a_refusal_of_the_row_fails_it(server: FaultServer, company: Company, journal: Path) -> None:
    def answer(asked: list[Row]) -> Step:
        wrong = {"status": 400, "error": problem(400, "40001"), "id": None}
        return reply(207, [*company.act(asked[1:]), {**asked[0], **wrong}])

    company.answers = [answer]
    found = await provision(server, journal, people(40))
    assert Counter(row.state for row in found) == {"DONE": 39, "FAILED": 1}
    assert [(row.code, row.message) for row in found if row.state == "FAILED"] == [("40001", "refused as 40001")]


@pytest.mark.parametrize("status", [302, 404, 405])
async def test_what_no_row_is_to_blame_for_stops_the_job(
    server: FaultServer, company: Company, journal: Path, status: int
) -> None:
    """A proxy sends everybody elsewhere, or knows no such path while the server behind it is being replaced."""
    company.script = lambda exchange: (
        reply(status, headers={"Location": "https://elsewhere.example"}) if len(company.creates) == 5 else None
    )
    with pytest.raises(JobError, match=f"every row would fail alike: .*answered {status}") as caught:
        await provision(server, journal, people(400))
    assert isinstance(caught.value, JobInterrupted)
    assert await journalled(journal) == {"DONE": 100, "TODO": 300}
    company.script = lambda _: None
    assert Counter(row.state for row in await provision(server, journal, people(400))) == {"DONE": 400}
    assert company.there() == once(400)


@pytest.mark.parametrize("code", ["40102", 40102], ids=["text", "number"])
@pytest.mark.parametrize("status", [400, 404, 409])
@pytest.mark.parametrize("where", ["an answer", "each row", "some rows", "a step", "the first listing"])
async def test_71_a_company_that_is_not_completed_stops_the_job(
    server: FaultServer, company: Company, journal: Path, where: str, status: int, code: Any
) -> None:
    records = people(100, active=False) if where == "a step" else people(100)
    refused = problem(status, code)

    def in_rows(asked: list[Row]) -> Step:
        made = company.act(asked[:5]) if where == "some rows" else []
        return reply(
            207, [*made, *({**row, "id": None, "status": status, "error": refused} for row in asked[len(made) :])]
        )

    method = {"a step": "PATCH", "the first listing": "GET"}.get(where, "POST")
    if "rows" in where or "row" in where:
        company.answers = [in_rows] * 4
    else:
        company.script = lambda exchange: (
            reply(status, refused) if exchange.request.method == method and exchange.request.path != LOGIN else None
        )
    with pytest.raises(JobError, match=r"does not exist or is not complete yet.*run the same command later") as caught:
        await provision(server, journal, records)
    assert isinstance(caught.value, JobInterrupted)
    if where != "the first listing":
        states = await journalled(journal)
        assert states["TODO"] + states["DONE"] == 100
        assert states["DONE"] == len(company.users) if where == "some rows" else states["DONE"] == 0
    company.script, company.answers = (lambda _: None), []
    assert Counter(row.state for row in await provision(server, journal, records)) == {"DONE": 100}
    assert company.there() == once(100)
