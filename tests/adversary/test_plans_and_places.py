"""What a plan sends, and how many requests of a job are under way at once: as the server sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiosymphony.provisioning import ConnectTarget, Desired, make_plan
from tests.faults.server import Exchange, FaultServer, Step, reply

from .company import ID, Company, client, people, provision


@pytest.fixture
def may_block() -> bool:
    return True


async def test_a_plan_changes_nothing(server: FaultServer) -> None:
    company = Company(server)
    company.act(people(150))
    async with client(server) as connect:
        wanted = Desired.of([*people(120, active=False)[1:], {"email": "wrong"}], "connect")
        with pytest.raises(Exception, match="wrong, so nobody can say who is missing"):
            await make_plan(ConnectTarget(connect, ID), wanted, disable_missing=True)
        plan = await make_plan(ConnectTarget(connect, ID), wanted)
    assert plan.counts["disable"] == 119
    assert {seen.method for seen in server.requests if seen.path != "/oauth/token"} == {"GET"}
    assert company.patches == company.creates == []


@pytest.mark.parametrize("most", [1, 3])
async def test_so_many_requests_are_under_way_at_once(server: FaultServer, tmp_path: Path, most: int) -> None:
    company = Company(server)

    def slowly(exchange: Exchange) -> Step | None:
        if exchange.request.method != "POST" or exchange.request.path == "/oauth/token":
            return None
        asked = exchange.request.json()

        async def step(exchange: Exchange) -> None:
            await asyncio.sleep(1.0)
            await reply(201, company.act(asked))(exchange)

        return step

    company.script = slowly
    found = await provision(server, tmp_path / "job.journal", people(200), concurrency=most)
    assert {row.state for row in found} == {"DONE"}
    assert server.most_in_flight == most
