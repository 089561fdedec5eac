"""A company of Connect's over raw sockets, written from its documents, and a job against it on virtual time."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiosymphony import ClientCredentials, ConnectClient, RetryPolicy
from aiosymphony.provisioning import ConnectTarget, Desired, Job, SqliteStore, make_plan
from aiosymphony.provisioning.journal.base import JobRow
from tests.faults.canary import CANARY
from tests.faults.clock import JumpingLoop, LoopClock
from tests.faults.server import Exchange, FaultServer, Step, reply

ID = "e176c55e"
USERS = f"/api/v2/companies/{ID}/users"

Row = dict[str, Any]
Answer = Callable[[list[Row]], Step]
"""Makes the answer to a create from the rows that were asked for and carried out, each with its id."""


class Company:
    """Users by id. ``answers`` are taken one by one for the next creates; ``script`` decides about any request first.

    Attributes:
        users: Who is there; an address may be there twice.
        patches: (address, active) in the order in which users were enabled or disabled.
        creates: Addresses, create by create, whatever was answered.
    """

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.users: dict[str, Row] = {}
        self.patches: list[tuple[str, bool]] = []
        self.creates: list[list[str]] = []
        self.answers: list[Answer] = []
        self.script: Callable[[Exchange], Step | None] = lambda _: None
        server.fallback = self._serve

    def there(self) -> Counter[str]:
        return Counter(user["email"] for user in self.users.values())

    def active(self) -> dict[str, bool]:
        return {user["email"]: user["active"] for user in self.users.values()}

    def act(self, asked: Sequence[Row]) -> list[Row]:
        """Create users; a row for each, as in a 201."""
        rows = []
        for row in asked:
            user_id = f"id{len(self.users)}"
            self.users[user_id] = {**row, "id": user_id, "active": True}
            rows.append({**row, "id": user_id, "status": 201, "error": None})
        return rows

    async def _serve(self, exchange: Exchange) -> None:
        scripted = self.script(exchange)
        await (self._answer(exchange) if scripted is None else scripted)(exchange)

    def _answer(self, exchange: Exchange) -> Step:
        request = exchange.request
        user_id = request.path.removeprefix(f"{USERS}/")
        match request.method:
            case "POST" if request.path == USERS:
                asked = request.json()
                self.creates.append([row["email"] for row in asked])
                return self.answers.pop(0)(asked) if self.answers else reply(201, self.act(asked))
            case "GET" if request.path == USERS:
                query = dict(parse_qsl(request.query))
                number, size = int(query.get("currentPage", 0)), int(query["pageSize"])
                page = [*self.users.values()][number * size : (number + 1) * size]
                return reply(200, {"users": page, "currentPage": number, "pageSize": size, "total": len(self.users)})
            case "GET" if user_id in self.users:
                return reply(200, self.users[user_id])
            case "PATCH" if user_id in self.users:
                user = self.users[user_id]
                user["active"] = json.loads(request.body)["active"]
                self.patches.append((user["email"], user["active"]))
                return reply(200, user)
        return reply(404, problem(404, "40106"))


def problem(status: int, code: object = None) -> Row:
    return {"title": "Refused", "status": status, "detail": f"refused as {code}", "detailErrorCode": code}


def people(count: int, **more: Any) -> list[Row]:
    return [{"email": f"u{n}@acme.com", "firstName": "Ann", "lastName": "Lee", **more} for n in range(count)]


class Store(SqliteStore):
    """A journal whose thread is waited for: virtual time stands still while it writes."""

    def _put(self, *args: Any, **options: Any) -> asyncio.Future[Any]:
        future = super()._put(*args, **options)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        loop.wait_for(future)
        return future


def client(server: FaultServer, **options: Any) -> ConnectClient:
    auth = ClientCredentials("partner", f"secret-{CANARY}", token_url=f"{server.url}/oauth/token")
    return ConnectClient(auth, base_url=server.url, retry=RetryPolicy(attempts=2), **options)


async def provision(server: FaultServer, journal: Path, records: Sequence[Row], **options: Any) -> list[JobRow]:
    """Plan, or go on with what the journal holds, to the end; the rows.

    Raises:
        JobError: The job stopped.
    """
    async with client(server) as connect, Store(journal) as store:
        target = ConnectTarget(connect, ID)
        desired = Desired.of(records, "connect")
        plan = None if await store.header() is not None else await make_plan(target, desired)
        job = Job(target, store, **{"settle": 30.0, "concurrency": 4, "clock": LoopClock(), **options})
        await job.run(plan)
        return await rows_of(store)


async def rows_of(store: SqliteStore) -> list[JobRow]:
    return await store.fetch(["TODO", "IN_FLIGHT", "DONE", "FAILED", "UNKNOWN", "CONFLICT"], limit=10_000, own=False)


async def journalled(journal: Path) -> Counter[str]:
    """The states of the rows in a journal."""
    async with Store(journal, read_only=True) as store:
        return Counter(row.state for row in await rows_of(store))
