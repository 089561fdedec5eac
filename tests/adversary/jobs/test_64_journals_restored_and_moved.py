"""Case 64: a journal that is not the newest state of its job. Real files, real SIGKILL, a tenant that takes doubles.

What a later state of the journal may have sent is looked up first; a journal that shows that it is the newest looks up
nothing but what was in flight.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from . import ledger

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it stops and kills by signals")

ROWS = 200
COPIED, KILLED = 65, 150
IN_FLIGHT = 4
ENDINGS = ("", "-wal", "-shm", "-seal")


class Run:
    """A run of the job, which stops where it was told to."""

    started: ClassVar[list[Run]] = []

    def __init__(self, folder: Path, **options: Any) -> None:
        command = [sys.executable, "-W", "ignore", ledger.__file__, str(folder), json.dumps({"rows": ROWS, **options})]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.process = subprocess.Popen(command, env=environment)
        self.started.append(self)

    def until_it_stops(self) -> None:
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self) -> int:
        return self.process.wait(60)


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    yield
    while Run.started:
        Run.started.pop().kill()


def finish(folder: Path, **options: Any) -> None:
    assert Run(folder, **options).ended() == 0


def created(folder: Path) -> Counter[str]:
    return Counter(json.loads(line)["email"] for line in (folder / "ledger").read_text().splitlines())


def asked(folder: Path) -> int:
    """How many rows were looked up since the plan was made."""
    return len((folder / "asked").read_text().splitlines()) - ROWS


ONCE = Counter(f"u{n}@acme.com" for n in range(ROWS))


def files(folder: Path) -> dict[str, Path]:
    return {end: path for end in ENDINGS if (path := folder / f"job.journal{end}").exists()}


def copied(folder: Path) -> Path:
    copy = folder / "copy"
    copy.mkdir()
    for path in files(folder).values():
        shutil.copy2(path, copy)
    return copy


def in_place(folder: Path, copy: Path, *endings: str) -> None:
    """As ``cp copy/* .`` does: the files stay, with another content."""
    for end in endings:
        if (copy / f"job.journal{end}").exists():
            (folder / f"job.journal{end}").write_bytes((copy / f"job.journal{end}").read_bytes())


def restore_journal(folder: Path, copy: Path) -> None:
    in_place(folder, copy, "", "-wal", "-shm")


def restore_everything_in_place(folder: Path, copy: Path) -> None:
    in_place(folder, copy, *ENDINGS)


def restore_everything_by_name(folder: Path, copy: Path) -> None:
    for path in files(folder).values():
        path.unlink()
    for path in files(copy).values():
        path.rename(folder / path.name)


def lose_the_log(folder: Path, copy: Path) -> None:
    (folder / "job.journal-wal").unlink()
    (folder / "job.journal-shm").unlink()


def move_without_the_log(folder: Path, copy: Path) -> None:
    lose_the_log(folder, copy)
    (folder / "job.journal-seal").unlink(missing_ok=True)
    (folder / "job.journal").rename(folder / "moved")
    (folder / "moved").rename(folder / "job.journal")


def cut_the_log(folder: Path, copy: Path) -> None:
    log = folder / "job.journal-wal"
    os.truncate(log, log.stat().st_size * 2 // 3)


@pytest.mark.parametrize(
    "tamper",
    [
        restore_journal,
        restore_everything_in_place,
        restore_everything_by_name,
        lose_the_log,
        move_without_the_log,
        cut_the_log,
    ],
)
def test_64_after_a_kill(tmp_path: Path, tamper: Callable[[Path, Path], None]) -> None:
    # The log is copied into the file often, so that the file itself is an older and an older one.
    run = Run(tmp_path, stops={"create": [COPIED, KILLED]}, checkpoint=40)
    run.until_it_stops()
    copy = copied(tmp_path)
    run.go_on()
    run.until_it_stops()
    run.kill()
    tamper(tmp_path, copy)
    finish(tmp_path)
    assert created(tmp_path) == ONCE


def test_64_an_older_file_under_a_newer_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """SQLite puts the one on top of the other. What comes out is no journal, or must be looked up."""
    run = Run(tmp_path, stops={"create": [COPIED, KILLED]}, checkpoint=40)
    run.until_it_stops()
    copy = copied(tmp_path)
    run.go_on()
    run.until_it_stops()
    run.kill()
    in_place(tmp_path, copy, "")
    code = Run(tmp_path).ended()
    if code:
        assert code == 64
        assert "is damaged" in capfd.readouterr().err
        for path in files(tmp_path).values():
            path.rename(copy / path.name)
        finish(tmp_path)
    assert created(tmp_path) == ONCE


@pytest.mark.parametrize("tamper", [restore_journal, restore_everything_in_place, restore_everything_by_name])
def test_64_after_a_clean_stop(tmp_path: Path, tamper: Callable[[Path, Path], None]) -> None:
    run = Run(tmp_path, stops={"create": [COPIED, KILLED]})
    run.until_it_stops()
    copy = copied(tmp_path)
    run.go_on()
    run.until_it_stops()
    run.process.terminate()
    run.go_on()
    assert run.ended() == 75
    tamper(tmp_path, copy)
    finish(tmp_path)
    assert created(tmp_path) == ONCE


def test_64_a_copy_of_a_job_that_was_stopped_long_before(tmp_path: Path) -> None:
    """Stopped, copied, resumed to its end, and the copy restored."""
    run = Run(tmp_path, stops={"create": [COPIED]})
    run.until_it_stops()
    run.process.terminate()
    run.go_on()
    assert run.ended() == 75
    copy = copied(tmp_path)
    finish(tmp_path)
    restore_everything_by_name(tmp_path, copy)
    finish(tmp_path)
    assert created(tmp_path) == ONCE


def test_64_killed_while_it_looks_up(tmp_path: Path) -> None:
    """What an unproven journal has not looked up yet is still looked up by the run after the next."""
    run = Run(tmp_path, stops={"create": [COPIED, KILLED]})
    run.until_it_stops()
    copy = copied(tmp_path)
    run.go_on()
    run.until_it_stops()
    run.kill()
    restore_journal(tmp_path, copy)
    run = Run(tmp_path, stops={"look_up": [2]})
    run.until_it_stops()
    run.kill()
    finish(tmp_path)
    assert created(tmp_path) == ONCE


def test_64_killed_and_started_again_looks_up_what_was_in_flight_alone(tmp_path: Path) -> None:
    for stop in (40, 40, 40):
        run = Run(tmp_path, stops={"create": [stop]})
        run.until_it_stops()
        run.kill()
    finish(tmp_path)
    assert created(tmp_path) == ONCE
    assert 0 < asked(tmp_path) <= 3 * IN_FLIGHT


def test_64_stopped_and_started_again_looks_up_nothing(tmp_path: Path) -> None:
    for boot in ("first", "second"):
        run = Run(tmp_path, stops={"create": [40]}, boot=boot)
        run.until_it_stops()
        run.process.terminate()
        run.go_on()
        assert run.ended() == 75
    finish(tmp_path, boot="third")
    assert created(tmp_path) == ONCE
    assert asked(tmp_path) == 0


def test_64_after_the_machine_went_down_everything_to_do_is_looked_up(tmp_path: Path) -> None:
    # Whether the process of before lives is not to be told by its number now: its lease is waited for.
    run = Run(tmp_path, stops={"create": [40]}, boot="first", lease=1.0)
    run.until_it_stops()
    run.kill()
    finish(tmp_path, boot="second", lease=1.0)
    assert created(tmp_path) == ONCE
    assert ROWS - 40 <= asked(tmp_path) <= ROWS - 40 + IN_FLIGHT
