"""Nobody is disabled by accident: the guard in every cell of its table, and whom a plan leaves alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning import SqliteStore
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.journal.base import JobHeader
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan
from aiosymphony.provisioning.preparing import make_plan, prepare, renew_plan
from tests.provisioning.tenant import Tenant
from tests.provisioning.test_35_36_plans import person, there, worker

Row = dict[str, Any]


def numbered(n: int, **more: object) -> Row:
    return worker(f"u{n}", **{"firstName": "Una", "lastName": f"N{n}", **more})


def tenant_of(users: Sequence[ActualUser], *, looks_up: bool = False, own: str | None = None) -> Tenant:
    return Tenant("pod", look_up_limit=10_000 if looks_up else 0, users={user.id: user for user in users}, own=own)


def refused(made: Plan) -> bool:
    try:
        made.allow()
    except JobRefused:
        return True
    return False


# How many active users there are besides the accounts that shall be disabled, and how many of these may be.
LIMITS = {
    "five in any tenant": (0, 5),
    "five of ten": (5, 5),
    "the share": (190, 10),
    "the number": (2900, 100),
}
STEPS = ("a row disables", "a row also updates", "absence")


@pytest.mark.parametrize("seen", ["listing", "look-ups"])
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("who", ["people", "service accounts", "service accounts, included"])
@pytest.mark.parametrize("over", [False, True])
async def test_73_the_guard_in_each_cell(seen: str, limit: str, step: str, who: str, over: bool) -> None:
    others, most = LIMITS[limit]
    count = most + over
    kind = {} if who == "people" else {"accountType": "SYSTEM"}
    leavers = [there(f"leaver{n}", numbered(n, **kind)) for n in range(count)]
    stayers = [there(f"stayer{n}", numbered(10_000 + n)) for n in range(others)]
    gone = [there(f"gone{n}", numbered(20_000 + n), active=False) for n in range(300)]
    tenant = tenant_of([*leavers, *stayers, *gone], looks_up=seen == "look-ups")
    by_absence = step == "absence"
    change = {"department": "New"} if step == "a row also updates" else {}
    rows = [] if by_absence else [numbered(n, **kind, **change, status="DISABLED") for n in range(count)]
    if by_absence:
        rows += [numbered(10_000 + n) for n in range(others)]
    made = await make_plan(
        tenant, Desired.of(rows, "pod"), disable_missing=by_absence, include_service_accounts=who.endswith("included")
    )
    spared = count if by_absence and who == "service accounts" else 0
    assert made.end_inactive.count == count - spared
    assert made.left_alone["service_accounts"] == spared
    assert made.end_inactive.first == [f"u{n}" for n in range(count)][: 0 if spared else 10] or by_absence
    assert refused(made) == (over and not spared)
    made.allow(force=True)
    # Up to a handful is allowed in any tenant, so nobody has to be counted; of more the share is known.
    assert made.active == (None if seen == "look-ups" and not by_absence and count <= 5 else count + others)


@pytest.mark.parametrize("seen", ["listing", "look-ups"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", [{}, {"accountType": "SYSTEM"}])
@pytest.mark.parametrize("include", [False, True])
async def test_74_the_own_account_is_never_disabled(seen: str, step: str, kind: Row, include: bool) -> None:
    bot = there("bot", numbered(0, **kind))
    tenant = tenant_of([bot, there("1", numbered(1))], looks_up=seen == "look-ups", own="bot")
    change = {"department": "New"} if step == "a row also updates" else {}
    rows = [numbered(1)] if step == "absence" else [numbered(0, **change, status="DISABLED"), numbered(1)]
    made = await make_plan(
        tenant, Desired.of(rows, "pod"), disable_missing=step == "absence", include_service_accounts=include
    )
    assert made.end_inactive.count == 0
    if step == "absence":
        assert +made.counts == {"skip": 1}
        assert made.left_alone == {"own_account": 1}
    else:
        (conflict,) = made.actions("conflict")
        assert (conflict.id, conflict.line, list(conflict.steps)) == ("bot", 1, [])
        assert conflict.reason.startswith("is the account that this job runs as: it is not disabled")


@pytest.mark.parametrize("seen", ["listing", "look-ups"])
@pytest.mark.parametrize("step", STEPS)
async def test_where_nobody_is_active_nobody_is_counted(seen: str, step: str) -> None:
    tenant = tenant_of([there(f"{n}", numbered(n), active=False) for n in range(20)], looks_up=seen == "look-ups")
    change = {"department": "New"} if step == "a row also updates" else {}
    rows = [] if step == "absence" else [numbered(n, **change, status="DISABLED") for n in range(20)]
    made = await make_plan(tenant, Desired.of(rows, "pod"), disable_missing=step == "absence")
    assert made.end_inactive.count == 0
    made.allow()


async def test_who_is_created_switched_off_and_who_is_in_conflict_does_not_count() -> None:
    tenant = tenant_of([there(f"{n}", numbered(n, accountType="NORMAL")) for n in range(10)])
    fresh = [numbered(100 + n, status="DISABLED") for n in range(50)]
    conflicts = [numbered(n, accountType="SYSTEM", status="DISABLED") for n in range(10)]
    made = await make_plan(tenant, Desired.of([*fresh, *conflicts], "pod"))
    assert +made.counts == {"create": 50, "conflict": 10}
    assert made.end_inactive.count == 0
    made.allow()


async def test_73_forty_of_forty_are_refused_whatever_else_their_rows_change() -> None:
    everyone = [there(f"{n}", numbered(n, department="Old")) for n in range(40)]
    rows = [numbered(n, department="New", status="DISABLED") for n in range(40)]
    for looks_up in (False, True):
        made = await make_plan(tenant_of(everyone, looks_up=looks_up), Desired.of(rows, "pod"))
        assert +made.counts == {"update": 40}
        with pytest.raises(JobRefused, match=r"disables 40 of 40 active users \(u0, .*u9, …\).* at most 5 may be"):
            made.allow()


@pytest.mark.parametrize("others", [0, 1, 10, 3000])
async def test_one_leaver_is_allowed_in_a_tenant_of_any_size_and_costs_one_look_up(others: int) -> None:
    everyone = [there(f"{n}", numbered(n)) for n in range(others + 1)]
    tenant = tenant_of(everyone, looks_up=True)
    made = await make_plan(tenant, Desired.of([numbered(0, status="DISABLED")], "pod"))
    assert made.end_inactive.to_dict() == {"count": 1, "first": ["u0"]}
    made.allow()
    assert (len(tenant.looked_up), tenant.listings) == (1, 0)


async def test_a_plan_from_look_ups_that_disables_more_is_renewed_from_a_listing(tmp_path: Path) -> None:
    tenant = tenant_of([there(f"{n}", numbered(n)) for n in range(200)], looks_up=True)
    made = await make_plan(tenant, Desired.of([numbered(n, status="DISABLED") for n in range(8)], "pod"))
    made.save(tmp_path / "plan")
    renewed = await renew_plan(tenant, Plan.load(tmp_path / "plan"))
    assert renewed.header() == made.header()
    assert (renewed.active, renewed.end_inactive.count, tenant.listings) == (200, 8, 2)


def test_a_saved_plan_that_says_less_than_it_does_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    everyone = [there(f"{n}", numbered(n)) for n in range(40)]
    rows = [numbered(n, department="New", status="DISABLED") for n in range(40)]
    plan(Desired.of(rows, "pod"), Actual.of("pod", everyone)).save(path)
    header, *actions = path.read_bytes().splitlines()
    held = orjson.loads(header)
    assert held["end_inactive"] == {"count": 40, "first": [f"u{n}" for n in range(10)]}
    assert (held["active"], held["end_active"]["count"], held["stay_disabled"]["count"]) == (40, 0, 0)
    for edit in (
        {"end_inactive": {"count": 0, "first": []}},
        {"end_inactive": {"count": 40, "first": ["x"] * 10}},
        {"end_inactive": None},
        {"stay_disabled": {"count": 1, "first": ["u0"]}},
        {"active": "many"},
        {"active": -1},
        {"left_alone": {"everybody": 1}},
        {"trust_keys": "no"},
    ):
        path.write_bytes(b"\n".join([orjson.dumps({**held, **edit}), *actions, b""]))
        with pytest.raises(JobRefused, match=r"edited|damaged"):
            Plan.load(path)
    path.write_bytes(b"\n".join([header, *actions, b""]))
    assert Plan.load(path).end_inactive.count == 40


# The own account.


def test_74_nothing_is_done_that_would_lock_the_own_account_out() -> None:
    actual = Actual.of("pod", [there("bot", worker("bot", accountType="SYSTEM", roles=["USER_PROVISIONING"]))])

    def decided(**changes: object) -> list[tuple[str, list[Any]]]:
        rows = Desired.of([{**worker("bot", accountType="SYSTEM"), **changes}], "pod")
        return [(action.do, list(action.steps)) for action in plan(rows, actual, own_id="bot").actions()]

    for harm in ({"userName": "robot"}, {"status": "DISABLED"}, {"roles": "-USER_PROVISIONING"}):
        assert decided(**harm) == [("conflict", [])]
    assert decided(title="Bot", emailAddress="robot@acme.com") == [
        ("update", [{"do": "update", "set": {"emailAddress": "robot@acme.com", "title": "Bot"}}])
    ]
    assert decided(roles=["INDIVIDUAL"]) == [("update", [{"do": "role", "role": "INDIVIDUAL"}])]


def test_everyone_but_the_bot_is_in_the_file() -> None:
    people = [there(f"{n}", numbered(n)) for n in range(39)]
    accounts = [
        there("bot", worker("bot", accountType="SYSTEM")),
        there("feed", worker("feed", accountType="SYSTEM")),
        there("list", worker("list", accountType="SDL")),
        there("later", worker("later", accountType="ROBOT")),  # a kind that a newer pod has
    ]
    actual = Actual.of("pod", [*people, *accounts])
    desired = Desired.of([numbered(n) for n in range(39)], "pod")
    made = plan(desired, actual, disable_missing=True, own_id="bot")
    assert +made.counts == {"skip": 39}
    assert made.left_alone == {"own_account": 1, "service_accounts": 3}
    made = plan(desired, actual, disable_missing=True, include_service_accounts=True, own_id="bot")
    assert [action.id for action in made.actions("disable")] == ["feed", "later", "list"]
    assert made.left_alone == {"own_account": 1}


# Who comes back.


def test_a_returnee_is_enabled_again_where_the_file_says_who_belongs_and_named_elsewhere() -> None:
    actual = Actual.of(
        "pod",
        [
            there("0", numbered(0), active=False),
            there("1", numbered(1, department="Old"), active=False),
            there("2", numbered(2), active=False),
            there("3", numbered(3)),
        ],
    )
    rows = [numbered(0), numbered(1, department="New"), numbered(2, status="DISABLED"), numbered(3)]
    made = plan(Desired.of(rows, "pod"), actual, disable_missing=True)
    assert [action.do for action in made.actions()] == ["enable", "update", "skip", "skip"]
    assert made.end_active.to_dict() == {"count": 2, "first": ["u0", "u1"]}
    assert made.stay_disabled.count == 0
    made = plan(Desired.of(rows, "pod"), actual)
    assert [action.do for action in made.actions()] == ["skip", "update", "skip", "skip"]
    assert made.header()["stay_disabled"] == {"count": 2, "first": ["u0", "u1"]}
    assert [bool(action.reason) for action in made.actions()] == [True, True, False, False]


async def test_a_returnee_is_enabled_by_a_saved_plan_and_then_as_wanted(tmp_path: Path) -> None:
    for kind, row in (("pod", numbered(0)), ("connect", person("ann"))):
        tenant = Tenant(kind, users={"0": there("0", row, active=False)})
        desired = Desired.of([row], kind)
        made = await make_plan(tenant, desired, disable_missing=True)
        made.save(tmp_path / "plan")
        renewed = await renew_plan(tenant, Plan.load(tmp_path / "plan"))
        (action,) = renewed.actions()
        assert (action.do, renewed.header()) == ("enable", made.header())
        for step in action.steps:
            await tenant.take_step("0", step)
        assert +(await make_plan(tenant, desired, disable_missing=True)).counts == {"skip": 1}


# Whatever comes.

names = st.sampled_from(["Ann", "Bob", "Cat"])
users = st.fixed_dictionaries(
    {
        "n": st.integers(0, 30),
        "firstName": names,
        "lastName": names,
        "accountType": st.sampled_from(["NORMAL", "SYSTEM"]),
        "active": st.sampled_from([True, True, True, False, None]),
    }
)
rows = st.fixed_dictionaries(
    {"n": st.integers(0, 30), "address": st.integers(0, 30), "firstName": names, "lastName": names},
    optional={"status": st.sampled_from(["ENABLED", "DISABLED"]), "department": st.sampled_from(["Old", "New"])},
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(users, min_size=1, max_size=30, unique_by=lambda user: user["n"]),
    st.lists(rows, max_size=30, unique_by=(lambda row: row["n"], lambda row: row["address"])),
    st.integers(0, 30),
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
async def test_no_plan_disables_more_than_the_rule_says_and_never_the_own_account(
    held: list[Row], asked: list[Row], own: int, options: tuple[bool, bool, bool, bool]
) -> None:
    looks_up, disable_missing, include_service_accounts, trust_keys = options
    there_now = {
        f"{user['n']}": ActualUser(
            f"{user['n']}",
            {**worker(f"u{user['n']}"), **{name: user[name] for name in ("firstName", "lastName", "accountType")}},
            user["active"],
        )
        for user in held
    }
    file = [
        {**worker(f"u{row['n']}"), "emailAddress": f"u{row['address']}@acme.com"}
        | {name: value for name, value in row.items() if name not in ("n", "address")}
        for row in asked
    ]
    tenant = Tenant("pod", look_up_limit=100 if looks_up else 0, users=there_now, own=f"{own}")
    made = await make_plan(
        tenant,
        Desired.of(file, "pod"),
        disable_missing=disable_missing,
        include_service_accounts=include_service_accounts,
        trust_keys=trust_keys,
    )
    active = {user.id for user in there_now.values() if user.active is not False}
    for action in made.actions():
        assert action.do not in ("conflict", "invalid", "skip") or not action.steps
        for step in action.steps:
            if action.id is not None and step["do"] == "active":
                tenant.users[action.id] = attrs.evolve(tenant.users[action.id], active=step["active"])
    lost = active - {user.id for user in tenant.users.values() if user.active is not False}
    assert f"{own}" not in lost
    assert len(lost) == made.end_inactive.count
    assert refused(made) == (len(lost) > max(5, len(active) // 20))
    absent = {action.id for action in made.actions("disable") if action.line == 0}
    if not include_service_accounts:
        assert all(there_now[user_id].values["accountType"] == "NORMAL" for user_id in absent if user_id)


@pytest.mark.parametrize("option", ["disable_missing", "include_service_accounts", "trust_keys"])
@pytest.mark.parametrize("began", [False, True])
async def test_a_job_is_resumed_with_the_options_that_it_began_with(option: str, began: bool, tmp_path: Path) -> None:
    tenant, desired = tenant_of([]), Desired.of([numbered(1)], "pod")
    async with SqliteStore(tmp_path / "job.journal") as store:
        made = await prepare(store, tenant, desired, **{option: began})
        assert made is not None
        await store.begin(JobHeader.of(made, made_at=1.0), made.actions())
        assert await prepare(store, tenant, desired, **{option: began}) is None
        assert await prepare(store, tenant, made) is None
        word = "with" if began else "without"
        with pytest.raises(JobRefused, match=f"began {word} --{option.replace('_', '-')}: "):
            await prepare(store, tenant, desired, **{option: not began})


async def test_prepare_refuses_what_the_guard_refuses(tmp_path: Path) -> None:
    tenant = tenant_of([there(f"{n}", numbered(n)) for n in range(40)])
    desired = Desired.of([numbered(n, title="New", status="DISABLED") for n in range(6)], "pod")
    async with SqliteStore(tmp_path / "job.journal") as store:
        with pytest.raises(JobRefused, match="disables 6 of 40 active users"):
            await prepare(store, tenant, desired)
        assert await store.header() is None
        made = await prepare(store, tenant, desired, force=True)
        assert made is not None
        assert made.end_inactive.count == 6
    assert not list(itertools.chain(tenant.steps, tenant.creates))
