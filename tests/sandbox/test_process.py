"""The sandbox as a process, and its door for other processes."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aiosymphony.sandbox import Sandbox, handlers

from .conftest import Client, login_jwt


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aiosymphony.sandbox", *arguments, stdout=-1, stderr=-1
    )


def read_private(path: Path) -> tuple[str, int]:
    """Text and mode of a file."""
    return path.read_text(), stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    options = ("--users", "3", "--companies", "1", "--key-manager", "none", "--dir", str(tmp_path))
    running = await start("--json", *options)
    assert running.stdout is not None
    facts = json.loads(await running.stdout.readline())
    yield running, facts
    if running.returncode is None:
        running.kill()
    await running.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_tells_how_to_reach_it_and_stops_by_a_signal(
    process: tuple[asyncio.subprocess.Process, dict[str, Any]], number: signal.Signals
) -> None:
    running, facts = process
    key_file = Path(facts["private_key_file"])
    key, mode = read_private(key_file)
    assert mode == 0o600
    async with aiohttp.ClientSession(facts["url"]) as session:
        token = login_jwt(facts["username"], key)
        async with session.post("/login/pubkey/authenticate", json={"token": token}) as response:
            assert response.status == 200
        async with session.get("/sandbox/stats") as response:
            assert (await response.json())["logins"] == 1
        async with session.post("/relay/pubkey/authenticate", json={"token": token}) as response:
            assert response.status == 404  # there is no key manager
    running.send_signal(number)
    _, errors = await running.communicate()
    assert (running.returncode, errors) == (0, b"")
    with pytest.raises(FileNotFoundError):
        read_private(key_file)


async def test_what_cannot_be_is_one_sentence(
    process: tuple[asyncio.subprocess.Process, dict[str, Any]],
) -> None:
    port = process[1]["url"].rsplit(":", 1)[1]
    for arguments, text in (
        (("--port", port), b"address already in use"),
        (("--faults", '{"rate_418": 1}'), b"rate_418"),
        (("--faults", "rate_429=0.2"), b"'rate_429=0.2' is neither an object of json nor a file that can be read"),
    ):
        second = await start(*arguments)
        _, errors = await second.communicate()
        assert (second.returncode, errors.count(b"\n")) == (64, 1)
        assert text in errors.lower()


@pytest.mark.symphony_sandbox(users=1, companies=1)
async def test_the_door_shows_and_changes_what_the_sandbox_does(client: Client, symphony_sandbox: Sandbox) -> None:
    [company] = symphony_sandbox.state.db.companies
    batch = [{"email": "a@company-1.example", "firstName": "A", "lastName": "B"}]
    await client.post(f"/api/v2/companies/{company.id}/users", batch)
    await client.post("/pod/v3/room/create", {"name": "Desk"})
    await client.post("/pod/v2/user/presence", {"category": "BUSY"})
    bot = next(symphony_sandbox.state.users()).id
    _, state = await client.get("/sandbox/state")
    assert [(room["name"], room["members"]) for room in state["rooms"]] == [("Desk", [bot])]
    assert state["presences"] == {str(bot): "BUSY"}
    assert state["counts"]["connect_users"] == 1
    assert [user["email"] for user in state["connect_users"]] == ["a@company-1.example"]
    assert [user["username"] for user in state["pod_users"]] == ["provisioning-bot", "ada.abbott0"]
    assert [entry["users"] for entry in state["companies"]] == [1]

    status, faults = await client.post("/sandbox/faults", {"rate_503": 1, "at": {"v2_sessioninfo_get": {"1": "429"}}})
    assert (status, faults["rate_503"]) == (200, 1)
    assert [(await client.get("/pod/v2/sessioninfo"))[0] for _ in range(2)] == [429, 503]
    assert (await client.post("/sandbox/faults", {"rate_418": 1}))[0] == 400
    await client.post("/sandbox/faults", {})
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 200

    _, stats = await client.get("/sandbox/stats")
    assert (stats["throttled"], stats["faults"], stats["violations"]) == (1, {"429": 1, "503_before": 1}, [])
    await client.post("/sandbox/stats/reset")
    assert (await client.get("/sandbox/stats"))[1]["requests"] == 0
    assert (await client.post("/sandbox/revoke"))[1]["revoked"] > 1
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 401


def test_a_sandbox_that_does_not_run_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox().url


async def test_an_answer_that_is_not_as_documented_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(handlers.HANDLERS, "v1_sessioninfo_get", (lambda call: {"userId": str(call.caller.id)}, True))
    async with Sandbox(validate_responses=True) as sandbox, aiohttp.ClientSession(sandbox.url) as session:
        client = Client(sandbox, session)
        await client.log_in()
        assert (await client.get("/pod/v1/sessioninfo"))[0] == 500
    assert len(sandbox.violations) == 1
    assert "userId" in sandbox.violations[0]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", "99999", "argument --port: 99999 is not 0 to 65535"),
        ("--users", "-5", "argument --users: -5 is not 0 or more"),
        ("--page-cap", "0", "argument --page-cap: 0 is not 1 or more"),
        ("--token-ttl", "nan", "argument --token-ttl: nan is not 0 or more"),
        ("--port", "many", "argument --port: 'many' is no whole number"),
        ("--usrs", "3", "there is no option --usrs (did you mean --users?)"),
    ],
)
async def test_wrong_options_are_refused_in_one_line(option: str, value: str, message: str) -> None:
    running = await start(option, value)
    _, err = await running.communicate()
    name = "python -m aiosymphony.sandbox"
    assert (running.returncode, err.decode()) == (64, f"{name}: {message}; {name} --help lists the options\n")


async def test_a_key_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bot.pem").write_text("a real bot's key")
    running = await start("--dir", str(tmp_path))
    _, err = await running.communicate()
    assert running.returncode == 64
    assert b"bot.pem" in err
    assert (tmp_path / "bot.pem").read_text() == "a real bot's key"
