"""What an operator sees of a job on a terminal, in a pipe and by its status: what the journal holds, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.provisioning import Report, SqliteStore
from aiosymphony.provisioning.journal.file import create_journal
from aiosymphony.sandbox import Faults, Sandbox

from .conftest import Run

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")

MAIN = "import sys; from aiosymphony.cli import main; sys.exit(main())"
CREATE = "v2_admin_user_create_post"
ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
ROWS, ANSWERED = 50, 20


class Terminal:
    """A command on a terminal: what it wrote, and the keys that are pressed."""

    def __init__(self, process: asyncio.subprocess.Process, screen: int) -> None:
        self.process, self._screen = process, screen
        self.raw = ""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(screen, self._read)

    def _read(self) -> None:
        content = b""
        with contextlib.suppress(OSError):  # the command has ended
            content = os.read(self._screen, 65536)
        if content:
            self.raw += content.decode()
        else:
            asyncio.get_running_loop().remove_reader(self._screen)
        self._more.set()

    @property
    def lines(self) -> list[str]:
        """Every line that was written, however briefly it was seen."""
        return [line for line in re.split(r"[\r\n]+", ESCAPE.sub("", self.raw)) if line]

    async def shows(self, what: str) -> str:
        """Wait until a line has this in it; the line."""
        while True:
            for line in reversed(self.lines):
                if re.search(what, line):
                    return line
            assert self.process.returncode is None, f"it ended without {what!r}:\n" + "\n".join(self.lines[-20:])
            self._more.clear()
            await self._more.wait()

    def press(self, keys: bytes) -> None:
        os.write(self._screen, keys)

    async def ends(self) -> int:
        code = await self.process.wait()
        self._read()
        return code


@asynccontextmanager
async def on_terminal(*arguments: object, columns: int = 80, **environment: str) -> AsyncIterator[Terminal]:
    import fcntl
    import termios

    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def attend() -> None:
        # The terminal is the one that Ctrl-C comes from, whatever started the tests.
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    attended = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MAIN}"
    bare = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "CI")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", attended, *map(str, arguments), stdin=terminal, stdout=terminal, stderr=terminal,
        env={**bare, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environment}, preexec_fn=attend,
    )  # fmt: skip
    os.close(terminal)
    shown = Terminal(process, screen)
    try:
        yield shown
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(screen)
        os.close(screen)


@pytest.fixture
def people(tmp_path: Path, credentials: None) -> Path:
    file = tmp_path / "people.csv"
    lines = [f"u{n},u{n}@acme.com,Ann,Lee,Ann Lee\n" for n in range(ROWS)]
    file.write_text("userName,emailAddress,firstName,lastName,displayName\n" + "".join(lines))
    return file


def stuck(sandbox: Sandbox) -> None:
    """The server answers twenty requests and lets all others wait."""
    late = {(CREATE, number): "delay" for number in range(ANSWERED + 1, ROWS + 1)}
    sandbox.faults = Faults(at=late, delay_seconds=600)


def apply(file: Path, *options: str) -> tuple[object, ...]:
    return ("provision", "apply", file, "--target", "pod", "--concurrency", "2", "--settle", "0", *options)


async def states(journal: Path) -> Counter[str]:
    async with SqliteStore(journal, read_only=True) as store:
        counts = (await Report.of(store, rows=False)).counts
    found: Counter[str] = Counter()
    for (_, state), count in counts.items():
        found[state] += count
    return found


@pytest.mark.parametrize("columns", [80, 40])
async def test_ctrl_c_and_the_same_command_again(
    people: Path, symphony_sandbox: Sandbox, run: Run, columns: int
) -> None:
    journal = people.with_name("people.csv.journal")
    stuck(symphony_sandbox)
    async with on_terminal(*apply(people), columns=columns) as terminal:
        await terminal.shows(rf"(sending: )?{ANSWERED} of {ROWS} rows")
        await terminal.shows(r"^2 rows in flight")
        assert await states(journal) == {"DONE": ANSWERED, "IN_FLIGHT": 2, "TODO": ROWS - ANSWERED - 2}
        told: Any = (await run("provision", "status", str(people), "--json")).json
        assert told["exit_code"] == 4
        assert [worker["pid"] for worker in told["running"]] == [terminal.process.pid]
        assert (told["rows"]["done"], told["in_flight"], told["ended"]) == (ANSWERED, 2, [])
        terminal.press(b"\x03")
        await terminal.shows("stopping: 2 requests still to finish")
        await terminal.shows("^press Ctrl-C again to stop now$")
        terminal.press(b"\x03")
        assert await terminal.ends() == 75
        live = [
            line
            for line in terminal.lines
            if re.search("sending|rows in flight|reading the tenant|stopping:|press Ctrl-C", line)
        ]
        assert live
        assert max(map(len, live)) < columns
        # A row of the journal that is in flight is in doubt once nobody waits for its answer.
        assert await terminal.shows("in doubt +│ +2 ")
        assert terminal.raw.rstrip().rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l"), "the cursor is back"
    assert await states(journal) == {"DONE": ANSWERED, "IN_FLIGHT": 2, "TODO": ROWS - ANSWERED - 2}
    symphony_sandbox.faults = Faults()
    ended = await run(*map(str, apply(people)))
    assert ended.code == 0
    assert re.search(rf"^finished after 0:\d\d: {ROWS} of {ROWS} rows$", ended.err, re.MULTILINE)
    assert await states(journal) == {"DONE": ROWS}


async def test_the_counts_come_first_and_what_to_do_next_comes_last(
    people: Path, symphony_sandbox: Sandbox, run: Run
) -> None:
    people.write_text(people.read_text() + "wrong,no address,Ann,Lee,Ann Lee\n")
    ended = await run(*map(str, apply(people)))
    assert ended.code == 2
    report = ended.out[ended.out.index("in all") :]
    places = [
        report.index(what) for what in ("not finished", "1 failed invalid: ", "Everything: ", "Next: 1 row is wrong. ")
    ]
    assert places == sorted(places)
    assert report.rstrip().splitlines()[-1].startswith("Next: ")


async def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(people: Path, symphony_sandbox: Sandbox) -> None:
    stuck(symphony_sandbox)
    async with on_terminal(*apply(people), TERM="dumb") as terminal:
        await terminal.shows(rf"^sending: {ANSWERED} of {ROWS} rows.*; 2 rows in flight$")
        assert "\x1b" not in terminal.raw


async def test_no_color_where_none_is_wanted(people: Path, symphony_sandbox: Sandbox) -> None:
    stuck(symphony_sandbox)
    async with on_terminal(*apply(people), NO_COLOR="1") as terminal:
        await terminal.shows(rf"━+.* sending: {ANSWERED} of {ROWS} rows")
        assert not re.findall(r"\x1b\[[\d;]*\b(?:3[0-8]|9[0-7])[\d;]*m", terminal.raw)


@pytest.mark.parametrize("option", ["--quiet", "--json"])
async def test_no_progress_where_none_is_wanted(people: Path, symphony_sandbox: Sandbox, option: str) -> None:
    async with on_terminal(*apply(people, option)) as terminal:
        assert await terminal.ends() == 0
        assert not re.search("sending|in flight|reading the tenant", "\n".join(terminal.lines))
        assert "\x1b[?25l" not in terminal.raw


async def test_the_status_of_a_job_whose_process_was_killed(people: Path, symphony_sandbox: Sandbox, run: Run) -> None:
    stuck(symphony_sandbox)
    async with on_terminal(*apply(people)) as terminal:
        await terminal.shows(rf"{ANSWERED} of {ROWS} rows")
        await terminal.shows("^2 rows in flight")
        running = await run("provision", "status", str(people))
        assert running.code == 4
        who = rf"process {terminal.process.pid} on \S+"
        assert re.search(rf"^running: {who}, since \d{{4}}-.* last sign of life 0:\d\d ago$", running.out, re.MULTILINE)
        assert "in flight" in running.out
        assert "Next: let it finish" in running.out
        terminal.process.kill()
        await terminal.ends()
    killed = await run("provision", "status", str(people))
    assert killed.code == 75
    assert re.search(rf"^not running: {who} ended without finishing", killed.out, re.MULTILINE)
    assert "rows are not finished. To resume: aiosymphony provision apply " in killed.out
    told: Any = (await run("provision", "status", str(people), "--json")).json
    assert (told["running"], [worker["pid"] for worker in told["ended"]]) == ([], [terminal.process.pid])


async def test_the_status_of_a_file_finds_the_job_of_its_plan(
    people: Path, symphony_sandbox: Sandbox, run: Run
) -> None:
    assert (await run("provision", "plan", str(people), "--target", "pod")).code == 0
    plan, by_plan, by_file = (people.with_name(f"people.csv.{end}") for end in ("plan", "plan.journal", "journal"))
    assert (await run("provision", "apply", str(plan), "--settle", "0")).code == 0
    for what in (people, plan, by_plan):
        found = await run("provision", "status", str(what), "--json")
        told: Any = found.json
        assert (found.code, told["journal"], found.err) == (0, str(by_plan), "")
    # A job that was killed before it was begun leaves an empty journal, which is newer and of no interest.
    create_journal(by_file)
    assert (await run("provision", "status", str(people), "--json")).json["journal"] == str(by_plan)  # type: ignore[index]
    assert (await run(*map(str, apply(people)))).code == 0
    both = await run("provision", "status", str(people), "--json")
    told = both.json
    assert told["journal"] == str(by_file)
    assert both.err == f"this is the job of {by_file}, the newer one; to see the other, name {by_plan}\n"
