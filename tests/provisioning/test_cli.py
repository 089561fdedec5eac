"""``aiosymphony provision`` as an operator uses it, against a sandbox in a process of its own."""

from __future__ import annotations

import asyncio
import csv
import http.client
import os
import resource
import shlex
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from aiosymphony import ConnectClient
from aiosymphony.cli import main
from aiosymphony.provisioning import Plan, plan

ROWS = 60
DELAY = 0.03


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "aiosymphony.sandbox", "--port", "0", "--users", "5", "--json"]
    command += ["--company-seconds", "0.05", "--faults", delays(DELAY).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        facts = orjson.loads(process.stdout.readline())
        yield facts
        process.send_signal(signal.SIGTERM)


def delays(seconds: float) -> bytes:
    return orjson.dumps({"rate_delay": 1.0, "delay_seconds": seconds})


@contextmanager
def slow(sandbox: dict[str, Any]) -> Iterator[None]:
    """Meanwhile each request takes so long that no job ends before it is told to, however slow this machine is."""

    def answer_after(seconds: float) -> None:
        server = http.client.HTTPConnection(sandbox["url"].removeprefix("http://"))
        server.request("POST", "/sandbox/faults", delays(seconds))
        assert server.getresponse().status == 200
        server.close()

    answer_after(0.5)
    try:
        yield
    finally:
        answer_after(DELAY)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def company(sandbox: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A company of this test's own, and the environment that leads to it."""
    for name, value in {
        "SYMPHONY_CONNECT_URL": sandbox["url"],
        "SYMPHONY_TOKEN_URL": sandbox["token_url"],
        "SYMPHONY_CLIENT_ID": sandbox["client_id"],
        "SYMPHONY_CLIENT_SECRET": sandbox["client_secret"],
        "SYMPHONY_POD_URL": sandbox["url"],
        "SYMPHONY_BOT_USERNAME": sandbox["username"],
        "SYMPHONY_PRIVATE_KEY": sandbox["private_key_file"],
    }.items():
        monkeypatch.setenv(name, value)
    vanity = f"c{abs(hash(str(tmp_path))):x}"

    async def make() -> str:
        async with ConnectClient.from_env() as connect:
            made = await connect.companies.create(name=vanity, vanity_name=vanity, email_domains=[f"{vanity}.com"])
            assert made.id is not None
            await connect.companies.wait_until_completed(made.id, interval=0.05)
            return made.id

    monkeypatch.setenv("TEST_DOMAIN", f"{vanity}.com")
    return asyncio.run(make())


def people(path: Path, names: list[str]) -> Path:
    domain = os.environ["TEST_DOMAIN"]
    path.write_text(
        "email,firstName,lastName\n"
        + "".join(f"{name if '@' in name else f'{name}@{domain}'},{name[:9]},Lee\n" for name in names)
    )
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


NAMES = [f"u{n}" for n in range(ROWS)]


def test_from_a_spreadsheet_to_a_finished_audited_run(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = people(tmp_path / "people.csv", [*NAMES, "wrong", "someone@elsewhere.com"])
    file.write_text(file.read_text().replace("wrong@", "wrong "))
    code, out, err = run(capsys, "provision", "plan", file, "--target", "connect", "--company", company)
    assert (code, err) == (2, "")
    assert "create" in out
    assert "60" in out
    assert f"line 62: wrong {os.environ['TEST_DOMAIN']} - email" in out
    assert (
        "line 63: someone@elsewhere.com - email is of elsewhere.com, which is no domain of the company; it has " in out
    )
    code, out, _ = run(capsys, "provision", "plan", file, "--target", "connect", "--company", company, "--json")
    told = orjson.loads(out)
    assert (code, told["counts"]["invalid"], told["warnings"]) == (2, 2, [])
    assert [(each["rows"], each["do"], each["line"]) for each in told["reasons"]] == [
        (1, "invalid", 62),
        (1, "invalid", 63),
    ]
    good = people(tmp_path / "good.csv", [*NAMES, "someone@elsewhere.com"])
    code, out, err = run(capsys, "provision", "plan", good, "--target", "connect", "--company", company, "--strict")
    assert (code, out) == (64, "")
    assert "good.csv: 1 wrong row, and --strict takes none; the first: line 62: email is of elsewhere.com" in err
    code, out, _ = run(capsys, "provision", "apply", tmp_path / "people.csv.plan", "--settle", "0.2", "--json")
    told = orjson.loads(out)
    assert (code, told["exit_code"]) == (2, 2)
    assert told["rows"] == {"total": 62, "done": 60, "skipped": 0, "failed": 2, "unknown": 0, "not_finished": 0}
    assert told["audit"]["counts"] == {"missing": 0, "doubled": 0, "different": 0}
    assert [cause["code"] for cause in told["causes"]] == ["invalid", "invalid"]
    for what in (file.with_name("people.csv.plan"), file.with_name("people.csv.plan.journal")):
        code, out, _ = run(capsys, "provision", "status", what, "--json")
        assert (code, orjson.loads(out)["rows"]["done"], orjson.loads(out)["running"]) == (2, 60, [])
    html, rows, rest = tmp_path / "report.html", tmp_path / "rows.csv", tmp_path / "rest.csv"
    code, out, _ = run(
        capsys, "provision", "report", file.with_name("people.csv.plan"), "--html", html, "--csv", rows, "--rest", rest
    )
    assert code == 2
    assert "let the tenant take them" in html.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (html, rows, rest)} == {0o600}
    assert len(rows.read_text().splitlines()) == 63
    domain = os.environ["TEST_DOMAIN"]
    with rest.open(newline="", encoding="utf-8-sig") as lines:
        left = [(row["email"], row["_state"], row["_line"]) for row in csv.DictReader(lines)]
    assert left == [(f"wrong {domain}", "FAILED", "62"), ("someone@elsewhere.com", "FAILED", "63")]
    # Corrected, the rest is an input of its own.
    rest.write_text(rest.read_text().replace("elsewhere.com", domain).replace("wrong ", "right@"))
    code, out, _ = run(capsys, "provision", "apply", rest, "--target", "connect", "--company", company, "--json")
    assert (code, orjson.loads(out)["rows"]["done"]) == (0, 2)


def test_a_plan_ends_with_the_command_that_carries_it_out_if_there_is_anything_to_do(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ("--target", "connect", "--company", company)

    def last_words(file: Path, *options: str) -> str:
        code, out, _ = run(capsys, "provision", "plan", file, *target, *options)
        assert code == 0
        return " ".join(out[out.index("Saved as") :].split())

    file, plan = people(tmp_path / "people.csv", NAMES), tmp_path / "people.csv.plan"
    assert last_words(file) == f"Saved as {plan}. To carry it out: aiosymphony provision apply {plan}"
    assert run(capsys, "provision", "apply", plan, "--settle", "0.2")[0] == 0
    assert last_words(file) == f"Saved as {plan}. There is nothing to carry out."
    few, plan = people(tmp_path / "few.csv", NAMES[:3]), tmp_path / "few.csv.plan"
    assert last_words(few, "--disable-missing") == (
        f"Saved as {plan}. It disables more users than may be without --force. "
        f"If that is meant: aiosymphony provision apply {plan} --force"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("call", "users.get", "-o", "-"),
        ("provision", "plan", "people.csv", "--target", "pod", "-o", "-"),
        ("provision", "map", "people.csv", "-o", "-"),
        ("provision", "template", "--target", "pod", "-o", "-"),
        ("provision", "report", "people.csv", "--html", "-"),
        ("provision", "report", "people.csv", "--csv", "-"),
        ("provision", "report", "people.csv", "--rest", "-"),
    ],
    ids=lambda command: " ".join((command[1], command[-2])),
)
def test_a_file_that_is_written_has_a_name(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (main(command), [*tmp_path.iterdir()]) == (64, [])
    assert capsys.readouterr().err.endswith(" writes a file: name it instead of -\n")


def test_a_plan_says_what_a_map_does_and_who_is_created_switched_off(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    rows = [f"u{n}@{os.environ['TEST_DOMAIN']},x@y.com,U,Lee,{n < 3}" for n in range(5)]
    file.write_text("\n".join(["E-Mail,email,firstName,lastName,suspended", *rows]))
    table = tmp_path / "map.toml"
    table.write_text('"E-Mail" = "email"\nsuspended = { to = "active", invert = true }\n')
    command = ("provision", "plan", file, "--target", "connect", "--company", company, "--map", table)
    code, out, _ = run(capsys, *command)
    assert (code, out.count("Note: the column 'email' is left out: the map makes email of 'E-Mail'")) == (0, 1)
    assert [line.strip("\u2502 ").split()[-1] for line in out.splitlines() if "switched off" in line] == ["3"]
    told = orjson.loads(run(capsys, *command, "--json")[1])
    assert (told["counts"]["create"], told["created_disabled"], len(told["notes"])) == (5, 3, 1)


def test_the_same_command_again_has_nothing_to_do(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = people(tmp_path / "people.csv", NAMES)
    command = ("provision", "apply", file, "--target", "connect", "--company", company, "--json")
    first, again = (orjson.loads(run(capsys, *command)[1]) for _ in range(2))
    assert first["traffic"]["requests"] > again["traffic"]["requests"]
    assert first["rows"] == {**again["rows"], "skipped": 0}
    assert again["actions"] == [{"action": "skip", "state": "DONE", "rows": ROWS}]
    assert again["exit_code"] == 0


def test_what_is_refused_says_why_in_one_sentence(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = people(tmp_path / "people.csv", NAMES)
    target = ("--target", "connect", "--company", company)

    def refused(*arguments: object) -> str:
        code, out, err = run(capsys, "provision", *arguments)
        assert (code, out) == (64, "")
        assert err.startswith("aiosymphony: ")
        assert err.count("\n") == 1
        return err

    assert "--target connect --company ID" in refused("plan", file)
    assert "needs --company" in refused("plan", file, "--target", "connect")
    assert "belongs to --target connect" in refused("plan", file, "--target", "pod", "--company", company)
    for command in ("plan", "apply"):
        assert "add --disable-missing" in refused(command, file, *target, "--include-service-accounts")
    assert "cannot be read: No such file" in refused("plan", tmp_path / "none.csv", *target)
    assert "there is no journal" in refused("status", file)
    assert run(capsys, "provision", "plan", file, *target)[0] == 0
    saved = tmp_path / "people.csv.plan"
    assert "a saved plan knows its target" in refused("apply", saved, *target)
    # The file changed after the plan was made.
    content = file.read_text()
    people(file, [*NAMES, "late"])
    assert "was changed since" in refused("apply", saved)
    file.write_text(content)
    # What is there changed after the plan was made.
    other = people(tmp_path / "other.csv", NAMES[:1])
    assert run(capsys, "provision", "apply", other, *target, "--json")[0] == 0
    assert "changed in the tenant since it was made (made again: -1 create, +1 skip)" in refused("apply", saved)
    # The file changed after its job began.
    assert run(capsys, "provision", "apply", file, *target, "--json")[0] == 0
    # That is no reason to refuse it, as the job is finished: it makes room.
    people(file, [*NAMES, "late"])
    code, out, err = run(capsys, "provision", "apply", file, *target, "--json")
    assert (code, orjson.loads(out)["rows"]["done"]) == (0, 61)
    assert "a new job: the last one" in orjson.loads(out)["notes"][0]
    assert err == ""
    # And a mass disable.
    few = people(tmp_path / "few.csv", NAMES[:50])
    assert "without --force at most 5" in refused("apply", few, *target, "--disable-missing")
    assert [*tmp_path.glob("few.csv.*")] == []
    assert "there is no journal" in refused("status", few)
    code, out, _ = run(capsys, "provision", "apply", few, *target, "--disable-missing", "--force", "--json")
    assert code == 0
    assert {(act["action"], act["state"]): act["rows"] for act in orjson.loads(out)["actions"]} == {
        ("disable", "DONE"): 11,
        ("skip", "DONE"): 50,
    }


def start(file: Path, company: str, *options: str, largest_file: int | None = None) -> subprocess.Popen[str]:
    def bound() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    script = "from aiosymphony.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", script, "provision", "apply", str(file), "--target", "connect"]
    command += ["--company", company, "--concurrency", "1", "--settle", "0.2", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, text=True, env=environment(), preexec_fn=bound)  # noqa: PLW1509


def until_it_sends(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wait until the job's first rows are done, which its status tells while it runs."""
    for _ in range(1000):
        _, out, _ = run(capsys, "provision", "status", file, "--json")
        told = orjson.loads(out)
        if told.get("rows", {}).get("done", 0) > 0:
            assert told["running"]
            return
    pytest.fail("the job never began")


def test_31_a_journal_that_cannot_grow_stops_the_job_and_loses_nothing(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = people(tmp_path / "people.csv", [f"u{n}" for n in range(2000)])
    with start(file, company, largest_file=1_000_000) as job:
        _, err = job.communicate()
    assert job.returncode == 75
    assert err.count("aiosymphony: ") == 1
    assert "people.csv.journal cannot be written (" in err
    assert "Traceback" not in err
    code, out, _ = run(capsys, "provision", "status", file, "--json")
    assert code == 75
    assert 0 < orjson.loads(out)["rows"]["done"] < 2000
    with start(file, company) as job:
        job.communicate()
    assert job.returncode == 0


@pytest.mark.parametrize("times", [1, 2])
def test_45_ctrl_c_once_drains_and_twice_leaves(
    company: str, sandbox: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], times: int
) -> None:
    file = people(tmp_path / "people.csv", [f"u{n}" for n in range(2000)])
    with slow(sandbox), start(file, company) as job:
        until_it_sends(file, capsys)
        job.send_signal(signal.SIGINT)
        if times == 2:
            assert job.stderr is not None
            for line in job.stderr:
                if "again to stop now" in line:
                    break
            job.send_signal(signal.SIGINT)
        _, err = job.communicate()
        assert job.returncode == 75
        assert "Traceback" not in err
        assert ("stopped as asked" if times == 1 else "") in err
    code, out, _ = run(capsys, "provision", "status", file, "--json")
    told = orjson.loads(out)
    assert (code, told["running"]) == (75, [])
    in_flight = sum(each["rows"] for each in told["actions"] if each["state"] == "IN_FLIGHT")
    assert in_flight == 0 if times == 1 else in_flight <= 20
    code, out, _ = run(
        capsys, "provision", "apply", file, "--target", "connect", "--company", company, "--settle", "0.2", "--json"
    )
    assert code == 0
    assert orjson.loads(out)["rows"]["done"] == 2000


def test_ctrl_c_while_it_is_planned_is_no_job_that_was_stopped(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing hears it while rows are decided: it comes when the job is about to begin."""

    def interrupted(*args: Any, **options: Any) -> Plan:
        os.kill(os.getpid(), signal.SIGINT)
        return plan(*args, **options)

    monkeypatch.setattr("aiosymphony.provisioning.preparing.plan", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        file = people(tmp_path / "people.csv", NAMES)
        code, _, err = run(capsys, "provision", "apply", file, "--target", "connect", "--company", company)
    finally:
        signal.signal(signal.SIGINT, before)
    told = "nothing was changed; run the same command to begin again"
    assert (code, err) == (130, f"aiosymphony: interrupted: {told}\n")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            "aiosymphony.provisioning.job.lease.Lease.begin",
            ["nothing was changed; run the same command to begin again", "run the same command to resume"],
        ),
        (
            "aiosymphony.provisioning.reports.report.Report.of",
            ["to see how the job stands: aiosymphony provision status "],
        ),
    ],
)
def test_ctrl_c_outside_of_the_sending_says_how_to_go_on(
    company: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    told: list[str],
) -> None:
    file = people(tmp_path / "people.csv", NAMES)
    command = ("provision", "apply", file, "--target", "connect", "--company", company)

    async def interrupted(*_: Any, **__: Any) -> None:
        for _time in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
        await asyncio.sleep(60)

    last = ""
    for each in told:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with monkeypatch.context() as patched:
                patched.setattr(where, interrupted)
                code, _, err = run(capsys, *command)
        finally:
            signal.signal(signal.SIGINT, before)
        *_, last = err.splitlines()
        assert code == 130
        assert last.startswith(f"aiosymphony: interrupted: {each}")
    if "provision status" in last:
        assert run(capsys, *shlex.split(last.partition(": aiosymphony ")[2]))[0] == 0
    assert run(capsys, *command, "--settle", "0.2")[0] == 0


def test_ctrl_c_while_a_file_is_planned_alone(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Plan:
        raise KeyboardInterrupt

    monkeypatch.setattr("aiosymphony.provisioning.preparing.plan", interrupted)
    file = people(tmp_path / "people.csv", NAMES)
    code, _, err = run(capsys, "provision", "plan", file, "--target", "connect", "--company", company)
    assert (code, err) == (130, "aiosymphony: interrupted: nothing was changed\n")
    assert not file.with_name("people.csv.plan").exists()


def test_29_a_second_command_is_refused_while_the_first_runs(
    company: str, sandbox: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = people(tmp_path / "people.csv", [f"u{n}" for n in range(2000)])
    with slow(sandbox), start(file, company) as job:
        until_it_sends(file, capsys)
        code, _, err = run(capsys, "provision", "apply", file, "--target", "connect", "--company", company)
        assert code == 75
        assert f"process {job.pid} on" in err
        job.send_signal(signal.SIGTERM)
        job.communicate()
        assert job.returncode == 75


def test_the_pod_too(company: str, sandbox: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pod.csv"
    domain = os.environ["TEST_DOMAIN"]
    lines = [f"{domain}-{n},p{n}@{domain},P,N{n},P {n},INDIVIDUAL,postReadEnabled=false" for n in range(30)]
    file.write_text("userName,emailAddress,firstName,lastName,displayName,roles,features\n" + "\n".join(lines))
    code, out, _ = run(capsys, "provision", "apply", file, "--target", "pod", "--json")
    assert (code, orjson.loads(out)["rows"]["done"]) == (0, 30)
    code, out, _ = run(capsys, "provision", "plan", file, "--target", "pod", "--json", "--details")
    told = orjson.loads(out)
    assert (code, told["counts"]["skip"], len(told["actions"])) == (0, 30, 30)


def test_parts_of_a_job_and_a_journal_elsewhere(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, journal = people(tmp_path / "people.csv", [f"u{n}" for n in range(1100)]), tmp_path / "elsewhere"
    command = ("provision", "apply", file, "--target", "connect", "--company", company, "--journal", journal)
    options = ("--no-audit", "--concurrency", "16", "--json")
    code, out, _ = run(capsys, *command, *options, "--shards", "2", "--max-shards", "1")
    told = orjson.loads(out)
    assert (code, told["exit_code"], told["journal"]) == (0, 0, str(journal))
    assert told["rows"]["done"] == 1100, "when its part is finished, it takes the other one"
    code, out, _ = run(capsys, *command, *options)
    told = orjson.loads(out)
    assert (code, told["rows"]["done"], told["audit"]) == (0, 1100, None)
    assert not file.with_name("people.csv.journal").exists()


def test_a_configuration_file_in_place_of_the_environment(
    company: str, sandbox: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    for name in ("POD_URL", "BOT_USERNAME", "PRIVATE_KEY"):
        monkeypatch.delenv(f"SYMPHONY_{name}")
    scheme, _, rest = sandbox["url"].partition("://")
    host, _, port = rest.partition(":")
    bot = {"username": sandbox["username"], "privateKey": {"path": sandbox["private_key_file"]}}
    config = tmp_path / "config.json"
    config.write_bytes(orjson.dumps({"scheme": scheme, "host": host, "port": int(port), "bot": bot}))
    file = tmp_path / "pod.csv"
    domain = os.environ["TEST_DOMAIN"]
    file.write_text(f"userName,emailAddress,firstName,lastName,displayName\n{domain},a@{domain},A,B,A B\n")
    command = ("provision", "plan", file, "--target", "pod", "--json")
    assert run(capsys, *command)[0] == 64
    code, out, _ = run(capsys, *command, "--config", config)
    assert (code, orjson.loads(out)["counts"]["create"]) == (0, 1)


def test_41_no_secret_stands_in_anything_that_is_written(
    company: str, sandbox: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = people(tmp_path / "people.csv", [*NAMES, "someone@elsewhere.com"])
    printed = "".join(
        run(capsys, "provision", *arguments)[1]
        for arguments in (
            ("plan", file, "--target", "connect", "--company", company, "--details"),
            ("apply", tmp_path / "people.csv.plan", "--json"),
            ("report", tmp_path / "people.csv.plan", "--html", tmp_path / "r.html", "--csv", tmp_path / "r.csv"),
        )
    )
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    key = Path(sandbox["private_key_file"]).read_text().splitlines()[1]
    for secret in (sandbox["client_secret"], key, "eyJ", "Bearer"):
        assert secret not in printed
        assert secret.encode() not in written
    assert b"elsewhere.com" in written
    assert threading.active_count() == 1
