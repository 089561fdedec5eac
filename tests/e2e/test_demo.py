"""The demo, small: the same path from the file to the comparison as `make demo` takes."""

from __future__ import annotations

import asyncio
import csv
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from aiosymphony import ConfigError, JobError, SymphonyError
from aiosymphony.cli import main
from aiosymphony.demo import DemoOptions, Killed, run, run_demo
from aiosymphony.demo.comparing import Thing, differences
from aiosymphony.demo.run import FAULTS, users_file
from aiosymphony.demo.server import Server
from aiosymphony.sandbox import Faults, Sandbox
from aiosymphony.sandbox.state import Member, State
from tests.provisioning.people_files import xlsx, xlsx_row

USERS_POST = "api_v2_companies_company_id_users_post"
SMALL = DemoOptions(file=users_file(), rows=60, pod_users=12, rooms=3)


def server_of(sandbox: Sandbox, folder: Path) -> Server:
    key = folder / "bot.pem"
    key.write_text(sandbox.bot.private_key)
    credentials = sandbox.client_credentials
    return Server(
        url=sandbox.url,
        username=sandbox.bot.username,
        private_key=key,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        token_url=f"{sandbox.url}/oauth/token",
    )


def quiet(_name: str, _done: int, _size: int) -> None:
    pass


class Waiting(Sandbox):
    """A sandbox that accepts everybody twice, and carries out the third batch of users only when it is told to."""

    def __init__(self) -> None:
        super().__init__(uniqueness=False)
        self.go_on = asyncio.Event()

    async def _serve(self, operation: Any, request: Any) -> Any:
        if operation.id == USERS_POST and self.stats.by_operation[USERS_POST] == 2:
            await request.read()  # whose sender is killed next
            with suppress(TimeoutError):  # nobody was killed, as the test will see
                await asyncio.wait_for(self.go_on.wait(), 20)
        return await super()._serve(operation, request)

    def created(self) -> Counter[str]:
        return Counter(user.attributes["email"].casefold() for user in self.state.connect_users())


async def test_the_job_is_killed_in_the_middle_and_resumed(tmp_path: Path) -> None:
    said: list[str] = []
    told: dict[str, tuple[int, int]] = {}

    async with Waiting() as sandbox:

        def say(line: str) -> None:
            said.append(line)
            if line.startswith("Killed"):
                # Its third request is still with the server, which carries it out for nobody.
                sandbox.go_on.set()

        report = await run_demo(
            SMALL,
            progress=lambda name, done, size: told.update({name: (done, size)}),
            say=say,
            server=server_of(sandbox, tmp_path),
        )

        assert report.ok, report.differences
        assert report.killed == Killed(done=40, in_flight=19, rows=60)
        expected = {row["email"].casefold() for row in _rows()[:60] if "gmail" not in row["email"]}
        assert sandbox.created() == dict.fromkeys(expected, 1)
        assert len(expected) == 59
        sent = sandbox.stats.by_operation
        assert sent["v2_admin_user_create_post"] == 12
        assert sent["v1_room_id_membership_add_post"] == 12
    assert [(count.what, count.expected, count.created, count.rejected) for count in report.counts] == [
        ("Company", 1, 1, 0),
        ("Connect users", 60, 59, 1),
        ("Pod users", 12, 12, 0),
        ("Rooms", 3, 3, 0),
        ("Members", 12, 12, 0),
        ("Presences", 12, 12, 0),
    ]
    assert told == {
        "Company": (1, 1),
        "Connect users": (60, 60),
        "Pod users": (12, 12),
        "Rooms": (3, 3),
        "Members": (12, 12),
        "Presences": (12, 12),
        "Read back": (2, 2),
    }
    (rejection,) = report.rejections
    assert (rejection.line, rejection.by, rejection.who) == (60, "check", "zoe.olsen@gmail.example")
    assert rejection.reason.startswith("email is of gmail.example, which is no domain of the company; it has ")
    assert report.plan["counts"]["create"] == 59
    assert (report.job["rows"]["done"], report.job["rows"]["failed"], report.job["looked_up"]) == (59, 1, 19)
    assert (report.retries, report.looked_up, report.faults) == (0, 0, {})

    company = report.plan["target"].rpartition("/")[2]
    apply = "$ aiosymphony provision apply people.csv.plan --concurrency 1 --settle 1 --json"
    assert said == [
        f"$ aiosymphony provision plan people.csv --target connect --company {company} --json",
        "The plan: 59 create, 1 invalid. Saved as people.csv.plan; nothing is changed yet.",
        apply,
        "Killed it (SIGKILL) with 40 of 60 rows done and 19 in flight. The same command again:",
        apply,
        "Resumed and finished: 19 rows were found by look-up.",
    ]


async def test_a_job_that_is_too_fast_to_be_killed(symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    said: list[str] = []
    options = attrs.evolve(SMALL, rows=20)  # one batch: nothing is done, or everything is

    report = await run_demo(options, progress=quiet, say=said.append, server=server_of(symphony_sandbox, tmp_path))

    assert report.ok, report.differences
    assert report.killed is None
    assert said[-1] == "The job finished before it could be killed."
    assert sum(line.startswith("$ aiosymphony provision apply") for line in said) == 1
    assert symphony_sandbox.stats.by_operation[USERS_POST] == 1
    assert report.requests == sum(symphony_sandbox.stats.by_operation.values())


async def test_a_job_that_stops_ends_the_demo(symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    symphony_sandbox.faults = Faults(at={(USERS_POST, n): "504_before" for n in range(1, 1000)})

    with pytest.raises(SymphonyError, match=r"`aiosymphony provision apply .*` ended with exit code 75: the server "):
        await run_demo(SMALL, progress=quiet, server=server_of(symphony_sandbox, tmp_path))


async def test_creates_whose_answer_is_lost_are_looked_up_before_they_are_repeated(
    symphony_sandbox: Sandbox, tmp_path: Path
) -> None:
    symphony_sandbox.faults = Faults(
        at={
            ("api_v2_companies_post", 1): "503_after",
            (USERS_POST, 1): "503_after",  # there: adopted
            ("v2_admin_user_create_post", 3): "drop_after",
            ("v2_admin_user_create_post", 5): "503_before",
            ("v3_room_create_post", 1): "503_after",
            ("v3_room_create_post", 2): "503_before",
        }
    )

    report = await run_demo(attrs.evolve(SMALL, rows=20), progress=quiet, server=server_of(symphony_sandbox, tmp_path))

    assert report.ok, report.differences
    assert report.looked_up == 5
    assert report.job["looked_up"] == 20
    assert report.faults == {"503_after": 3, "503_before": 2, "drop_after": 1}
    sent = symphony_sandbox.stats.by_operation
    assert sent["api_v2_companies_post"] == 1
    assert sent[USERS_POST] == 1
    assert sent["v2_admin_user_create_post"] == 12 + 1
    assert sent["v3_room_create_post"] == 3 + 1
    counts = symphony_sandbox.state.counts()
    assert (counts["companies"], counts["connect_users"], counts["users"], counts["rooms"]) == (1, 20, 13, 3)


async def test_tokens_that_end_in_the_middle_of_everything(symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    def revoke(_name: str, done: int, size: int) -> None:
        if done == size // 2:
            symphony_sandbox.revoke_tokens()

    report = await run_demo(SMALL, progress=revoke, server=server_of(symphony_sandbox, tmp_path))

    assert report.ok, report.differences
    assert report.logins >= 2 + 4  # one more in each stage of the Pod part
    assert symphony_sandbox.stats.by_status[401] == report.retries > 0


def test_the_command_with_its_own_sandbox_under_faults(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--rows", "100", "--pod-users", "30", "--rooms", "3", "--seed", "7", "--json"])
    report = orjson.loads(capfd.readouterr().out)

    assert report["differences"] == []
    assert code == 0
    assert report["ok"] is True
    created = {count["what"]: count["created"] for count in report["counts"]}
    assert created == {"Company": 1, "Connect users": 98, "Pod users": 30, "Rooms": 3, "Members": 30, "Presences": 30}
    assert report["plan"]["counts"]["create"] == 98
    assert report["job"]["exit_code"] == 2
    assert report["killed"]["rows"] == 100
    assert report["killed"]["done"] >= 40
    assert set(report["faults"]) <= {"429", "503_before", "503_after", "delay"}
    assert sum(count for kind, count in report["faults"].items() if kind != "delay") > 0
    assert report["retries"] + report["looked_up"] > 0


@pytest.mark.parametrize("terminal", [True, False])
def test_what_people_see(terminal: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["demo", "--rows", "88", "--pod-users", "2", "--rooms", "1"]) == 0
    out = capfd.readouterr().out

    assert ("\x1b[" in out) is terminal
    assert ("Connect users: 88/88\n" in out) is not terminal
    assert ("88/88" in out) is True
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out).replace("\r", "\n")
    for line in (
        r"\$ aiosymphony provision plan people.csv --target connect --company \S+ --json",
        r"The plan: 86 create, 2 invalid. Saved as people.csv.plan; nothing is changed yet.",
        r"Killed it \(SIGKILL\) with \d+ of 88 rows done and \d+ in flight. The same command again:",
        r"Resumed and finished: \d+ rows were found by look-up.",
    ):
        assert re.search(rf"^\s*{line}\s*$", plain, re.MULTILINE), (line, plain)
    assert len(re.findall(r"^\s*\$ aiosymphony provision apply ", plain, re.MULTILINE)) == 2
    assert re.search(r"Connect users *│ *88 *│ *86 *│ *2 ", plain)
    assert re.search(r"60 *│ check *│ email is of gmail.example, which", plain)
    assert re.search(r"89 *│ check *│ firstName is missing", plain)
    for fact in (
        *("faults injected", "retries", "other creates looked up", "logins", "requests", "seconds", "requests/s"),
        *("rows done", "rows failed", "rows unknown", "rows found by look-up", "audit: missing", "audit: doubled"),
    ):
        assert re.search(rf"│ {fact} *│ +\S+", plain), fact
    assert re.search(r"│ killed and resumed *│ once, after \d+ of 88 rows", plain)
    assert plain.endswith("The sandbox holds what the file asks for, by its APIs and by its own state.\n")


# --- the comparison notices -------------------------------------------------------------------------------------------


def _first_user(state: State) -> Any:
    return next(iter(state.connect_users()))


def _lose_a_connect_user(state: State) -> None:
    state.db.connect_users.remove(_first_user(state).id)


def _double_a_connect_user(state: State) -> None:
    state.db.connect_users.put(attrs.evolve(_first_user(state), id="another"))


def _change_a_connect_user(state: State) -> None:
    user = _first_user(state)
    state.db.connect_users.put(attrs.evolve(user, attributes={**user.attributes, "firstName": "Nobody"}))


def _lose_a_pod_user(state: State) -> None:
    state.db.users.remove(max(user.id for user in state.users()))


def _add_a_pod_user(state: State) -> None:
    state.add_user({"userName": "intruder", "emailAddress": "intruder@sandbox.example"})


def _lose_a_member(state: State) -> None:
    room = next(state.rooms())
    member = next(member for member in state.members(room.id) if not member.owner)
    state.db.members.remove((room.id, member.user))


def _add_a_member(state: State) -> None:
    room = next(state.rooms())
    state.db.members.put(Member(stream=room.id, user=42))


def _change_a_presence(state: State) -> None:
    uid = max(user.id for user in state.users())
    state.db.presences.put({**state.db.presences.get(uid), "category": "OFFLINE"})


TAMPERINGS: Mapping[str, tuple[Callable[[State], None], str]] = {
    "Connect user missing": (_lose_a_connect_user, "Connect user {} is missing"),
    "Connect user twice": (_double_a_connect_user, "exists 2 times"),
    "Connect user changed": (_change_a_connect_user, "firstName of Connect user {} is 'Nobody', not"),
    "pod user missing": (_lose_a_pod_user, "pod user"),
    "pod user nobody asked for": (_add_a_pod_user, "pod user intruder is unexpected"),
    "member missing": (_lose_a_member, "members of room Desk 01 is"),
    "member nobody asked for": (_add_a_member, "members of room Desk 01 is"),
    "presence changed": (_change_a_presence, "is 'OFFLINE', not"),
}


class Tampered(Sandbox):
    """A sandbox whose state is changed behind everybody's back, when users are listed after some call was made."""

    def __init__(self, tamper: Callable[[State], None], after: str) -> None:
        super().__init__()
        self._tamper: Callable[[State], None] | None = tamper
        self._after = after

    async def _serve(self, operation: Any, request: Any) -> Any:
        listed = operation.id == "api_v2_companies_company_id_users_get"
        if listed and self.stats.by_operation[self._after] and self._tamper is not None:
            self._tamper(self.state)
            self._tamper = None
        return await super()._serve(operation, request)


def _tampered(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tamper: Callable[[State], None], *, after: str
) -> list[str]:
    """Let the command run against such a sandbox; its arguments."""

    @asynccontextmanager
    async def tampered(*, token_ttl: float | None, faults: Mapping[str, Any]) -> AsyncIterator[Server]:
        async with Tampered(tamper, after) as sandbox:
            yield server_of(sandbox, folder)

    monkeypatch.setattr(run, "sandbox_process", tampered)
    return ["demo", "--rows", "20", "--pod-users", "4", "--rooms", "2"]


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_difference_ends_the_command_with_1(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tamper, told = TAMPERINGS[name]
    arguments = _tampered(monkeypatch, tmp_path, tamper, after="v2_admin_user_create_post")  # when all is read back
    assert main([*arguments, "--json"]) == 1
    report = orjson.loads(capfd.readouterr().out)
    assert report["ok"] is False
    wanted = told.format(_rows()[0]["email"])
    for source in ("the APIs: ", "the sandbox's state: "):
        assert any(line.startswith(source) and wanted in line for line in report["differences"]), report["differences"]


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (_lose_a_connect_user, "missing"),
        (_double_a_connect_user, "doubled"),
        (_change_a_connect_user, "different"),
    ],
)
def test_what_the_audit_finds_ends_the_command_with_1(
    tamper: Callable[[State], None],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert main(_tampered(monkeypatch, tmp_path, tamper, after=USERS_POST)) == 1
    shown = capfd.readouterr().out
    assert f"the job's audit: 1 users are {kind}\n" in shown
    assert "differences from what the file asks for" in shown
    assert "The sandbox holds what the file asks for" not in shown


def _rows() -> list[dict[str, str]]:
    with users_file().open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_differences() -> None:
    expected = [Thing("room", "a", {"members": [1]}), Thing("room", "b", {}), Thing("user", "a", {"name": "A"})]
    found = [Thing("user", "a", {"name": "B", "more": 1}), Thing("room", "b", {"members": [2]}), Thing("room", "c", {})]
    assert Counter(differences(expected, found, source="x")) == Counter(
        [
            "x: room a is missing",
            "x: name of user a is 'B', not 'A'",
            "x: room c is unexpected",
        ]
    )
    assert list(differences(expected, expected, source="x")) == []


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_thousand_rows() -> None:
    rows = _rows()
    assert len(rows) == 1000
    assert {"rate_429", "rate_503", "after_acting"} < set(FAULTS)
    assert len({row["email"].casefold() for row in rows if row["email"]}) > 985
    assert any(not row["email"].isascii() or not row["firstName"].isascii() for row in rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("", "is empty"),
        ("mail,firstName,lastName\na@b.example,A,B\n", "no column of connect users is called 'mail'"),
        ("firstName,lastName\nA,B\n", "the header lacks email"),
    ],
)
def test_a_file_that_cannot_be_used(
    content: str | None, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    if content is not None:
        file.write_text(content)
    assert main(["demo", str(file)]) == 64
    err = capfd.readouterr().err
    assert str(file) in err
    assert message in err
    # Columns of other names are told together with the map to write; all else in one sentence.
    assert err.count("\n") == 1 or '"mail" = "email"' in err
    with pytest.raises(JobError):
        asyncio.run(run_demo(DemoOptions(file=file), progress=quiet))


async def test_a_sandbox_that_does_not_start() -> None:
    options = DemoOptions(file=users_file(), faults={"rate_of_nothing": 1})
    with pytest.raises(ConfigError, match=r"did not start \(.*unknown faults: rate_of_nothing.*\)"):
        await run_demo(options, progress=quiet)


def test_a_part_of_a_workbook_cannot_be_used(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [["email", "firstName", "lastName"], ["a@b.example", "A", "B"], ["c@b.example", "C", "D"]]
    file = tmp_path / "people.xlsx"
    file.write_bytes(xlsx({"A": "".join(xlsx_row(at, row) for at, row in enumerate(rows, 1))}))
    assert main(["demo", str(file), "--rows", "1"]) == 64
    assert "is XLSX, sheet 'A', of which no part can be copied: leave out --rows" in capfd.readouterr().err
