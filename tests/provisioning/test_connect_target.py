"""Provisioning a company over sockets: the sandbox, with faults."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony import ClientCredentials, ConnectClient, RetryPolicy
from aiosymphony.errors import JobError, JobInterrupted
from aiosymphony.provisioning import ConnectTarget, Desired, Job, Report, SqliteStore, make_plan
from aiosymphony.sandbox import Faults, Sandbox


@pytest.fixture(params=[True, False], ids=["unique", "not unique"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    async with Sandbox(uniqueness=request.param, validate_responses=True) as running:
        yield running
        assert not running.violations


@pytest.fixture
async def connect(sandbox: Sandbox) -> AsyncIterator[ConnectClient]:
    given = sandbox.client_credentials
    auth = ClientCredentials(given.client_id, given.client_secret, token_url=f"{sandbox.url}/oauth/token")
    async with ConnectClient(auth, base_url=sandbox.url, retry=RetryPolicy(base=0.001)) as client:
        yield client


@pytest.fixture
def company(sandbox: Sandbox) -> str:
    return sandbox.state.add_company("Acme", "acme", ("acme.com",), age=1e6).id


def people(count: int) -> list[dict[str, Any]]:
    return [
        {
            "email": f"u{n}@acme.com",
            "firstName": "Zoë",
            "lastName": "O'Neil",
            "phoneNumber": "+33 1 09 75 83 51",
            "active": n % 10 != 0,
        }
        for n in range(count)
    ]


def there(sandbox: Sandbox, company: str) -> Counter[str]:
    return Counter(user.attributes["email"] for user in sandbox.state.connect_users(company))


async def run(target: ConnectTarget, journal: Path, records: list[dict[str, Any]], **options: Any) -> Report:
    made = await make_plan(target, Desired.of(records, "connect"))
    async with SqliteStore(journal) as store:
        await Job(target, store, **{"settle": 0.05, "concurrency": 8, **options}).run(made)
        return await Report.of(store)


async def test_users_are_created_and_disabled_where_asked(
    connect: ConnectClient, sandbox: Sandbox, company: str, tmp_path: Path
) -> None:
    target = ConnectTarget(connect, company)
    report = await run(target, tmp_path / "job.journal", people(250))
    assert (report.done, report.exit_code) == (250, 0)
    assert there(sandbox, company) == Counter(f"u{n}@acme.com" for n in range(250))
    assert sum(user.active for user in sandbox.state.connect_users(company)) == 225
    again = await make_plan(target, Desired.of(people(250), "connect"))
    assert +again.counts == {"skip": 250}


async def test_rows_that_connect_refuses_fail_alone(
    connect: ConnectClient, sandbox: Sandbox, company: str, tmp_path: Path
) -> None:
    records = people(40)
    records[7]["email"] = "seven@elsewhere.com"
    target = ConnectTarget(connect, company)
    found = sandbox.state.db.companies.get(company)
    sandbox.state.db.companies.put(attrs.evolve(found, domains=("acme.com", "elsewhere.com")))
    made = await make_plan(target, Desired.of(records, "connect"))
    assert +made.counts == {"create": 40}
    # The company had the domain when the plan was made, and has it no longer.
    sandbox.state.db.companies.put(found)
    async with SqliteStore(tmp_path / "job.journal") as store:
        await Job(target, store, settle=0.05, concurrency=8).run(made)
        report = await Report.of(store)
    assert (report.done, report.failed, report.exit_code) == (39, 1, 2)
    (cause,) = report.causes
    assert (cause.code, cause.rows[0][:2]) == ("40001", (8, "seven@elsewhere.com"))


async def test_a_plan_tells_which_rows_connect_would_refuse(
    connect: ConnectClient, sandbox: Sandbox, company: str, tmp_path: Path
) -> None:
    records = people(40)
    records[7]["email"] = "seven@elsewhere.com"
    target = ConnectTarget(connect, company)
    made = await make_plan(target, Desired.of(records, "connect"))
    (refused,) = made.actions("invalid")
    why = "email is of elsewhere.com, which is no domain of the company; it has acme.com"
    assert (refused.line, refused.label, refused.reason) == (8, "seven@elsewhere.com", why)
    asked = sandbox.stats.by_operation["api_v2_companies_company_id_get"]
    report = await run(target, tmp_path / "job.journal", records)
    assert (report.done, report.failed, report.exit_code) == (39, 1, 2)
    assert (report.causes[0].code, report.causes[0].rows[0][3]) == ("invalid", why)
    # Once for each plan, and nothing is remembered.
    assert (asked, sandbox.stats.by_operation["api_v2_companies_company_id_get"]) == (1, 2)
    await connect.companies.update(company, email_domains=["elsewhere.com"])
    assert +(await make_plan(target, Desired.of(records, "connect"))).counts == {"skip": 39, "create": 1}


async def test_nobody_is_lost_or_doubled_when_replies_are(
    connect: ConnectClient, sandbox: Sandbox, company: str, tmp_path: Path
) -> None:
    sandbox.faults = Faults(
        rate_drop=0.06, after_acting=0.7, rate_503=0.03, rate_504=0.05, late_seconds=0.1, lookup_lag=0.1, seed=5
    )
    report = await run(ConnectTarget(connect, company), tmp_path / "job.journal", people(800), settle=0.4, attempts=8)
    assert sum(sandbox.stats.faults.values()) > 5
    assert (report.done, report.exit_code) == (800, 0)
    assert there(sandbox, company) == Counter(f"u{n}@acme.com" for n in range(800))


async def test_a_company_that_is_not_complete_stops_the_job(
    connect: ConnectClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    young = sandbox.state.add_company("Young", "young", ("acme.com",), age=-1e6).id
    with pytest.raises(JobError, match="does not exist or is not complete yet") as caught:
        await run(ConnectTarget(connect, young), tmp_path / "job.journal", people(100))
    assert isinstance(caught.value, JobInterrupted)
    async with SqliteStore(tmp_path / "job.journal", read_only=True) as store:
        report = await Report.of(store)
        assert (report.not_finished, report.exit_code) == (100, 75)


async def test_the_program_of_the_documentation(
    connect: ConnectClient, sandbox: Sandbox, company: str, tmp_path: Path
) -> None:
    page = Path(__file__).parents[2] / "docs" / "provisioning.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(program, str(page), "exec"), names)
    file = tmp_path / "people.csv"
    file.write_text("email,firstName,lastName\nann@acme.com,Ann,Lee\nbob@acme.com,Bob,Ray\n")
    for _ in range(2):
        report = await names["provision"](connect, company, str(file))
        assert (report.done, report.exit_code) == (2, 0)
    assert there(sandbox, company) == {"ann@acme.com": 1, "bob@acme.com": 1}
    file.write_text("email,firstName,lastName\nann@acme.com,Ann,Lee\ncid@acme.com,Cid,Fox\n")
    report = await names["provision"](connect, company, str(file))
    assert report.counts == {("skip", "DONE"): 1, ("create", "DONE"): 1}
    assert len([*tmp_path.glob("people.csv.2*.journal")]) == 2
