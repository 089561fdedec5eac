"""The report of a long job: every figure is the journal's, wherever it stands, and anybody can read the page."""

from __future__ import annotations

import asyncio
import csv
import re
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.cli import main
from aiosymphony.provisioning import Desired, Report, SqliteStore, plan
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.journal.base import Change, JobHeader, JobRow, JobStore, Worker, each_row
from aiosymphony.provisioning.journal.states import State
from aiosymphony.provisioning.plans.actions import ONE_CREATE, Action

from .test_reports import BROWSER, browse

START = 1_795_000_000.0
HOUR = 3600.0
EVIL = '</summary><script>alert(1)</script>"><img src=x onerror=alert(1)>\u202egnihsif\x9b31m'


async def a_long_job(path: Path, *, rows: int = 4000, refused: int = 7, stop: int | None = None) -> SqliteStore:
    """Each ``refused``-th row is refused in its own words, each 50th looked up; half is done after a night."""
    header = JobHeader("connect", "connect:https://acme.example", f"{EVIL}.csv", "ab" * 32, False, rows, 0, START - 9)
    actions = [
        Action(
            "skip", 2, "same@acme.com", "u0", values={"email": "same@acme.com", "firstName": "S", "lastName": "Lee"}
        ),
        *(
            Action("create", number + 1, f"u{number}@acme.com", steps=ONE_CREATE, values=_person(number))
            for number in range(2, rows)
        ),
        Action("invalid", rows + 1, "", reason="email: 'x' is no e-mail address"),
    ]
    store = SqliteStore(path)
    await store.open()
    await store.begin(header, actions)
    await store.acquire(60)
    last = stop or rows - 1
    for first in range(2, last + 1, 100):
        numbers = [*range(first, min(first + 100, last + 1))]
        sent_at = START + first / 20 + (9 * HOUR if first > rows / 2 else 0)
        await store.mark_in_flight(numbers, sent_at)
        for place, number in enumerate(numbers):
            at = sent_at + (place + 1) / 20
            if number % refused == 0:
                message = f"the e-mail address u{number}@acme.com of {EVIL} has an account elsewhere"
                change = Change([number], "FAILED", code="40002", message=message)
            else:
                change = Change([number], "DONE", 1, [f"id{number}"], code="looked up" if number % 50 == 0 else "")
            asyncio.ensure_future(store.record([change], at)).add_done_callback(lambda done: done.result())
        await store.note("begun", True)  # What was recorded before is durable now.
    if stop is None:
        found = {"missing": [], "doubled": [[5, "u4@acme.com", ["id4", "id9"]]], "different": []}
        counts = {kind: len(each) for kind, each in found.items()}
        await store.note("audit", {"at": START + 10 * HOUR, "checked": 3400, "counts": counts, **found})
        await store.note("finished_at", START + 10 * HOUR + 5)
    return store


def _person(number: int) -> dict[str, Any]:
    return {"email": f"u{number}@acme.com", "firstName": "U", "lastName": "Lee"}


class Content(HTMLParser):
    """The tiles, the headings, the landmarks and what else is looked for in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.path.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.path[-1][0] if self.path else "", data))

    @classmethod
    def of(cls, text: str) -> Content:
        page = cls()
        page.feed(text)
        assert page.path == []
        return page

    def told(self, *tags: str) -> list[str]:
        return [text for tag, text in self.texts if tag in tags]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def test_every_figure_is_the_journals_in_text_json_and_html(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "people.journal"

    async def read() -> tuple[Report, list[JobRow]]:
        store = await a_long_job(path)
        await store.close()
        async with SqliteStore(path, read_only=True) as store:
            return await Report.of(store), [row async for row in each_row(store)]

    report, rows = asyncio.run(read())
    states = Counter(row.state for row in rows)
    sent = [row for row in rows if row.sent_at is not None]
    expected = {
        "rows": 4000,
        "done": states["DONE"],
        "already correct": 1,
        "failed": states["FAILED"],
        "unknown": 0,
        "not finished": 0,
        "looked up": sum(row.code == "looked up" for row in rows),
        "attempts": sum(row.attempts for row in rows),
    }
    assert (expected["done"], expected["failed"], expected["looked up"]) == (3428, 572, 68)

    told = report.to_dict()
    assert told["rows"] == {
        "total": 4000,
        "done": expected["done"],
        "skipped": 1,
        "failed": expected["failed"],
        "unknown": 0,
        "not_finished": 0,
    }
    assert (told["looked_up"], told["attempts"]) == (expected["looked up"], expected["attempts"])
    assert sum(cause["rows"] for cause in told["causes"]) == expected["failed"]
    assert [(cause["code"], cause["rows"]) for cause in told["causes"]] == [("40002", 571), ("invalid", 1)]
    assert sum(bucket["done"] for bucket in told["timeline"]) == sum(row.state == "DONE" for row in sent)
    assert sum(bucket["failed"] for bucket in told["timeline"]) == sum(row.state == "FAILED" for row in sent)
    assert told["began_at"] == min(row.sent_at or 0 for row in sent)
    assert told["ended_at"] == max(row.done_at or 0 for row in sent)
    (pause,) = told["pauses"]
    assert told["seconds"] == pytest.approx(told["ended_at"] - told["began_at"] - pause["seconds"])
    assert told["seconds"] == pytest.approx(200, abs=0.2)

    page = Content.of(report.to_html())
    figures = dict(zip(page.told("dt"), page.told("dd"), strict=True))
    assert figures == {name: f"{count:,}" for name, count in expected.items()}
    cells = page.told("td")
    assert f"{report.counts['create', 'DONE']:,}" in cells
    assert "9 h pause" in page.told("span")
    assert f"{expected['done'] - 1:,} rows were sent and done in 3.33 min, a pause left out: 17.1 rows per second." in (
        page.told("p")
    )

    assert main(["provision", "report", str(path)]) == 2
    text = capsys.readouterr().out
    for name in ("done", "already correct", "failed", "unknown", "not finished"):
        assert re.search(rf"{name}\W+{expected[name]:,}\W", text), name
    assert "571 failed 40002: the e-mail address … of" in text


async def test_a_job_that_runs_is_told_as_running_and_its_figures_agree(tmp_path: Path) -> None:
    path = tmp_path / "people.journal"
    store = await a_long_job(path, stop=1500)
    try:

        class Changing(SqliteStore):
            """Between two reads of a page the job gets on."""

            async def fetch(self, states: Sequence[State], **options: Any) -> list[JobRow]:
                rows = await super().fetch(states, **options)
                if rows and rows[-1].number == 1000:
                    numbers = [1501, 1502, 1503]
                    await store.mark_in_flight(numbers, START)
                    await store.record([Change(numbers, "FAILED", code="40001", message="no")], START + 1)
                return rows

        async with Changing(path, read_only=True) as reader:
            report = await Report.of(reader)
    finally:
        await store.close()
    assert report.total == 4000
    assert report.failed == sum(cause.count for cause in report.causes) == 1500 // 7 + 3 + 1
    assert len(report.running) == 1
    assert "is run by process" in report.next_steps[0]
    assert not [step for step in report.next_steps if "run the same command to resume" in step]
    assert "Running: 1,504 of 4,000 rows are finished." in Content.of(report.to_html()).told("p")


async def test_anybody_can_read_the_page_with_eyes_ears_and_keys(tmp_path: Path) -> None:
    store = await a_long_job(tmp_path / "people.journal")
    report = await Report.of(store)
    await store.close()
    text = report.to_html()
    page = Content.of(text)
    for landmark in ("header", "main", "footer", "h1"):
        assert len(page.all(landmark)) == 1
    ids = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [section["aria-labelledby"] in ids for section in page.all("section")] == [True] * len(page.told("h2"))
    assert len(page.all("svg")) == len(page.told("desc")) == len(page.told("title")) - 1 == 2
    for picture in page.all("svg"):
        assert picture["role"] == "img"
        assert {*str(picture["aria-labelledby"]).split()} <= {*ids}
    regions = [each for each in page.all("div") if each.get("role") == "region"]
    assert len(regions) == len(page.all("table"))
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in regions)
    assert all(each["scope"] == "col" for each in page.all("th"))
    # Each time says its zone, to people and to machines.
    assert len(page.all("time")) == len(page.told("time")) > 3
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", each) for each in page.told("time"))
    assert all(str(each["datetime"]).endswith("Z") for each in page.all("time"))
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "@media (max-width" in text
    # Nothing that was said is obeyed.
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", text.replace("\n", ""))
    assert not page.all("script")
    assert not page.all("img")


async def test_wrong_rows_are_told_by_their_key_or_by_their_line(tmp_path: Path) -> None:
    """Where a cell is wrong, the key is shown as it stands in the file; where there is none, the line."""
    file = tmp_path / "people.csv"
    file.write_text(
        "email,firstName,lastName\nann acme.com,Ann,Lee\nbob@acme.com,,Lee\n,Cat,Lee\ndan@acme.com,Dan,Lee,more\n"
    )
    made = plan(Desired.read(file, "connect"), Actual("connect"), target="acme")
    labels = [(action.line, action.label) for action in made.actions("invalid")]
    assert labels == [(2, "ann acme.com"), (3, "bob@acme.com"), (4, ""), (5, "")]
    async with SqliteStore(tmp_path / "job.journal") as store:
        await store.begin(JobHeader.of(made, made_at=START), made.actions())
        report = await Report.of(store)
        await report.write_csv(store, tmp_path / "rows.csv")
    cells = Content.of(report.to_html()).told("td")
    for line, user in (("2", "ann acme.com"), ("3", "bob@acme.com"), ("4", "line 4"), ("5", "line 5")):
        assert cells[cells.index(line) + 1] == user
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8-sig") as lines:
        assert [row["user"] for row in csv.DictReader(lines)] == ["ann acme.com", "bob@acme.com", "", ""]


async def test_a_job_of_a_few_rows_has_no_plot(tmp_path: Path) -> None:
    store = await a_long_job(tmp_path / "people.journal", rows=22, refused=100)
    report = await Report.of(store)
    await store.close()
    page = Content.of(report.to_html())
    assert page.all("svg") == []
    assert [bucket.done for bucket in report.timeline] == [20]
    assert [each for each in page.told("p") if each.startswith("20 rows were sent and done in ")]


class Endless(JobStore):
    """A journal of any number of rows, made when they are asked for; knows how many of them are held."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.held = self.most = 0

    @property
    def name(self) -> str:
        return "endless"

    async def header(self) -> JobHeader:
        return JobHeader("connect", "acme", "people.csv", "ab" * 32, False, self.rows, 0, START)

    async def notes(self) -> Mapping[str, Any]:
        return {}

    async def workers(self) -> Sequence[Worker]:
        return ()

    async def counts(self) -> Mapping[tuple[str, State], int]:
        return {("create", "DONE"): self.rows}

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        rows = [self._row(number) for number in range(after + 1, min(after + limit, self.rows) + 1)]
        self.held += len(rows)
        self.most = max(self.most, self.held)
        for row in rows:
            weakref.finalize(row, self._let_go)
        return rows

    def _let_go(self) -> None:
        self.held -= 1

    def _row(self, number: int) -> JobRow:
        state: State = "FAILED" if number % 3 == 0 else "DONE"
        return JobRow(
            number, 0, number + 1, f"u{number}@acme.com", "create", state, 1, 1, None, START + number / 100,
            START + number / 100 + 0.1, "400", f"u{number}@acme.com is refused", ONE_CREATE, _person(number),
        )  # fmt: skip


async def test_a_report_holds_a_page_of_rows_at_a_time_and_writes_pieces(tmp_path: Path) -> None:
    store = Endless(12_000)
    report = await Report.of(store)
    assert store.most <= 2000
    assert [(cause.count, cause.message) for cause in report.causes] == [(4000, "… is refused")]
    assert sum(len(cause.rows) for cause in report.causes) == 200
    report.write_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report.to_html()
    assert await report.write_csv(store, tmp_path / "rows.csv") == 12_000
    assert store.most <= 2000


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
async def test_a_browser_of_400_pixels_scrolls_down_alone(tmp_path: Path) -> None:
    store = await a_long_job(tmp_path / "people.journal")
    (await Report.of(store)).write_html(tmp_path / "report.html")
    await store.close()
    frame = tmp_path / "frame.html"
    frame.write_text(
        '<!DOCTYPE html><iframe src="report.html" style="width:400px;height:800px;border:0" onload="'
        "const page = this.contentDocument.documentElement;"
        "for (const each of page.querySelectorAll('details')) each.open = true;"
        "document.title = page.clientWidth + ' ' + page.scrollWidth\"></iframe>"
    )
    shown, _ = await browse(frame, tmp_path, "--allow-file-access-from-files")
    found = re.search(r"<title>(\d+) (\d+)</title>", shown)
    assert found is not None
    width, needed = map(int, found.groups())
    assert 380 <= width <= 400
    assert needed <= width
