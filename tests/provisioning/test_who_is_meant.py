"""Whom the keys of a row mean: new keys of one person, old keys of another, and people who swap theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import JobInterrupted
from aiosymphony.provisioning import SqliteStore
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.audit import audit
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.journal.base import JobHeader
from aiosymphony.provisioning.plans.actions import Action
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan
from aiosymphony.provisioning.preparing import make_plan, renew_plan
from aiosymphony.provisioning.progress import Progress
from tests.provisioning.tenant import Tenant
from tests.provisioning.test_35_36_plans import there

Row = dict[str, Any]


def member(email: str, name: str = "Ann Lee") -> Row:
    first, last = name.split()
    return {"email": email, "firstName": first, "lastName": last}


def worker(user_name: str, email: str, name: str = "Ann Lee", **more: object) -> Row:
    first, last = name.split()
    names = {"firstName": first, "lastName": last, "displayName": name}
    return {"userName": user_name, "emailAddress": email, **names, **more}


def decided(rows: list[Row], users: list[ActualUser], kind: str = "connect", **options: Any) -> Plan:
    return plan(Desired.of(rows, kind), Actual.of(kind, users), **options)


def told(made: Plan) -> list[tuple[int, str, str | None]]:
    return [(action.line, action.do, action.id) for action in made.actions()]


# Probable renames.

OLD, NEW = member("ann@old.com"), member("Ann@new.com")
BYSTANDER = there("9", member("bob@old.com", "Bob Ray"))


@pytest.mark.parametrize("disable_missing", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_77_a_new_domain_with_the_same_name_is_a_probable_rename(disable_missing: bool, active: bool) -> None:
    rows = [NEW, member("bob@old.com", "Bob Ray")]
    made = decided(rows, [there("1", OLD, active=active), BYSTANDER], disable_missing=disable_missing)
    assert told(made) == [(1, "conflict", "1"), (2, "skip", "9")]
    (conflict,) = made.actions("conflict")
    assert conflict.reason == (
        "probable rename: 'Ann Lee' (id 1) with email 'ann@old.com' has the same name and is not in the file, so "
        "neither is touched; the API cannot change email; to take the keys as they are, add --trust-keys"
    )
    assert made.end_inactive.count == 0
    trusted = decided(rows, [there("1", OLD), BYSTANDER], disable_missing=disable_missing, trust_keys=True)
    assert +trusted.counts == {"create": 1, "skip": 1} | ({"disable": 1} if disable_missing else {})


def test_the_same_name_alone_is_one_if_the_other_would_be_disabled() -> None:
    rows, users = [member("ann.lee@acme.com"), member("bob@old.com", "Bob Ray")], [there("1", OLD), BYSTANDER]
    assert told(decided(rows, users, disable_missing=True)) == [(1, "conflict", "1"), (2, "skip", "9")]
    # In a file of some people, a newcomer may have the name of somebody who is there.
    assert told(decided(rows, users)) == [(1, "create", None), (2, "skip", "9")]
    gone = [there("1", OLD, active=False), BYSTANDER]
    assert told(decided(rows, gone, disable_missing=True)) == [(1, "create", None), (2, "skip", "9")]


def test_a_name_that_is_not_unique_on_both_sides_proves_nothing() -> None:
    twice = [member("ann.1@new.com"), member("ann.2@new.com")]
    assert +decided(twice, [there("1", OLD)], disable_missing=True).counts == {"create": 2, "disable": 1}
    users = [there("1", OLD), there("2", member("ann.lee@old.com"))]
    assert +decided([member("a@new.com")], users, disable_missing=True).counts == {"create": 1, "disable": 2}
    # One of the two is in the file by its key: then the other is the only one.
    rows = [member("a@new.com"), member("ann.lee@old.com")]
    assert told(decided(rows, users, disable_missing=True)) == [(1, "conflict", "1"), (2, "skip", "2")]
    # Two with one name, each found by what is before the @.
    rows = [member("ann@new.com"), member("ann.lee@new.com")]
    assert told(decided(rows, users, disable_missing=True)) == [(1, "conflict", "1"), (2, "conflict", "2")]


def test_names_are_compared_folded_and_empty_ones_not_at_all() -> None:
    held = there("1", member("jose@old.com", "Jos\u00e9 N\u00fa\u00f1ez"))
    rows = [member("jose@new.com", "JOSE\u0301 Nu\u0301n\u0303ez")]
    assert told(decided(rows, [held], disable_missing=True)) == [(1, "conflict", "1")]
    nameless = there("1", {"userName": "feed", "emailAddress": "feed@old.com", "displayName": "Feed"})
    row = {"userName": "feed2", "emailAddress": "feed@new.com", "displayName": "Feed", "accountType": "SYSTEM"}
    assert +decided([row], [nameless], "pod", disable_missing=True).counts == {"create": 1, "disable": 1}


def test_a_pod_says_how_to_change_an_address_and_the_user_name_alone_is_an_update() -> None:
    users = [there("1", worker("ann", "ann@old.com"))]
    made = decided([worker("ann@new.com", "ann@new.com")], users, "pod", disable_missing=True)
    (conflict,) = made.actions()
    assert "to change emailAddress, write the user's other key in the row" in conflict.reason
    for row in (worker("ann", "ann@new.com"), worker("ann2", "ann@old.com")):
        assert told(decided([row], users, "pod", disable_missing=True)) == [(1, "update", "1")]


async def test_a_rename_is_one_in_a_saved_plan_too(tmp_path: Path) -> None:
    tenant = Tenant(users={"1": there("1", OLD), "9": BYSTANDER})
    for trust_keys in (False, True):
        made = await make_plan(tenant, Desired.of([NEW], "connect"), disable_missing=True, trust_keys=trust_keys)
        made.save(tmp_path / "plan")
        renewed = await renew_plan(tenant, Plan.load(tmp_path / "plan"))
        assert renewed.header() == made.header()
        assert renewed.counts["conflict"] == (not trust_keys)
        assert list(renewed.actions()) == list(made.actions())


async def test_in_a_look_up_names_are_not_compared() -> None:
    tenant = Tenant("pod", look_up_limit=10, users={"1": there("1", worker("ann@old.com", "ann@old.com"))})
    row = worker("ann@new.com", "ann@new.com")
    assert +(await make_plan(tenant, Desired.of([row], "pod"))).counts == {"create": 1}
    tenant.look_up_limit = 0
    assert +(await make_plan(tenant, Desired.of([row], "pod"))).counts == {"conflict": 1}


def test_a_whole_company_that_moves_takes_linear_time() -> None:
    count = 3000
    users = [there(f"{n}", member(f"u{n}@old.com", f"Una{n} Lee")) for n in range(count)]
    users += [there(f"same{n}", member(f"same{n}@old.com")) for n in range(count)]
    rows = [member(f"u{n}@new.com", f"Una{n} Lee") for n in range(count)]
    rows += [member(f"other{n}@new.com") for n in range(count)]
    made = decided(rows, users, disable_missing=True)
    assert +made.counts == {"conflict": count, "create": count, "disable": count}


def test_a_full_folder_of_temporary_files_is_said_in_one_sentence() -> None:
    users = [there(f"{n}", member(f"u{n}@old.com", f"Una{n} Lee")) for n in range(3000)]
    desired = Desired.of([member(f"u{n}@new.com", f"Una{n} Lee") for n in range(3000)], "connect")
    with Actual.of("connect", users) as actual:
        (pages,) = actual._db.execute("PRAGMA page_count").fetchone()
        actual._db.execute(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(
            JobInterrupted, match=r"does not fit into the folder of temporary files .* set SQLITE_TMPDIR"
        ):
            plan(desired, actual, disable_missing=True)


# An address that belonged to somebody else.


def test_77_a_leavers_address_for_a_new_person_is_shown_as_what_it_is() -> None:
    bob = there("7", worker("bray", "desk@acme.com", "Bob Ray"), active=False)
    row = worker("alee", "desk@acme.com", "Ann Lee", status="ENABLED")
    for options in ({}, {"disable_missing": True}):
        (action,) = decided([row], [bob], "pod", **options).actions()
        assert (action.do, action.id, list(action.steps)) == ("conflict", "7", [])
        assert action.reason == (
            "its emailAddress belonged to 'Bob Ray' (id 7), who is disabled: another person would get that account "
            "with its history; to take the keys as they are, add --trust-keys"
        )
    (action,) = decided([row], [bob], "pod", trust_keys=True).actions()
    assert (action.do, len(action.steps)) == ("update", 2)


@pytest.mark.parametrize("name", ["Ann Ray", "Bob Lee", "BOB RAY", "Ray Bob"])
def test_one_who_married_or_is_written_otherwise_is_the_same_person(name: str) -> None:
    bob = there("7", worker("bray", "bob@acme.com", "Bob Ray"), active=False)
    (action,) = decided([worker("bray", "bob@acme.com", name, status="ENABLED")], [bob], "pod").actions()
    assert action.do in ("update", "enable")


def test_whoever_is_active_keeps_the_account_under_a_new_name() -> None:
    (action,) = decided(
        [worker("x", "x@acme.com", "Ann Lee")], [there("7", worker("x", "x@acme.com", "Bob Ray"))], "pod"
    ).actions()
    assert action.do == "update"


# Keys with something in them that nobody sees, in the tenant.


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        ("\u200bu0@acme.com", "U+200B ZERO WIDTH SPACE"),
        ("u0\u00ad@acme.com", "U+00AD SOFT HYPHEN"),
        ("\ufeffu0@acme.com", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("'u0@acme.com", "an apostrophe before it"),
    ],
)
@pytest.mark.parametrize("disable_missing", [True, False])
def test_75_the_real_one_is_not_disabled_for_a_clean_ghost(spoilt: str, what: str, disable_missing: bool) -> None:
    users = [there("0", member(spoilt, "U N")), there("1", member("u1@acme.com", "U N"))]
    rows = [member("u0@acme.com", "U N"), member("u1@acme.com", "U N")]
    made = decided(rows, users, disable_missing=disable_missing)
    assert told(made) == [(1, "conflict", "0"), (2, "skip", "1")]
    (conflict,) = made.actions("conflict")
    assert conflict.reason.startswith(f"'U N' (id 0) has the same key but for {what}: probably the same person")
    trusted = decided(rows, users, disable_missing=disable_missing, trust_keys=True)
    assert trusted.end_inactive.count == disable_missing
    assert trusted.counts["create"] == 1


# Swaps and chains.

ANN, BOB, CAT = (
    there("1", worker("ann", "ann@acme.com", "Ann Lee")),
    there("2", worker("bob", "bob@acme.com", "Bob Ray")),
    there("3", worker("cat", "cat@acme.com", "Cat Fox")),
)


def test_76_a_swap_says_whom_each_key_means() -> None:
    rows = [worker("ann", "bob@acme.com", "Ann Lee"), worker("bob", "ann@acme.com", "Bob Ray")]
    made = decided(rows, [ANN, BOB], "pod", disable_missing=True)
    assert [action.do for action in made.actions()] == ["conflict", "conflict"]
    assert [action.reason for action in made.actions()] == [
        f"its keys mean different users: userName {first}, emailAddress {second}"
        for first, second in (
            ("'ann' is that of 'Ann Lee' (id 1)", "'bob@acme.com' is that of 'Bob Ray' (id 2)"),
            ("'bob' is that of 'Bob Ray' (id 2)", "'ann@acme.com' is that of 'Ann Lee' (id 1)"),
        )
    ]


@pytest.mark.parametrize("backwards", [False, True])
def test_in_a_chain_only_whoever_takes_anothers_address_waits(backwards: bool) -> None:
    rows = [
        worker("ann", "bob@acme.com", "Ann Lee"),
        worker("bob", "cat@acme.com", "Bob Ray"),
        worker("cat", "fox@acme.com", "Cat Fox"),
    ]
    made = decided(rows[::-1] if backwards else rows, [ANN, BOB, CAT], "pod")
    kinds = {action.label: (action.do, list(action.steps)) for action in made.actions()}
    assert kinds == {
        "ann": ("conflict", []),
        "bob": ("conflict", []),
        "cat": ("update", [{"do": "update", "set": {"emailAddress": "fox@acme.com"}}]),
    }


async def test_the_audit_says_doubled_only_where_users_share_one_key(tmp_path: Path) -> None:
    swapped = [worker("ann", "bob@acme.com", "Ann Lee"), worker("bob", "ann@acme.com", "Bob Ray")]
    shared = there("4", worker("dan", "bob@acme.com", "Dan Orr"))
    done = worker("cat", "bob@acme.com", "Cat Fox")
    for users, state, counts in (
        ([ANN, BOB], "conflict", {"missing": 0, "doubled": 0, "different": 0}),
        ([ANN, BOB, shared], "conflict", {"missing": 0, "doubled": 1, "different": 0}),
        ([CAT, BOB], "done", {"missing": 0, "doubled": 0, "different": 1}),
    ):
        desired = Desired.of([done] if state == "done" else swapped, "pod")
        made = plan(desired, Actual.of("pod", users))
        actions = made.actions()
        if state == "done":
            actions = iter([Action("skip", 1, "cat", "3", values=done)])
        async with SqliteStore(tmp_path / f"{len(users)}{state}.journal") as store:
            await store.begin(JobHeader.of(made, made_at=1.0), actions)
            found, _ = await audit(store, Actual.of("pod", users), Progress())
        assert found["counts"] == counts
        if counts["doubled"]:
            assert found["doubled"] == [(1, "ann", ["2", "4"])]
        if counts["different"]:
            ((line, label, changes),) = found["different"]
            assert (line, label) == (1, "cat")
            assert changes == {
                "userName": ("'Cat Fox' (id 3)", "cat"),
                "emailAddress": ("'Bob Ray' (id 2)", "bob@acme.com"),
            }
