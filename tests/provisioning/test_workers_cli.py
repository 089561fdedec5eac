"""Workers from the command line: a job is handed over, listed, paused and finished, and no secret is said or stored."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from .cluster import Cluster
from .test_cli import NAMES, company, environment, people, run, sandbox  # noqa: F401 - two of them are fixtures

COMMAND = [sys.executable, "-m", "aiosymphony.cli"]


@pytest.fixture
def worker(cluster: Cluster) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()
    cluster.execute(
        "DELETE FROM aiosymphony.job; DELETE FROM aiosymphony.worker; DELETE FROM aiosymphony.schedule; "
        "SET search_path = aiosymphony, pg_catalog; "
        "DELETE FROM procrastinate_jobs"
    )


def start(*arguments: Any, **variables: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "worker", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**environment(), **variables})


def test_a_job_is_handed_over_and_carried_out(
    company: str,  # noqa: F811
    tmp_path: Path,
    cluster: Cluster,
    worker: list[subprocess.Popen[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = cluster.url()
    said = []

    def aiosymphony(*arguments: Any) -> tuple[int, str]:
        code, out, err = run(capsys, "provision", *arguments)
        said.append(out + err)
        return code, out + err

    file = people(tmp_path / f"{company}.csv", NAMES)
    apply = ("apply", file, "--target", "connect", "--company", company, "--store", address, "--settle", "0.2")
    code, told = aiosymphony(*apply, "--detach", "--shards", "2")
    assert code == 0
    assert "no worker that can reach" in told
    assert "handed over as" in told
    code, told = aiosymphony("jobs", "--store", address)
    assert (code, "waiting" in told, f"0 of {len(NAMES)}" in told) == (0, True, True)
    code, told = aiosymphony("pause", file.name, "--store", address)
    assert (code, "is paused" in told) == (0, True)
    worker.append(start("--store", address))
    aiosymphony("resume", file.name, "--store", address)
    # The same command again goes on with the job, and waits for its end.
    code, told = aiosymphony(*apply, "--json")
    assert code == 0, told
    report = orjson.loads(told[told.index("{") :].splitlines()[0])
    assert report["rows"]["done"] == len(NAMES)
    for asked in (("status", file.name, "--store", address), ("report", file, "--store", address)):
        code, told = aiosymphony(*asked, "--json")
        assert (code, orjson.loads(told)["rows"]["done"]) == (0, len(NAMES))
    ((listed,), code) = (orjson.loads(aiosymphony("jobs", "--store", address, "--json")[1]), 0)
    assert (listed["state"], listed["done"], listed["rows"]) == ("finished", len(NAMES), {"DONE": len(NAMES)})
    worker[0].send_signal(signal.SIGTERM)
    _, errors = worker[0].communicate(timeout=30)
    assert worker[0].returncode == 0
    assert "finishing requests in flight" in errors
    secrets = [cluster.password, environment()["SYMPHONY_CLIENT_SECRET"]]
    for text in ("".join(said), errors, everything(cluster)):
        assert not [secret for secret in secrets if secret in text]


def test_a_file_or_the_file_of_a_job_is_scheduled(
    company: str,  # noqa: F811
    tmp_path: Path,
    cluster: Cluster,
    worker: list[subprocess.Popen[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", cluster.password)
    address = cluster.url().replace(f":{cluster.password}@", "@")
    file = people(tmp_path / f"{company}.csv", NAMES)
    target = ("--target", "connect", "--company", company)

    def schedule(*arguments: Any) -> tuple[int, str]:
        code, out, err = run(capsys, "provision", "schedule", *arguments, "--store", address)
        return code, out + err

    def listed() -> list[dict[str, Any]]:
        _, out, _ = run(capsys, "provision", "schedules", "--store", address, "--json")
        found: list[dict[str, Any]] = orjson.loads(out)
        return found

    assert "no schedule" in run(capsys, "provision", "schedules", "--store", address)[1]
    code, told = schedule(file, *target, "--cron", "0 2 * * 1-5", "--zone", "Europe/Zurich", "--settle", "0.2")
    assert code == 0, told
    assert f"{len(NAMES)} rows at 0 2 * * 1-5 (Europe/Zurich), the first time on 20" in told
    (state,) = listed()
    assert (state["cron"], state["zone"], state["paused"], state["last_at"]) == (
        "0 2 * * 1-5",
        "Europe/Zurich",
        False,
        None,
    )
    assert schedule(file.name, "--pause") == (0, f"{state['name']} is paused\n")
    assert listed()[0]["paused"] is True
    assert schedule(state["name"], "--resume")[0] == 0
    cluster.execute("UPDATE aiosymphony.schedule SET next_at = '2026-11-02 01:00Z'")
    worker.append(start("--store", address, PGPASSWORD=cluster.password))
    job = f"{state['name']}/2026-11-02T01:00Z"
    while listed()[0]["last_job"] != job:
        assert worker[0].poll() is None
    while (code := run(capsys, "provision", "status", job, "--store", address)[0]) == 4:
        assert worker[0].poll() is None
    assert code == 0
    assert listed()[0]["last_result"] == "handed over to workers"
    assert f"  last job {job}\n" in run(capsys, "provision", "schedules", "--store", address)[1]
    assert schedule(state["name"], "--remove") == (0, f"{state['name']} is removed\n")
    assert listed() == []
    # The file of a job that was handed over, with what it was planned with.
    other = file.rename(file.with_name("other.csv"))
    apply = ("apply", other, *target, "--disable-missing", "--force", "--store", address, "--settle", "0.2")
    assert run(capsys, "provision", *apply)[0] == 0
    code, told = schedule("other.csv", "--cron", "*/5 * * * *")
    assert code == 0, told
    ((options,),) = cluster.execute("SELECT options->'planning' FROM aiosymphony.schedule")
    assert options["disable_missing"] is True
    assert options["force"] is False, "that is decided on each time"
    assert schedule("other.csv", "--remove")[0] == 0
    for wrong, why in (
        (("nobody.csv", "--cron", "0 2 * * *"), "is neither a file nor a job"),
        ((file.name, "--cron", "0 2 * * *"), "is not there: name a file"),
        ((other, *target), "give --cron to make a schedule"),
        ((other, "--cron", "0 2 * * *"), "say what is provisioned"),
        ((other, *target, "--cron", "0 25 * * *"), "is no cron expression"),
        ((other, *target, "--cron", "0 2 * * *", "--pause"), "give --cron to make a schedule"),
        ((other, *target, "--cron", "0 2 * * *", "--include-service-accounts"), "add --disable-missing"),
    ):
        code, told = schedule(*wrong)
        assert code != 0
        assert why in told


def everything(cluster: Cluster) -> str:
    """All that the database holds, but for tokens."""
    tables = cluster.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'aiosymphony'::regnamespace AND relkind = 'r'"
    )
    assert ("procrastinate_jobs",) in tables
    rows = [cluster.execute(f"SELECT t::text FROM aiosymphony.{name} AS t") for (name,) in tables if name != "token"]
    return repr(rows)


def test_logins_come_from_a_file(
    company: str,  # noqa: F811
    tmp_path: Path,
    cluster: Cluster,
    worker: list[subprocess.Popen[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    logins = tmp_path / "targets.toml"
    names = ("SYMPHONY_CLIENT_ID", "SYMPHONY_CLIENT_SECRET", "SYMPHONY_CONNECT_URL", "SYMPHONY_TOKEN_URL")
    given = {name: environment()[name] for name in names}
    logins.write_text(
        "[acme]\n" + "".join(f"{name} = {orjson.dumps(value).decode()}\n" for name, value in given.items())
    )
    worker.append(start("--store", cluster.url(), "--credentials", logins, **dict.fromkeys(given, "")))
    file = people(tmp_path / f"{company}.csv", NAMES)
    apply = ("provision", "apply", file, "--target", "connect", "--company", company, "--store", cluster.url())
    code, out, err = run(capsys, *apply, "--settle", "0.2", "--job", "joiners")
    assert (code, "joiners" in cluster.execute("SELECT name FROM aiosymphony.job")[0]) == (0, True), out + err


async def test_a_supervisor_hears_whether_it_takes_work(
    company: str,  # noqa: F811
    cluster: Cluster,
    worker: list[subprocess.Popen[str]],
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worker.append(start("--store", cluster.url(), "--health", f"127.0.0.1:{port}"))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def status(path: str) -> int:
            try:
                async with session.get(path) as response:
                    return response.status
            except aiohttp.ClientConnectionError:
                return 0

        while (ready := await status("/readyz")) != 200:
            assert ready in (0, 503)
            assert worker[0].poll() is None
            await asyncio.sleep(0.05)
        assert await status("/healthz") == 200


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "x stands outside of a table"),
        ("[a]\nSYMPHONY_POD_URL = 1", r"SYMPHONY_POD_URL in [a] is no text"),
        ("[a]\nurl = 'x'", r"[a] knows no url"),
        ("[a", "is no TOML"),
        ("[a]\nSYMPHONY_POD_URL = 'https://a.example'", "[a]: "),
        ("", "there are no credentials for any target"),
    ],
)
def test_wrong_logins_are_one_sentence(tmp_path: Path, cluster: Cluster, text: str, why: str) -> None:
    logins = tmp_path / "targets.toml"
    logins.write_text(text)
    command = [*COMMAND, "worker", "--store", cluster.url(), "--credentials", str(logins)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (64, "", 1), ended.stderr
    assert why in ended.stderr


def test_what_goes_with_store_alone_is_refused_without_it(
    company: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = people(tmp_path / f"{company}.csv", NAMES)
    apply = ("provision", "apply", file, "--target", "connect", "--company", company)
    for options, why in (
        (("--detach",), "--job and --detach go with --store"),
        (("--store", "postgresql://h/d", "--rate", "3"), "leave out --journal, --max-shards and --rate"),
        (("--store", str(tmp_path / "x.journal")), "is no database"),
    ):
        code, _, err = run(capsys, *apply, *options)
        assert (code, why in err) == (64, True), err
