"""Rows of a pod with one of the two keys: they mean whoever has it, and are judged as rows with both are."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning import Report
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.job.run import Job
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan
from aiosymphony.provisioning.plans.guard import HANDFUL
from aiosymphony.provisioning.plans.rules import Names, Rules
from aiosymphony.provisioning.preparing import make_plan, prepare, renew_plan
from tests.provisioning.tenant import Tenant
from tests.provisioning.test_35_36_plans import there, worker

Row = dict[str, Any]
KEYS = ("userName", "emailAddress")
LACKING = "is missing: there is no such user, and nobody is created without it"
POD = Rules("pod", names={"role": Names("role of the pod", {"INDIVIDUAL": []})})


@attrs.define(slots=False)
class Asked(Tenant):
    """A tenant that counts how often it is asked for what it takes."""

    asked: int = 0

    async def rules(self, columns: Collection[str]) -> Rules:
        del columns
        self.asked += 1
        return POD


def by_one(name: str, key: str, **more: object) -> Row:
    return {key: worker(name)[key], **more}


def decided(rows: list[Row], *users: ActualUser, **options: Any) -> Plan:
    return plan(Desired.of(rows, "pod"), Actual.of("pod", users), **options)


def told(made: Plan) -> list[tuple[int, str, str | None]]:
    return [(action.line, action.do, action.id) for action in made.actions()]


def reasons(made: Plan) -> list[str]:
    return [action.reason for action in made.actions()]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("looks_up", [True, False])
async def test_whoever_has_the_key_is_meant(key: str, looks_up: bool) -> None:
    users = {str(n): there(str(n), worker(name)) for n, name in enumerate(["ann", "bob"])}
    tenant = Tenant("pod", look_up_limit=10 if looks_up else 0, users=users)
    rows = [by_one("bob", key, title="CEO"), by_one("ann", key)]
    made = await make_plan(tenant, Desired.of(rows, "pod"))
    assert told(made) == [(1, "update", "1"), (2, "skip", "0")]
    assert [action.label for action in made.actions()] == [rows[0][key], rows[1][key]]


@pytest.mark.parametrize("key", KEYS)
async def test_they_are_guarded_and_the_rules_read_once_for_both_readings(key: str, tmp_path: Path) -> None:
    names = [f"u{n}" for n in range(HANDFUL + 1)]
    tenant = Asked("pod", look_up_limit=10, users={name: there(name, worker(name)) for name in names})
    rows = [by_one(name, key, status="DISABLED") for name in names]
    made = await make_plan(tenant, Desired.of(rows, "pod"))
    assert (made.counts, made.end_inactive.count, made.whole) == ({"disable": 6}, 6, True)
    assert made.end_inactive.first == [row[key] for row in rows]
    assert (tenant.listings, tenant.asked) == (1, 1)
    made.save(tmp_path / "plan")
    with pytest.raises(JobRefused, match="disables 6 of 6 active users"):
        (await renew_plan(tenant, Plan.load(tmp_path / "plan"))).allow()
    assert tenant.asked == 2


async def test_a_row_that_would_be_refused_disables_and_leaves_nobody(tmp_path: Path) -> None:
    users = {"1": there("1", worker("ann")), "2": there("2", worker("bob"), active=False)}
    rows = [by_one("ann", "userName", status="DISABLED", roles=["NONE"]), by_one("bob", "userName", roles=["NONE"])]
    made = await make_plan(Asked("pod", users=users), Desired.of(rows, "pod"))
    assert told(made) == [(1, "invalid", "1"), (2, "invalid", "2")]
    assert (made.end_inactive.count, made.stay_disabled.count) == (0, 0)
    made.save(tmp_path / "plan")
    assert [action.refused for action in Plan.load(tmp_path / "plan").actions()] == [True, True]


def test_two_rows_with_a_key_each_of_one_user_contest_it() -> None:
    made = decided([by_one("ann", "userName"), by_one("ann", "emailAddress")], there("1", worker("ann")))
    assert told(made) == [(1, "conflict", "1"), (2, "conflict", "1")]
    assert [reason.partition(" of the file")[0] for reason in reasons(made)] == ["line 2", "line 1"]


async def test_a_row_that_would_be_refused_contests_too_and_the_plan_holds(tmp_path: Path) -> None:
    rows = [by_one("ann", "userName", title="CEO"), by_one("ann", "emailAddress", roles=["NONE"])]
    tenant = Asked("pod", users={"1": there("1", worker("ann"))})
    made = await make_plan(tenant, Desired.of(rows, "pod"))
    assert told(made) == [(1, "conflict", "1"), (2, "conflict", "1")]
    assert [action.refused for action in made.actions()] == [False, False]
    made.save(tmp_path / "plan")
    again = await renew_plan(tenant, Plan.load(tmp_path / "plan"))
    assert again.header() == made.header()
    async with SqliteStore(tmp_path / "journal") as store:
        assert await prepare(store, tenant, Plan.load(tmp_path / "plan")) is not None


def test_neither_the_same_key_nor_none_is_a_duplicate() -> None:
    rows = [by_one("ann", "userName", emailAddress=""), by_one("bob", "userName", emailAddress=" ")]
    wrong = [{**row, "accountType": "BAD"} for row in rows]
    assert Desired.of([rows[0], by_one("bob", "userName", emailAddress="")], "pod").bad == 0
    problems = Desired.of(wrong, "pod").problems()
    assert not [str(problem) for problem in problems if "is also that of" in str(problem)]
    twice = Desired.of([by_one("ann", "userName"), by_one("Ann", "userName")], "pod")
    assert [str(problem) for problem in twice.problems()] == [
        "line 1: userName is also that of line 2",
        "line 2: userName is also that of line 1",
    ]


def test_no_address_on_both_sides_is_not_the_same_address() -> None:
    new = {key: value for key, value in worker("ann").items() if key != "emailAddress"}
    held = there("1", {**new, "userName": "other"})
    made = decided([new], held)
    assert told(made) == [(1, "invalid", None)]
    assert reasons(made) == [f"emailAddress {LACKING}"]


def test_a_probable_rename_comes_before_what_a_new_user_lacks() -> None:
    new = {"emailAddress": "ann@new.com", "firstName": "Ann", "lastName": "Lee"}
    for options in ({}, {"disable_missing": True}):
        made = decided([new], there("1", worker("ann")), **options)
        assert told(made) == [(1, "conflict", "1")]
        assert "probable rename" in reasons(made)[0]
        assert not any(action.refused for action in made.actions())
    (action,) = decided([new], there("1", worker("ann")), trust_keys=True).actions()
    assert (action.do, action.reason) == ("invalid", f"userName {LACKING}; displayName {LACKING}")


@pytest.mark.parametrize("key", KEYS)
def test_a_leavers_key_and_one_that_only_looks_alike_are_told(key: str) -> None:
    row = by_one("ann", key, firstName="Zoe", lastName="Ray")
    (leaver,) = decided([row], there("1", worker("ann"), active=False)).actions()
    assert leaver.do == "conflict"
    assert leaver.reason.startswith(f"its {key} belonged to 'Ann Lee' (id 1), who is disabled")
    spoilt = worker("ann")
    spoilt[key] = "\u200b" + spoilt[key]
    (alike,) = decided([by_one("ann", key)], there("1", spoilt)).actions()
    assert (alike.do, alike.id) == ("conflict", "1")
    assert "has the same key but for" in alike.reason


@pytest.mark.parametrize("key", KEYS)
def test_the_own_account_is_known_by_one_key(key: str) -> None:
    (action,) = decided([by_one("bot", key, status="DISABLED")], there("7", worker("bot")), own_id="7").actions()
    assert (action.do, action.steps) == ("conflict", ())


async def test_rows_that_would_be_refused_come_back_as_they_were(tmp_path: Path) -> None:
    rows: list[Row] = [
        by_one("ann", "userName", roles=["NONE", "-INDIVIDUAL"], features={"a=b": True, "c": False}, title="<clear>"),
        by_one("bob", "userName", roles="INDIVIDUAL", status="DISABLED"),
        {"emailAddress": "no address", "roles": ["NONE"]},
    ]
    tenant = Asked("pod", users={"1": there("1", worker("ann", title="CEO"))})
    made = await make_plan(tenant, Desired.of(rows, "pod"))
    assert [(action.do, action.refused) for action in made.actions()] == [
        ("invalid", True),
        ("invalid", True),
        ("invalid", False),
    ]
    made.save(tmp_path / "plan")
    async with SqliteStore(tmp_path / "journal") as store:
        await Job(tenant, store, settle=0.0).run(await renew_plan(tenant, Plan.load(tmp_path / "plan")))
        report = await Report.of(store)
        assert (report.failed, tenant.creates, tenant.steps) == (3, [], [])
        await report.write_rest(store, tmp_path / "rest.csv")
    back = Desired.read(tmp_path / "rest.csv", "pod")
    assert [row.user for row in back.rows()] == [row.user for row in Desired.of(rows, "pod").rows()]
    assert (back.count, back.bad) == (2, 1)
