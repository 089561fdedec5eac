"""Runs provisioning jobs in processes that can be killed, as fast as a fork: one line of JSON in, its fate out.

Reads orders on standard input: ``{"kind", "url", …}`` forks a child that does what ``aiosymphony provision apply FILE``
does, and prints its pid; ``{"wait": pid}`` prints how it ended, negative for a signal.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiosymphony import ClientCredentials, ConnectClient, PodClient, RetryPolicy, RsaAuth
from aiosymphony.cli.output import exit_code_of
from aiosymphony.cli.worker import run_worker
from aiosymphony.clock import SystemClock
from aiosymphony.errors import JobError
from aiosymphony.provisioning import ConnectTarget, Desired, Job, PodTarget, Report, SqliteStore, make_plan
from aiosymphony.provisioning.actual import ActualUser
from aiosymphony.provisioning.job.lease import Lease
from aiosymphony.provisioning.journal.postgres.session import Connection
from aiosymphony.provisioning.journal.postgres.store import PostgresStore
from aiosymphony.provisioning.journal.registry import open_store
from aiosymphony.provisioning.rows.base import User
from aiosymphony.transport.aiohttp import AiohttpTransport


class Dying:
    """Kills this process, stops it, or makes it hang, when it passes a place for the n-th time."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.place, self.left = order.get("die_at", ""), order.get("die_after", 1)
        self.signal = signal.SIGSTOP if order.get("stop") else signal.SIGKILL
        self.hang = order.get("hang", 0.0)

    def passes(self, place: str) -> None:
        if place == self.place:
            self.left -= 1
            if self.left == 0 and self.hang:
                time.sleep(self.hang)
            elif self.left == 0:
                os.kill(os.getpid(), self.signal)


def is_create(method: str, url: str) -> bool:
    return method == "POST" and url.endswith(("/users", "/user/create"))


def set_traps(dying: Dying) -> None:
    send, commit, write = AiohttpTransport.send, SqliteStore._commit, PostgresStore._send

    async def trapped_send(self: AiohttpTransport, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if not is_create(method, url):
            return await send(self, method, url, *args, **kwargs)
        dying.passes("after mark")
        sending = asyncio.ensure_future(send(self, method, url, *args, **kwargs))
        if dying.place == "after send":
            # The sandbox takes longer than this to answer.
            await asyncio.sleep(0.05)
            dying.passes("after send")
        response = await sending
        dying.passes("after reply")
        return response

    def trapped_commit(self: SqliteStore, db: sqlite3.Connection) -> None:
        dying.passes("in a commit")
        commit(self, db)
        dying.passes("after a commit")

    def trapped_write(self: PostgresStore, connection: Connection, asked: Mapping[str, Any]) -> None:
        dying.passes("in a commit")
        write(self, connection, asked)
        dying.passes("after a commit")

    if dying.place == "enqueued":
        from aiosymphony.provisioning.workers import handing_over

        enqueue = handing_over.enqueue

        def trapped_enqueue(connection: Connection, *arguments: Any) -> None:
            enqueue(connection, *arguments)
            dying.passes("enqueued")

        handing_over.enqueue = trapped_enqueue

    AiohttpTransport.send = trapped_send  # type: ignore[method-assign,assignment]
    PostgresStore._send = trapped_write  # type: ignore[method-assign]
    SqliteStore._commit = trapped_commit  # type: ignore[method-assign]


async def apply(order: dict[str, Any]) -> int:
    retry = RetryPolicy(base=0.005)
    url = order["url"]
    client: PodClient | ConnectClient
    target: PodTarget | ConnectTarget
    if order["kind"] == "connect":
        auth = ClientCredentials(order["client_id"], order["client_secret"], token_url=f"{url}/oauth/token")
        client = ConnectClient(auth, base_url=url, retry=retry)
        target = ConnectTarget(client, order["company"])
    else:
        client = PodClient(url, RsaAuth(order["username"], order["private_key"]), retry=retry)
        target = PodTarget(client)
    if not order.get("look_up", True):

        async def blind(_users: Sequence[User]) -> Sequence[ActualUser]:
            return []

        target.look_up = blind  # type: ignore[method-assign]
    async with client, open_store(order["journal"]) as store:
        desired = Desired.read(order["file"], target.kind)
        made = None if await store.header() is not None else await make_plan(target, desired)
        job = Job(
            target,
            store,
            concurrency=order.get("concurrency", 8),
            settle=order["settle"],
            attempts=20,
            lease=order.get("lease", 60.0),
            max_shards=order.get("max_shards"),
            audit=order.get("audit", True),
        )
        try:
            await job.run(made, shards=order.get("shards", 1))
        except JobError as error:
            print(f"# {error}", file=sys.stderr)
            return exit_code_of(error)
        return (await Report.of(store, rows=False)).exit_code


async def work(order: dict[str, Any]) -> int:
    """What ``aiosymphony worker`` does, with a lease as short as a test wants it."""
    from aiosymphony.provisioning.workers.credentials import Targets
    from aiosymphony.provisioning.workers.worker import Worker

    targets = Targets(environment=environment_of(order))
    worker = Worker(order["store"], targets, concurrency=order.get("shards_at_once", 2), lease=order.get("lease", 60.0))
    try:
        return await run_worker(worker)
    except JobError as error:
        print(f"# {error}", file=sys.stderr)
        return exit_code_of(error)


async def hand_over_job(order: dict[str, Any]) -> int:
    """What ``aiosymphony provision apply --store --detach`` does, for a job of that name."""
    from aiosymphony.provisioning.workers import handing_over

    auth = ClientCredentials(order["client_id"], order["client_secret"], token_url=f"{order['url']}/oauth/token")
    store = PostgresStore(order["store"], job=order["hand_over"])
    async with ConnectClient(auth, base_url=order["url"]) as client, store:
        target = ConnectTarget(client, order["company"])
        plan = await make_plan(target, Desired.read(order["file"], "connect"))
        options = handing_over.Options(concurrency=order.get("concurrency", 8), settle=order["settle"], attempts=20)
        await handing_over.hand_over(store, plan, options, shards=order.get("shards", 4))
    return 0


def environment_of(order: dict[str, Any]) -> dict[str, str]:
    """The variables of a login."""
    if order["kind"] == "connect":
        return {
            "SYMPHONY_CLIENT_ID": order["client_id"],
            "SYMPHONY_CLIENT_SECRET": order["client_secret"],
            "SYMPHONY_CONNECT_URL": order["url"],
            "SYMPHONY_TOKEN_URL": f"{order['url']}/oauth/token",
        }
    return {
        "SYMPHONY_POD_URL": order["url"],
        "SYMPHONY_BOT_USERNAME": order["username"],
        "SYMPHONY_PRIVATE_KEY": order["private_key"],
    }


def let_the_lease_go() -> None:
    """Make a job send although its lease may have ended."""
    Lease.cut = lambda _self: None  # type: ignore[method-assign]
    hold = Lease._hold_until
    Lease._hold_until = lambda self, when: hold(self, when + 3600.0)  # type: ignore[method-assign]


def child(order: dict[str, Any]) -> int:
    set_traps(Dying(order))
    if order.get("unguarded"):
        let_the_lease_go()
    if hours := order.get("hours_ahead"):
        SystemClock.time = staticmethod(lambda: time.time() + 3600.0 * hours)  # type: ignore[assignment]
    if order.get("hand_over"):
        return asyncio.run(hand_over_job(order))
    return asyncio.run(work(order) if order.get("store") else apply(order))


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            try:
                code = child(order)
            except BaseException:  # noqa: BLE001 - a fork must never fall through into its parent's loop
                sys.excepthook(*sys.exc_info())
                code = 70
            sys.stderr.flush()
            os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
