"""What a server would refuse, told by the plan: the rules, how they are read, and what they make of rows."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiosymphony.cli.provision_view import print_plan
from aiosymphony.errors import Forbidden, JobRefused, NotFound, OutcomeUnknown, SymphonyError
from aiosymphony.provisioning import Report
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.job.run import Job
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.journal.states import GONE
from aiosymphony.provisioning.plans.actions import Step
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan
from aiosymphony.provisioning.plans.rules import Names, Rules
from aiosymphony.provisioning.preparing import make_plan, prepare, renew_plan
from aiosymphony.provisioning.reasons import reasons_of
from aiosymphony.provisioning.rows.base import User
from aiosymphony.provisioning.rows.registry import KINDS, user_class

from .tenant import Tenant

ROLES = {"INDIVIDUAL": ["Individual"], "USER_PROVISIONING": ["User Provisioning"], "L1_SUPPORT": ["L1 Support"]}
POD = Rules(
    "pod",
    names={
        "role": Names("role of the pod", ROLES),
        "features": Names("feature of the pod", {"postReadEnabled": (), "delegatesEnabled": ()}),
    },
)
ACME = Rules("connect", ["acme.com", "Acme.DE", "größe.example"])


def person(name: str, domain: str = "acme.com", **more: object) -> dict[str, Any]:
    return {"email": f"{name}@{domain}", "firstName": name.title(), "lastName": "Lee", **more}


def worker(name: str, **more: object) -> dict[str, Any]:
    names = {"displayName": name.title(), "firstName": name.title(), "lastName": "Lee"}
    return {"userName": name, "emailAddress": f"{name}@acme.com", **names, **more}


def only(records: list[dict[str, Any]], kind: str) -> User:
    (row,) = Desired.of(records, kind).rows()
    return row.user


def told(made: Plan) -> list[tuple[int, str, str]]:
    return [(action.line, action.do, action.reason) for action in made.actions()]


def decided(kind: str, records: list[dict[str, Any]], *there: ActualUser, rules: Rules | None = None) -> Plan:
    return plan(Desired.of(records, kind), Actual.of(kind, there), rules=rules)


# What the rules say.


@pytest.mark.parametrize(
    ("domain", "refused"),
    [
        ("acme.com", False),
        ("ACME.com", False),
        ("acme.de", False),
        ("GRÖßE.example", False),
        ("xn--gre-6ka8i.example", False),
        ("grösse.example", True),
        ("acme.org", True),
        ("sub.acme.com", True),
        ("acme.com.evil.example", True),
        ("notacme.com", True),
    ],
)
def test_who_is_created_needs_a_domain_of_the_company(domain: str, refused: bool) -> None:
    (found,) = told(decided("connect", [person("ann", domain)], rules=ACME))
    why = f"email is of {domain.lower()}, which is no domain of the company; it has acme.com, Acme.DE, größe.example"
    assert found == ((1, "invalid", why) if refused else (1, "create", ""))


def test_who_is_there_may_have_another_domain() -> None:
    there = ActualUser("1", person("ann", "old.example"), active=True)
    made = decided("connect", [person("ann", "old.example", active=False)], there, rules=ACME)
    assert told(made) == [(1, "disable", "")]


def test_many_domains_are_not_all_named() -> None:
    rules = Rules("connect", [f"a{n}.example" for n in range(7)])
    (found,) = told(decided("connect", [person("ann")], rules=rules))
    assert found[2].endswith("it has a0.example, a1.example, a2.example, a3.example, a4.example and others")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"roles": ["INDIVIDUAL", "L1_SUPPORT"]}, ""),
        ({"roles": ["INDIVIDUL"]}, "roles holds INDIVIDUL, which is no role of the pod (did you mean INDIVIDUAL?)"),
        ({"roles": ["individual"]}, "roles holds individual, which is no role of the pod (did you mean INDIVIDUAL?)"),
        (
            {"roles": ["User Provisioning"]},
            "roles holds User Provisioning, which is no role of the pod (did you mean USER_PROVISIONING?)",
        ),
        ({"roles": ["xyz"]}, "roles holds xyz, which is no role of the pod"),
        ({"roles": ["INDIVIDUAL", "-xyz"]}, ""),
        (
            {"features": {"postReedEnabled": True, "delegatesEnabled": True}},
            "features holds postReedEnabled, which is no feature of the pod (did you mean postReadEnabled?)",
        ),
        (
            {"features": {"DELEGATESENABLED": True}, "roles": ["q"]},
            "features holds DELEGATESENABLED, which is no feature of the pod (did you mean delegatesEnabled?); roles holds q, which is no role of the pod",  # noqa: E501
        ),
        (
            {"roles": [f"{n}!" for n in range(10)]},
            "; ".join([*(f"roles holds {n}!, which is no role of the pod" for n in range(5)), "roles holds 5 more"])
            + " that are none",
        ),
    ],
)
@pytest.mark.parametrize("exists", [False, True], ids=["created", "updated"])
def test_roles_and_features_that_there_are_not_are_told_with_the_nearest(
    columns: dict[str, Any], reason: str, exists: bool
) -> None:
    there = [ActualUser("1", worker("ann"), active=True)] if exists else []
    ((_, do, found),) = told(decided("pod", [worker("ann", **columns)], *there, rules=POD))
    assert (do, found) == ("invalid" if reason else "update" if exists else "create", reason)


def test_what_is_not_sent_is_not_refused() -> None:
    # The pod calls it otherwise by now, or an older one gave it: nothing is sent for it.
    there = ActualUser("1", worker("ann", roles=["RETIRED"], features={"retired": True}), active=True)
    made = decided("pod", [worker("ann", roles=["RETIRED"], features={"retired": True})], there, rules=POD)
    assert told(made) == [(1, "skip", "")]


def test_what_the_tenant_does_not_say_is_not_checked() -> None:
    assert told(decided("pod", [worker("ann", roles=["x"], features={"y": True})])) == [(1, "create", "")]
    assert told(decided("connect", [person("ann", "any.example")])) == [(1, "create", "")]


def test_a_file_of_nothing_but_wrong_names_looks_for_no_more_than_a_thousand() -> None:
    names = Names("role", ROLES)
    found = [why for n in range(1500) for why in names.check([f"INDIVIDUA{n}"])]
    assert [" (did you mean INDIVIDUAL?)" in why for why in found] == [True] * 1000 + [False] * 500
    assert [*Names("role", ROLES).check(["INDIVIDUAL" * 50])] == [
        f"holds {('INDIVIDUAL' * 50)[:79]}…, which is no role",
    ]


# What only who is created needs.

MISSING = "is missing: there is no such user, and nobody is created without it"


@pytest.mark.parametrize(
    ("kind", "row", "created"),
    [
        ("connect", {"email": "ann@acme.com"}, f"firstName {MISSING}; lastName {MISSING}"),
        ("connect", {"email": "ann@acme.com", "lastName": "Lee"}, f"firstName {MISSING}"),
        (
            "pod",
            {"userName": "ann", "displayName": "Ann", "lastName": "Lee"},
            f"emailAddress {MISSING}; firstName {MISSING}",
        ),
        ("pod", {**worker("ann"), "userName": ""}, f"userName {MISSING}"),
        ("pod", {**worker("ann"), "displayName": None}, f"displayName {MISSING}"),
        (
            "pod",
            {"emailAddress": "ann@acme.com", "accountType": "SYSTEM"},
            f"userName {MISSING}; displayName {MISSING}",
        ),
    ],
)  # fmt: skip
def test_who_is_created_needs_all_and_who_is_there_needs_a_key(kind: str, row: dict[str, Any], created: str) -> None:
    assert Desired.of([row], kind).bad == 0
    assert told(decided(kind, [row])) == [(1, "invalid", created)]
    values = person("ann") if kind == "connect" else worker("ann", accountType=row.get("accountType", "NORMAL"))
    assert told(decided(kind, [row], ActualUser("1", values, active=True))) == [(1, "skip", "")]


def test_all_that_a_created_user_lacks_is_told_at_once() -> None:
    (found,) = told(decided("connect", [{"email": "ann@beta.com", "firstName": "Ann"}], rules=ACME))
    assert found[2] == (
        f"lastName {MISSING}; "
        "email is of beta.com, which is no domain of the company; it has acme.com, Acme.DE, größe.example"
    )


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("connect", {"firstName": "Ann", "lastName": "Lee"}, "line 1: email is missing"),
        ("pod", {"displayName": "Ann"}, "line 1: userName or emailAddress is missing"),
        ("pod", {"userName": "a,b"}, "line 1: userName 'a,b' has a comma in it, which no look-up by name allows"),
    ],
)
def test_a_row_without_a_key_is_wrong_whoever_is_there(kind: str, row: dict[str, Any], reason: str) -> None:
    assert [str(problem) for problem in Desired.of([row], kind).problems()] == [reason]


@pytest.mark.parametrize(
    ("kind", "header", "lacks"),
    [
        ("connect", "email,title", ""),
        ("connect", "firstName,lastName", "email"),
        ("pod", "userName,title", ""),
        ("pod", "emailAddress,title", ""),
        ("pod", "displayName,title", "userName or emailAddress"),
    ],
)
def test_a_header_needs_a_key(kind: str, header: str, lacks: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"{header}\nann@acme.com,CEO\n")
    if not lacks:
        assert Desired.read(path, kind).bad == 0
        return
    with pytest.raises(JobRefused, match=f"the header lacks {lacks}; the first line must name the columns"):
        Desired.read(path, kind)


@pytest.mark.parametrize("key", ["userName", "emailAddress"])
async def test_a_part_of_a_row_changes_a_user_of_a_pod(key: str, tmp_path: Path) -> None:
    tenant = Tenant(kind="pod", batch=1, look_up_limit=500)
    ann = tenant.add(only([worker("ann", department="Sales")], "pod"))
    rows = [{key: worker("ann")[key], "department": "Ops"}, {key: worker("new")[key], "department": "Ops"}]
    made = await make_plan(tenant, Desired.of(rows, "pod"))
    assert [(action.do, action.label) for action in made.actions()] == [
        ("update", worker("ann")[key]),
        ("invalid", worker("new")[key]),
    ]
    async with SqliteStore(tmp_path / "journal") as store:
        await Job(tenant, store, settle=0.0).run(made)
        report = await Report.of(store)
        assert (report.done, report.failed, report.exit_code) == (1, 1, 2)
        assert report.audit is not None
        assert report.audit["counts"] == {"missing": 0, "doubled": 0, "different": 0}
        assert await report.write_rest(store, tmp_path / "rest.csv") == 1
    assert (tenant.creates, tenant.steps) == ([], [(ann, {"do": "update", "set": {"department": "Ops"}})])
    back = Desired.read(tmp_path / "rest.csv", "pod")
    assert [row.user.to_dict() for row in back.rows()] == [{**rows[1]}]


@pytest.mark.parametrize("ends", ["refused", "lost"])
async def test_82_a_user_that_vanishes_is_not_made_of_a_part_of_a_row(ends: str, tmp_path: Path) -> None:
    tenant = Tenant(kind="pod", batch=1, look_up_limit=500)
    tenant.add(only([worker("ann")], "pod"))

    def vanish(_number: int, _user_id: str, _step: Step) -> SymphonyError:
        tenant.users.clear()
        return NotFound("no such user", status=404) if ends == "refused" else OutcomeUnknown("the connection was lost")

    tenant.step_fault = vanish
    made = await make_plan(tenant, Desired.of([{"userName": "ann", "title": "CEO"}], "pod"))
    async with SqliteStore(tmp_path / "journal") as store:
        await Job(tenant, store, settle=0.0).run(made)
        (row,) = await store.fetch(["FAILED"], own=False)
    assert (row.code, row.message) == (
        ("404", "update: no such user") if ends == "refused" else (GONE, "the user is not there any more")
    )
    assert (tenant.creates, len(tenant.steps)) == ([], 1)


# What becomes of a plan.


@attrs.define(slots=False)
class Choosy(Tenant):
    """A tenant that takes what ``takes`` says, and counts how often it is asked."""

    takes: Rules = ACME
    asked: list[set[str]] = attrs.field(factory=list)

    async def rules(self, columns: Collection[str]) -> Rules:
        self.asked.append({*columns})
        return self.takes


ROWS = [person("ann"), person("bob", "beta.com"), {"email": "cat@acme.com"}, {"email": "wrong"}]
REFUSED = [
    (1, "create", ""),
    (2, "invalid", "email is of beta.com, which is no domain of the company; it has acme.com, Acme.DE, größe.example"),
    (3, "invalid", f"firstName {MISSING}; lastName {MISSING}"),
    (4, "invalid", "email 'wrong' is not an e-mail address"),
]


async def test_a_plan_asks_once_and_carries_out_the_rest(tmp_path: Path) -> None:
    tenant = Choosy()
    made = await make_plan(tenant, Desired.of(ROWS, "connect"))
    assert tenant.asked == [{"email", "firstName", "lastName"}]
    assert told(made) == REFUSED
    assert made.counts == {"create": 1, "invalid": 3}
    made.save(tmp_path / "plan")
    loaded = Plan.load(tmp_path / "plan")
    assert told(loaded) == REFUSED
    assert [action.refused for action in loaded.actions()] == [False, True, True, False]
    assert loaded.columns == {"email", "firstName", "lastName"}
    again = await renew_plan(tenant, loaded)
    assert told(again) == REFUSED
    assert (again.header(), tenant.asked[1:]) == (made.header(), [{"email", "firstName", "lastName"}])
    async with SqliteStore(tmp_path / "journal") as store:
        await Job(tenant, store, settle=0.0).run(again)
        report = await Report.of(store)
    assert (report.done, report.failed, report.exit_code, tenant.creates) == (1, 3, 2, [["ann@acme.com"]])


@pytest.mark.parametrize("saved_under", [ACME, Rules("connect", ["acme.com", "beta.com"])])
async def test_81_a_saved_plan_is_refused_once_the_tenant_takes_other_rows(saved_under: Rules, tmp_path: Path) -> None:
    other = Rules("connect", ["acme.com", "beta.com"]) if saved_under is ACME else ACME
    tenant = Choosy(takes=saved_under)
    (await make_plan(tenant, Desired.of(ROWS, "connect"))).save(tmp_path / "plan")
    tenant.takes = other
    with pytest.raises(JobRefused) as caught:
        await renew_plan(tenant, Plan.load(tmp_path / "plan"))
    change = "+1 create, -1 invalid" if saved_under is ACME else "-1 create, +1 invalid"
    assert str(caught.value) == (
        "users of this plan, or its rules, were changed in the tenant since it was made "
        f"(made again: {change}): make a new plan, and look at it again"
    )
    # Made anew, the plan goes by what holds now.
    counts = (await make_plan(tenant, Desired.of(ROWS, "connect"))).counts
    assert counts == ({"create": 2, "invalid": 2} if saved_under is ACME else {"create": 1, "invalid": 3})


async def test_a_rule_that_changes_no_action_does_not_stop_a_saved_plan(tmp_path: Path) -> None:
    tenant = Choosy()
    (await make_plan(tenant, Desired.of(ROWS, "connect"))).save(tmp_path / "plan")
    tenant.takes = Rules("connect", ["acme.com", "gamma.com"], warnings=["roles were not checked"])
    again = await renew_plan(tenant, Plan.load(tmp_path / "plan"))
    assert (again.counts, again.warnings) == ({"create": 1, "invalid": 3}, ["roles were not checked"])


async def test_strict_takes_no_row_that_would_be_refused(tmp_path: Path) -> None:
    tenant = Choosy()
    desired = Desired.of(ROWS[:3], "connect")
    with pytest.raises(JobRefused) as caught:
        await make_plan(tenant, desired, strict=True)
    async with SqliteStore(tmp_path / "journal") as store:
        with pytest.raises(JobRefused, match="2 wrong rows, and --strict takes none"):
            await prepare(store, tenant, desired, strict=True)
        assert await store.header() is None
    assert str(caught.value) == (
        "records: 2 wrong rows, and --strict takes none; the first: line 2: email is of beta.com, which is no domain "
        f"of the company; it has acme.com, Acme.DE, größe.example; line 3: firstName {MISSING}; lastName {MISSING}"
    )
    made = await make_plan(tenant, Desired.of(ROWS[:1], "connect"), strict=True)
    assert made.counts == {"create": 1}


async def test_nobody_is_missing_from_a_file_with_rows_that_would_be_refused() -> None:
    tenant = Choosy()
    tenant.add(only([person("eve")], "connect"))
    with pytest.raises(JobRefused, match="1 row of records is wrong, so nobody can say who is missing from it"):
        await make_plan(tenant, Desired.of([{"email": "eva@acme.com"}], "connect"), disable_missing=True)


async def test_reasons_are_counted_and_told_once() -> None:
    rows = [person(f"u{n}", "beta.com" if n % 3 else "gamma.com") for n in range(300)]
    rows += [{"email": f"new{n}@acme.com", "lastName": "Lee"} for n in range(50)]
    rows += [{"email": f"wrong {n}"} for n in range(7)]
    reasons = reasons_of(await make_plan(Choosy(), Desired.of(rows, "connect")))
    assert [(each.rows, each.do, each.line, each.reason.partition(";")[0]) for each in reasons] == [
        (200, "invalid", 2, "email is of beta.com, which is no domain of the company"),
        (100, "invalid", 1, "email is of gamma.com, which is no domain of the company"),
        (50, "invalid", 301, f"firstName {MISSING}"),
        (7, "invalid", 351, "email … is not an e-mail address"),
    ]


async def test_reasons_without_end_are_counted_together() -> None:
    rows = [person("u", f"{chr(97 + n // 26)}{chr(97 + n % 26)}.example") for n in range(600)]
    reasons = reasons_of(await make_plan(Choosy(), Desired.of(rows, "connect")))
    assert (len(reasons), reasons[0].rows, reasons[0].reason) == (501, 100, "other reasons")
    assert sum(each.rows for each in reasons) == 600


async def test_a_long_plan_counts_reasons_and_says_what_was_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    tenant = Choosy(takes=attrs.evolve(ACME, warnings=["roles were not checked"]))
    rows = [person(f"u{n}", "beta.com") for n in range(11)]
    print_plan(await make_plan(tenant, Desired.of(rows, "connect")), details=False)
    told = capsys.readouterr().out
    assert "11 invalid, from line 1 on: email is of beta.com, which is no domain of the company" in told
    assert "Warning: roles were not checked" in told
    print_plan(await make_plan(tenant, Desired.of(rows[1:], "connect")), details=False)
    told = capsys.readouterr().out
    assert "from line" not in told
    assert told.count("email is of beta.com") == 10


async def test_a_role_that_the_account_may_not_give_fails_when_it_is_given(tmp_path: Path) -> None:
    tenant = Choosy(kind="pod", batch=1, look_up_limit=500, takes=POD)
    tenant.add(only([worker("ann")], "pod"))
    tenant.step_fault = lambda _number, _user_id, _step: Forbidden("lacks an entitlement", status=403)
    made = await make_plan(tenant, Desired.of([{"userName": "ann", "roles": ["USER_PROVISIONING"]}], "pod"))
    assert told(made) == [(1, "update", "")]
    async with SqliteStore(tmp_path / "journal") as store:
        await Job(tenant, store, settle=0.0).run(made)
        (row,) = await store.fetch(["FAILED"], own=False)
    assert (row.code, row.message) == ("403", "role: lacks an entitlement")


# Lengths: what the documents say, at the end of it and one beyond.


@pytest.mark.parametrize("kind", [*KINDS])
def test_lengths_are_those_of_the_documents(kind: str) -> None:
    short = {"firstName", "lastName"}
    for name, column in user_class(kind).columns().items():
        if column.choices or column.type not in (str, list):
            continue
        most = 64 if name in short else 254 if name in ("email", "emailAddress") else 256
        text = "x@y." + "z" * (most - 4) if most == 254 else "1" * most
        assert column.read(text) == ([text] if column.type is list else text)
        with pytest.raises(ValueError, match=f"has {most + 1} characters, at most {most} are allowed"):
            column.read(text + "1")
