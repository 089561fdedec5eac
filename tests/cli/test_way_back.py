"""The way back after a job, as an operator goes it: a command that is printed can be copied, and does what it says."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson
import pytest

from aiosymphony import ConnectClient
from aiosymphony.provisioning.journal import registry
from aiosymphony.provisioning.journal.base import JobStore
from aiosymphony.provisioning.journal.memory import MemoryJournal, MemoryStore
from aiosymphony.provisioning.reports.next_steps import command_line
from aiosymphony.sandbox import Sandbox

from .conftest import Done, Run

pytestmark = pytest.mark.usefixtures("credentials")

GOOD = ["ann", "bob", "cid"]


@pytest.fixture
async def company(symphony_sandbox: Sandbox, symphony_connect: ConnectClient) -> str:
    del symphony_sandbox
    made = await symphony_connect.companies.create(name="acme", vanity_name="acme", email_domains=["acme.com"])
    assert made.id is not None
    await symphony_connect.companies.wait_until_completed(made.id, interval=0.05)
    return made.id


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name a shell would divide and unquote, as the current one."""
    folder = tmp_path / "it's here; $HOME"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def people(folder: Path, *names: str, title: str = "") -> str:
    """A file whose columns have to be mapped."""
    file = folder / "my people.csv"
    lines = [f"x,{name if '@' in name else f'{name}@acme.com'},{name[:9]},Lee,{title}" for name in names]
    file.write_text("email,Mail,firstName,lastName,title\n" + "\n".join(lines) + "\n")
    (folder / "my map.toml").write_text('[columns]\n"email" = ""\n"Mail" = "email"\n')
    return "my people.csv"


def options(company: str) -> list[str]:
    return ["--target", "connect", "--company", company, "--map", "my map.toml"]


def printed(done: Done, what: str) -> list[str]:
    """The arguments of the command that is printed behind some words."""
    found = re.search(re.escape(what) + r".*?: aiosymphony (provision .*)$", done.out, re.MULTILINE)
    assert found, f"{what!r} is not in {done.out}"
    return shlex.split(found.group(1))


def rows(done: Done) -> dict[str, int]:
    return orjson.loads(done.out)["rows"]  # type: ignore[no-any-return]


async def test_what_failed_is_corrected_where_it_stands(run: Run, folder: Path, company: str) -> None:
    command = ["provision", "apply", people(folder, *GOOD, "dee@other.com", "wrong one"), *options(company)]
    first = await run(*command, "--journal", "the journal", "--rate", "300", "--settle", "0.1")
    assert first.code == 2
    assert "Next: 2 rows are wrong. Correct my people.csv, and run: aiosymphony provision " in first.out
    people(folder, *GOOD, "dee", "eve")
    again = await run(*printed(first, "Correct my people.csv, and run"), "--json")
    assert (again.code, rows(again)["done"], rows(again)["skipped"]) == (0, 5, 3)
    # As it was given, in whatever order.
    header = orjson.loads(again.out)["job"]
    assert (folder / "the journal").exists()
    for option in ("--map", "--journal", "--rate", "--settle", "--company"):
        assert option in header["command"]
    assert "--json" not in header["command"]


async def test_what_failed_is_corrected_in_a_file_of_its_own(run: Run, folder: Path, company: str) -> None:
    command = ["provision", "apply", people(folder, *GOOD, "dee@other.com", "wrong one"), *options(company)]
    first = await run(*command)
    written = await run(*printed(first, "alone. Write them to a file"))
    assert written.code == 2
    rest = folder / "my people.rest.csv"
    with rest.open(encoding="utf-8-sig", newline="") as lines:
        assert [row["email"] for row in csv.DictReader(lines)] == ["dee@other.com", "wrong one@acme.com"]
    rest.write_text(rest.read_text().replace("dee@other", "dee@acme").replace("wrong one@", "eve@"))
    again = await run(*printed(first, "Then correct that file, and run"), "--json")
    assert (again.code, rows(again)["done"], rows(again)["skipped"]) == (0, 2, 0)
    assert "my map.toml" not in orjson.loads(again.out)["job"]["command"]
    # A second file of what is left does not take the first one's name.
    assert printed(await run("provision", "report", "my people.csv.journal"), "alone. Write them to a file")[-1] == (
        "my people.rest-2.csv"
    )
    # With the same map it is not mapped again, and that is said.
    mapped = await run("provision", "apply", rest.name, *options(company))
    assert (mapped.code, "my map.toml is not used" in mapped.out) == (0, True)


async def test_a_plan_leads_through_the_same_steps(run: Run, folder: Path, company: str) -> None:
    planned = await run(
        "provision", "plan", people(folder, *GOOD, "wrong one"), *options(company), "--output", "the plan"
    )
    assert planned.code == 2
    first = await run(*printed(planned, "To carry it out"))
    assert first.code == 2
    written = await run(*printed(first, "alone. Write them to a file"))
    assert (written.code, (folder / "my people.rest.csv").exists()) == (2, True)
    people(folder, *GOOD, "dee")
    again = await run(*printed(first, "Correct my people.csv, and run"))
    assert again.code == 0
    carried_out = await run(*printed(again, "To carry it out"))
    assert carried_out.code == 0
    assert "Next: Nothing to do: all users match the file." in carried_out.out
    page = await run(*printed(carried_out, "Everything"))
    assert (page.code, (folder / "report.html").exists()) == (0, True)


@pytest.mark.parametrize(("state", "code", "what"), [("TODO", 75, "To resume"), ("UNKNOWN", 3, "To look them up")])
@pytest.mark.parametrize("of_a_plan", [False, True])
async def test_what_is_left_is_resumed(
    run: Run, folder: Path, company: str, tmp_path: Path, state: str, code: int, what: str, of_a_plan: bool
) -> None:
    file = people(folder, *GOOD)
    given = [file, *options(company)]
    if of_a_plan:
        assert (await run("provision", "plan", *given)).code == 0
        given = [f"{file}.plan"]
    assert (await run("provision", "apply", *given, "--settle", "0.1", "--journal", "j")).code == 0
    with sqlite3.connect(folder / "j") as db:
        db.execute("UPDATE row SET state = ?, step = 0, code = 'in doubt' WHERE number = 1", (state,))
    db.close()
    os.chdir(tmp_path)
    status = await run("provision", "status", str(folder / "j"))
    assert status.code == code
    resumed = await run(*printed(status, what), "--json")
    assert (resumed.code, rows(resumed)["done"]) == (0, 3)
    assert "resuming the job in" in orjson.loads(resumed.out)["notes"][0]
    assert orjson.loads(resumed.out)["job"]["rows"] == 3


@pytest.mark.parametrize("found", ["missing", "different"])
async def test_what_the_audit_found_is_planned_anew(run: Run, folder: Path, company: str, found: str) -> None:
    assert (await run("provision", "apply", people(folder, *GOOD), *options(company))).code == 0
    with sqlite3.connect(folder / "my people.csv.journal") as db:
        (audit,) = db.execute("SELECT value FROM note WHERE name = 'audit'").fetchone()
        audit = orjson.loads(audit)
        audit["counts"][found] = 1
        db.execute("UPDATE note SET value = ? WHERE name = 'audit'", (orjson.dumps(audit).decode(),))
    db.close()
    report = await run("provision", "report", "my people.csv")
    assert report.code == 2
    again = await run(*printed(report, "To plan again"), "--json")
    assert (again.code, rows(again)["skipped"]) == (0, 3)
    assert "a new job: the last one" in orjson.loads(again.out)["notes"][0]
    (kept,) = folder.glob("my people.csv.2*.journal")
    assert (await run("provision", "status", kept.name)).code == 2
    assert (await run("provision", "report", kept.name, "--csv", "rows.csv")).code == 2


async def test_a_plan_is_bound_to_its_file_wherever_either_lies(run: Run, folder: Path, company: str) -> None:
    file = folder / people(folder, *GOOD)
    content = file.read_text()
    elsewhere = folder.parent / "plans"
    elsewhere.mkdir()
    plan = elsewhere / "the.plan"
    assert (await run("provision", "plan", file.name, *options(company), "--output", str(plan))).code == 0
    # Something else of the same name lies beside the plan.
    (elsewhere / file.name).write_text("email\n")
    file.write_text(content.replace("cid", "dee"))
    refused = await run("provision", "apply", str(plan))
    assert (refused.code, refused.out) == (64, "")
    assert refused.err == f"aiosymphony: {file} was changed since {plan} was made from it: make a new plan\n"
    # Both were moved.
    shutil.move(file, elsewhere / file.name)
    refused = await run("provision", "apply", str(plan))
    assert f"{elsewhere / file.name} was changed since" in refused.err
    (elsewhere / file.name).unlink()
    missing = await run("provision", "apply", str(plan), "--json")
    assert (missing.code, rows(missing)["done"]) == (0, 3)
    assert orjson.loads(missing.out)["notes"][0] == (
        f"my people.csv is neither in {folder} nor beside the plan, so nobody can say whether it was changed; the plan "
        "holds its rows"
    )


@pytest.mark.parametrize(
    ("names", "options_", "code"),
    [
        (["wrong one"], [], 2),
        (["wrong one"], ["--detailed-exitcode"], 2),
        ([*GOOD, "wrong one"], [], 2),
        (GOOD, [], 0),
        (GOOD, ["--detailed-exitcode"], 5),
        (["old"], ["--detailed-exitcode"], 0),
    ],
)
async def test_the_exit_code_of_a_plan(
    run: Run, folder: Path, company: str, names: list[str], options_: list[str], code: int
) -> None:
    assert (await run("provision", "apply", people(folder, "old"), *options(company))).code == 0
    command = ("provision", "plan", people(folder, *names), *options(company), *options_)
    for shown in ([], ["--json"]):
        done = await run(*command, *shown)
        assert (done.code, done.err) == (code, "")
    conflict = await run("provision", "plan", people(folder, "old", title="Head"), *options(company), *options_)
    assert conflict.code == 2


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> dict[str, MemoryJournal]:
    """A store that is no file, by its addresses."""
    journals: dict[str, MemoryJournal] = {}

    @asynccontextmanager
    async def opened(where: str, *, job: str | None, read_only: bool) -> AsyncIterator[JobStore]:
        del job, read_only
        async with MemoryStore(journals.setdefault(where, MemoryJournal())) as store:
            store.name = registry.without_password(where)
            yield store

    opener: Callable[..., AbstractAsyncContextManager[JobStore]] = opened
    monkeypatch.setitem(registry.STORES, "base", opener)  # type: ignore[arg-type]
    return journals


async def test_a_journal_may_have_an_address(
    run: Run, folder: Path, company: str, database: dict[str, MemoryJournal]
) -> None:
    address = "base://ann:secret@host/jobs?name=people"
    command = ("provision", "apply", people(folder, *GOOD), *options(company), "--journal", address)
    done = await run(*command, "--json")
    assert (done.code, rows(done)["done"]) == (0, 3)
    assert [*database] == [address]
    assert not [*folder.glob("*.journal*")]
    assert not [*folder.glob("base*")]
    assert orjson.loads(done.out)["journal"] == "base://ann@host/jobs?name=people"
    for shown in ("status", "report"):
        for where in ([address], ["my people.csv", "--journal", address]):
            told = await run("provision", shown, *where, "--json")
            assert (told.code, rows(told)["done"]) == (0, 3)
            assert "secret" not in told.out + told.err
    again = await run(*command, "--json")
    assert (again.code, rows(again)["skipped"]) == (0, 3)
    assert "secret" not in done.out + done.err + again.out + again.err
    assert len(database[address].archived) == 1
    unknown = await run("provision", "status", "nosuch://ann:secret@host/jobs")
    assert (unknown.code, unknown.out) == (64, "")
    assert unknown.err == "aiosymphony: no store is reached by nosuch://: name the path of a file\n"


def test_a_command_is_quoted_for_a_shell(folder: Path) -> None:
    names = ["a b", "it's", "$x", "new\nline", "-x", "plain.csv"]
    shown = command_line(["apply", *(str(folder / name) for name in names), "", "--map=a b"])
    assert shown == ("aiosymphony provision apply 'a b' 'it'\"'\"'s' '$x' $'new\\nline' ./-x plain.csv '' '--map=a b'")
