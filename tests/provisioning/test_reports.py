"""Reports: what they count, what they advise, that their CSV goes in again, and that the page loads nothing."""

from __future__ import annotations

import asyncio
import csv
import re
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import AuthError, BadRequest, JobError, OutcomeUnknown
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.job.run import Job
from aiosymphony.provisioning.journal.base import Change, JobHeader
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.reports.report import Report
from aiosymphony.provisioning.reports.timeline import Bucket
from aiosymphony.provisioning.rows.base import User
from aiosymphony.provisioning.rows.connect import ConnectUser

from .tenant import Tenant


def person(name: str, **more: object) -> dict[str, Any]:
    return {"email": f"{name}@acme.com", "firstName": name.title(), "lastName": "Lee", **more}


EVIL = "=cmd|' /C calc'!A0 <script>alert(1)</script>"


async def a_job(path: Path) -> Report:
    """One row of every fate."""

    def fault(_number: int, users: Sequence[User]) -> str | Exception:
        label = users[0].label
        if label.startswith("bad"):
            return BadRequest(EVIL, status=400, code=40001)
        return OutcomeUnknown("answered 500") if label.startswith("poor") else ""

    tenant = Tenant(batch=1, unique=False, fault=fault)  # type: ignore[arg-type]
    tenant.add(ConnectUser.from_dict(person("same")))
    tenant.add(ConnectUser.from_dict(person("moved", title="Old")))
    records = [
        *(person(f"u{n}") for n in range(50)),
        person("same"),
        person("moved", title="New"),
        person("bad1", title="Mr."),
        person("bad2"),
        person("poor"),
        {"email": "wrong"},
        person("off", active=False),
    ]
    actual = Actual.of("connect", tenant.users.values())
    wanted = plan(Desired.of(records, "connect"), actual, target=tenant.name)
    async with SqliteStore(path) as store:
        await Job(tenant, store, settle=0.01).run(wanted)
        return await Report.of(store)


async def test_counts_causes_and_advice(tmp_path: Path) -> None:
    report = await a_job(tmp_path / "job.journal")
    assert report.to_dict()["rows"] == {
        "total": 57,
        "done": 52,
        "skipped": 1,
        "failed": 4,
        "unknown": 1,
        "not_finished": 0,
    }
    assert report.exit_code == 3
    told = {(cause.state, cause.code): cause for cause in report.causes}
    most = report.causes[0]
    assert (most.state, most.code, most.count) == ("FAILED", "40001", 2)
    assert [(line, label) for line, label, *_ in told["FAILED", "40001"].rows] == [
        (53, "bad1@acme.com"),
        (54, "bad2@acme.com"),
    ]
    assert "add the domain to the company" in told["FAILED", "40001"].advice
    assert told["FAILED", "invalid"].rows[0][0] == 56
    assert told["CONFLICT", "conflict"].message == "differs in title, which the Connect API cannot change"
    assert "Run the same command again" in told["UNKNOWN", "in doubt"].advice
    assert report.audit is not None
    assert report.audit["counts"] == {"missing": 0, "doubled": 0, "different": 0}
    # 51 were sent and done; two were refused, and one stayed in doubt.
    assert (sum(bucket.done for bucket in report.timeline), sum(bucket.failed for bucket in report.timeline)) == (51, 3)


@pytest.mark.parametrize(
    ("counts", "audit", "code"),
    [
        ({("create", "DONE"): 5, ("skip", "DONE"): 1}, {}, 0),
        ({("create", "DONE"): 5, ("create", "FAILED"): 1}, {}, 2),
        ({("create", "DONE"): 5, ("update", "CONFLICT"): 1}, {}, 2),
        ({("create", "FAILED"): 5, ("create", "UNKNOWN"): 1}, {}, 3),
        ({("create", "UNKNOWN"): 5, ("create", "TODO"): 1}, {}, 75),
        ({("create", "IN_FLIGHT"): 1}, {}, 75),
        ({("create", "DONE"): 5}, {"doubled": 1}, 2),
        ({("create", "DONE"): 5}, {"missing": 1}, 2),
    ],
)
async def test_exit_codes(tmp_path: Path, counts: Any, audit: dict[str, int], code: int) -> None:
    report = await a_job(tmp_path / "job.journal")
    report.counts = counts
    report.audit = {"counts": {"missing": 0, "doubled": 0, "different": 0, **audit}}
    assert report.exit_code == code


async def test_the_csv_of_what_is_not_done_is_an_input_again(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    report = await a_job(path)
    async with SqliteStore(path, read_only=True) as store:
        assert await report.write_rest(store, tmp_path / "rest.csv") == 5
        assert await report.write_csv(store, tmp_path / "rows.csv") == 57
    again = Desired.read(tmp_path / "rest.csv", "connect")
    assert next(str(problem) for problem in again.problems()) == "line 6: email 'wrong' is not an e-mail address"
    assert [row.user.to_dict() for row in again.rows()] == [
        person("moved", title="New"),
        person("bad1", title="Mr."),
        person("bad2"),
        person("poor"),
    ]
    for name in ("rest.csv", "rows.csv"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / name).read_bytes().startswith(b"\xef\xbb\xbf")
        with (tmp_path / name).open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        # What the server said is never a formula of ours.
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "-"))]
        assert "'" + EVIL in cells


async def test_lists_and_switches_survive_the_csv(tmp_path: Path) -> None:
    records = [
        {
            "userName": "ann",
            "emailAddress": "ann@acme.com",
            "displayName": 'Ann "A" Lee, jr.',
            "firstName": "Ann",
            "lastName": "Lee",
            "mobilePhoneNumber": "+33 1 02 03",
            "roles": ["INDIVIDUAL", "ADMINISTRATOR"],
            "features": {"canRead": True, "canPost": False},
            "status": "DISABLED",
        }
    ]
    tenant = Tenant(kind="pod", batch=1, fault=lambda _number, _users: AuthError("no"))
    wanted = plan(Desired.of(records, "pod"), Actual("pod"), target=tenant.name)
    async with SqliteStore(tmp_path / "job.journal") as store:
        with pytest.raises(JobError, match="fail alike"):
            await Job(tenant, store, settle=0.01).run(wanted)
        report = await Report.of(store)
        assert report.exit_code == 75
        await report.write_rest(store, tmp_path / "rest.csv")
    (row,) = Desired.read(tmp_path / "rest.csv", "pod", strict=True).rows()
    assert row.user.to_dict() == records[0]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    report = await a_job(tmp_path / "job.journal")
    # As a longer job has it.
    report.timeline = [Bucket(float(at), 1.0, at, at % 2, 0.1 * at, 0.2 * at) for at in range(1, 9)]
    report.began_at, report.ended_at = 1.0, 9.0
    text = report.to_html()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.tags.count("svg") == 2
    assert page.tags.count("polyline") == 4
    assert page.tags.count("details") == len(report.causes) + 1
    assert not {"script", "img", "link", "iframe", "object"} & {*page.tags}
    assert not {"src", "href", "onload"} & {name for name, _ in page.attributes}
    assert not re.search(r"https?:|url\(|@import", text)
    assert "default-src 'none'" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


async def browse(page: Path, scratch: Path, *options: str) -> tuple[str, set[str]]:
    """The page as a browser understands it, and the hosts that were asked for anything meanwhile."""
    assert BROWSER is not None
    browser = await asyncio.create_subprocess_exec(
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={scratch / 'profile'}",
        f"--log-net-log={scratch / 'net.json'}",
        *options,
        "--dump-dom",
        page.as_uri(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    shown = (await browser.communicate())[0].decode()
    return shown, set(re.findall(r'"url":"https?://([^/"]+)', (scratch / "net.json").read_text()))


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
async def test_a_browser_shows_plots_and_tables_and_asks_nobody(tmp_path: Path) -> None:
    page, empty = tmp_path / "report.html", tmp_path / "empty.html"
    report = await a_job(tmp_path / "job.journal")
    report.timeline = [Bucket(float(at), 1.0, at, 0, 0.1 * at, 0.2 * at) for at in range(1, 9)]
    page.write_text(report.to_html())
    empty.write_text("<!DOCTYPE html><title>empty</title>")
    # Browsers call home by themselves: only what an empty page does not cause is the report's doing.
    _, own = await browse(empty, tmp_path)
    shown, asked = await browse(page, tmp_path)
    assert shown.count("<svg") == 2
    assert shown.count("<polyline") > 1
    assert shown.count("<table") > 3
    assert asked <= own


async def test_a_clock_that_was_set_back_while_the_job_ran(tmp_path: Path) -> None:
    wanted = plan(Desired.of([person("ann"), person("bob")], "connect"), Actual("connect"), target="acme")
    async with SqliteStore(tmp_path / "job.journal") as store:
        await store.begin(JobHeader.of(wanted, made_at=5000.0), wanted.actions())
        await store.acquire(60)
        await store.mark_in_flight([1, 2], 5000.0)
        await store.record([Change([1], "DONE", ids=["u1"])], 1400.0)
        await store.record([Change([2], "DONE", ids=["u2"])], 1400.5)
        report = await Report.of(store)
    assert sum(bucket.done for bucket in report.timeline) == 2
    assert all(bucket.seconds > 0 for bucket in report.timeline)
    assert report.to_html()


async def test_a_report_of_nothing(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "job.journal") as store:
        with pytest.raises(JobError, match="holds no job"):
            await Report.of(store)
