"""Faults: each kind, when the server has acted and when not, and that they can be repeated."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from aiosymphony.sandbox import Faults, Sandbox

from .conftest import Client, Clock, PassTime

CREATE = "/pod/v2/admin/user/create"
CREATED = "v2_admin_user_create_post"
LATE = 60.0


def person(name: str) -> dict[str, Any]:
    return {
        "userAttributes": {"userName": name, "emailAddress": f"{name}@x.example", "firstName": "A", "lastName": "B"}
    }


async def outcome(client: Client, name: str) -> int | str:
    """Status of creating a user, or `dropped`."""
    try:
        return (await client.post(CREATE, person(name)))[0]
    except aiohttp.ClientConnectionError:
        return "dropped"


@pytest.mark.parametrize(
    ("fault", "expected", "acted"),
    [
        ("429", 429, False),
        ("503_throttled", 503, False),
        ("503_before", 503, False),
        ("503_after", 503, True),
        ("500_after", 500, True),
        ("408_before", 408, False),
        ("401_before", 401, False),
        ("drop_before", "dropped", False),
        ("drop_after", "dropped", True),
        ("delay", 200, True),
    ],
)
async def test_the_nth_call_fails_as_scripted(
    client: Client, symphony_sandbox: Sandbox, fault: str, expected: int | str, acted: bool
) -> None:
    symphony_sandbox.faults = Faults(at={(CREATED, 2): fault}, delay_seconds=0.01)
    assert [await outcome(client, f"u{number}") for number in range(3)] == [200, expected, 200]
    assert symphony_sandbox.stats.faults == {fault: 1}
    assert symphony_sandbox.stats.by_operation[CREATED] == 3
    present = [symphony_sandbox.state.user(username=f"u{number}") is not None for number in range(3)]
    assert present == [True, acted, True]


async def test_a_late_write_lands_after_its_504(client: Client, symphony_sandbox: Sandbox, pass_time: PassTime) -> None:
    symphony_sandbox.faults = Faults(at={(CREATED, 1): "504_late"}, late_seconds=LATE)
    status, body = await client.post(CREATE, person("late"))
    assert status == 504
    assert "<html>" in body
    assert (await client.get("/pod/v2/user", email="late@x.example"))[0] == 204
    await pass_time(LATE)
    assert (await client.get("/pod/v2/user", email="late@x.example"))[0] == 200
    assert symphony_sandbox.stats.late_writes == 1


async def test_a_repeated_create_is_refused_when_the_late_one_has_landed_first(
    client: Client, symphony_sandbox: Sandbox
) -> None:
    symphony_sandbox.faults = Faults(at={(CREATED, 1): "504_late"}, late_seconds=0)
    assert await outcome(client, "late") == 504
    assert await outcome(client, "late") == 400
    assert symphony_sandbox.state.counts()["users"] == 2


async def test_a_late_write_is_forgotten_when_the_sandbox_closes(pass_time: PassTime) -> None:
    faults = Faults(at={(CREATED, 1): "504_late"}, late_seconds=LATE)
    async with Sandbox(faults=faults) as sandbox, aiohttp.ClientSession(sandbox.url) as session:
        client = Client(sandbox, session)
        await client.log_in()
        assert await outcome(client, "late") == 504
    await pass_time(LATE)
    assert sandbox.state.user(username="late") is None


@pytest.mark.parametrize("value", [2, "Wed, 21 Oct 2026 07:28:00 GMT", None])
async def test_retry_after_is_what_was_asked_for(
    client: Client, symphony_sandbox: Sandbox, value: float | str | None
) -> None:
    symphony_sandbox.faults = Faults(rate_429=1, retry_after=value)
    async with client.session.get("/pod/v2/sessioninfo", headers=client.pod) as response:
        assert response.status == 429
        assert (await response.json())["code"] == 429
        assert response.headers.get("Retry-After") == (None if value is None else str(value))
    assert symphony_sandbox.stats.throttled == 1


async def run(client: Client, faults: Faults) -> list[int | str]:
    client.sandbox.faults = faults
    return [await outcome(client, f"u{number}") for number in range(200)]


async def test_rates_hold_and_the_same_seed_gives_the_same_faults(client: Client, symphony_sandbox: Sandbox) -> None:
    faults = Faults(rate_429=0.1, rate_503=0.2, rate_504=0.1, rate_drop=0.1, after_acting=0.5, late_seconds=0, seed=7)
    first = await run(client, faults)
    counts = {kind: first.count(kind) for kind in (200, 429, 503, 504, "dropped")}
    assert sum(counts.values()) == 200
    assert all(count > 5 for count in counts.values())
    kinds = symphony_sandbox.stats.faults
    assert kinds["503_after"] > 5 < kinds["503_before"]
    assert kinds["drop_after"] > 0 < kinds["drop_before"]
    acted = counts[200] + kinds["503_after"] + kinds["drop_after"] + kinds["504_late"]
    assert symphony_sandbox.state.counts()["users"] == 1 + acted

    async with Sandbox() as again, aiohttp.ClientSession(again.url) as session:
        repeated = Client(again, session)
        await repeated.log_in()
        assert await run(repeated, faults) == first


async def test_faults_keep_to_their_operations_and_spare_logins(client: Client, symphony_sandbox: Sandbox) -> None:
    symphony_sandbox.faults = Faults(rate_503=1, operations={CREATED})
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 200
    assert await outcome(client, "a") == 503
    symphony_sandbox.faults = Faults(rate_503=1)
    await client.log_in()
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 503
    symphony_sandbox.faults = Faults(rate_503=1, include_logins=True)
    assert (await client.post("/login/pubkey/authenticate", {"token": "x"}))[0] == 503


async def test_connect_fails_with_problem_details(client: Client, symphony_sandbox: Sandbox) -> None:
    symphony_sandbox.faults = Faults(rate_429=1)
    status, problem = await client.get("/api/v2/companies")
    assert (status, problem["status"], problem["title"]) == (429, 429, "Too Many Requests")


async def test_look_ups_lag_behind_writes(client: Client, symphony_sandbox: Sandbox, clock: Clock) -> None:
    symphony_sandbox.faults = Faults(lookup_lag=1)
    _, made = await client.post(CREATE, person("new"))
    uid = made["userSystemInfo"]["id"]
    assert (await client.get("/pod/v2/user", email="new@x.example"))[0] == 204
    assert (await client.get(f"/pod/v2/admin/user/{uid}"))[0] == 400
    assert len((await client.get("/pod/v2/admin/user/list"))[1]) == 1
    # What writes go by is the truth, not what look-ups show.
    assert await outcome(client, "new") == 400
    clock.step(1)
    assert (await client.get("/pod/v2/user", email="new@x.example"))[0] == 200
    assert len((await client.get("/pod/v2/admin/user/list"))[1]) == 2
    await client.post(f"/pod/v1/admin/user/{uid}/status/update", {"status": "DISABLED"})
    assert (await client.get(f"/pod/v1/admin/user/{uid}/status"))[1]["status"] == "ENABLED"
    symphony_sandbox.faults = Faults()
    assert (await client.get(f"/pod/v1/admin/user/{uid}/status"))[1]["status"] == "DISABLED"


async def test_the_rate_limit_lets_through_what_it_says(
    client: Client, symphony_sandbox: Sandbox, clock: Clock
) -> None:
    symphony_sandbox.faults = Faults(rate_limit=2)
    for _ in range(2):
        assert [(await client.get("/pod/v2/sessioninfo"))[0] for _ in range(4)] == [200, 200, 429, 429]
        clock.step(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_429": 1.5},
        {"rate_429": 0.6, "rate_503": 0.6},
        {"at": {(CREATED, 0): "429"}},
        {"at": {(CREATED, 1): "explode"}},
        {"at": {("v2_no_such_operation", 1): "429"}},
        {"operations": {"v2_no_such_operation"}},
    ],
)
def test_wrong_faults_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rate|call|fault|operation"):
        Sandbox(faults=Faults(**wrong))


def test_faults_travel_as_json() -> None:
    faults = Faults(rate_429=0.1, at={(CREATED, 3): "drop_after"}, operations={CREATED}, lookup_lag=1, seed=3)
    assert Faults.from_json(faults.to_json()) == faults
    with pytest.raises(ValueError, match="rate_418"):
        Faults.from_json({"rate_418": 1})


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"delay_seconds": [0.2, 0.6]}, r"delay_seconds must be a number from 0 on, not \[0.2, 0.6\]"),
        ({"late_seconds": "a"}, "late_seconds must be a number from 0 on, not 'a'"),
        ({"rate_limit": -1}, "rate_limit must be a number from 0 on, not -1"),
        ({"rate_429": "0.1"}, "rate_429 must be from 0 to 1, not '0.1'"),
        ({"retry_after": [1]}, r"retry_after must be a number, a text or null, not \[1\]"),
        ({"seed": "x"}, "seed must be a number from 0 on, not 'x'"),
        ({"at": 5}, "at must be an object such as .*, not 5"),
    ],
)
def test_a_fault_of_another_type_is_refused(faults: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Faults.from_json(faults)
