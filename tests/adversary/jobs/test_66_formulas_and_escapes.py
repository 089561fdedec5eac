"""Case 66: what a server says, in a spreadsheet and on a terminal: nothing of it is run, nothing of it is obeyed."""

from __future__ import annotations

import ast
import asyncio
import csv
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aiosymphony.cli
from aiosymphony.cli import main
from aiosymphony.errors import BadRequest
from aiosymphony.provisioning import Report, SqliteStore
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.cells import harmless, plain
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.journal.base import Change, JobHeader
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.text import visible

# Clears the screen, sets the title, colours, turns text around; also in eight bits; and rich's own markup.
EVIL = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnihsif\u2066[red]danger[/red][/][link=http://evil]:warning:\r\nline two\x00"
)
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    '"=1',
    "'=1",
    " '\" =1",
    "a;=1",
    "a\t=1",
    "＝1",
    "\u00a0=1",
    "x;'-1",
]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_66_no_cell_begins_a_formula_whatever_divides_cells(text: str, divider: str) -> None:
    (cells,) = csv.reader(
        [f'"{harmless(text)}"' if divider == "," else harmless(text).replace("\r", "")], delimiter=divider
    )
    for cell in cells:
        assert not re.match(r"[\s\"]*[=+\-@＝＋－＠]", cell)
    assert plain(harmless(text)) == text


@given(st.text(alphabet="=+-@'\"; \t\rab,\n＝", max_size=12))
def test_66_what_was_written_is_what_is_read(text: str) -> None:
    assert plain(harmless(text)) == text


@pytest.mark.parametrize("text", ["", "Ann Lee", "o'neill@acme.com", "a - b", "50 = 50", "x@y.z", "'quoted'", "1-2"])
def test_66_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


async def a_journal(path: Path) -> None:
    """A job whose server said evil things, wherever it may say something."""
    people = [
        {"email": f"u{n}@acme.com", "firstName": "U", "lastName": "Lee", "phoneNumber": "+33 1"} for n in range(20)
    ]
    made = plan(Desired.of(people, "connect"), Actual("connect"), target="acme")
    async with SqliteStore(path) as store:
        await store.begin(JobHeader.of(made, made_at=1.0), made.actions())
        await store.acquire(60)
        await store.record([Change([1], "DONE", step=1, ids=["=cmd|' /C calc'!A0"])], 2.0)
        await store.record([Change([2], "DONE", step=1, ids=[EVIL])], 2.0)
        for number, text in enumerate([*FORMULAS, EVIL], 3):
            await store.record([Change([number], "FAILED", ids=[text], code=text, message=text)], 2.0)
        found = {"missing": [[1, EVIL]], "doubled": [[1, EVIL, [EVIL]]], "different": [[1, "x", {EVIL: [EVIL, EVIL]}]]}
        await store.note("audit", {"at": 2.0, "checked": 1, "counts": dict.fromkeys(found, 1), **found})


async def test_66_no_column_of_any_csv_holds_a_formula(tmp_path: Path) -> None:
    await a_journal(tmp_path / "job.journal")
    async with SqliteStore(tmp_path / "job.journal", read_only=True) as store:
        report = await Report.of(store)
        await report.write_csv(store, tmp_path / "rows.csv")
        await report.write_rest(store, tmp_path / "rest.csv")
    for name in ("rows.csv", "rest.csv"):
        text = (tmp_path / name).read_bytes().decode()
        assert not OBEYED.search(text.replace("\r\n", "\n"))
        with (tmp_path / name).open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if re.match(r"[\s'\"]*[=+\-@＝]", cell) and not cell.startswith("'")]
        assert not [cell for cell in cells if re.search(r"[;\t][\s\"]*[=+\-@]", cell)]
    # What was wanted comes back as it was, the telephone number with its plus.
    again = Desired.read(tmp_path / "rest.csv", "connect", strict=True)
    assert {row.user.to_dict()["phoneNumber"] for row in again.rows()} == {"+33 1"}


class Evil:
    """A server that logs everybody in, and then says evil things."""

    def __init__(self, answer: Callable[[str], tuple[int, Any]]) -> None:
        self._answer = answer

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                await reader.readexactly(int(length.group(1)) if length else 0)
                path = head.split(b" ")[1].decode()
                if "oauth" in path:
                    status, body = 200, {"access_token": "token-of-evil", "token_type": "Bearer", "expires_in": 900}
                else:
                    status, body = self._answer(path)
                content = orjson.dumps(body)
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (status, len(content), content)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


Run = Callable[..., AsyncIterator[tuple[int, str, str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a command against a server; what it printed must be obeyed by no terminal, and be JSON if it says so."""

    async def run(url: str, *arguments: object) -> tuple[int, str, str]:
        for name, value in {
            "SYMPHONY_POD_URL": url, "SYMPHONY_SESSION_TOKEN": "a-token", "SYMPHONY_CONNECT_URL": url,
            "SYMPHONY_TOKEN_URL": f"{url}/oauth/token", "SYMPHONY_CLIENT_ID": "me", "SYMPHONY_CLIENT_SECRET": "secret",
            "COLUMNS": "500",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        code = await asyncio.to_thread(main, [str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert not OBEYED.search(out)
        assert not OBEYED.search(err)
        if "--json" in arguments:
            orjson.loads(out)
        return code, out, err

    return run


ME = {"id": 7, "username": EVIL, "displayName": EVIL, "emailAddress": EVIL}


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_66_call_and_auth_check(run: Any, more: tuple[str, ...]) -> None:
    async with Evil(lambda _: (200, ME)) as url:
        code, out, _ = await run(url, "call", "pod", "v2_sessioninfo_get", *more)
        assert code == 0
        assert orjson.loads(out)["displayName"] == EVIL
        code, out, _ = await run(url, "auth", "check", "pod", *more)
        assert code == 0
        assert "[red]danger[/red]" in out, "shown as it is, not taken for markup"
        # It has no line of its own to pretend to be the command's.
        assert "\nline two" not in out
    for status in (400, 403, 500):
        async with Evil(lambda _, status=status: (status, {"code": EVIL, "message": EVIL})) as url:
            code, _, err = await run(url, "call", "pod", "v2_sessioninfo_get", *more)
            assert code == 1
            assert err.count("\n") == 1
            code, _, err = await run(url, "auth", "check", *more)
            assert code == 1
            assert err.count("\n") == 2


async def test_66_provision(run: Any, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,firstName,lastName\nann@acme.com,Ann,Lee\n")

    def answer(path: str) -> tuple[int, Any]:
        user = {"id": EVIL, "email": "ann@acme.com", "firstName": EVIL, "lastName": EVIL, "active": True}
        return 200, {"users": [user], "total": 1, "currentPage": 0, "pageSize": 100}

    where = ("--target", "connect", "--company", "[red]c[/red]")
    async with Evil(answer) as url:
        for more in ((), ("--details",), ("--json", "--details")):
            code, out, _ = await run(url, "provision", "plan", people, *where, *more)
            assert code == 2
            assert "danger" in out or more == ()
    async with Evil(lambda _: (400, {"code": EVIL, "message": EVIL})) as url:
        code, _, err = await run(url, "provision", "plan", people, *where)
        assert (code, err.count("\n")) == (1, 1)


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_66_status_and_report(run: Any, tmp_path: Path, more: tuple[str, ...]) -> None:
    path = tmp_path / "[bold]job[!].journal"
    await a_journal(path)
    for command in ("status", "report"):
        code, out, _ = await run("http://127.0.0.1:1", "provision", command, path, *more)
        assert code == 75
        assert "[bold]job[!]" in out or command == "status"


async def test_66_errors_about_arguments_and_documents(run: Any, tmp_path: Path) -> None:
    document = tmp_path / "api.json"
    document.write_text(
        orjson.dumps(
            {
                "openapi": "3.0.0",
                "info": {"title": EVIL, "version": EVIL},
                "paths": {"/a": {"get": {"operationId": EVIL}}},
            }
        ).decode()
    )
    empty = tmp_path / "empty.json"
    empty.write_text('{"openapi": "3.0.0", "info": {"title": "a", "version": "1"}, "paths": {}}')
    evil = "\x1b[31m[red]x"
    for command in (
        ("api", "diff", empty, document),
        ("api", "diff", document, empty, "--json"),
        ("call", evil, evil),
        ("call", "pod", evil),
        ("call", "pod", "v2_user_get", "-p", evil),
        ("auth", "check", evil),
        ("provision", "plan", evil),
        ("provision", "status", evil, "--json"),
        (evil,),
        ("--" + evil,),
    ):
        code, _, _ = await run("http://127.0.0.1:1", *command)
        assert code != 0 or command[0] == "api"


async def test_66_half_a_character_is_printed_too(run: Any) -> None:
    code, out, _ = await run("http://127.0.0.1:1", "provision", "status", "caf\udce9", "--json")
    assert code == 64
    assert "caf" in orjson.loads(out)["error"]


def test_66_an_error_keeps_no_control_character() -> None:
    assert not OBEYED.search(visible(EVIL))
    assert visible("Zoë — “x”") == "Zoë — “x”"
    assert BadRequest("x")


def test_66_everything_is_printed_in_one_place() -> None:
    """No other module of the command line knows a stream, a console of its own, or ``print``."""
    folder = Path(aiosymphony.cli.__file__).parent
    found = []
    for path in folder.glob("*.py"):
        if path.name in ("output.py", "__init__.py"):  # the one place; and what is said before rich is there
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="print" | "Console" | "Text")):
                    found.append(f"{path.name}:{node.lineno}")
                case ast.Attribute(value=ast.Name(id="typer"), attr="echo" | "secho"):
                    found.append(f"{path.name}:{node.lineno}")
                case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr"):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
