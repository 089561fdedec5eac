"""Jobs: cases 25 (reply lost), 26 (late write after a 504), 27 (lagging look-ups), 28 (crashes), 35, 37 and 45."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import (
    AuthError,
    BadRequest,
    JobError,
    JobInterrupted,
    OutcomeUnknown,
    ServerError,
    TransportError,
)
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.job.run import Job
from aiosymphony.provisioning.journal.base import JobRow
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.plans.actions import Step
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan
from aiosymphony.provisioning.rows.base import User
from aiosymphony.provisioning.rows.connect import ConnectUser

from .clock import SkippingClock
from .stepped import SteppedClock
from .tenant import Tenant

SETTLE = 0.05


def person(name: str, **more: object) -> dict[str, Any]:
    return {"email": f"{name}@acme.com", "firstName": name.title(), "lastName": "Lee", **more}


def worker(name: str, **more: object) -> dict[str, Any]:
    names = {"displayName": name.title(), "firstName": name.title(), "lastName": "Lee"}
    return {"userName": name, "emailAddress": f"{name}@acme.com", **names, **more}


def planned(tenant: Tenant, records: Sequence[dict[str, Any]], **options: Any) -> Plan:
    actual = Actual.of(tenant.kind, tenant.users.values())
    return plan(Desired.of(records, tenant.kind), actual, target=tenant.name, **options)


async def run(tenant: Tenant, path: Path, wanted: Plan | None = None, **options: Any) -> list[JobRow]:
    """Run a job to its end; its rows."""
    async with SqliteStore(path) as store:
        job = Job(tenant, store, **{"settle": SETTLE, "concurrency": 4, **options})
        await job.run(wanted)
        assert job.progress.in_flight == 0
        return await rows(store)


async def rows(store: SqliteStore) -> list[JobRow]:
    return await store.fetch(["TODO", "IN_FLIGHT", "DONE", "FAILED", "UNKNOWN", "CONFLICT"], limit=10_000, own=False)


async def notes(path: Path) -> dict[str, Any]:
    async with SqliteStore(path, read_only=True) as store:
        return dict(await store.notes())


def states(found: Sequence[JobRow]) -> Counter[str]:
    return Counter(row.state for row in found)


PEOPLE = [person(f"u{n}") for n in range(200)]
ALL_ONCE = Counter({person["email"]: 1 for person in PEOPLE})


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


async def test_everything_goes_well(journal: Path) -> None:
    tenant = Tenant()
    found = await run(tenant, journal, planned(tenant, PEOPLE))
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE
    assert [len(batch) for batch in tenant.creates] == [20] * 10
    assert tenant.looked_up == []
    assert all(row.id in tenant.users and row.attempts == 1 and row.done_at for row in found)
    audit = (await notes(journal))["audit"]
    assert (audit["checked"], audit["counts"]) == (200, {"missing": 0, "doubled": 0, "different": 0})


@pytest.mark.parametrize("unique", [True, False], ids=["unique", "not unique"])
async def test_25_lost_replies_double_nobody(journal: Path, unique: bool) -> None:
    tenant = Tenant(unique=unique, fault=lambda number, _: "lost" if number % 3 == 0 else "")
    found = await run(tenant, journal, planned(tenant, PEOPLE))
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE
    # Whoever was found was not sent again.
    assert len(tenant.creates) == 10


async def test_26_late_writes_double_nobody_if_settle_is_longer(journal: Path) -> None:
    tenant = Tenant(unique=False, late=0.2, fault=lambda number, _: "late" if number <= 3 else "")
    found = await run(tenant, journal, planned(tenant, PEOPLE), settle=0.4)
    await tenant.landed()
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


async def test_26_a_settle_shorter_than_the_writes_are_late_is_named_by_the_audit(journal: Path) -> None:
    tenant = Tenant(unique=False, late=0.3, fault=lambda number, _: "late" if number == 1 else "")

    people = PEOPLE[:20]
    wanted = planned(tenant, people)
    async with SqliteStore(journal) as store:
        await Job(tenant, store, settle=0.01, audit=False).run(wanted)
        await tenant.landed()
        await Job(tenant, store, settle=0.01).run()
    assert set(tenant.there().values()) == {2}
    audit = (await notes(journal))["audit"]
    assert audit["counts"] == {"missing": 0, "doubled": 20, "different": 0}
    line, label, ids = audit["doubled"][0]
    assert (line, label, len(ids)) == (1, "u0@acme.com", 2)


async def test_27_look_ups_that_lag_double_nobody(journal: Path) -> None:
    tenant = Tenant(unique=False, lag=0.2, fault=lambda number, _: "lost" if number % 2 else "")
    found = await run(tenant, journal, planned(tenant, PEOPLE), settle=0.4, audit=False)
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


@pytest.mark.parametrize("seed", range(12))
async def test_28_a_job_cut_off_anywhere_and_started_again_ends_the_same(journal: Path, seed: int) -> None:
    """Cut off by cancelling, over and over: after marks, sends and replies, whichever comes."""
    chance = random.Random(seed)

    def fault(_number: int, _users: Sequence[User]) -> str:
        return chance.choice(["", "", "", "lost", "late"])

    tenant = Tenant(unique=seed % 2 == 0, late=0.01, lag=0.01, fault=fault)
    wanted = planned(tenant, PEOPLE)
    for _cut in range(200):
        async with SqliteStore(journal) as store:
            job = asyncio.create_task(Job(tenant, store, settle=SETTLE, concurrency=4).run(wanted))
            cut = asyncio.get_running_loop().call_later(chance.random() * 0.3, job.cancel)
            try:
                await job
            except asyncio.CancelledError:
                continue
            finally:
                cut.cancel()
            found = await rows(store)
            break
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


async def test_28_without_the_look_up_the_same_run_doubles(journal: Path) -> None:
    """That the tests above can fail: a tenant whose look-ups show nothing."""
    tenant = Tenant(unique=False, lag=1e9, fault=lambda number, _: "lost" if number == 1 else "")
    await run(tenant, journal, planned(tenant, PEOPLE), audit=False)
    assert max(tenant.there().values()) == 2


async def test_exists_is_looked_up_before_it_is_believed(journal: Path) -> None:
    """A look-up lagged, so a row was sent again, and the server says that it exists: it is there, so it is done."""
    tenant = Tenant(lag=0.3, fault=lambda number, _: "lost" if number == 1 else "")
    found = await run(tenant, journal, planned(tenant, PEOPLE[:20]), settle=0.2, audit=False)
    assert states(found) == {"DONE": 20}
    assert len(tenant.creates) > 1
    assert set(tenant.there().values()) == {1}


async def test_exists_elsewhere_is_a_failure(journal: Path) -> None:
    tenant = Tenant()
    wanted = planned(tenant, PEOPLE[:3])

    async def elsewhere(users: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        from aiosymphony.provisioning.targets.base import Rejected

        return [Rejected("40002", "a user with this email exists", exists=True) for _ in users]

    tenant.create = elsewhere  # type: ignore[method-assign]
    found = await run(tenant, journal, wanted)
    assert [(row.state, row.code, row.message) for row in found] == [
        ("FAILED", "40002", "a user with this email exists")
    ] * 3


async def test_37_a_row_that_always_fails_500_ends_unknown_and_spares_its_neighbours(journal: Path) -> None:
    def fault(_number: int, users: Sequence[User]) -> str | OutcomeUnknown:
        return OutcomeUnknown("answered 500") if any("u7@" in user.label for user in users) else ""

    tenant = Tenant(fault=fault)
    found = await run(tenant, journal, planned(tenant, PEOPLE))
    assert states(found) == {"DONE": 199, "UNKNOWN": 1}
    assert tenant.there() == ALL_ONCE - Counter(["u7@acme.com"])
    poor = next(row for row in found if row.state == "UNKNOWN")
    assert (poor.label, poor.attempts) == ("u7@acme.com", 4)
    assert poor.message == "answered 500; it was not there after the last attempt"
    # Started again, what is unknown is looked up and tried afresh.
    tenant.fault = lambda _number, _users: ""
    assert states(await run(tenant, journal)) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


async def test_a_batch_that_is_refused_as_a_whole_is_parted(journal: Path) -> None:
    def fault(_number: int, users: Sequence[User]) -> str | BadRequest:
        return BadRequest("answered 400", status=400) if any("u7@" in user.label for user in users) else ""

    tenant = Tenant(fault=fault)
    found = await run(tenant, journal, planned(tenant, PEOPLE))
    assert states(found) == {"DONE": 199, "FAILED": 1}
    poor = next(row for row in found if row.state == "FAILED")
    assert (poor.label, poor.code, poor.message) == ("u7@acme.com", "400", "answered 400")


async def test_requests_that_could_not_leave_are_sent_again_and_are_no_attempts(journal: Path) -> None:
    tenant = Tenant(fault=lambda number, _: TransportError("no connection", sent=False) if number == 2 else "")
    found = await run(tenant, journal, planned(tenant, PEOPLE[:40]), concurrency=1, clock=SkippingClock())
    assert states(found) == {"DONE": 40}
    assert {row.attempts for row in found} == {1}


async def test_what_would_fail_alike_for_all_stops_the_job(journal: Path) -> None:
    tenant = Tenant(fault=lambda number, _: AuthError("the login was refused") if number > 2 else "")
    wanted = planned(tenant, PEOPLE)
    with pytest.raises(JobError, match="every row would fail alike: the login was refused") as caught:
        await run(tenant, journal, wanted, concurrency=2)
    assert isinstance(caught.value, JobInterrupted)
    assert len(tenant.creates) <= 4
    tenant.fault = lambda _number, _users: ""
    found = await run(tenant, journal, wanted)
    assert states(found) == {"DONE": 200}
    assert {row.attempts for row in found} == {1}


async def test_a_server_that_leaves_everything_in_doubt_stops_the_job_early(journal: Path) -> None:
    tenant = Tenant(batch=1, fault=lambda _number, _users: OutcomeUnknown("answered 502"))
    wanted = planned(tenant, PEOPLE)
    with pytest.raises(JobError, match="the server leaves every outcome unknown"):
        await run(tenant, journal, wanted)
    assert len(tenant.creates) < 60
    tenant.fault = lambda _number, _users: ""
    assert states(await run(tenant, journal, wanted)) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


STEPS = [
    worker("ann", features={"canRead": True}, status="DISABLED"),
    worker("bob", title="CEO", roles=["ADMINISTRATOR"], features={"canPost": True}, status="DISABLED"),
    worker("cat", status="ENABLED"),
]


def pod() -> Tenant:
    from aiosymphony.provisioning.rows.pod import PodUser

    tenant = Tenant(kind="pod", batch=1, look_up_limit=500)
    tenant.add(PodUser.from_dict(worker("bob", title="CTO", roles=["INDIVIDUAL"])))
    tenant.add(PodUser.from_dict(worker("cat")), active=False)
    return tenant


def looks_right(tenant: Tenant) -> None:
    by_name = {user.values["userName"]: user for user in tenant.users.values()}
    assert len(by_name) == len(tenant.users) == 3
    assert (by_name["ann"].values["features"], by_name["ann"].active) == ({"canRead": True}, False)
    assert (by_name["bob"].values["title"], sorted(by_name["bob"].values["roles"])) == (
        "CEO",
        ["ADMINISTRATOR", "INDIVIDUAL"],
    )
    assert (by_name["bob"].values["features"], by_name["bob"].active) == ({"canPost": True}, False)
    assert by_name["cat"].active is True


async def test_steps_follow_the_creation_and_each_is_taken_once(journal: Path) -> None:
    tenant = pod()
    found = await run(tenant, journal, planned(tenant, STEPS))
    assert states(found) == {"DONE": 3}
    looks_right(tenant)
    assert sorted(step["do"] for _, step in tenant.steps) == [
        "active",
        "active",
        "active",
        "features",
        "features",
        "role",
        "update",
    ]
    assert (await notes(journal))["audit"]["counts"] == {"missing": 0, "doubled": 0, "different": 0}


@pytest.mark.parametrize("broken", range(1, 8))
async def test_a_step_whose_reply_is_lost_is_decided_anew(journal: Path, broken: int) -> None:
    tenant = pod()
    tenant.step_fault = lambda number, _user_id, _step: "lost" if number == broken else ""
    assert states(await run(tenant, journal, planned(tenant, STEPS))) == {"DONE": 3}
    looks_right(tenant)


async def test_a_step_that_is_refused_says_so_and_leaves_the_rest_of_its_row(journal: Path) -> None:
    def fault(_number: int, _user_id: str, step: Step) -> str | BadRequest:
        return BadRequest("no such feature", status=400, code=1234) if step["do"] == "features" else ""

    tenant = pod()
    tenant.step_fault = fault
    found = await run(tenant, journal, planned(tenant, STEPS))
    ann, bob, cat = found
    assert (ann.state, ann.step, ann.code, ann.message) == ("FAILED", 1, "1234", "features: no such feature")
    assert ann.id in tenant.users
    assert (bob.state, bob.step, cat.state) == ("FAILED", 2, "DONE")


async def test_35_two_remote_matches_in_a_look_up_are_a_conflict(journal: Path) -> None:
    tenant = Tenant(unique=False)

    def fault(_number: int, users: Sequence[User]) -> str:
        tenant.add(users[0])
        return "lost"

    tenant.fault = fault
    found = await run(tenant, journal, planned(tenant, PEOPLE[:2]))
    assert [row.state for row in found] == ["CONFLICT", "DONE"]
    assert found[0].message.startswith("2 users have the email 'u0@acme.com': ")


async def test_a_user_who_is_gone_is_a_failure_and_not_created(journal: Path) -> None:
    tenant = pod()
    wanted = planned(tenant, STEPS[1:2])

    def fault(_number: int, user_id: str, _step: Step) -> str | ServerError:
        tenant.users.pop(user_id, None)
        return ServerError("answered 500", status=500)

    tenant.step_fault = fault
    (bob,) = await run(tenant, journal, wanted)
    assert (bob.state, bob.code) == ("FAILED", "gone")
    assert tenant.creates == []


async def test_45_a_drain_finishes_what_is_under_way_and_nothing_else(journal: Path) -> None:
    tenant = Tenant()
    wanted = planned(tenant, PEOPLE)
    async with SqliteStore(journal) as store:
        job = Job(tenant, store, settle=SETTLE, concurrency=2)

        def fault(number: int, _users: Sequence[User]) -> str:
            if number == 3:
                job.drain()
            return ""

        tenant.fault = fault
        with pytest.raises(JobError, match=r"stopped as asked with 1\d0 rows left") as caught:
            await job.run(wanted)
        assert isinstance(caught.value, JobInterrupted)
        found = states(await rows(store))
        assert found["IN_FLIGHT"] == 0
        assert found["DONE"] == sum(len(batch) for batch in tenant.creates) <= 80
    assert states(await run(tenant, journal)) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


async def test_30_a_process_that_lost_the_job_sends_nothing_more(journal: Path) -> None:
    """The first is held up in a request for longer than its lease; the second takes over meanwhile."""
    tenant = Tenant(unique=False, batch=1)
    wanted = planned(tenant, PEOPLE[:10])
    held = asyncio.Event()

    class Held(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
            if len(self.creates) == 3:
                held.set()
                await asyncio.Event().wait()
            return await super().create(rows)

    first_tenant = Held(unique=False, batch=1, users=tenant.users)
    clock = SteppedClock()
    async with SqliteStore(journal, clock=clock) as store, SqliteStore(journal, clock=clock) as other:
        first = asyncio.create_task(Job(first_tenant, store, lease=0.9, concurrency=1, settle=SETTLE).run(wanted))
        await held.wait()
        clock.passed += 10
        await Job(tenant, other, lease=60, settle=SETTLE).run()
        with pytest.raises(JobError, match="another"):
            await first
        assert states(await rows(other)) == {"DONE": 10}
    assert set(tenant.there().values()) == {1}
    assert len(tenant.there()) == 10
    assert len(first_tenant.creates) == 3


async def test_29_two_processes_share_by_shards(journal: Path) -> None:
    people = [person(f"u{n}") for n in range(2500)]
    tenant = Tenant()
    wanted = planned(tenant, people)
    async with SqliteStore(journal) as one, SqliteStore(journal) as two:
        jobs = [Job(tenant, store, max_shards=1, settle=SETTLE) for store in (one, two)]
        await asyncio.gather(*(job.run(wanted, shards=2) for job in jobs))
        assert states(await rows(one)) == {"DONE": 2500}
    assert set(tenant.there().values()) == {1}
    assert "audit" in await notes(journal)


async def test_31_a_journal_that_fails_stops_the_sending(journal: Path) -> None:
    class Failing(SqliteStore):
        def _commit(self, db: Any) -> None:
            if len(tenant.creates) >= 3:
                import sqlite3

                raise sqlite3.OperationalError("database or disk is full")
            super()._commit(db)

    tenant = Tenant(unique=False)
    wanted = planned(tenant, PEOPLE)
    async with Failing(journal) as store:
        with pytest.raises(JobError, match="disk is full") as caught:
            await Job(tenant, store, concurrency=2, settle=SETTLE).run(wanted)
    assert isinstance(caught.value, JobInterrupted)
    assert len(tenant.creates) <= 4
    assert states(await run(tenant, journal)) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


async def test_the_audit_names_who_was_created_and_is_not_there(journal: Path) -> None:
    class Forgetful(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
            made = await super().create(rows)
            self.users.pop(made[0].id)
            return made

    tenant = Forgetful()
    assert states(await run(tenant, journal, planned(tenant, PEOPLE[:20]), concurrency=1)) == {"DONE": 20}
    audit = (await notes(journal))["audit"]
    assert audit["counts"] == {"missing": 1, "doubled": 0, "different": 0}
    assert audit["missing"] == [[1, "u0@acme.com"]]


async def test_the_audit_names_a_value_that_the_tenant_changed(journal: Path) -> None:
    class Normalising(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
            return await super().create([{**row, "title": "Dr."} if row["title"] == "dr" else row for row in rows])

    people = [person("ann", title="dr"), person("bob", title="Mr.")]
    tenant = Normalising()
    assert states(await run(tenant, journal, planned(tenant, people))) == {"DONE": 2}
    audit = (await notes(journal))["audit"]
    assert audit["counts"] == {"missing": 0, "doubled": 0, "different": 1}
    assert audit["different"] == [[1, "ann@acme.com", {"title": ["Dr.", "dr"]}]]


async def test_an_unknown_row_that_is_there_is_adopted_by_the_next_run(journal: Path) -> None:
    tenant = Tenant(fault=lambda _number, users: OutcomeUnknown("answered 504") if users[0].label[:2] == "u0" else "")
    wanted = planned(tenant, PEOPLE[:3])
    assert states(await run(tenant, journal, wanted)) == {"DONE": 2, "UNKNOWN": 1}
    sent = len(tenant.creates)
    user_id = tenant.add(ConnectUser.from_dict(PEOPLE[0]))  # the write that was in doubt has landed by now
    found = await run(tenant, journal)
    assert [(row.state, row.id) for row in found if row.label == "u0@acme.com"] == [("DONE", user_id)]
    assert len(tenant.creates) == sent


async def test_without_an_audit_nothing_is_listed(journal: Path) -> None:
    tenant = Tenant()
    await run(tenant, journal, planned(tenant, PEOPLE[:20]), audit=False)
    assert tenant.listings == 0
    assert "audit" not in await notes(journal)


async def test_disabling_what_is_missing(journal: Path) -> None:
    tenant = Tenant()
    ids = [tenant.add(ConnectUser.from_dict(person(f"u{n}"))) for n in range(40)]
    wanted = planned(tenant, [person(f"u{n}") for n in range(2, 40)], disable_missing=True)
    found = await run(tenant, journal, wanted)
    assert states(found) == {"DONE": 40}
    assert [tenant.users[user_id].active for user_id in ids[:3]] == [False, False, True]
    assert len(tenant.steps) == 2
