"""Who works on which shard of a job, in a journal that several processes share."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import orjson

from ...clock import Clock
from ...errors import JobInterrupted, JobRefused
from ...text import visible
from .base import Fenced, LeaseHeld, Worker
from .owner import Owner
from .seal import Seal
from .sound import sound_worker

__all__ = ["WATCH_EVERY", "Sealing", "Shards", "Watched"]

_log = logging.getLogger("aiosymphony.provisioning")

WATCH_EVERY: Final = 1.0
"""Seconds between two looks at an owner on another machine."""
_LONGEST_WATCH: Final = 3600.0
_LEFT = """
SELECT shard, owner, epoch, alive_until, seal, commits FROM shard
WHERE EXISTS (SELECT * FROM row WHERE row.shard = shard.shard AND state IN ('TODO', 'IN_FLIGHT')) ORDER BY shard
"""
_OWNERS = """
SELECT owner, min(lease), max(lease_until), max(alive_until) FROM shard WHERE owner IS NOT NULL GROUP BY owner
ORDER BY min(shard)
"""
_DOUBT = """
UPDATE row SET state = 'IN_FLIGHT', code = '', message = ''
WHERE shard IN (SELECT value FROM json_each(?)) AND state = 'TODO'
"""


@attrs.define(eq=False)
class Sealing:
    """What the seal is to say of this process: the name of its acquisition, its shards, and how often it committed."""

    name: str = ""
    shards: Sequence[int] = ()
    commits: int = 0
    closed: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Watched:
    """What an owner's last sign of life was, and since when it has been watched for another."""

    sign: tuple[object, ...]
    since: float


class Shards:
    """The shards that this process owns. Every method that takes ``db`` runs in a transaction of the caller's.

    Args:
        path: The journal's path, for messages.
        clock: Time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._epochs: dict[int, int] = {}
        self.owner = Owner.this()
        self.sealing = Sealing()

    @property
    def owned(self) -> list[int]:
        return [*self._epochs]

    def make(self, db: sqlite3.Connection, count: int) -> None:
        """Make the shards of a new job, free to be taken."""
        # Sealed from the start, so that whoever takes a shard first need not look anything up.
        self.sealing = Sealing(secrets.token_hex(8), [*range(count)], closed=True)
        db.executemany(
            "INSERT INTO shard VALUES (?, NULL, 0, 0, 0, 0, ?, 0)",
            ((shard, self.sealing.name) for shard in self.sealing.shards),
        )

    def acquire(
        self,
        db: sqlite3.Connection,
        lease: float,
        max_shards: int | None,
        watched: dict[int, Watched],
        seal: Seal | None,
    ) -> list[int] | None:
        """Take what is free; None if an owner on another machine has to be watched for longer."""
        now = self._clock.monotonic()
        free: list[int] = []
        waiting = False
        refused: LeaseHeld | None = None
        epochs: dict[int, int] = {}
        sealed: dict[int, tuple[str, int]] = {}
        rows = db.execute("SELECT shard, owner, epoch, lease, alive_until, seal, commits FROM shard ORDER BY shard")
        for shard, text, epoch, length, until, name, commits in rows:
            epochs[shard] = epoch + 1
            sealed[shard] = (name, commits + 0)
            if text is None or (owner := Owner.parse(text)).is_gone():
                free.append(shard)
            elif owner.clock == self.owner.clock:
                # Where the clock is the same one, a lease is kept by it: the time of day may be set meanwhile.
                if until <= now:
                    free.append(shard)
                else:
                    refused = refused or LeaseHeld(
                        f"{owner.described()} is running the job in {self._path}: let it finish or stop it (Ctrl-C); "
                        f"if it hangs, end it, or wait: its lease runs out in {max(1, round(until - now))} s unless "
                        "it renews it",
                        seconds_left=until - now,
                    )
            else:
                # Clocks of two machines tell nothing. An owner that lives renews its lease while it is watched.
                first = watched.setdefault(shard, Watched((epoch, until), now))
                if first.sign != (epoch, until):
                    refused = refused or LeaseHeld(
                        f"{owner.described()} is running the job in {self._path}: let it finish or stop it there",
                        seconds_left=length,
                    )
                elif now - first.since >= min(length, _LONGEST_WATCH):
                    free.append(shard)
                else:
                    waiting = True
        if (max_shards is None and refused) or (not free and not waiting):
            raise refused or JobRefused(f"{self._path} holds no job")
        if waiting and (max_shards is None or not free):
            return None
        self.owner = attrs.evolve(self.owner, since=self._clock.time())
        return self._take(db, lease, free[:max_shards], epochs, sealed, seal)

    def acquire_next(
        self, db: sqlite3.Connection, lease: float, max_shards: int | None, seal: Seal | None
    ) -> list[int]:
        """Let go of what is owned, and take what is free and has rows left; nothing changes if there is nothing."""
        self.check_fence(db)
        now = self._clock.monotonic()
        free: list[int] = []
        epochs: dict[int, int] = {}
        sealed: dict[int, tuple[str, int]] = {}
        for shard, text, epoch, until, name, commits in db.execute(_LEFT):
            epochs[shard] = epoch + 1
            sealed[shard] = (name, commits + 0)
            # An owner on another machine may live, and there is no time to watch it.
            owner = None if text is None else Owner.parse(text)
            if owner is None or owner.is_gone() or (owner.clock == self.owner.clock and until <= now):
                free.append(shard)
        if not free:
            return []
        self.release(db)
        return self._take(db, lease, free[:max_shards], epochs, sealed, seal)

    def _take(
        self,
        db: sqlite3.Connection,
        lease: float,
        taken: list[int],
        epochs: Mapping[int, int],
        sealed: Mapping[int, tuple[str, int]],
        seal: Seal | None,
    ) -> list[int]:
        now = self._clock.monotonic()
        self._doubt_unproven(db, {shard: sealed[shard] for shard in taken}, seal)
        self._epochs = {shard: epochs[shard] for shard in taken}
        self.sealing = Sealing(secrets.token_hex(8), taken)
        db.executemany(
            "UPDATE shard SET owner = ?, epoch = ?, lease = ?, lease_until = ?, alive_until = ?, seal = ?, commits = 0 "
            "WHERE shard = ?",
            [
                (str(self.owner), epoch, lease, self._clock.time() + lease, now + lease, self.sealing.name, shard)
                for shard, epoch in self._epochs.items()
            ],
        )
        return taken

    def _doubt_unproven(self, db: sqlite3.Connection, sealed: Mapping[int, tuple[str, int]], seal: Seal | None) -> None:
        """Put rows that are to do in doubt if a later state of the journal may have sent them."""
        if seal is None:
            return  # Opened to be read: nothing is sent by it.
        unproven = [shard for shard, (name, commits) in sealed.items() if not seal.proves(shard, name, commits)]
        if unproven and (count := db.execute(_DOUBT, (orjson.dumps(unproven).decode(),)).rowcount):
            _log.warning(
                "the journal %s does not show that it is the newest: it was restored, copied or moved, or the machine "
                "went down; so the %d rows that are to do are looked up before they are sent",
                visible(str(self._path)),
                count,
            )

    def renew(self, db: sqlite3.Connection, lease: float) -> None:
        """Own the shards for that many seconds more.

        Raises:
            Fenced: They are another's by now.
        """
        self.check_fence(db)
        db.execute(
            "UPDATE shard SET lease = ?, lease_until = ?, alive_until = ? WHERE owner = ?",
            (lease, self._clock.time() + lease, self._clock.monotonic() + lease, str(self.owner)),
        )

    def release(self, db: sqlite3.Connection) -> None:
        """Own nothing any more."""
        db.execute(
            "UPDATE shard SET owner = NULL, lease_until = 0, alive_until = 0 WHERE owner = ?", (str(self.owner),)
        )
        self._epochs = {}

    def check_fence(self, db: sqlite3.Connection) -> None:
        """Make sure that the shards are still this process's.

        Raises:
            Fenced: They are not.
        """
        owned = dict(db.execute("SELECT shard, epoch FROM shard WHERE owner = ?", (str(self.owner),)))
        if owned != self._epochs:
            raise Fenced(f"another process took over the job in {self._path} after this one's lease ran out: stopped")

    def check_whole(self, db: sqlite3.Connection) -> None:
        """Make sure that all shards are this process's.

        Raises:
            JobInterrupted: Some are not.
        """
        self.check_fence(db)
        if db.execute("SELECT count(*) FROM shard").fetchone()[0] != len(self._epochs):
            raise JobInterrupted(f"another process works on the job in {self._path}: let it finish")

    def forget(self) -> None:
        """The shards are no more."""
        self._epochs = {}
        self.sealing = Sealing()

    def workers(self, db: sqlite3.Connection) -> list[Worker]:
        """Who works on the job, or did until it ended without letting go."""
        workers = []
        for text, lease, until, alive_until in db.execute(_OWNERS):
            owner = Owner.parse(text)
            same_clock = owner.clock == self.owner.clock
            left = alive_until - self._clock.monotonic() if same_clock else until - self._clock.time()
            gone = owner.is_gone()
            worker = Worker(owner.host, owner.pid, owner.since, until - lease, alive=left > 0 and not gone, gone=gone)
            workers.append(sound_worker(worker))
        return workers
