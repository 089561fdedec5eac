"""The same command again: a finished job makes room for a new one, and one that is not finished goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import BadRequest, JobError, JobInterrupted, JobRefused, OutcomeUnknown
from aiosymphony.provisioning import Desired, Job, Plan, Report, SqliteStore, make_plan, prepare
from aiosymphony.provisioning.journal import archive, sqlite
from aiosymphony.provisioning.rows.base import User

from .tenant import Tenant


def people(folder: Path, *names: str) -> Desired:
    file = folder / "people.csv"
    file.write_text("email,firstName,lastName\n" + "".join(f"{name}@acme.com,{name},Lee\n" for name in names))
    return Desired.read(file, "connect")


async def apply(folder: Path, tenant: Tenant, wanted: Desired | Plan, **options: Any) -> tuple[Report, list[str]]:
    """What the command does; the report, and what was said."""
    told: list[str] = []
    async with SqliteStore(folder / "people.csv.journal") as store:
        made = await prepare(store, tenant, wanted, settle=0.01, tell=told.append, **options)
        await Job(tenant, store, settle=0.01).run(made)
        return await Report.of(store), told


def archives(folder: Path) -> list[Path]:
    return sorted(folder.glob("people.csv.2*.journal"), key=lambda path: (len(path.name), path.name))


async def rows_in(journal: Path) -> list[tuple[str, str]]:
    async with SqliteStore(journal, read_only=True) as store:
        report = await Report.of(store)
        assert report.header.input_name == "people.csv"
        assert await store.workers() == []
        return [(row.label, row.state) for row in await store.fetch(["DONE", "FAILED", "TODO", "UNKNOWN"], own=False)]


def refuse(*names: str) -> Callable[[int, Sequence[User]], Any]:
    return lambda _number, users: BadRequest("no", status=400, code=1) if users[0].label[:3] in names else ""


async def test_a_corrected_file_is_a_new_job_and_the_old_one_is_kept(tmp_path: Path) -> None:
    tenant = Tenant(batch=1, fault=refuse("bob"))
    report, _ = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert report.exit_code == 2
    report, told = await apply(tmp_path, tenant, people(tmp_path, "ann", "rob"))
    assert report.exit_code == 0
    assert report.counts == {("skip", "DONE"): 1, ("create", "DONE"): 1}
    (kept,) = archives(tmp_path)
    assert told[0].startswith("a new job: the last one, which ended ")
    assert told[0].endswith(f"is kept as {kept}")
    assert await rows_in(kept) == [("ann@acme.com", "DONE"), ("bob@acme.com", "FAILED")]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not [*tmp_path.glob(".aiosymphony-*")]
    assert tenant.there() == {"ann@acme.com": 1, "rob@acme.com": 1}


async def test_the_same_file_again_is_compared_with_what_is_there_by_now(tmp_path: Path) -> None:
    tenant = Tenant()
    await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    tenant.users = {key: user for key, user in tenant.users.items() if user.values["email"] != "bob@acme.com"}
    report, told = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert report.counts == {("skip", "DONE"): 1, ("create", "DONE"): 1}
    assert told[0].startswith("a new job: ")
    for _ in range(3):
        report, _ = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert report.counts == {("skip", "DONE"): 2}
    assert len(archives(tmp_path)) == 4, "none takes another's name, however soon it comes"


async def test_another_company_is_another_job(tmp_path: Path) -> None:
    await apply(tmp_path, Tenant(name="acme"), people(tmp_path, "ann"))
    other = Tenant(name="other")
    report, _ = await apply(tmp_path, other, people(tmp_path, "ann"))
    assert report.header.target == "other"
    assert other.there() == {"ann@acme.com": 1}


async def stopped(folder: Path, tenant: Tenant, wanted: Desired) -> None:
    """A job that stops with rows left, one of them in doubt."""
    async with SqliteStore(folder / "people.csv.journal") as store:
        made = await prepare(store, tenant, wanted)
        job = Job(tenant, store, settle=0.01, concurrency=1)

        def fault(number: int, _users: Sequence[User]) -> Any:
            if number == 2:
                job.drain()
                return OutcomeUnknown("lost")
            return ""

        tenant.fault = fault
        with pytest.raises(JobInterrupted):
            await job.run(made)
    tenant.fault = lambda _number, _users: ""


async def test_what_is_not_finished_goes_on_and_stands_in_the_way_of_anything_else(tmp_path: Path) -> None:
    tenant = Tenant(batch=1)
    await stopped(tmp_path, tenant, people(tmp_path, "ann", "bob", "cid"))
    with pytest.raises(JobRefused, match=r"people\.csv was changed since the job in .* that job is not finished: undo"):
        await apply(tmp_path, tenant, people(tmp_path, "ann", "bob", "dee"))
    with pytest.raises(JobRefused, match=r"for memory, not for other, and that job is not finished: .*--journal"):
        await apply(tmp_path, Tenant(name="other"), people(tmp_path, "ann"), new=True)
    with pytest.raises(JobRefused, match=r"began without --disable-missing: undo that to resume it, or leave it with"):
        await apply(tmp_path, tenant, people(tmp_path, "ann", "bob", "cid"), disable_missing=True)
    assert archives(tmp_path) == []
    report, told = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob", "cid"))
    assert told == [f"resuming the job in {tmp_path / 'people.csv.journal'}"]
    assert report.counts == {("create", "DONE"): 3}


async def test_a_job_that_is_left_is_waited_for_and_what_it_did_is_found(tmp_path: Path) -> None:
    tenant = Tenant(batch=1, unique=False)
    await stopped(tmp_path, tenant, people(tmp_path, "ann", "bob", "cid"))
    landed = asyncio.create_task(late(tenant, "bob"))
    report, told = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob", "dee"), new=True)
    await landed
    journal = tmp_path / "people.csv.journal"
    assert told[0] == f"waited 0.01 s for late writes of the job in {journal}"
    (kept,) = archives(tmp_path)
    assert told[1] == f"a new job: the last one, with 2 rows not finished, is kept as {kept}"
    assert report.counts == {("skip", "DONE"): 2, ("create", "DONE"): 1}
    assert tenant.there() == {"ann@acme.com": 1, "bob@acme.com": 1, "dee@acme.com": 1}
    # What was left can still be carried out: nothing of it is sent before it is looked up, as that is no newest state.
    async with SqliteStore(kept) as store:
        await store.acquire(60)
        assert await store.counts() == {("create", "DONE"): 1, ("create", "IN_FLIGHT"): 2}


async def test_a_job_that_somebody_works_on_is_not_left(tmp_path: Path) -> None:
    tenant = Tenant(batch=1)
    await stopped(tmp_path, tenant, people(tmp_path, "ann", "bob", "cid"))
    async with SqliteStore(tmp_path / "people.csv.journal") as worker:
        await worker.acquire(60)
        with pytest.raises(JobInterrupted, match="is running the job"):
            await apply(tmp_path, tenant, people(tmp_path, "ann"), new=True)
    assert archives(tmp_path) == []


async def late(tenant: Tenant, name: str) -> None:
    """A write that takes effect when the job is being left."""
    await asyncio.sleep(0)
    tenant.add(
        next(
            iter(Desired.of([{"email": f"{name}@acme.com", "firstName": name, "lastName": "Lee"}], "connect").rows())
        ).user
    )


async def test_unknown_rows_are_looked_up_before_anything_else(tmp_path: Path) -> None:
    tenant = Tenant(batch=1, fault=lambda _number, users: OutcomeUnknown("500") if "bob" in users[0].label else "")
    report, _ = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert report.exit_code == 3
    with pytest.raises(JobRefused, match="that job is not finished"):
        await apply(tmp_path, tenant, people(tmp_path, "ann"))
    tenant.fault = lambda _number, _users: ""
    report, told = await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert told[0].startswith("resuming")
    assert report.counts == {("create", "DONE"): 2}


async def test_a_plan_is_carried_out_once_and_a_new_plan_is_a_new_job(tmp_path: Path) -> None:
    tenant = Tenant()
    desired = people(tmp_path, "ann")
    made = await make_plan(tenant, desired)
    await apply(tmp_path, tenant, made)
    report, told = await apply(tmp_path, tenant, made)
    assert "this plan was carried out already, until " in told[0]
    assert report.counts == {("create", "DONE"): 1}
    tenant.users.clear()
    report, told = await apply(tmp_path, tenant, await make_plan(tenant, people(tmp_path, "ann", "bob")))
    assert told[0].startswith("a new job: ")
    assert tenant.there() == {"ann@acme.com": 1, "bob@acme.com": 1}


async def test_a_refused_plan_leaves_the_last_job_where_it_is(tmp_path: Path) -> None:
    tenant = Tenant()
    await apply(tmp_path, tenant, people(tmp_path, *(f"u{number}" for number in range(20))))
    with pytest.raises(JobRefused, match="without --force"):
        await apply(tmp_path, tenant, people(tmp_path, "u1"), disable_missing=True)
    assert archives(tmp_path) == []
    assert len(await rows_in(tmp_path / "people.csv.journal")) == 20


class Slow(Tenant):
    """A tenant whose listing waits."""

    def wait(self) -> None:
        self.listed, self.go_on = asyncio.Event(), asyncio.Event()

    async def everyone(self) -> Any:
        self.listed.set()
        await self.go_on.wait()
        async for page in super().everyone():
            yield page


async def test_83_two_at_once_make_room_once(tmp_path: Path) -> None:
    tenant = Tenant()
    await apply(tmp_path, tenant, people(tmp_path, "ann"))
    slow = Slow(users=tenant.users)
    slow.wait()
    desired = people(tmp_path, "ann", "bob")
    first = asyncio.create_task(apply(tmp_path, slow, desired))
    await slow.listed.wait()
    with pytest.raises(JobInterrupted, match=r"process \d+ on .* is running the job"):
        await apply(tmp_path, tenant, desired)
    slow.go_on.set()
    report, _ = await first
    assert report.counts == {("skip", "DONE"): 1, ("create", "DONE"): 1}
    assert len(archives(tmp_path)) == 1
    assert slow.there() == {"ann@acme.com": 1, "bob@acme.com": 1}


def killed_at(place: str, count: int, folder: Path) -> bool:
    """Whether a process that makes room died there, when it came by for the count-th time."""
    pid = os.fork()
    if pid == 0:
        left = count

        def dying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                for when in ("before", "after"):
                    if place == f"{when} {name}":
                        left -= 1
                        if left == 0:
                            os.kill(os.getpid(), signal.SIGKILL)
                    if when == "before":
                        result = function(*args, **kwargs)
                return result

            return run

        code = 70
        try:
            archive.publish = dying("publish", archive.publish)  # type: ignore[attr-defined]
            archive._copy = dying("copy", archive._copy)  # type: ignore[assignment]
            sqlite.clear = dying("clear", sqlite.clear)  # type: ignore[attr-defined]
            SqliteStore._commit = dying("commit", SqliteStore._commit)  # type: ignore[method-assign]
            tenant = Tenant()
            asyncio.run(apply(folder, tenant, people(folder, "ann", "bob", "cid")))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


PLACES = [
    "before copy",
    "before publish",
    "after publish",
    "before clear",
    "after clear",
    "before commit",
    "after commit",
]


@pytest.mark.parametrize("place", PLACES)
def test_83_killed_anywhere_it_loses_no_job_and_keeps_it_once(place: str, tmp_path: Path) -> None:
    count = 0
    while True:
        count += 1
        folder = tmp_path / str(count)
        folder.mkdir()
        asyncio.run(apply(folder, Tenant(), people(folder, "ann", "bob")))
        if not killed_at(place, count, folder):
            break
        tenant = Tenant()
        report, _ = asyncio.run(apply(folder, tenant, people(folder, "ann", "bob", "cid")))
        # The users of a process that was killed are gone with it.
        assert (report.done, report.not_finished) == (3, 0)
        assert len(set(asyncio.run(rows_in(folder / "people.csv.journal")))) == 3
        done = [("ann@acme.com", "DONE"), ("bob@acme.com", "DONE")]
        first, *more = archives(folder)
        assert asyncio.run(rows_in(first)) == done
        # Killed when it had finished, it was itself put away.
        assert all(len(asyncio.run(rows_in(journal))) == 3 for journal in more)
    assert count > 1


async def test_nothing_is_lost_if_it_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = Tenant()
    await apply(tmp_path, tenant, people(tmp_path, "ann"))

    def full(**_options: object) -> Any:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", full)
        with pytest.raises(JobRefused) as refused:
            await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert str(refused.value) == (
        f"the last job in {tmp_path / 'people.csv.journal'} cannot be kept beside it (Read-only file system): make "
        "room there or make the folder writable, or name another journal (--journal). Nothing was changed"
    )
    assert await rows_in(tmp_path / "people.csv.journal") == [("ann@acme.com", "DONE")]
    assert archives(tmp_path) == []
    assert tenant.there() == {"ann@acme.com": 1}


async def test_a_link_in_the_place_of_the_copy_is_not_followed(tmp_path: Path) -> None:
    tenant = Tenant()
    await apply(tmp_path, tenant, people(tmp_path, "ann"))
    journal = tmp_path / "people.csv.journal"
    (first,) = {archive.keep_copy(journal, 0.0), archive.keep_copy(journal, 0.0)}
    assert first.name == "people.csv.1970-01-01T000000Z.journal"
    first.rename(tmp_path / "target")
    first.symlink_to(tmp_path / "target")
    assert archive.keep_copy(journal, 0.0).name == "people.csv.1970-01-01T000000Z-2.journal"
    assert archive.keep_copy(tmp_path / "target", 0.0).name == "target.1970-01-01T000000Z"


async def test_a_journal_that_is_damaged_makes_no_room(tmp_path: Path) -> None:
    tenant = Tenant()
    await apply(tmp_path, tenant, people(tmp_path, "ann"))
    with sqlite3.connect(tmp_path / "people.csv.journal") as db:
        db.execute("DELETE FROM row")
    with pytest.raises(JobError, match="is damaged"):
        await apply(tmp_path, tenant, people(tmp_path, "ann", "bob"))
    assert archives(tmp_path) == []
