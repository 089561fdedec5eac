"""Case 64: journals and plans that somebody edited. Each ends in one sentence, whatever reads it; nothing is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from aiosymphony.cli import main
from aiosymphony.errors import JobError, JobRefused
from aiosymphony.provisioning import Job, Report, SqliteStore
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.journal.base import JobHeader, each_row
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan

PEOPLE = [{"email": f"u{n}@acme.com", "firstName": "U", "lastName": "Lee"} for n in range(30)]


class Nobody:
    """A tenant that nothing may be sent to."""

    kind = "connect"
    name = "acme"
    batch = 1
    look_up_batch = 100
    look_up_limit = 100
    limiter = None

    async def look_up(self, users: Sequence[Any]) -> Sequence[ActualUser]:
        return []

    async def create(self, rows: Sequence[Any]) -> Sequence[Any]:
        raise AssertionError(rows)


def planned() -> Plan:
    wanted = [*PEOPLE, {"email": "wrong"}, {**PEOPLE[0], "email": "there@acme.com", "active": False}]
    there = ActualUser("id-1", {**PEOPLE[0], "email": "there@acme.com"}, True)
    return plan(Desired.of(wanted, "connect"), Actual.of("connect", [there]), target="acme")


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    path = tmp_path / "job.journal"
    async with SqliteStore(path) as store:
        made = planned()
        await store.begin(JobHeader.of(made, made_at=1.0), made.actions())
        await store.note("finished_at", 2.0)
        counts = {"missing": 1, "doubled": 1, "different": 1}
        found = {
            "missing": [[2, "a"]], "doubled": [[3, "b", ["1", "2"]]], "different": [[4, "c", {"title": ["x", "y"]}]]
        }  # fmt: skip
        await store.note("audit", {"at": 2.0, "checked": 3, "counts": counts, **found})
        await store.acquire(60)
    return path


def edit(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA writable_schema = ON; {script}")
        db.commit()


async def test_64_what_nobody_edited_is_read(journal: Path) -> None:
    async with SqliteStore(journal, read_only=True) as store:
        report = await Report.of(store)
        assert report.total == 32
        assert report.to_html()


EDITS = {
    "a state": "UPDATE row SET state = 'MAYBE' WHERE number = 3",
    "a state that is a number": "UPDATE row SET state = 3 WHERE number = 3",
    "an action": "UPDATE row SET action = 'explode' WHERE number = 3",
    "a negative step": "UPDATE row SET step = -1 WHERE number = 3",
    "a step that is not there": "UPDATE row SET step = 7 WHERE number = 3",
    "a step that is text": "UPDATE row SET step = 'two' WHERE number = 3",
    "negative attempts": "UPDATE row SET attempts = -5 WHERE number = 3",
    "attempts that are a fraction": "UPDATE row SET attempts = 1.5 WHERE number = 3",
    "steps that are no JSON": "UPDATE row SET steps = '[{' WHERE number = 3",
    "steps that are no list": "UPDATE row SET steps = '{}' WHERE number = 3",
    "steps that are none": "UPDATE row SET steps = '[]' WHERE number = 3",
    "steps of another kind": """UPDATE row SET steps = '[{"do": "role", "role": "X"}]' WHERE number = 3""",
    "steps of no kind": """UPDATE row SET steps = '[{"do": ["create"]}]' WHERE number = 3""",
    "steps that add columns": "UPDATE row SET steps = '[], 1' WHERE number = 3",
    "an id that is a number": "UPDATE row SET id = x'00ff' WHERE number = 32",
    "an id that is missing": "UPDATE row SET id = NULL WHERE number = 32",
    "a time that is text": "UPDATE row SET state = 'DONE', sent_at = 'now' WHERE number = 3",
    "a time beyond all": "UPDATE row SET state = 'DONE', sent_at = 1, done_at = 9e300 WHERE number = 3",
    "an infinite time": "UPDATE row SET state = 'DONE', sent_at = 9e999, done_at = 1 WHERE number = 3",
    "a code that is bytes": "UPDATE row SET code = x'00' WHERE number = 3",
    "a row's JSON": "UPDATE wanted SET row = '{\"email\"' WHERE number = 3",
    "a row that is a list": "UPDATE wanted SET row = '[]' WHERE number = 3",
    "a row that is null": "UPDATE wanted SET row = 'null' WHERE number = 3",
    "a row without its key": """UPDATE wanted SET row = '{"firstName": "A"}' WHERE number = 3""",
    "a key that is a number": """UPDATE wanted SET row = '{"email": 5, "firstName": "A", "lastName": "B"}'""",
    "a column that is none": """UPDATE wanted SET row = '{"email": "a@b.c", "shoe": "46"}' WHERE number = 3""",
    "a line that is text": "UPDATE wanted SET line = 'first' WHERE number = 3",
    "a negative line": "UPDATE wanted SET line = -3 WHERE number = 3",
    "a label that is bytes": "UPDATE wanted SET label = x'00ff' WHERE number = 3",
    "a row less": "DELETE FROM row WHERE number = 3",
    "what is wanted of a row less": "DELETE FROM wanted WHERE number = 3",
    "a number changed": "UPDATE wanted SET number = 999 WHERE number = 3",
    "a row more": "INSERT INTO row (number, shard, action, state) VALUES (99, 0, 'create', 'TODO')",
    "a shard of no process": "UPDATE row SET shard = 5 WHERE number = 3",
    "no shard": "DELETE FROM shard",
    "an owner that is none": "UPDATE shard SET owner = 'me'",
    "an owner without a number": """UPDATE shard SET owner = '{"pid": "x"}'""",
    "an owner that is process -1": """UPDATE shard SET owner = '{"machine": "", "host": "", "pid": -1, "started": "",
        "clock": "", "nonce": ""}'""",
    "an owner since no time": """UPDATE shard SET owner = '{"machine": "", "host": "", "pid": 1, "started": "",
        "clock": "", "nonce": "", "since": "today"}'""",
    "an owner on no machine": """UPDATE shard SET owner = '{"machine": "", "host": 5, "pid": 1, "started": "",
        "clock": "", "nonce": "", "since": 0}'""",
    "an epoch that is text": "UPDATE shard SET epoch = 'old'",
    "commits that are text": "UPDATE shard SET commits = 'many'",
    "no header": "DELETE FROM note WHERE name = 'header'",
    "a header that is no JSON": "UPDATE note SET value = '{' WHERE name = 'header'",
    "a header of nothing": "UPDATE note SET value = '{}' WHERE name = 'header'",
    "a header with more": "UPDATE note SET value = json_set(value, '$.more', 1) WHERE name = 'header'",
    "a kind that is none": "UPDATE note SET value = json_set(value, '$.kind', 'ldap') WHERE name = 'header'",
    "fewer rows in the header": "UPDATE note SET value = json_set(value, '$.rows', 3) WHERE name = 'header'",
    "shards that are text": "UPDATE note SET value = json_set(value, '$.shards', 'x') WHERE name = 'header'",
    "a target that is a number": "UPDATE note SET value = json_set(value, '$.target', 5) WHERE name = 'header'",
    "a beginning that is text": "UPDATE note SET value = json_set(value, '$.made_at', 'x') WHERE name = 'header'",
    "an end that is text": "UPDATE note SET value = '\"soon\"' WHERE name = 'finished_at'",
    "an audit that is a list": "UPDATE note SET value = '[]' WHERE name = 'audit'",
    "an audit without counts": "UPDATE note SET value = json_remove(value, '$.counts') WHERE name = 'audit'",
    "an audit with odd findings": "UPDATE note SET value = json_set(value, '$.doubled', 'x') WHERE name = 'audit'",
    "an audit with odd changes": "UPDATE note SET value = json_set(value, '$.different', json('[[1, 2, 3]]'))",
    "a note that is no JSON": "INSERT INTO note VALUES ('other', '{')",
    "a table less": "DROP TABLE shard",
    "all tables less": "DROP TABLE shard; DROP TABLE row; DROP TABLE wanted; DROP TABLE note",
    "a column less": "ALTER TABLE row DROP COLUMN code",
    "a column more": "ALTER TABLE row ADD COLUMN mine TEXT",
    "a table more": "CREATE TABLE mine (a)",
    "a trigger": "CREATE TRIGGER mine AFTER UPDATE ON row BEGIN SELECT RAISE(ABORT, 'no'); END",
    "a view for a table": "DROP TABLE shard; CREATE VIEW shard AS SELECT 1 AS shard",
    "a schema that is none": "UPDATE sqlite_schema SET sql = 'CREATE NONSENSE' WHERE name = 'note'",
}


async def read_all(path: Path) -> None:
    async with SqliteStore(path, read_only=True) as store:
        await store.workers()
        report = await Report.of(store)
        report.to_html()
        async for _ in each_row(store):
            pass


async def run(path: Path) -> None:
    async with SqliteStore(path) as store:
        await store.notes()
        job = Job(Nobody(), store, settle=0.0, audit=False)  # type: ignore[arg-type]
        job.drain()
        with contextlib.suppress(StoppedAsAskedError):
            try:
                await job.run()
            except JobError as error:
                if "stopped as asked" in str(error):
                    raise StoppedAsAskedError from None
                raise
        await store.acquire(60)
        async for _ in each_row(store):
            pass


class StoppedAsAskedError(Exception):
    pass


@pytest.mark.parametrize("script", EDITS.values(), ids=EDITS)
async def test_64_an_edited_journal_ends_in_one_sentence(journal: Path, script: str) -> None:
    with contextlib.suppress(sqlite3.OperationalError):  # A schema that is none cannot be closed properly either.
        edit(journal, script)
    refused = []
    for use in (read_all, run):
        try:
            await use(journal)
        except JobError as error:
            refused.append(error)
    assert refused, "the edit is not one that anything minds"
    for error in refused:
        assert isinstance(error, JobRefused)
        assert "\n" not in str(error)
        assert "damaged, or was edited by hand" in str(error) or "holds no job" in str(error)


@pytest.mark.parametrize("script", [EDITS["a state"], EDITS["a row's JSON"], EDITS["a trigger"], EDITS["no shard"]])
async def test_64_the_command_line_says_it_in_one_line(
    journal: Path, script: str, capfd: pytest.CaptureFixture[str]
) -> None:
    edit(journal, script)
    code = await asyncio.to_thread(main, ["provision", "report", str(journal)])
    out, err = capfd.readouterr()
    assert (code, out) == (64, "")
    assert err.startswith("aiosymphony: ")
    assert err.count("\n") == 1


PLANS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "a kind": lambda header, _: header.update(kind="ldap"),
    "a target": lambda header, _: header.update(target=5),
    "a digest": lambda header, _: header.update(input_sha256=None),
    "counts": lambda header, _: header.update(counts=[]),
    "a format": lambda header, _: header.update(format="1"),
    "known users": lambda header, _: header.update(known="many"),
    "an action": lambda _, action: action.update(do=["create"]),
    "a row": lambda _, action: action.update(values=[1]),
    "a key": lambda _, action: action["values"].update(email=7),
    "a step": lambda _, action: action.update(steps=["create"]),
    "a line": lambda _, action: action.update(line="one"),
    "a label": lambda _, action: action.update(label=1),
    "changes": lambda _, action: action.update(changes={"a": 1}),
    "more": lambda _, action: action.update(more=1),
}


@pytest.mark.parametrize("change", PLANS.values(), ids=PLANS)
def test_64_an_edited_plan_ends_in_one_sentence(tmp_path: Path, change: Callable[[Any, Any], object]) -> None:
    path = tmp_path / "people.plan"
    planned().save(path)
    assert Plan.load(path).rows == 32
    header, first, *others = path.read_bytes().splitlines()
    values, action = orjson.loads(header), orjson.loads(first)
    change(values, action)
    path.write_bytes(b"\n".join([json.dumps(values).encode(), json.dumps(action).encode(), *others]))
    with pytest.raises(JobError, match=r"damaged|edited") as caught:
        Plan.load(path)
    assert isinstance(caught.value, JobRefused)
