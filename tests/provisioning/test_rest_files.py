"""What is not done, as a file that a spreadsheet opens, and that is an input again."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning import Desired, Plan, Progress, make_plan, plan
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.cells import harmless, kept, plain, raw
from aiosymphony.provisioning.journal.base import Change, JobHeader
from aiosymphony.provisioning.journal.memory import MemoryStore
from aiosymphony.provisioning.reports.report import Report
from aiosymphony.provisioning.rows.wanted import WrongRow

from .tenant import Tenant

MAP = {"email": None, "workEmail": "email"}


def rest_of(desired: Desired, folder: Path, *, done: Sequence[int] = ()) -> Path:
    """The file of what is left, if the server refuses all rows but some; wrong rows are refused by the job."""

    async def write() -> Path:
        made = plan(desired, Actual(desired.kind), target="acme")
        async with MemoryStore() as store:
            await store.begin(JobHeader.of(made, made_at=1.0), made.actions())
            await store.acquire(60)
            rows = await store.fetch(["TODO"], limit=10_000)
            await store.record([Change([row.number for row in rows if row.line in done], "DONE")], 2.0)
            refused = [row.number for row in rows if row.line not in done]
            await store.record([Change(refused, "FAILED", code="400", message="=no")], 2.0)
            report = await Report.of(store)
            await report.write_rest(store, folder / "rest.csv")
        return folder / "rest.csv"

    return asyncio.run(write())


def rows_of(desired: Desired) -> list[dict[str, Any]]:
    return [row.user.to_dict() for row in desired.rows()]


def wrong_of(desired: Desired) -> list[tuple[Mapping[str, str], list[tuple[str, str]]]]:
    wrong = [item for item in desired.checked_rows() if isinstance(item, WrongRow)]
    return [(item.cells, [(each.column, each.reason) for each in item.problems]) for item in wrong]


def people(*names: str, **more: object) -> list[dict[str, Any]]:
    return [{"email": f"{name}@acme.com", "firstName": name, "lastName": "Lee", **more} for name in names]


def test_a_spreadsheet_takes_it_for_what_it_is(tmp_path: Path) -> None:
    rest = rest_of(Desired.of(people("Zoë", active=False), "connect"), tmp_path)
    assert (
        rest.read_bytes()
        == (
            "\ufeffemail,firstName,lastName,active,_line,_state,_reason\r\nZoë@acme.com,Zoë,Lee,no,1,FAILED,'=no\r\n"
        ).encode()
    )


def test_what_is_mapped_once_is_not_mapped_again(tmp_path: Path) -> None:
    work = tmp_path / "work.csv"
    work.write_text("email,workEmail,firstName,lastName\nx@private.com,bob@other.com,Bob,Ray\n")
    desired = Desired.read(work, "connect", columns=MAP)
    assert not desired.is_rest
    again = Desired.read(rest_of(desired, tmp_path), "connect", columns=MAP)
    assert again.is_rest
    assert rows_of(again) == [{"email": "bob@other.com", "firstName": "Bob", "lastName": "Ray"}]


def saved_again(rest: Path, how: str) -> Path:
    """The file as somebody's program saves it."""
    with rest.open(encoding="utf-8-sig", newline="") as file:
        lines = [*csv.reader(file)]
    if how == "other order":
        order = random.Random(1).sample(range(len(lines[0])), len(lines[0]))
        lines = [[line[at] for at in order] for line in lines]
    if how == "xlsx":
        with xlsxwriter.Workbook(rest.with_name("again.xlsx")) as book:
            sheet = book.add_worksheet()
            for number, line in enumerate(lines):
                for at, cell in enumerate(line):
                    sheet.write(number, at, int(cell) if cell.isdigit() else cell)
        return rest.with_name("again.xlsx")
    text = io.StringIO()
    csv.writer(text, delimiter={"semicolons": ";", "tabs": "\t"}.get(how, ",")).writerows(lines)
    content = text.getvalue()
    if how == "json":
        content = "\n".join(json.dumps(dict(zip(lines[0], line, strict=True))) for line in lines[1:])
    path = rest.with_name(f"again.{'jsonl' if how == 'json' else 'csv'}")
    path.write_bytes((content.replace("\r\n", "\n") if how == "line feeds" else content).encode())
    return path


@pytest.mark.parametrize("how", ["other order", "semicolons", "tabs", "json", "line feeds", "xlsx"])
def test_it_is_recognised_however_it_was_saved_again(how: str, tmp_path: Path) -> None:
    records = people("Bob", title="Head; of - all", phoneNumber="+33 1 02", department="007", active=True)
    again = Desired.read(
        saved_again(rest_of(Desired.of(records, "connect"), tmp_path), how), "connect", columns=MAP, strict=True
    )
    assert again.is_rest
    assert rows_of(again) == records


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Co", "Cn"]), min_size=1, max_size=12
)
TRICKY = st.sampled_from([
    "007", "0041 44 123", "4.5E+11", "1/2", "3-4", "TRUE", "'t Hooft", "'007", "''1", "a;=b", "a|b", "a=b", "[a]", "[]",
    "{}", '["x"]', "'=x", '"=x"', "a,b", "N/A; -1", "…", "O'Neill", "12:30", "(0)", "false", "'true",
])  # fmt: skip
TEXT = st.one_of(WORDS, TRICKY)


@st.composite
def pod_records(draw: st.DrawFn) -> list[dict[str, Any]]:
    records = []
    for number in range(draw(st.integers(1, 4))):
        record: dict[str, Any] = {
            "userName": f"{number:03}",
            "emailAddress": f"u{number}@acme.com",
            "displayName": draw(TEXT),
            "firstName": draw(TEXT),
            "lastName": draw(TEXT),
        }
        for name in draw(st.sets(st.sampled_from(["title", "department", "location", "companyName"]))):
            record[name] = draw(TEXT)
        for name in draw(st.sets(st.sampled_from(["assetClasses", "industries", "marketCoverage"]))):
            record[name] = draw(st.lists(TEXT, max_size=4))
        if draw(st.booleans()):
            record["features"] = draw(st.dictionaries(TEXT, st.booleans(), max_size=3))
        record["mobilePhoneNumber"] = draw(st.sampled_from(["+33 1 02 03", "0041441234567", "12345678901234567"]))
        records.append(record)
    return records


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pod_records())
def test_every_value_comes_back_as_that_value(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    desired = Desired.of(records, "pod")
    again = Desired.read(rest_of(desired, tmp_path), "pod")
    assert rows_of(again) == rows_of(desired)
    assert again.bad == sum(bool(item.cells) for item in desired.checked_rows() if isinstance(item, WrongRow))


@given(st.one_of(TEXT, st.text(alphabet="=+-@'\"; \t\rab,\n＝0123.:/", max_size=12)))
def test_what_was_kept_from_a_spreadsheet_is_what_is_read(text: str) -> None:
    assert plain(kept(text)) == plain(harmless(text)) == text or plain(harmless(text)) == text[1:]
    assert plain(kept(text)) == text


@pytest.mark.parametrize("text", ["007", "4.479E+11", "12345678901234567", "1/2", "TRUE", "12:30", "'007"])
def test_what_a_spreadsheet_would_change_is_text_in_it(text: str) -> None:
    assert kept(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ann Lee", "O'Neill", "a|b", "'t Hooft", "24 Main Street", "yes"])
def test_what_it_would_leave_alone_is_left_alone(text: str) -> None:
    assert kept(text) == text


WRONG = """email,firstName,lastName,active
ann@acme.com,Ann,Lee,perhaps
no address,Bob,"Ray
Ray",true
cid@acme.com,NULL,007,no
ann@acme.com,Ann,Lee,true
dee@acme.com,Dee,Lee,true
too,many,cells,in,this
"""


def test_wrong_rows_are_in_it_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(WRONG)
    desired = Desired.read(file, "connect")
    rest = rest_of(desired, tmp_path)
    with rest.open(encoding="utf-8-sig", newline="") as lines:
        rows = [*csv.DictReader(lines)]
    assert [(row["email"], row["lastName"], row["active"], row["_line"]) for row in rows] == [
        ("ann@acme.com", "Lee", "perhaps", "2"),
        ("no address", "Ray\nRay", "'true", "3"),
        ("cid@acme.com", "'007", "no", "5"),
        ("ann@acme.com", "Lee", "'true", "6"),
        ("dee@acme.com", "Lee", "yes", "7"),
    ]
    again = Desired.read(rest, "connect")
    assert [cells for cells, _ in wrong_of(again)] == [cells for cells, _ in wrong_of(desired) if cells]
    # Nothing that was wrong is right by being written; of doubles, the lines are those of the file that is read.
    assert again.bad == 4
    assert next(str(problem) for problem in again.problems()) == "line 2: active 'perhaps' is neither true nor false"
    assert [str(problem) for problem in again.problems()][-1] == "line 6: email is also that of line 2"
    assert rows_of(again) == [{"email": "dee@acme.com", "firstName": "Dee", "lastName": "Lee", "active": True}]


def test_a_saved_plan_keeps_the_cells_of_wrong_rows(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(WRONG)
    made = plan(Desired.read(file, "connect"), Actual("connect"), target="acme")
    made.save(tmp_path / "people.csv.plan")
    loaded = Plan.load(tmp_path / "people.csv.plan")
    cells = [action.values for action in loaded.actions("invalid")]
    assert cells == [action.values for action in made.actions("invalid")]
    assert cells[1] == {"email": "no address", "firstName": "Bob", "lastName": "Ray\nRay", "active": "true"}
    assert cells[-1] == {}
    content = (tmp_path / "people.csv.plan").read_text()
    (tmp_path / "edited.plan").write_text(content.replace('"email":"no address"', '"email":5'))
    with pytest.raises(JobRefused, match="not a plan, or a damaged one"):
        Plan.load(tmp_path / "edited.plan")


def test_records_of_other_types_are_text_in_it(tmp_path: Path) -> None:
    records = [{"email": 5, "firstName": True, "lastName": {"a": [1]}, "title": None}]
    (wrong,) = (item for item in Desired.of(records, "connect").checked_rows())
    assert isinstance(wrong, WrongRow)
    assert wrong.cells == {"email": "5", "firstName": "true", "lastName": '{"a":[1]}'}
    assert raw("half \ud800") == "half \ufffd"


async def test_nobody_is_disabled_for_not_being_among_what_is_left(tmp_path: Path) -> None:
    rest = await asyncio.to_thread(rest_of, Desired.of(people("Bob"), "connect"), tmp_path)
    with pytest.raises(JobRefused, match=r"rest\.csv holds what is left of a job, not everybody"):
        await make_plan(Tenant(), Desired.read(rest, "connect"), disable_missing=True)


@pytest.mark.parametrize("rows", [1000])
def test_a_wrong_row_takes_part_in_no_audit(rows: int) -> None:
    from aiosymphony.provisioning.audit import audit

    async def run() -> dict[str, Any]:
        wrong = [{"email": f"u{number}", "firstName": "U", "lastName": "L"} for number in range(rows)]
        made = plan(Desired.of(wrong, "connect"), Actual("connect"), target="acme")
        async with MemoryStore() as store:
            await store.begin(JobHeader.of(made, made_at=1.0), made.actions())
            return (await audit(store, Actual("connect"), Progress()))[0]

    assert asyncio.run(run())["checked"] == 0
