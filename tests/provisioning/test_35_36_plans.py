"""Plans: each kind of action, case 35 (two remote matches) and case 36 (mass disable), saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import JobError, JobRefused
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.plans.actions import Step
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan


def person(name: str, **more: object) -> dict[str, Any]:
    return {"email": f"{name}@acme.com", "firstName": name.title(), "lastName": "Lee", **more}


def worker(name: str, **more: object) -> dict[str, Any]:
    names = {"displayName": name.title(), "firstName": name.title(), "lastName": "Lee"}
    return {"userName": name, "emailAddress": f"{name}@acme.com", **names, **more}


def there(user_id: str, values: dict[str, Any], *, active: bool | None = True) -> ActualUser:
    return ActualUser(user_id, values, active)


def test_each_action_of_connect() -> None:
    desired = Desired.of(
        [
            person("new"),
            person("same", title="Mr."),
            person("off", active=False),
            person("on", active=True),
            person("moved", department="Sales"),
            person("silent"),
            {"email": "wrong"},
        ],
        "connect",
    )
    actual = Actual.of(
        "connect",
        [
            there("1", {**person("same", title="Mr."), "email": "Same@ACME.com"}),
            there("2", person("off")),
            there("3", person("on"), active=False),
            there("4", person("moved", department="Ops")),
            there("5", person("silent", department="Ops"), active=None),
            there("6", person("extra")),
        ],
    )
    made = plan(desired, actual, target="acme")
    told = [(action.line, action.do, action.id, list(action.steps)) for action in made.actions()]
    assert told == [
        (1, "create", None, [{"do": "create"}]),
        (2, "skip", "1", []),
        (3, "disable", "2", [{"do": "active", "active": False}]),
        (4, "enable", "3", [{"do": "active", "active": True}]),
        (5, "conflict", "4", []),
        (6, "skip", "5", []),
        (7, "invalid", None, []),
    ]
    conflict = next(made.actions("conflict"))
    assert conflict.reason == "differs in department, which the Connect API cannot change"
    assert conflict.changes == {"department": ["Ops", "Sales"]}
    assert made.counts == {"create": 1, "skip": 2, "disable": 1, "enable": 1, "conflict": 1, "invalid": 1}


def test_pod_updates_field_by_field_with_a_step_for_each_operation() -> None:
    desired = Desired.of(
        [
            worker(
                "ann",
                title="CEO",
                department="Board",
                roles=["INDIVIDUAL", "ADMINISTRATOR"],
                features={"canRead": True, "canPost": False},
                status="DISABLED",
                assetClasses=["FX", "Rates"],
            ),
            worker("bob", roles=["INDIVIDUAL"], features={"canPost": False}, status="DISABLED"),
            worker("cat", accountType="SYSTEM"),
        ],
        "pod",
    )
    actual = Actual.of(
        "pod",
        [
            there(
                "1",
                worker("ann", title="CTO", department="Board", roles=["INDIVIDUAL"], assetClasses=["Rates", "FX"]),
            ),
            there("2", worker("cat", accountType="NORMAL")),
        ],
    )
    ann, bob, cat = plan(desired, actual).actions()
    assert ann.do == "update"
    assert ann.steps == [
        {"do": "update", "set": {"title": "CEO"}},
        {"do": "role", "role": "ADMINISTRATOR"},
        {"do": "features", "set": {"canRead": True, "canPost": False}},
        {"do": "active", "active": False},
    ]
    assert ann.changes["title"] == ["CTO", "CEO"]
    assert [step["do"] for step in bob.steps] == ["create", "features", "active"]
    assert (cat.do, cat.reason) == ("conflict", "differs in accountType, which the Pod API cannot change")


def test_roles_features_and_fields_that_a_row_does_not_name_stay() -> None:
    has = worker("ann", title="CEO", roles=["INDIVIDUAL", "ADMINISTRATOR"], features={"canRead": True, "canPost": True})
    actual = Actual.of("pod", [there("1", has)])

    def steps(**more: object) -> list[Step]:
        (action,) = plan(Desired.of([worker("ann", **more)], "pod"), actual).actions()
        return list(action.steps)

    assert steps() == steps(title="", roles="", features="") == []
    assert steps(roles="INDIVIDUAL", features="canRead") == []
    assert steps(roles="AUDITOR", features="canPost=false") == [
        {"do": "role", "role": "AUDITOR"},
        {"do": "features", "set": {"canPost": False}},
    ]


def test_35_two_remote_matches_are_a_conflict_and_left_alone() -> None:
    desired = Desired.of([worker("ann"), worker("bob")], "pod")
    actual = Actual.of(
        "pod",
        [
            there("1", worker("ann")),
            there("2", {**worker("other"), "emailAddress": "ANN@acme.com"}),
            there("3", worker("bob")),
        ],
    )
    made = plan(desired, actual)
    ann, bob = made.actions()
    assert (ann.do, ann.reason, list(ann.steps)) == (
        "conflict",
        "2 users have the emailAddress 'ann@acme.com': 1, 2",
        [],
    )
    assert bob.do == "skip"


def test_two_rows_that_mean_one_user_are_both_left_alone() -> None:
    desired = Desired.of(
        [worker("ann"), {**worker("anna"), "emailAddress": "old@acme.com"}, worker("bob", title="New")], "pod"
    )
    actual = Actual.of(
        "pod",
        [there("1", {**worker("ann"), "emailAddress": "old@acme.com"}), there("2", worker("bob"))],
    )
    made = plan(desired, actual)
    assert [action.do for action in made.actions()] == ["conflict", "conflict", "update"]
    assert [action.reason for action in made.actions("conflict")] == [
        "line 2 of the file means the same user, 'Ann Lee' (id 1)",
        "line 1 of the file means the same user, 'Ann Lee' (id 1)",
    ]
    assert +made.counts == {"conflict": 2, "update": 1}


def test_36_disabling_the_missing_needs_force_beyond_the_threshold() -> None:
    everyone = [there(str(n), person(f"u{n}")) for n in range(100)]
    gone = there("gone", person("gone"), active=False)
    for absent, allowed in ((5, True), (6, False)):
        desired = Desired.of([person(f"u{n}") for n in range(absent, 100)], "connect")
        made = plan(desired, Actual.of("connect", everyone), disable_missing=True)
        assert made.counts["disable"] == absent
        if allowed:
            made.allow()
        else:
            with pytest.raises(
                JobError, match=r"disables 6 of 100 active users \(u0@.*, and without --force at most 5"
            ) as caught:
                made.allow()
            assert isinstance(caught.value, JobRefused)
            made.allow(force=True)
    made = plan(
        Desired.of([person("u0")], "connect"), Actual.of("connect", [*everyone[:2], gone]), disable_missing=True
    )
    assert [(a.do, a.line, a.label, a.id) for a in made.actions()] == [
        ("skip", 1, "u0@acme.com", "0"),
        ("disable", 0, "u1@acme.com", "1"),
    ]


def test_36_a_hundred_is_the_most_however_large_the_tenant() -> None:
    everyone = [there(str(n), person(f"u{n}")) for n in range(3000)]
    desired = Desired.of([person(f"u{n}") for n in range(101, 3000)], "connect")
    made = plan(desired, Actual.of("connect", everyone), disable_missing=True)
    with pytest.raises(JobError, match=r"disables 101 of 3000 active users \(.*, …\), and without --force at most 100"):
        made.allow()


def test_nobody_is_missing_from_a_file_with_wrong_rows_or_a_partial_listing() -> None:
    actual = Actual.of("connect", [there("1", person("ann"))])
    with pytest.raises(JobError, match="1 row of records is wrong, so nobody can say who is missing"):
        plan(Desired.of([{"email": "wrong"}], "connect"), actual, disable_missing=True)
    partial = Actual.of("connect", [there("1", person("ann"))], whole=False)
    with pytest.raises(JobError, match="only against a whole listing"):
        plan(Desired.of([person("bob")], "connect"), partial, disable_missing=True)


def test_the_state_is_that_of_the_users_concerned() -> None:
    desired = Desired.of([person("ann"), person("bob")], "connect")
    ann, cat = there("1", person("ann")), there("3", person("cat"))

    def state(*users: ActualUser, missing: bool = False) -> str:
        return plan(desired, Actual.of("connect", users), disable_missing=missing).state

    assert state(ann, cat) == state(cat, ann) == state(ann)
    assert state(ann) != state(ann, there("2", person("bob")))
    assert state(ann) != state(there("1", person("ann", title="New")))
    assert state(ann) != state(there("1", person("ann"), active=False))
    assert state(ann, cat, missing=True) != state(ann, missing=True)


def test_a_saved_plan_is_read_back_whole_and_gives_itself_again(tmp_path: Path) -> None:
    desired = Desired.of([person(f"u{n}", active=n % 7 != 0) for n in range(500)] + [{"email": "x"}], "connect")
    actual = Actual.of("connect", [there(str(n), person(f"u{n}")) for n in range(0, 500, 2)])
    made = plan(desired, actual, target="acme")
    made.save(tmp_path / "people.plan")
    assert (tmp_path / "people.plan").stat().st_mode & 0o777 == 0o600
    loaded = Plan.load(tmp_path / "people.plan")
    assert loaded.header() == made.header()
    assert list(loaded.actions()) == list(made.actions())
    again = plan(loaded, actual, target="acme")
    assert again.header() == made.header()
    # Two readers of one plan do not disturb each other.
    first, second = loaded.actions(), loaded.actions()
    assert [next(first) for _ in range(300)] == [next(second) for _ in range(300)]


def test_a_plan_that_was_cut_or_edited_or_is_none_is_refused(tmp_path: Path) -> None:
    made = plan(Desired.of([person("ann"), person("bob")], "connect"), Actual("connect"))
    path = tmp_path / "people.plan"
    made.save(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for content, said in (
        (b"".join(lines[:-1]), "cut short or was edited"),
        (lines[0] + lines[1][:20], "not a plan, or a damaged one"),
        (lines[0].replace(b'"format":1', b'"format":9'), "newer release"),
        (b"email,firstName\n", "not a plan"),
    ):
        path.write_bytes(content)
        with pytest.raises(JobError, match=said) as caught:
            Plan.load(path)
        assert isinstance(caught.value, JobRefused)
