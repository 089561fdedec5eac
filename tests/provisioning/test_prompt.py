"""What an operator is shown and asked before users are disabled: on a terminal, and in a script."""

from __future__ import annotations

import asyncio
import csv
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from aiosymphony import PodClient
from aiosymphony.provisioning import PodTarget, read_actual
from aiosymphony.provisioning.actual import Actual
from tests.provisioning.test_cli import environment, run

COLUMNS = ("userName", "emailAddress", "displayName", "firstName", "lastName")


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pod with 200 people, in a process of its own, and the environment that leads to it."""
    command = [sys.executable, "-m", "aiosymphony.sandbox", "--port", "0", "--users", "200", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        facts = orjson.loads(process.stdout.readline())
        for name, value in {
            "SYMPHONY_POD_URL": facts["url"],
            "SYMPHONY_BOT_USERNAME": facts["username"],
            "SYMPHONY_PRIVATE_KEY": facts["private_key_file"],
        }.items():
            monkeypatch.setenv(name, value)
        yield
        process.send_signal(signal.SIGTERM)


def in_pod(ask: Callable[[Actual], Any]) -> Any:
    async def read() -> Any:
        async with PodClient.from_env() as pod:
            with await read_actual(PodTarget(pod)) as actual:
                return ask(actual)

    return asyncio.run(read())


def active() -> int:
    return int(in_pod(Actual.count_active))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        lines = csv.DictWriter(file, (*COLUMNS, "status"), extrasaction="ignore")
        lines.writeheader()
        lines.writerows(rows)
    return path


def persons() -> list[dict[str, Any]]:
    everyone = in_pod(lambda actual: [dict(user.values) for user in actual.unclaimed()])
    return [values for values in everyone if values.get("accountType") != "SYSTEM"]


def leavers(path: Path, count: int) -> tuple[Path, list[str]]:
    gone = [{**values, "status": "DISABLED"} for values in persons()[:count]]
    return write(path, gone), [values["userName"] for values in gone]


def on_a_terminal(file: Path, *options: str, answer: bytes = b"", interrupt: bool = False) -> tuple[int, str, str]:
    """Run apply with a terminal for standard input and errors; the code, what the terminal shows, and the output."""
    main, side = pty.openpty()
    script = "from aiosymphony.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", script, "provision", "apply", str(file), *options]
    shown = b""
    with subprocess.Popen(
        command, stdin=side, stdout=subprocess.PIPE, stderr=side, env={**environment(), "TERM": "dumb"}
    ) as process:
        os.close(side)
        try:
            while chunk := os.read(main, 4096):
                shown += chunk
                if b"[y/N]" in shown and (answer or interrupt):
                    if interrupt:
                        process.send_signal(signal.SIGINT)
                    else:
                        os.write(main, answer)
                    answer, interrupt = b"", False
        except OSError:  # the other end is closed
            pass
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(main)
    return process.returncode, shown.decode(), out


def test_a_terminal_is_asked_before_more_than_a_handful_are_disabled(pod: None, tmp_path: Path) -> None:
    few, _ = leavers(tmp_path / "few.csv", 5)
    more, names = leavers(tmp_path / "more.csv", 7)
    before = active()
    code, shown, out = on_a_terminal(more, "--target", "pod", answer=b"n\n")
    assert code == 64
    assert f"Disable 7 users, first {', '.join(names)}? [y/N]" in shown
    assert "cancelled at the prompt: nothing was sent" in shown
    assert f"disabled: 7 of {before} active users: {', '.join(names)}" in out
    code, shown, _ = on_a_terminal(more, "--target", "pod", interrupt=True)
    assert code == 130
    assert "Traceback" not in shown
    assert active() == before
    code, shown, _ = on_a_terminal(few, "--target", "pod")
    assert (code, "[y/N]" in shown) == (0, False)
    code, shown, _ = on_a_terminal(more, "--target", "pod", answer=b"y\n")
    assert (code, "[y/N]" in shown) == (0, False)  # five of the seven are disabled by now
    assert active() == before - 7


def test_the_answer_yes_and_force(pod: None, tmp_path: Path) -> None:
    before = active()
    more, _ = leavers(tmp_path / "more.csv", 7)
    code, shown, _ = on_a_terminal(more, "--target", "pod", answer=b"y\n")
    assert (code, "[y/N]" in shown) == (0, True)
    assert active() == before - 7
    most, _ = leavers(tmp_path / "most.csv", 40)
    code, shown, _ = on_a_terminal(most, "--target", "pod")
    assert code == 64
    assert f"the plan disables 33 of {before - 7} active users" in shown
    code, shown, _ = on_a_terminal(most, "--target", "pod", "--force")
    assert (code, "[y/N]" in shown) == (0, False)
    assert active() == before - 40


def test_who_says_no_keeps_the_job_that_was_finished(
    pod: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = leavers(tmp_path / "people.csv", 2)
    assert run(capsys, "provision", "apply", file, "--target", "pod")[0] == 0
    there = {*tmp_path.iterdir()}
    leavers(file, 9)
    code, shown, _ = on_a_terminal(file, "--target", "pod", answer=b"n\n")
    assert (code, "Disable 7 users" in shown) == (64, True)
    code, out, _ = run(capsys, "provision", "status", file, "--json")
    assert (code, orjson.loads(out)["rows"]["done"]) == (0, 2)
    assert {*tmp_path.iterdir()} == there


def test_scripts_are_not_asked(pod: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = active()
    more, _ = leavers(tmp_path / "more.csv", 7)
    script = "from aiosymphony.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", script, "provision", "apply", str(more), "--target", "pod"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, "[y/N]" in done.stderr + done.stdout) == (0, False)
    assert active() == before - 7
    most, _ = leavers(tmp_path / "most.csv", 40)
    code, out, err = run(capsys, "provision", "apply", most, "--target", "pod", "--json")
    assert (code, "without --force at most 9 may be" in err) == (64, True)
    assert orjson.loads(out)["exit_code"] == 64


def test_a_plan_says_who_is_disabled_and_who_is_left_alone(
    pod: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = persons()
    before = active()
    gone, stays, back = people[:2], people[2], people[3:]
    file = write(tmp_path / "people.csv", [stays, *back])
    options = ("--target", "pod", "--disable-missing")
    code, out, _ = run(capsys, "provision", "plan", file, *options)
    assert code == 0
    assert f"disabled: 2 of {before} active users: {gone[0]['userName']}, {gone[1]['userName']}\n" in out
    assert "not in the file, and left alone: the account that this job runs as\n" in out
    code, out, _ = run(capsys, "provision", "plan", file, *options, "--json")
    told = orjson.loads(out)
    assert told["end_inactive"] == {"count": 2, "first": [each["userName"] for each in gone]}
    assert (told["active"], told["left_alone"]["own_account"], told["needs_force"]) == (before, 1, False)
    assert run(capsys, "provision", "apply", file, *options)[0] == 0
    # One of those who left is back: with the file as the truth he is enabled again, and otherwise named.
    file = write(tmp_path / "back.csv", [*people[:1], stays, *back])
    name = people[0]["userName"]
    assert f"enabled again: 1: {name}\n" in run(capsys, "provision", "plan", file, *options)[1]
    out = run(capsys, "provision", "plan", file, "--target", "pod")[1]
    assert f"in the file, but disabled, and left so: 1: {name}\n" in out
