"""A job in a process of its own, against a tenant that is a file: one line for each user that was created.

Whoever starts it can have it stopped (SIGSTOP, by its own hand) at a create or a look-up of its choice, look at the
files as they are at that moment, and let it go on or kill it. The tenant refuses no duplicates.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiosymphony.cli.output import exit_code_of
from aiosymphony.errors import JobError
from aiosymphony.provisioning import Desired, Job, SqliteStore, make_plan
from aiosymphony.provisioning.actual import ActualUser
from aiosymphony.provisioning.journal import sqlite
from aiosymphony.provisioning.rows.base import User
from aiosymphony.provisioning.rows.connect import ConnectUser
from aiosymphony.provisioning.targets.base import Created, Result


class Ledger:
    """The tenant. It also keeps whom it was asked for, in a file beside the first."""

    kind = "connect"
    name = "ledger"
    batch = 1
    look_up_batch = 50
    look_up_limit = 10_000
    limiter = None

    def __init__(self, path: Path, stops: dict[str, list[int]]) -> None:
        self.path = path
        self.asked = path.with_name("asked")
        self._stops = stops
        self._passed = {"create": 0, "look_up": 0}

    async def own_id(self) -> str | None:
        return None

    async def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
        yield self._users()

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        self._pass("look_up")
        wanted = {user.label for user in users}
        with self.asked.open("a") as asked:
            asked.writelines(f"{label}\n" for label in wanted)
        return [there for there in self._users() if there.values["email"] in wanted]

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        self._pass("create")
        with self.path.open("a") as ledger:
            ledger.writelines(f"{json.dumps(dict(row))}\n" for row in rows)
        await asyncio.sleep(0)
        return [Created(row["email"]) for row in rows]

    async def take_step(self, user_id: str, step: Mapping[str, Any]) -> None:
        raise AssertionError(user_id, step)

    def _users(self) -> list[ActualUser]:
        if not self.path.exists():
            return []
        rows = map(json.loads, self.path.read_text().splitlines())
        return [ActualUser(f"{number}", row, True) for number, row in enumerate(rows)]

    def _pass(self, what: str) -> None:
        self._passed[what] += 1
        if self._passed[what] in self._stops.get(what, ()):
            os.kill(os.getpid(), signal.SIGSTOP)


async def main(folder: Path, options: dict[str, Any]) -> int:
    sqlite._CHECKPOINT_PAGES = options.get("checkpoint", sqlite._CHECKPOINT_PAGES)
    if boot := options.get("boot"):
        from aiosymphony.provisioning.journal import owner, seal

        owner.boot_id = seal.boot_id = lambda: boot
    target = Ledger(folder / "ledger", options.get("stops", {}))
    people = [{"email": f"u{n}@acme.com", "firstName": "U", "lastName": f"N{n}"} for n in range(options["rows"])]
    desired = Desired.of(people, "connect")
    assert ConnectUser.kind == target.kind
    lease = options.get("lease", 60.0)
    try:
        async with SqliteStore(folder / "job.journal") as store:
            made = None if await store.header() is not None else await make_plan(target, desired)  # type: ignore[arg-type]
            job = Job(target, store, settle=0.01, concurrency=4, audit=False, lease=lease)  # type: ignore[arg-type]
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, job.drain)
            await job.run(made)
    except JobError as error:
        print(error, file=sys.stderr)
        return exit_code_of(error)
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2]))))
