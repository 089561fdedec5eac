"""Case 65: journals and reports among files that are others': wide modes, links, no journals, and a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aiosymphony.cli import main
from aiosymphony.errors import JobError, JobRefused
from aiosymphony.provisioning import SqliteStore
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.journal.base import Change, JobHeader
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are those of POSIX")

PEOPLE = [{"email": f"u{n}@acme.com", "firstName": "U", "lastName": "Lee"} for n in range(300)]


def planned() -> Plan:
    return plan(Desired.of(PEOPLE, "connect"), Actual("connect"), target="acme")


async def begun(path: Path) -> None:
    async with SqliteStore(path) as store:
        made = planned()
        await store.begin(JobHeader.of(made, made_at=1.0), made.actions())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def seen(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file with its content, its mode, and when it was last changed in any way."""
    return {
        path.name: (path.read_bytes(), mode(path), path.stat().st_ctime_ns)
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink()
    }


async def refused(path: Path, said: str) -> None:
    """Refused by whoever opens it, to write or to read, in one sentence; and nothing changed in the folder."""
    before = seen(path.parent)
    for read_only in (False, True):
        with pytest.raises(JobError, match=said) as caught:
            await SqliteStore(path, read_only=read_only).open()
        assert isinstance(caught.value, JobRefused)
        assert "\n" not in str(caught.value)
    assert seen(path.parent) == before


async def test_65_a_journal_and_what_lies_beside_it_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    await begun(path)
    beside = [path.with_name(f"job.journal{end}") for end in ("-wal", "-shm", "-seal")]
    # As after a crash, with the modes of a careless copy.
    for each in beside:
        each.touch()
    for each in (path, *beside):
        each.chmod(0o666)
    async with SqliteStore(path) as store:
        await store.acquire(60)
        assert {mode(each) for each in (path, *beside)} == {0o600}
        await store.record([Change([1], "DONE")], 2.0)
    assert {mode(each) for each in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-seal"])
async def test_65_no_link_is_followed(tmp_path: Path, end: str) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    path = folder / "job.journal"
    await begun(path)
    victim = tmp_path / "victim"
    link = path.with_name(f"job.journal{end}")
    if link.exists():
        link.rename(victim)
    else:
        victim.write_text("precious")
    victim.chmod(0o644)
    link.symlink_to(victim)
    content = victim.read_bytes()
    await refused(path, "is a symbolic link, which is not followed")
    assert (victim.read_bytes(), mode(victim)) == (content, 0o644)
    # Nor is a file made where a link points to.
    victim.unlink()
    await refused(path, "is a symbolic link, which is not followed")
    assert not victim.exists()


def foreign_database(path: Path) -> None:
    """Another program's, killed while it wrote: what it wrote last is in its log alone."""
    script = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('PRAGMA journal_mode = WAL')\n"
        "db.execute('CREATE TABLE mine (a)')\n"
        "db.execute('INSERT INTO mine VALUES (1)')\n"
        "db.commit()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_name(path.name + "-wal").stat().st_size


OTHERS: dict[str, Callable[[Path], object]] = {
    "a spreadsheet": lambda path: path.write_text("email,firstName,lastName\n" * 50),
    "an empty file": lambda path: path.write_text(""),
    "one byte": lambda path: path.write_text("x"),
    "a cut journal": lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(20)),
    "a database": foreign_database,
    "a file with a log beside it": lambda path: (
        path.write_text("notes"), path.with_name(path.name + "-wal").write_text("log")
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
async def test_65_a_file_that_is_no_journal_is_not_touched(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "notes"
    make(path)
    for each in tmp_path.iterdir():
        each.chmod(0o644)
    await refused(path, "is not a journal of a provisioning job")


async def test_65_a_log_that_was_left_behind_is_not_read_into_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    foreign_database(path)
    path.unlink()
    before = seen(tmp_path)
    with pytest.raises(JobError, match=r"job\.journal-wal belongs to another journal, which is not there"):
        await SqliteStore(path).open()
    assert seen(tmp_path) == before


async def test_65_a_file_that_has_the_name_of_the_seal_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    seal = tmp_path / "job.journal-seal"
    seal.write_text("a poem")
    with pytest.raises(JobError, match=r"job\.journal-seal is not a file of the journal"):
        await SqliteStore(path).open()
    assert seal.read_text() == "a poem"


async def test_65_two_stores_in_one_process_keep_their_locks(tmp_path: Path) -> None:
    """To look at a file and close it would drop the locks that SQLite has on it in this process."""
    path = tmp_path / "job.journal"
    async with SqliteStore(path) as job:
        made = planned()
        await job.begin(JobHeader.of(made, made_at=1.0), made.actions())
        await job.acquire(60)
        await job.mark_in_flight([1], 1.0)
        async with SqliteStore(path, read_only=True) as status:
            assert await status.workers()
        # Another process that closes the file last would take the log away from under this one.
        script = (
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(db.execute('SELECT 1 FROM row')); db.close()"
        )
        done = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path), stdout=subprocess.DEVNULL)
        assert await done.wait() == 0
        assert path.with_name("job.journal-wal").exists()
        await job.mark_in_flight([2], 1.0)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM row WHERE state = 'IN_FLIGHT'").fetchone() == (2,)


@pytest.mark.parametrize("option", ["--html", "--csv", "--rest"])
def test_65_a_report_goes_through_no_link_and_to_its_owner_alone(
    tmp_path: Path, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(begun(tmp_path / "job.journal"))
    there, link, victim = (tmp_path / name for name in ("there", "link", "victim"))
    there.write_text("old")
    there.chmod(0o666)
    victim.write_text("precious")
    link.symlink_to(victim)
    command = ["provision", "report", str(tmp_path / "job.journal"), option]
    assert main([*command, str(there)]) == 75
    assert (mode(there), there.read_text() != "old") == (0o600, True)
    capfd.readouterr()
    assert main([*command, str(link)]) == 64
    assert (
        capfd.readouterr().err
        == f"aiosymphony: {link} is a symbolic link, which is not followed: name the file itself\n"
    )
    assert victim.read_text() == "precious"


def test_65_a_plan_is_saved_through_no_link(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "people.plan"
    for name in (link.name, f"{link.name}.partial"):
        victim.write_text("precious")
        (tmp_path / name).symlink_to(victim)
        with contextlib.suppress(JobError):
            planned().save(link)
        assert victim.read_text() == "precious"
        (tmp_path / name).unlink()
    link.unlink(missing_ok=True)
    link.write_text("old")
    link.chmod(0o644)
    planned().save(link)
    assert mode(link) == 0o600


FULL = """
import asyncio, resource, sys
from pathlib import Path
from aiosymphony.errors import JobError
from aiosymphony.provisioning import Actual, ActualUser, Desired, Plan, Report, SqliteStore, plan
from aiosymphony.provisioning.journal.base import JobHeader

def fill_the_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

async def report(folder, what):
    async with SqliteStore(folder / "job.journal", read_only=True) as store:
        made = await Report.of(store)
        fill_the_disk()
        if what == "html":
            made.write_html(folder / "out")
        elif what == "csv":
            await made.write_csv(store, folder / "out")
        else:
            await made.write_rest(store, folder / "out")

async def journal(folder):
    async with SqliteStore(folder / "new.journal") as store:
        await store.begin(JobHeader.of(made, made_at=1.0), made.actions())

def actual():
    Actual.of("connect", (ActualUser(f"id{n}", {"email": f"u{n}@acme.com", "title": "x" * 2000}) for n in range(9000)))

people = [{"email": f"u{n}@acme.com", "firstName": "U", "lastName": "Lee"} for n in range(3000)]
folder, what = Path(sys.argv[1]), sys.argv[2]
if what != "spool":
    made = plan(Desired.of(people, "connect"), Actual("connect"), target="acme")
    list(made.actions())
if what not in ("html", "csv", "rest"):
    fill_the_disk()
try:
    match what:
        case "plan":
            made.save(folder / "out")
        case "spool":
            plan(Desired.of(people, "connect"), Actual("connect"), target="acme").save(folder / "out")
        case "journal":
            asyncio.run(journal(folder))
        case "actual":
            actual()
        case _:
            asyncio.run(report(folder, what))
except JobError as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["html", "csv", "rest", "plan", "spool", "actual", "journal"])
def test_65_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path: Path, what: str) -> None:
    asyncio.run(begun(tmp_path / "job.journal"))
    (tmp_path / "out").write_text("old")
    names = {path.name for path in tmp_path.iterdir()}
    command = [sys.executable, "-W", "error", "-c", FULL, str(tmp_path), what]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert "File too large" in done.stdout or "disk" in done.stdout
    assert (tmp_path / "out").read_text() == "old"
    left = {path.name for path in tmp_path.iterdir()} - names
    assert all(name.startswith(("job.journal-", "new.journal")) for name in left)
