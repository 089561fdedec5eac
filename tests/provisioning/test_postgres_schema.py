"""The database: what prepares it, which ones are refused, and that each refusal is one sentence without a password."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aiosymphony.cli.app import run
from aiosymphony.errors import JobError, JobInterrupted, JobRefused
from aiosymphony.postgres.address import Address
from aiosymphony.provisioning.journal.postgres import schema
from aiosymphony.provisioning.journal.postgres.init import init_store
from aiosymphony.provisioning.journal.postgres.schema import LATEST
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.journal.registry import open_store

from .cluster import Cluster
from .test_stores import begin

MIGRATIONS = Path(schema.__file__).parent / "migrations"


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    cluster.execute("CREATE DATABASE empty", database="postgres")
    yield "empty"
    cluster.execute("DROP DATABASE empty WITH (FORCE)", database="postgres")


async def refused(address: str, kind: type[JobError] = JobRefused, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        async with PostgresStore(address, job="refused", **options):
            pass
    assert caught.value.__cause__ is caught.value.__context__ is None
    return str(caught.value)


def tables(cluster: Cluster, database: str) -> list[tuple[Any, ...]]:
    return cluster.execute(
        "SELECT relname, oid FROM pg_class WHERE relnamespace = 'aiosymphony'::regnamespace ORDER BY 1",
        database=database,
    )


def test_store_init_makes_the_tables_once(cluster: Cluster, empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    address = cluster.url(empty)
    assert run(["store", "init", address]) == 0
    said = capsys.readouterr().out
    assert f"tables made, version {LATEST}" in said
    made = tables(cluster, empty)
    assert {"job", "shard", "wanted", "entry", "note", "version"} <= {name for name, _ in made}
    assert run(["store", "init", address, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"database": address.replace(f":{cluster.password}", ""), "version": LATEST, "before": LATEST}
    assert tables(cluster, empty) == made
    assert cluster.password not in said + json.dumps(told)


async def test_several_processes_prepare_at_once(cluster: Cluster, empty: str) -> None:
    done = await asyncio.gather(*(asyncio.to_thread(init_store, cluster.url(empty)) for _ in range(4)))
    assert sorted(each.before for each in done) == [0, LATEST, LATEST, LATEST]


async def test_what_is_not_prepared_is_refused_with_the_command_that_prepares_it(cluster: Cluster, empty: str) -> None:
    address = cluster.url(empty)
    shown = address.replace(f":{cluster.password}", "")
    assert await refused(address) == f"{shown} has no tables for jobs yet: run aiosymphony store init {shown}"
    init_store(address)
    cluster.execute("UPDATE aiosymphony.version SET version = 0", database=empty)
    assert (await refused(address)).endswith(f"run aiosymphony store init {shown}")
    cluster.execute("UPDATE aiosymphony.version SET version = 7", database=empty)
    assert f"were made by a newer release of aiosymphony (version 7, this one knows {LATEST})" in await refused(address)
    with pytest.raises(JobRefused, match="newer release"):
        init_store(address)


async def test_a_user_who_owns_the_schema_alone_is_enough(cluster: Cluster, empty: str) -> None:
    cluster.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerks own password'", database="postgres")
    address = cluster.url(empty, user="clerk", password="clerks%20own%20password")
    try:
        with pytest.raises(JobRefused, match=r"CREATE SCHEMA aiosymphony AUTHORIZATION clerk$"):
            init_store(address)
        cluster.execute("CREATE SCHEMA aiosymphony AUTHORIZATION clerk", database=empty)
        assert init_store(address).before == 0
        assert init_store(address).before == LATEST
        async with PostgresStore(address, job="clerks") as store:
            await begin(store)
            assert await store.acquire(60) == [0]
            await store.mark_in_flight([1], 1.0)
    finally:
        cluster.execute("DROP OWNED BY clerk CASCADE", database=empty)
        cluster.execute("DROP ROLE clerk", database="postgres")


async def test_other_schemas_on_the_search_path_change_nothing(cluster: Cluster, empty: str) -> None:
    cluster.execute(
        """
        CREATE SCHEMA trap;
        CREATE TABLE trap.entry (job int, number int, state text);
        CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''infinity''::timestamptz';
        CREATE FUNCTION trap.wrong(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.wrong);
        ALTER DATABASE empty SET search_path = trap, pg_catalog;
        """,
        database=empty,
    )
    init_store(cluster.url(empty))
    async with PostgresStore(cluster.url(empty), job="trapped") as store:
        await begin(store)
        assert await store.acquire(60) == [0]
        await store.mark_in_flight([1, 2], 1.0)
        assert [row.number for row in await store.fetch(["IN_FLIGHT"])] == [1, 2]
        assert await store.counts() == {("create", "IN_FLIGHT"): 2, ("create", "TODO"): 1}


async def test_a_database_that_may_lose_what_was_committed_is_refused(cluster: Cluster) -> None:
    address = cluster.url()
    said = await refused(f"{address}?options=-csynchronous_commit%3Doff")
    assert "runs with synchronous_commit = off: it may lose what a job wrote" in said
    cluster.stop()
    cluster.start(fsync="off")
    try:
        assert "runs with fsync = off" in await refused(address)
        async with PostgresStore(address, job="only looks", read_only=True) as store:
            assert await store.header() is None
    finally:
        cluster.stop()
        cluster.start()


async def test_a_database_that_cannot_be_written_is_refused_to_who_writes(cluster: Cluster) -> None:
    address = f"{cluster.url()}?options=-cdefault_transaction_read_only%3Don"
    assert "is read-only, so no job can be written there: name the primary" in await refused(address)
    async with PostgresStore(address, job="only looks", read_only=True) as store:
        assert await store.counts() == {}


async def test_a_job_stops_when_its_database_becomes_read_only(cluster: Cluster) -> None:
    async with PostgresStore(cluster.url(), job="becomes read-only") as store:
        await begin(store)
        await store.acquire(60)
        await store.mark_in_flight([1], 1.0)
        store._session._connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(JobInterrupted, match=r"read-only transaction.*run the same command again"):
            await store.mark_in_flight([2], 1.0)


async def test_no_place_for_another_connection_is_one_sentence(cluster: Cluster) -> None:
    cluster.execute("CREATE ROLE crowd LOGIN PASSWORD 'crowd' CONNECTION LIMIT 1", database="postgres")
    address = cluster.url(user="crowd", password="crowd")
    try:
        with psycopg.connect(address):
            said = await refused(address, JobInterrupted)
        assert "cannot be reached: " in said
        assert 'too many connections for role "crowd"' in said
        assert "\n" not in said
    finally:
        cluster.execute("DROP ROLE crowd", database="postgres")


async def test_a_database_that_keeps_other_text_is_refused(cluster: Cluster) -> None:
    cluster.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'", database="postgres")
    try:
        assert "keeps text as LATIN1: jobs need one that keeps UTF8" in await refused(cluster.url("latin"))
    finally:
        cluster.execute("DROP DATABASE latin", database="postgres")


async def test_what_cannot_be_reached_is_one_sentence_without_the_password(cluster: Cluster) -> None:
    wrong = "a wrong password of some length"
    said = await refused(cluster.url(password=wrong.replace(" ", "%20")), JobInterrupted)
    assert 'password authentication failed for user "postgres"' in said
    assert wrong not in said
    said = await refused(f"postgresql://me:{cluster.password}@127.0.0.1:1/nothing", JobInterrupted)
    assert said.startswith("the database postgresql://me@127.0.0.1:1/nothing cannot be reached: ")
    for address in (f"postgresql://me:{cluster.password}:x@[::1/db", f"postgresql://me@h/db?{cluster.password}=1"):
        with pytest.raises(JobRefused, match="the address of the database cannot be read") as caught:
            PostgresStore(address)
        assert cluster.password not in repr(caught.value)


@pytest.mark.parametrize(
    ("text", "shown", "job", "password"),
    [
        ("postgresql://me:s%40cret@h:1/db?job=a%20b", "postgresql://me@h:1/db?job=a%20b", "a b", "s@cret"),
        ("postgresql://h/db?password=a+b&sslmode=require", "postgresql://h/db?sslmode=require", None, "a+b"),
        ("postgres://me@h1:1,h2:2/db", "postgres://me@h1:1,h2:2/db", None, None),
        ("postgresql:///db?host=/run/pg&job=x", "postgresql:///db?host=/run/pg&job=x", "x", None),
        ("postgresql://me:a:b@h/db", "postgresql://me@h/db", None, "a:b"),
    ],
)
def test_what_is_shown_of_an_address(text: str, shown: str, job: str | None, password: str | None) -> None:
    address = Address.parse(text)
    assert (address.shown, address.job, address.parameters().get("password")) == (shown, job, password)
    again = Address.parse(address.named("other"))
    assert again.job == "other"
    assert {**again.parameters(), "password": password} == {**address.parameters(), "password": password}


def test_one_place_tells_the_time_and_it_is_the_databases() -> None:
    script = "\n".join(path.read_text() for path in MIGRATIONS.iterdir())
    assert script.count("clock_timestamp") == 1
    assert not any(word in script for word in ("now()", "current_timestamp", "CURRENT_TIMESTAMP", "localtime"))


def test_nothing_of_it_is_loaded_where_it_is_not_used() -> None:
    code = (
        "import sys, aiosymphony, aiosymphony.cli.app, aiosymphony.provisioning.journal.registry; "
        "print([name for name in sys.modules if name.startswith('psycopg') or '.postgres' in name])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if ".postgres." in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(JobRefused, match=r"^jobs in PostgreSQL need psycopg: pip install 'aiosymphony\[postgres\]'$"):
        open_store("postgresql://h/db?job=x")
    assert run(["store", "init", "postgresql://h/db"]) == 64
    assert capsys.readouterr().err == (
        "aiosymphony: jobs in PostgreSQL need psycopg: pip install 'aiosymphony[postgres]'\n"
    )
