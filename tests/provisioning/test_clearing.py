"""Fields that are emptied and roles that are taken away, from the file to the pod; and who is created switched off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aiosymphony import PodClient, RetryPolicy, RsaAuth
from aiosymphony.errors import BadRequest, JobRefused, NotFound
from aiosymphony.provisioning import Desired, Job, Plan, PodTarget, Report, SqliteStore, make_plan
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.sandbox import Sandbox

CLEARED: dict[str, Any] = {"department": "<clear>", "assetClasses": "<clear>", "roles": "-USER_PROVISIONING"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(users=3, validate_responses=True) as running:
        yield running
        assert not running.violations


@pytest.fixture
async def target(sandbox: Sandbox) -> AsyncIterator[PodTarget]:
    login = RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
    async with PodClient(sandbox.url, login, retry=RetryPolicy(base=0.001)) as client:
        yield PodTarget(client)


def worker(name: str, **more: object) -> dict[str, Any]:
    names = {"displayName": name.title(), "firstName": name.title(), "lastName": "Lee"}
    return {"userName": name, "emailAddress": f"{name}@acme.com", **names, **more}


def held(**more: object) -> Actual:
    return Actual.of("pod", [ActualUser("1", worker("ann", **more), active=True)])


async def run(target: PodTarget, journal: Path, desired: Desired) -> Report:
    async with SqliteStore(journal) as store:
        await Job(target, store, settle=0.05).run(await make_plan(target, desired))
        return await Report.of(store)


def test_a_field_is_emptied_and_a_role_taken_by_steps_of_their_own(tmp_path: Path) -> None:
    actual = held(department="Sales", assetClasses=["FX"], roles=["INDIVIDUAL", "USER_PROVISIONING"])
    made = plan(Desired.of([worker("ann", **CLEARED)], "pod"), actual)
    (action,) = made.actions()
    assert action.changes == {
        "department": ["Sales", ""],
        "assetClasses": [["FX"], []],
        "roles": [["INDIVIDUAL", "USER_PROVISIONING"], ["-USER_PROVISIONING"]],
    }
    assert action.steps == [
        {"do": "update", "set": {"department": "", "assetClasses": []}},
        {"do": "role", "role": "USER_PROVISIONING", "remove": True},
    ]
    # A saved plan is read back, and one that was edited is not.
    made.save(tmp_path / "plan")
    assert [again.to_dict() for again in Plan.load(tmp_path / "plan").actions()] == [action.to_dict()]
    text = (tmp_path / "plan").read_text()
    (tmp_path / "plan").write_text(text.replace('"remove":true', '"remove":"yes"'))
    with pytest.raises(JobRefused, match="not a plan, or a damaged one"):
        Plan.load(tmp_path / "plan")


@pytest.mark.parametrize("empty", [{}, {"department": "", "assetClasses": [], "roles": ["INDIVIDUAL"]}])
def test_what_is_empty_already_is_left_alone(empty: dict[str, Any]) -> None:
    (action,) = plan(Desired.of([worker("ann", **CLEARED)], "pod"), held(**empty)).actions()
    assert (action.do, action.changes) == ("skip", {})


async def test_a_pod_is_told_so_and_a_second_run_has_nothing_to_do(
    target: PodTarget, sandbox: Sandbox, tmp_path: Path
) -> None:
    full = worker(
        "ann", department="Sales", assetClasses=["FX"], title="Dr.", roles=["INDIVIDUAL", "USER_PROVISIONING"]
    )
    await run(target, tmp_path / "first.journal", Desired.of([full], "pod"))
    emptied = Desired.of([worker("ann", **CLEARED)], "pod")
    report = await run(target, tmp_path / "second.journal", emptied)
    assert report.exit_code == 0
    ann = sandbox.state.user(username="ann")
    assert ann is not None
    assert not ann.attributes["department"]
    assert not ann.attributes["assetClasses"]
    assert (ann.attributes["title"], ann.roles) == ("Dr.", ("INDIVIDUAL",))
    assert +(await make_plan(target, emptied)).counts == {"skip": 1}


async def test_whoever_is_created_has_nothing_to_be_emptied(
    target: PodTarget, sandbox: Sandbox, tmp_path: Path
) -> None:
    row = worker("ann", **{**CLEARED, "roles": "INDIVIDUAL|-USER_PROVISIONING"})
    report = await run(target, tmp_path / "job.journal", Desired.of([row], "pod"))
    assert (report.done, report.exit_code) == (1, 0)
    ann = sandbox.state.user(username="ann")
    assert ann is not None
    assert {"department", "assetClasses"} & ann.attributes.keys() == set()
    assert ann.roles == ("INDIVIDUAL",)


async def test_a_role_that_was_taken_before_the_answer_was_lost_is_done(target: PodTarget, sandbox: Sandbox) -> None:
    uid = str(sandbox.state.add_user({"userName": "ann"}, roles=("INDIVIDUAL", "AUDIT_TRAIL_MANAGEMENT")).id)
    step = {"do": "role", "role": "AUDIT_TRAIL_MANAGEMENT", "remove": True}
    await target.take_step(uid, step)
    await target.take_step(uid, step)
    with pytest.raises((BadRequest, NotFound)):
        await target.take_step("1", step)


async def test_the_rows_that_are_not_done_say_it_again(target: PodTarget, tmp_path: Path) -> None:
    await run(target, tmp_path / "first.journal", Desired.of([worker("ann", department="Sales")], "pod"))
    row = worker("ann", department="<clear>", assetClasses="<clear>", roles="NO_SUCH_ROLE|-INDIVIDUAL")
    desired = Desired.of([row], "pod")
    async with SqliteStore(tmp_path / "second.journal") as store:
        await Job(target, store, settle=0.05).run(await make_plan(target, desired))
        report = await Report.of(store)
        assert report.failed == 1
        await report.write_rest(store, tmp_path / "rest.csv")
    assert [row.user for row in Desired.read(tmp_path / "rest.csv", "pod").rows()] == [
        row.user for row in desired.rows()
    ]


@pytest.mark.parametrize(
    ("kind", "column", "off", "on"), [("connect", "active", False, True), ("pod", "status", "DISABLED", "ENABLED")]
)
def test_a_plan_counts_those_who_are_created_switched_off(
    tmp_path: Path, kind: str, column: str, off: object, on: object
) -> None:
    def person(name: str, **more: object) -> dict[str, Any]:
        made = worker(name, **more)
        if kind == "connect":
            made = {"email": made["emailAddress"], "firstName": "A", "lastName": "B", **more}
        return made

    rows = [person("a", **{column: off}), person("b", **{column: off}), person("c", **{column: on}), person("d")]
    there = [ActualUser("1", person("e"), active=True), ActualUser("2", person("f"), active=False)]
    rows += [person("e", **{column: off}), person("f", **{column: off})]
    made = plan(Desired.of(rows, kind), Actual.of(kind, there))
    assert (made.counts["create"], made.created_disabled, made.header()["created_disabled"]) == (4, 2, 2)
    made.save(tmp_path / "plan")
    assert Plan.load(tmp_path / "plan").created_disabled == 2
