"""The job: carries a plan out, so that it can be killed at any moment and started again.

The rule: what is about to be sent is durable in the journal before a byte leaves, and its outcome after the answer.
A row in doubt - a lost reply, a 504, a crash - is never simply sent again: the job waits until a late write must have
taken effect (``settle``), looks the row up, and decides anew from what it finds.

The promise that follows from it: each row is carried out exactly once, if the server refuses duplicate keys or if
``settle`` is longer than a write or a look-up of the server ever lags. Otherwise the audit at the end names each
duplicate.

A job works in rounds: everything in doubt is resolved, then everything that is TODO is sent, until nothing is left.
Rows that stay in doubt end as UNKNOWN, and the job finishes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from ..._bulk import BulkRun, Failed, bulk
from ...clock import SYSTEM_CLOCK, Clock
from ...context import REPEATS, Repeats
from ...errors import JobError, JobInterrupted, JobRefused, SymphonyError
from ...text import counted
from ..actual import ActualUser
from ..audit import compare
from ..journal.base import Change, Fenced, JobHeader, JobPaused, JobRow, JobStore
from ..journal.states import CANCELLED, LOOKED_UP, OPEN, RESUMED, State
from ..plans.file import Plan
from ..progress import ASKED, COOLING, LAGGING, LATE, Progress
from ..rows.base import User, keys_of
from ..rows.registry import user_class
from ..targets.base import Created, Held, Target
from ..targets.verdicts import Verdict, believable, judge, retry_after
from .breaker import HOLD, Breaker
from .lease import SECONDS, Lease, overslept
from .ledger import Ledger
from .outcomes import (
    change_of,
    code_of,
    created,
    in_doubt,
    looked_up,
    message_of,
    not_created,
    put_back,
    step_failed,
    unknown,
    whose_id,
)  # fmt: skip
from .recall import Recall, Recalled
from .turns import Turns
from .units import units

__all__ = ["Job"]


class Job:
    """Carries out a plan under a journal.

    Args:
        target: Where.
        store: The journal. If it holds a job already, that job goes on.
        concurrency: Requests at once.
        settle: Seconds to wait before checking whether an interrupted write took effect.
        attempts: Tries for a row whose outcome stays unknown.
        lease: Seconds after which another process may take the journal over, if this one shows no sign of life.
        max_shards: How many shards to work on at a time; None for all.
        audit: Whether to list the tenant at the end and compare.
        give_up_after: The job stops, to be resumed, when the server has carried nothing out for so many seconds. It
            waits no longer, whatever time the server asks for.
        progress: Where it tells how it stands; its own if None.
        clock: Time, for tests.
    """

    def __init__(
        self,
        target: Target,
        store: JobStore,
        *,
        concurrency: int = 32,
        settle: float = 30.0,
        attempts: int = 4,
        lease: float = SECONDS,
        max_shards: int | None = None,
        audit: bool = True,
        give_up_after: float = 300.0,
        progress: Progress | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.progress = Progress(clock=clock) if progress is None else progress
        self.progress.watch(target.limiter)
        self.progress.shared = max_shards is not None
        self._target = target
        self._store = store
        self._settle = settle
        self._attempts = attempts
        self._lease = Lease(store, lease)
        self._max_shards = max_shards
        self._audit = audit
        self._clock = clock
        self._user = user_class(target.kind)
        self._stopping = False
        self._paused = False
        self._cancelled = False
        self._failure: JobError | None = None
        self._run: BulkRun[list[JobRow], None] | None = None
        self._recall = Recall(self._over)
        self._repeats = Repeats()
        self._breaker = Breaker(clock, give_up_after, 2 * concurrency + 8)
        self._turns = Turns(target, concurrency, self._breaker, self._recall, self.progress, clock)
        self._ledger = Ledger(store, self.progress, clock, self._fail)
        self._in_doubt_since = 0.0

    def drain(self) -> None:
        """Send no further request, finish those under way, and stop; the job can be resumed."""
        self._stopping = self.progress.stopping = True
        self._end_waits()

    async def run(self, plan: Plan | None = None, *, shards: int = 1, finish: bool = True) -> None:
        """Carry out the plan, or resume the job that the journal holds.

        Args:
            plan: What to do; may be left out if the journal holds it.
            shards: Into how many parts to divide a new job for several processes.
            finish: Whether to audit and end the job once no row is left. If not, that is left to another run.

        Raises:
            JobRefused: The job cannot begin.
            JobInterrupted: The job stopped; the same call resumes it.
        """
        await self._begin(plan, shards)
        self.progress.begin("starting")
        await self._lease.begin(self._max_shards, self._fail, self._heed)
        outer = REPEATS.set(self._repeats)
        try:
            await self._ledger.count()
            self._breaker.answered()
            await self._rounds()
            await self._written()
            while not self._over() and self.progress.left and await self._lease.move_on(self._max_shards):
                await self._rounds()
                await self._written()
            if self._failure is not None:
                raise self._failure
            if self._paused:
                left = counted(self.progress.left, "row")
                raise JobPaused(f"paused as asked with {left} left: aiosymphony provision resume lets it go on")
            if self._stopping:
                left = counted(self.progress.left, "row")
                raise JobInterrupted(f"stopped as asked with {left} left; run the same command to resume")
            if self.progress.left or not finish:
                # Other processes work on the other shards; the last one to finish audits.
                self.progress.begin("left to other processes")
                return
            if self._audit:
                try:
                    with self._recall.guard():
                        await self._check()
                except Recalled:
                    stopped = JobInterrupted(
                        "every row is finished; stopped as asked before the audit was; run the same command to resume"
                    )
                    raise self._failure or stopped from None
            await self._store.note("finished_at", self._clock.time())
            self.progress.begin("finished")
        finally:
            REPEATS.reset(outer)
            await self._lease.end()
            with contextlib.suppress(JobError):
                await self._store.release()

    async def _begin(self, plan: Plan | None, shards: int) -> None:
        header = await self._store.header()
        if plan is not None:
            self.progress.begin("writing the journal", plan.rows)
            header = JobHeader.of(plan, made_at=self._clock.time(), shards=shards)
            await self._store.begin(header, self.progress.each(plan.actions()))
        elif header is None:
            raise JobRefused(f"{self._store.name} holds no job to resume")
        header = await self._store.header()
        assert header is not None  # noqa: S101 - begun above
        if header.target != self._target.name:
            raise JobRefused(
                f"{self._store.name} is the journal of a job for {header.target}, not for {self._target.name}",
            )

    async def _rounds(self) -> None:
        """Settle what is in doubt, send what is to do; again, until nothing is left."""
        # What an earlier run left in doubt may have left this machine a moment ago.
        self._in_doubt_since = self._clock.monotonic()
        self._heed()
        await self._resolve_doubts(RESUMED)
        while not self._over() and await self._store.fetch(OPEN, limit=1):
            if self._cancelled:
                await self._cancel_rest()
                continue
            self._ledger.done = 0
            broken_off = await self._send_all()
            await self._written()
            if not self._over():
                await self._resolve_doubts(("IN_FLIGHT",))
            if (error := self._breaker.end_round(broken_off=broken_off, done=self._ledger.done)) is not None:
                self._fail(error)

    def _heed(self) -> None:
        """Do what the operator wants by now."""
        match self._store.wish:
            case "pause" if not self._paused:
                self._paused = True
                self.drain()
            case "cancel":
                self._cancelled = True

    async def _cancel_rest(self) -> None:
        """Give up what is still to do. What may have been sent was looked up before."""
        why = "the job was cancelled before this was carried out"
        while not self._over() and (rows := await self._store.fetch(["TODO"])):
            self._ledger.record_found([change_of(rows, "FAILED", code=CANCELLED, message=why)], rows)
            await self._written()
        await self._resolve_doubts(("IN_FLIGHT",))

    def _goes_on(self) -> bool:
        return not (self._over() or self._cancelled or self._breaker.broken)

    def _over(self) -> bool:
        return self._stopping or self._failure is not None

    def _fail(self, error: JobError) -> None:
        """Send nothing more, and end with this error."""
        if self._failure is None:
            self._failure = error
        if isinstance(error, Fenced):
            self._lease.cut()
        self._end_waits()

    def _end_waits(self) -> None:
        """Begin nothing more, and end what waits for its turn or reads."""
        if self._run is not None:
            self._run.stop()
        self._recall.all()
        self._repeats.forbid()

    # Sending.

    async def _send_all(self) -> bool:
        """Send every row that is TODO, once; whether that was broken off because of too many doubts."""
        self.progress.begin("sending")
        self._breaker.begin_round()
        todo = units(self._store, self._target, self._goes_on)
        async with bulk(todo, self._send, concurrency=self._turns.workers) as run:
            self._run = run
            try:
                async for outcome in run:
                    if isinstance(outcome, Failed):
                        raise outcome.error
            finally:
                self._run = None
        return self._breaker.broken

    async def _send(self, rows: list[JobRow]) -> None:
        """Carry out one unit, from the mark in the journal to the outcome. Raises nothing: what fails is noted."""
        has_turn = leaves = False
        try:
            if not (ahead := self._turns.may_mark()) and not (has_turn := await self._turns.wait()):
                return
            self.progress.begin_sending()
            await self._ledger.mark_in_flight(rows)
            if ahead:
                has_turn = await self._turns.wait()
            self._heed()
            if not has_turn or self._over() or self._cancelled:
                self._put_back(rows)
                return
            with self._lease.guard():
                leaves = True
                self.progress.sent += 1
                if rows[0].step == 0 and rows[0].steps[0]["do"] == "create":
                    await self._create(rows)
                else:
                    await self._take_steps(rows[0], rows[0].id, rows[0].step, has_turn=True)
        except JobError as error:
            self._fail(error)
        except TimeoutError:
            self._fail(overslept())
        finally:
            if has_turn and not leaves:
                self._turns.give_back()

    async def _create(self, rows: list[JobRow]) -> None:
        try:
            results = await self._turns.send(self._target.create([row.values for row in rows]))
        except JobError as error:
            self._put_back(rows)
            self._fail(error)
            return
        except SymphonyError as error:
            self._record([not_created(rows, error, self._verdict(error, creating=True))])
            return
        results = believable(results, len(rows))
        held = [result for result in results if isinstance(result, Held)]
        if len(held) < len(results):
            self._breaker.answered()
        for each in held:
            self._hold(None)
            if each.stops is not None:
                self._fail(each.stops)
        self._record(created(rows, results))
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, Created) and len(row.steps) > 1:
                await self._take_steps(row, result.id, 1, has_turn=False)

    async def _take_steps(self, row: JobRow, user_id: str | None, first: int, *, has_turn: bool) -> None:
        """Carry out a row's steps from the given one on; each may be repeated."""
        assert user_id is not None  # noqa: S101 - only a create has none
        if row.steps[0]["do"] == "create":
            # The id comes from an answer, and not from a look-up: nobody is changed unseen.
            if not await self._is_theirs(row, user_id, first, has_turn=has_turn):
                return
            has_turn = False
        for number in range(first, len(row.steps)):
            step = row.steps[number]
            try:
                if not has_turn and not await self._turns.wait():
                    self._put_back([row], step=number)
                    return
                has_turn = False
                await self._turns.send(self._target.take_step(user_id, step))
            except JobError as error:
                self._put_back([row], step=number)
                self._fail(error)
                return
            except SymphonyError as error:
                self._record([step_failed(row, number, error, self._verdict(error))])
                return
            self._breaker.answered()
            if number + 1 < len(row.steps):
                self._record([change_of([row], "IN_FLIGHT", step=number + 1)])
        self._record([change_of([row], "DONE", step=len(row.steps))])

    async def _is_theirs(self, row: JobRow, user_id: str, step: int, *, has_turn: bool) -> bool:
        """Whether an id that was told when a row's user was created is that user's; if not, the row is dealt with."""
        if not has_turn and not await self._turns.wait():
            self._put_back([row], step=step)
            return False
        try:
            with self._recall.guard():
                existing = await self._turns.send(self._target.get(user_id))
        except Recalled:
            self._put_back([row], step=step)
            return False
        except JobError as error:
            self._put_back([row], step=step)
            self._fail(error)
            return False
        except SymphonyError as error:
            if self._verdict(error) is not Verdict.REFUSED:
                self._put_back([row], code_of(error), message_of(error), step=step)
                return False
            existing = None
        wanted = self._user.from_dict(row.values).identities()
        if existing is not None and not set(wanted).isdisjoint(keys_of(existing.values, self._user)):
            return True
        self._record([whose_id(row, user_id, step, existing)])
        return False

    def _verdict(self, error: SymphonyError, *, creating: bool = False) -> Verdict:
        """What a failure means for its rows, and what follows for all others."""
        verdict = judge(error, creating=creating)
        match verdict:
            case Verdict.HELD:
                self._hold(retry_after(error))
            case Verdict.ALIKE:
                self._fail(JobInterrupted(f"stopped, because every row would fail alike: {error}"))
            case Verdict.REFUSED:
                self._breaker.answered()
        return verdict

    def _put_back(self, rows: Sequence[JobRow], code: str = "", message: str = "", step: int | None = None) -> None:
        """It was not carried out: as if it had not been tried."""
        self._record([put_back(rows, code, message, step)])

    def _hold(self, asked: float | None) -> None:
        if (error := self._breaker.hold(asked)) is not None:
            self._fail(error)
        else:
            self.progress.pause_for(self._breaker.hold_time(), ASKED if asked else COOLING)

    def _record(self, changes: Sequence[Change]) -> None:
        """Write what became of rows that were sent, without waiting until it is durable."""
        for change in changes:
            if in_doubt(change):
                self._in_doubt_since = self._clock.monotonic()
                self._breaker.doubted()
        if self._breaker.broken and self._run is not None:
            # Nothing but doubt: settle that first, rather than put every row into it.
            self._run.stop()
        self._ledger.record(changes)

    async def _written(self) -> None:
        await self._ledger.written()
        if self._failure is None:
            await self._ledger.count()

    # Resolving doubts.

    async def _resolve_doubts(self, states: Sequence[State]) -> None:
        """Look up every row that is in doubt and decide anew."""
        after, waited = 0, False
        while not self._over():
            rows = await self._store.fetch(states, after=after, limit=self._target.look_up_batch)
            if not rows:
                return
            if not waited:
                self.progress.begin("settling", sum(self.progress.counts[state] for state in states))
                asleep = self._clock.monotonic()
                await self._sleep(self._in_doubt_since + self._settle - asleep, LATE)
                self._breaker.slept(self._clock.monotonic() - asleep)
                waited = True
                continue
            after = rows[-1].number
            await self._resolve_rows(rows)
            self.progress.step += len(rows)

    async def _resolve_rows(self, rows: list[JobRow]) -> None:
        users = [self._user.from_dict(row.values) for row in rows]
        found = await self._look_up(rows, users)
        if found is None:
            return
        matches: dict[str, list[ActualUser]] = {}
        for existing in found:
            for key in keys_of(existing.values, self._user):
                matches.setdefault(key, []).append(existing)
        changes = []
        for row, user in zip(rows, users, strict=True):
            ids = {existing.id: existing for key in user.identities() for existing in matches.get(key, ())}
            changes.append(looked_up(row, user, list(ids.values()), self._attempts))
        self._ledger.record_found(changes, rows)
        await self._written()

    async def _look_up(self, rows: Sequence[JobRow], users: Sequence[User]) -> Sequence[ActualUser] | None:
        """Who is there of these; None if that cannot be had, which is then noted."""
        while True:
            try:
                with self._recall.guard():
                    found = await self._target.look_up(users)
            except Recalled:
                return None
            except JobError as error:
                self._fail(error)
                return None
            except SymphonyError as error:
                # Like a create, it is about nobody who is known to be there: what forbids it, forbids it for all.
                verdict, left = judge(error, creating=True), self._breaker.time_left()
                if verdict is Verdict.ALIKE:
                    self._fail(JobInterrupted(f"stopped, because nothing can be looked up: {error}"))
                    return None
                if verdict is not Verdict.HELD or left <= 0:
                    why = f"it could not be looked up: {message_of(error)}"
                    self._ledger.record_found([unknown(row, why) for row in rows], rows)
                    return None
                asked = retry_after(error)
                await self._sleep(min(asked or HOLD, left), ASKED if asked else COOLING)
            else:
                self._breaker.answered()
                return found

    async def _sleep(self, seconds: float, why: str) -> None:
        """Sleep, in pieces, so that a wish to stop is heard."""
        self.progress.pause_for(seconds, why)
        until = self._clock.monotonic() + seconds
        while not self._over() and (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, 0.5))

    # The audit.

    async def _check(self) -> None:
        """Audit; and if that finds anything, once more when every look-up must have caught up."""
        wrote_at = self._breaker.answered_at
        findings, found_after_all = await self._compare()
        if any(findings["counts"].values()):
            await self._sleep(wrote_at + self._settle - self._clock.monotonic(), LAGGING)
            findings, found_after_all = await self._compare()
        if found_after_all:
            changes = [change_of([row], "DONE", ids=[user_id], code=LOOKED_UP) for row, user_id in found_after_all]
            self._ledger.record_found(changes, [row for row, _ in found_after_all])
            await self._written()
        await self._store.note("audit", {"at": self._clock.time(), **findings})

    async def _compare(self) -> tuple[dict[str, Any], list[tuple[JobRow, str]]]:
        try:
            return await compare(self._store, self._target, self.progress, self._recall.check)
        except JobError:
            raise
        except SymphonyError as error:
            raise JobInterrupted(
                f"every row is finished, but the audit failed: {error}; run the same command again"
            ) from None
