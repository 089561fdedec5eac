"""Provisioning a pod over sockets: the sandbox, with faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aiosymphony import PodClient, RetryPolicy, RsaAuth
from aiosymphony.errors import JobError, JobRefused
from aiosymphony.provisioning import Desired, Job, PodTarget, Report, SqliteStore, make_plan, renew_plan
from aiosymphony.sandbox import Faults, Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(users=30, validate_responses=True) as running:
        yield running
        assert not running.violations


@pytest.fixture
async def pod(sandbox: Sandbox) -> AsyncIterator[PodClient]:
    retry = RetryPolicy(base=0.001)
    async with PodClient(sandbox.url, RsaAuth(sandbox.bot.username, sandbox.bot.private_key), retry=retry) as client:
        yield client


def worker(name: str, **more: object) -> dict[str, Any]:
    names = {"displayName": name.title(), "firstName": name.title(), "lastName": "Lee"}
    return {"userName": name, "emailAddress": f"{name}@acme.com", **names, **more}


def people(count: int) -> list[dict[str, Any]]:
    return [
        worker(
            f"worker{n}",
            department="Sales",
            assetClasses=["FX", "Rates"],
            roles=["INDIVIDUAL", "USER_PROVISIONING"],
            features={"postReadEnabled": False, "delegatesEnabled": True},
            status="DISABLED" if n % 5 == 0 else "ENABLED",
        )
        for n in range(count)
    ]


async def run(pod: PodClient, journal: Path, records: list[dict[str, Any]], **options: Any) -> Report:
    target = PodTarget(pod)
    made = await make_plan(target, Desired.of(records, "pod"))
    async with SqliteStore(journal) as store:
        await Job(target, store, **{"settle": 0.05, "concurrency": 8, **options}).run(made)
        return await Report.of(store)


async def test_users_are_created_with_roles_features_and_status(
    pod: PodClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    report = await run(pod, tmp_path / "job.journal", people(50))
    assert (report.done, report.exit_code) == (50, 0)
    for n in (0, 1):
        made = sandbox.state.user(username=f"worker{n}")
        assert made is not None
        assert made.attributes["assetClasses"] == ["FX", "Rates"]
        assert set(made.roles) == {"INDIVIDUAL", "USER_PROVISIONING"}
        assert (made.features["postReadEnabled"], made.features["delegatesEnabled"]) == (False, True)
        assert made.status == ("DISABLED" if n == 0 else "ENABLED")
    # Once more, there is nothing to do.
    again = await make_plan(PodTarget(pod), Desired.of(people(50), "pod"))
    assert +again.counts == {"skip": 50}


@pytest.mark.parametrize("whole", [True, False], ids=["listed", "looked up"])
async def test_users_who_are_there_are_changed_field_by_field(
    pod: PodClient, sandbox: Sandbox, tmp_path: Path, whole: bool
) -> None:
    await run(pod, tmp_path / "first.journal", people(3))
    changed = people(3)
    changed[0] |= {"department": "Ops", "status": "ENABLED", "emailAddress": "new@acme.com"}
    changed[1] |= {"roles": ["CONTENT_MANAGEMENT"], "features": {"delegatesEnabled": False}}
    target = PodTarget(pod)
    target.look_up_limit = 0 if whole else 500
    made = await make_plan(target, Desired.of(changed, "pod"))
    first, second, third = made.actions()
    assert first.changes == {
        "emailAddress": ["worker0@acme.com", "new@acme.com"],
        "department": ["Sales", "Ops"],
        "status": [False, True],
    }
    assert [step["do"] for step in second.steps] == ["role", "features"]
    assert third.do == "skip"
    async with SqliteStore(tmp_path / "second.journal") as store:
        await Job(target, store, settle=0.05).run(made)
        assert (await Report.of(store)).exit_code == 0
    user = sandbox.state.user(username="worker0")
    assert user is not None
    assert (user.attributes["department"], user.attributes["emailAddress"], user.status) == (
        "Ops",
        "new@acme.com",
        "ENABLED",
    )


async def test_a_user_is_found_by_either_way_to_write_a_domain(pod: PodClient) -> None:
    letters, ascii_form = "ann@b\u00fccher.example", "ann@xn--bcher-kva.example"
    for held, asked in ((letters, ascii_form), (ascii_form, letters)):
        there = await pod.users.create(
            user_name=f"u{len(held)}", email=held, first_name="Ann", last_name="Lee", display_name="Ann"
        )
        assert there.user_system_info is not None
        wanted = {**worker("other"), "emailAddress": asked}
        for limit in (500, 0):
            target = PodTarget(pod)
            target.look_up_limit = limit
            (action,) = (await make_plan(target, Desired.of([wanted], "pod"))).actions()
            assert action.id == str(there.user_system_info.id)
            assert "emailAddress" not in action.changes
        await pod.users.update(int(action.id), email=f"gone{len(held)}@acme.com")


async def test_the_bot_that_runs_the_job_is_never_disabled(pod: PodClient, sandbox: Sandbox, tmp_path: Path) -> None:
    target = PodTarget(pod)
    bot = sandbox.state.user(username=sandbox.bot.username)
    assert bot is not None
    assert await target.own_id() == str(bot.id)
    made = await make_plan(
        target, Desired.of([worker("ann")], "pod"), disable_missing=True, include_service_accounts=True
    )
    assert made.left_alone == {"own_account": 1}
    async with SqliteStore(tmp_path / "job.journal") as store:
        await Job(target, store, settle=0.05).run(made)
        assert (await Report.of(store)).exit_code == 0
    active = {user.username for user in sandbox.state.users() if user.status == "ENABLED"}
    assert active == {"ann", sandbox.bot.username}


async def test_a_plan_tells_which_rows_a_pod_would_refuse(pod: PodClient, sandbox: Sandbox, tmp_path: Path) -> None:
    await run(pod, tmp_path / "first.journal", people(2))
    asked = sandbox.stats.by_operation
    before = asked["v1_admin_system_roles_list_get"], asked["v1_admin_system_features_list_get"]
    rows = [
        {"emailAddress": "worker0@acme.com", "title": "CEO"},
        {"userName": "worker1", "roles": ["Content Management"]},
        {"userName": "worker1x", "features": {"postread": True}},
        worker("new", features={"postReedEnabled": True}),
    ]
    made = await make_plan(PodTarget(pod), Desired.of(rows, "pod"))
    assert [(action.do, action.reason) for action in made.actions()] == [
        ("update", "is disabled, and the row does not say whether to enable the user"),
        (
            "invalid",
            "roles holds Content Management, which is no role of the pod (did you mean CONTENT_MANAGEMENT?)",
        ),
        (
            "invalid",
            "; ".join(
                f"{name} is missing: there is no such user, and nobody is created without it"
                for name in ("emailAddress", "displayName", "firstName", "lastName")
            )
            + "; features holds postread, which is no feature of the pod (did you mean postReadEnabled?)",
        ),
        (
            "invalid",
            "features holds postReedEnabled, which is no feature of the pod (did you mean postReadEnabled?)",
        ),
    ]
    after = asked["v1_admin_system_roles_list_get"], asked["v1_admin_system_features_list_get"]
    assert after == (before[0] + 1, before[1] + 1)
    report = await run(pod, tmp_path / "second.journal", rows[:1])
    assert (report.done, report.exit_code) == (1, 0)
    user = sandbox.state.user(username="worker0")
    assert user is not None
    assert user.attributes["title"] == "CEO"
    # Nothing was asked for a file without such columns.
    assert (asked["v1_admin_system_roles_list_get"], asked["v1_admin_system_features_list_get"]) == after


async def test_nobody_is_lost_or_doubled_when_replies_are(pod: PodClient, sandbox: Sandbox, tmp_path: Path) -> None:
    before = Counter(user.attributes["userName"] for user in sandbox.state.users())
    sandbox.faults = (
        Faults(rate_drop=0.05, after_acting=0.7, rate_503=0.03, rate_504=0.03, late_seconds=0.1, rate_429=0.02,
               retry_after=0, seed=3)
    )  # fmt: skip
    report = await run(pod, tmp_path / "job.journal", people(200), settle=0.3, attempts=6)
    sandbox.faults = Faults()
    assert (report.done, report.exit_code) == (200, 0)
    after = Counter(user.attributes["userName"] for user in sandbox.state.users())
    assert after - before == Counter({f"worker{n}": 1 for n in range(200)})
    again = await make_plan(PodTarget(pod), Desired.of(people(200), "pod"))
    assert +again.counts == {"skip": 200}


async def test_a_plan_of_an_older_state_is_refused(pod: PodClient, tmp_path: Path) -> None:
    target = PodTarget(pod)
    made = await make_plan(target, Desired.of(people(3), "pod"))
    assert (await renew_plan(target, made)).header() == made.header()
    await pod.users.create(
        user_name="worker1", email="worker1@acme.com", first_name="W", last_name="W", display_name="W"
    )
    with pytest.raises(JobError, match="changed in the tenant since it was made") as caught:
        await renew_plan(target, made)
    assert "-1 create, +1 update" in str(caught.value)
    assert isinstance(caught.value, JobRefused)
