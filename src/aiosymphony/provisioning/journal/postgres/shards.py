"""Who works on which shard of a job: epochs, and leases on the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ..base import JobHeader, LeaseHeld, Worker
from ..owner import Owner
from ..sound import sound_worker
from .begin import shard_size
from .changes import Group, array
from .session import lineage, transaction

if TYPE_CHECKING:
    from .session import Connection

__all__ = ["Shards"]

_OWNERS: Final = """
SELECT owner, extract(epoch FROM max(lease_until) - aiosymphony.clock())::float8,
  extract(epoch FROM aiosymphony.clock() - max(seen_at))::float8
FROM aiosymphony.shard WHERE job = %s AND owner IS NOT NULL AND (%s::int IS NULL OR shard = %s)
GROUP BY owner ORDER BY min(shard)
"""
_OWNED: Final = "SELECT shard, epoch, owner FROM aiosymphony.shard WHERE job = %s AND owner IS NOT NULL"
_ACQUIRE: Final = """
SELECT * FROM aiosymphony.acquire(%(job)s, %(owner)s, %(lease)s::float8, %(most)s::int, %(next)s, %(only)s::int,
  %(shards)s::int[], %(epochs)s::bigint[])
"""


@attrs.define(eq=False)
class _Held:
    """A shard that this process owns."""

    epoch: int
    first: int
    last: int
    seq: int = 0


class Shards:
    """The shards that this process owns. Every method that takes ``connection`` may be called again from its start.

    Args:
        only: The one shard that may be owned; None for all.

    Attributes:
        lease: Seconds that each sign of life is good for.
        lineage: The history of the database that is written to.
        doubted: Rows that were put in doubt and not told yet.
    """

    def __init__(self, only: int | None = None) -> None:
        self._only = only
        self.lease = 0.0
        self.lineage: str | None = None
        self.doubted = 0
        self._held: dict[int, _Held] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def shard_of(self, number: int, header: JobHeader) -> int:
        """The shard of a row."""
        return min((number - 1) // shard_size(header), header.shards - 1)

    def ranges(self) -> list[tuple[int, int]]:
        """First and last rows of what is owned, in order; neighbours are put together."""
        ranges: list[tuple[int, int]] = []
        for held in sorted(self._held.values(), key=lambda held: held.first):
            if ranges and ranges[-1][1] + 1 == held.first:
                ranges[-1] = (ranges[-1][0], held.last)
            else:
                ranges.append((held.first, held.last))
        return ranges

    def acquire(
        self, connection: Connection, job: int, owner: Owner, lease: float, most: int | None
    ) -> Sequence[int] | None:
        """Take what is free; None if that is not enough, and then nothing changes."""
        taken: list[tuple[Any, ...]] = []
        with transaction(connection):
            taken = self._acquire(connection, job, owner, lease, most, following=False)
            if most is None and len(taken) != _count(connection, job):
                taken = []
                raise psycopg.Rollback
        if not taken:
            return None
        self.lineage = lineage(connection)
        self._hold(taken, lease)
        return [*self._held]

    def acquire_next(
        self, connection: Connection, job: int, owner: Owner, lease: float, most: int | None
    ) -> Sequence[int] | None:
        """Let go of what is owned, and take what is free and has rows left; None if what was owned is another's."""
        with transaction(connection):
            if not self._are_held(connection, job):
                return None
            taken = self._acquire(connection, job, owner, lease, most, following=True)
            if taken:
                self.let_go(connection, job)
        if taken:
            self._hold(taken, lease)
        return [row[0] for row in taken]

    def are_all_held(self, connection: Connection, job: int) -> bool:
        """Whether every shard of the job is this process's, and stays so until the transaction ends."""
        return self._are_held(connection, job) and len(self._held) == _count(connection, job)

    def renew(self, connection: Connection, job: int, lease: float) -> bool:
        """Own the shards for that many seconds more; whether they are still this process's."""
        count = connection.execute(
            "SELECT aiosymphony.renew(%s, %s::int[], %s::bigint[], %s::float8)", (job, *self._arrays(), lease)
        ).fetchone()
        self.lease = lease
        return count == (len(self._held),)

    def release(self, connection: Connection, job: int) -> None:
        """Own nothing any more."""
        self.let_go(connection, job)
        self.forget()

    def let_go(self, connection: Connection, job: int) -> None:
        """Let others take what is owned, when the caller's transaction has ended; see ``forget``."""
        connection.execute("SELECT aiosymphony.release(%s, %s::int[], %s::bigint[])", (job, *self._arrays()))

    def forget(self) -> None:
        """They are another's, or no more."""
        self._held = {}

    def step(self, group: Group, header: JobHeader) -> Mapping[str, str] | None:
        """Count a group of changes in the shards that it writes to; None if it may not be written.

        Only what is owned is sent. The audit may find rows of others to be done: what is owned vouches for them.
        """
        if any(self.shard_of(number, header) not in self._held for number in group.sending):
            return None
        touched = {self.shard_of(number, header) for number in group.rows} & self._held.keys() or self._held.keys()
        if not touched:
            return None
        shards = sorted(touched)
        held = [self._held[shard] for shard in shards]
        for each in held:
            each.seq += 1
        return {
            "shards": array(shards),
            "epochs": array(each.epoch for each in held),
            "seqs": array(each.seq for each in held),
        }

    def elsewhere(self, group: Group, header: JobHeader) -> list[int]:
        """Shards that are not owned, and to whose rows a group writes."""
        return [*{self.shard_of(number, header) for number in group.rows} - self._held.keys()]

    def workers(self, connection: Connection, job: int, now: float) -> list[Worker]:
        """Who works on the job, or did until it ended without letting go."""
        workers = []
        for text, left, age in connection.execute(_OWNERS, (job, None, None)):
            owner = Owner.parse(text)
            gone = owner.is_gone()
            worker = Worker(owner.host, owner.pid, owner.since, now - age, alive=left > 0 and not gone, gone=gone)
            workers.append(sound_worker(worker))
        return workers

    def held_by_another(self, connection: Connection, job: int, me: Owner, name: str) -> LeaseHeld:
        """What to raise if too few shards are free."""
        for text, left, _ in connection.execute(_OWNERS, (job, self._only, self._only)):
            if text != str(me) and left > 0:
                return LeaseHeld(
                    f"{Owner.parse(text).described()} is running the job {name}: let it finish or stop it there; if it "
                    f"hangs, end it, or wait: its lease runs out in {max(1, round(left))} s unless it renews it",
                    seconds_left=left,
                )
        return LeaseHeld(f"another process is about to run the job {name}: try again", seconds_left=0.0)

    def _acquire(
        self, connection: Connection, job: int, owner: Owner, lease: float, most: int | None, *, following: bool
    ) -> list[tuple[Any, ...]]:
        owned = connection.execute(_OWNED, [job]).fetchall()
        gone = {text: Owner.parse(text).is_gone() for text in {text for *_, text in owned}}
        ended = [(shard, epoch) for shard, epoch, text in owned if gone[text]]
        asked = {
            "job": job,
            "owner": str(owner),
            "lease": lease,
            "most": most,
            "next": following,
            "only": self._only,
            "shards": array(shard for shard, _ in ended),
            "epochs": array(epoch for _, epoch in ended),
        }
        return connection.execute(_ACQUIRE, asked).fetchall()

    def _hold(self, taken: Sequence[tuple[Any, ...]], lease: float) -> None:
        self.lease = lease
        self._held = {shard: _Held(epoch, first, last) for shard, epoch, first, last, _ in taken}
        self.doubted += sum(row[4] for row in taken)

    def _are_held(self, connection: Connection, job: int) -> bool:
        count = connection.execute(
            "SELECT aiosymphony.held(%s, %s::int[], %s::bigint[])", (job, *self._arrays())
        ).fetchone()
        return count == (len(self._held),)

    def _arrays(self) -> tuple[str, str]:
        return array(self._held), array(held.epoch for held in self._held.values())


def _count(connection: Connection, job: int) -> int:
    found = connection.execute("SELECT count(*) FROM aiosymphony.shard WHERE job = %s", [job]).fetchone()
    return 0 if found is None else int(found[0])
