"""The job: carries a plan out, so that it can be killed at any moment and started again.

The rule: what is about to be sent is durable in the journal before a byte leaves, and its outcome after the answer.
What was in doubt - a lost reply, a 504, a crash - is never simply sent again: the job waits until a late write must
have landed (``settle``), looks the row up, and decides anew from what it finds.

The promise that follows from it: each row is carried out exactly once, if the server refuses duplicate keys or if
``settle`` is longer than a write or a look-up of the server ever lags. Otherwise the audit at the end names each
duplicate.

A job works in rounds: everything in doubt is settled, then everything that is TODO is sent, until nothing is left.
Rows that stay in doubt end as UNKNOWN, and the job finishes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import attrs

from ..bulk import BulkRun, Failed, bulk
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ApiError, JobError, OutcomeUnknown, SymphonyError, clean_text
from .actual import Actual, ActualUser
from .audit import audit
from .outcomes import Verdict, believable, judge, retry_after
from .planning import ONE_CREATE, Plan, decide
from .rows import User, keys_of, user_class
from .store import LOOKED_UP, Change, Fenced, JobHeader, JobRow, JobStore, State
from .target import Created, Held, Refused, Target

__all__ = ["Job", "Progress"]

T = TypeVar("T")

MESSAGE_LIMIT = 500
_SHRINK = 5
"""By how much a batch shrinks with each attempt, to part the row that spoils it from its neighbours."""
_FRUITLESS = 2
"""Rounds broken off without a row done, after which the job stops."""
IN_DOUBT = "in doubt"
"""The code of a row whose last outcome was unknown; any other is that of a refusal."""
_HOLD = 5.0
"""Seconds without a request after one that could not be sent."""


@attrs.define
class Progress:
    """Where a running job stands.

    Attributes:
        phase: What it does at the moment, in a word or two.
        counts: Rows by state.
        in_flight: Rows that are being sent. One that waits for its turn is not.
        sent: Requests for rows that left since this process began.
        doubtful: Outcomes that were unknown, since this process began.
        settled_before: Rows that were settled when this process sent its first.
        sending_since: When that was, on the job's clock; None if it was not yet.
    """

    phase: str = "starting"
    counts: Counter[State] = attrs.field(factory=Counter)
    in_flight: int = 0
    sent: int = 0
    doubtful: int = 0
    settled_before: int = 0
    sending_since: float | None = None
    _clock: Clock = attrs.field(default=SYSTEM_CLOCK, alias="clock", repr=False)

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def left(self) -> int:
        return self.counts["TODO"] + self.counts["INTENT"]

    @property
    def settled(self) -> int:
        return self.total - self.left

    @property
    def rate(self) -> float:
        """Rows settled per second since this process sent its first; 0 before."""
        if self.sending_since is None:
            return 0.0
        # Within a moment nothing can be said of a second yet.
        return (self.settled - self.settled_before) / max(1.0, self._clock.monotonic() - self.sending_since)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until no row is left, if the rate stays; None if that cannot be said."""
        return self.left / rate if (rate := self.rate) > 0 and self.left else None

    def begin_sending(self) -> None:
        """The first row is about to be sent, or a later one."""
        if self.sending_since is None:
            self.sending_since, self.settled_before = self._clock.monotonic(), self.settled


class _Recalled(Exception):
    """The job is to stop, so what was waited for or read is not needed any more."""


class Job:
    """Carries out a plan under a journal.

    Args:
        target: Where.
        store: The journal. If it holds a job already, that job goes on.
        concurrency: Requests at once.
        settle: Seconds after which a write that was cut off must have landed and be visible to a look-up.
        attempts: How often a row is tried whose outcome stays unknown.
        lease: Seconds for which the journal is held without a sign of life.
        take: How many shards to work on; None for all.
        audit: Whether to list the tenant at the end and compare.
        patience: Seconds in which the server carries nothing out after which the job stops, to be resumed. However
            long the server asks to wait, it is not waited for longer.
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
        lease: float = 60.0,
        take: int | None = None,
        audit: bool = True,
        patience: float = 300.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.progress = Progress(clock=clock)
        self._target = target
        self._store = store
        self._concurrency = concurrency
        self._settle = settle
        self._attempts = attempts
        self._lease = _Lease(store, lease)
        self._take = take
        self._audit = audit
        self._patience = patience
        self._clock = clock
        self._user = user_class(target.kind)
        self._stopping = False
        self._failure: JobError | None = None
        self._run: BulkRun[list[JobRow], None] | None = None
        self._waiting: set[asyncio.Task[Any]] = set()
        self._recalled: set[asyncio.Task[Any]] = set()
        self._writes: set[asyncio.Future[None]] = set()
        self._in_doubt_since = 0.0
        self._hold_until = 0.0
        self._answered_at = 0.0
        self._streak = 0
        self._done_in_round = 0

    def drain(self) -> None:
        """Send no further request, finish those under way, and stop; the job can be resumed."""
        self._stopping = True
        self._recall()

    async def run(self, plan: Plan | None = None, *, shards: int = 1) -> None:
        """Carry out the plan, or go on with the job that the journal holds.

        Args:
            plan: What to do; may be left out if the journal holds it.
            shards: Into how many parts to divide a new job for several processes.

        Raises:
            JobError: It cannot begin, or it stopped and can be resumed by the same call.
        """
        await self._begin(plan, shards)
        await self._lease.begin(self._take, self._fail)
        try:
            await self._count()
            self._answered_at = self._clock.monotonic()
            await self._rounds()
            await self._written()
            if self._failure is not None:
                raise self._failure
            if self._stopping:
                raise JobError(f"stopped as asked with {self.progress.left} rows left; run the same command to go on")
            if self.progress.left:
                # Other processes work on other shards; the last one to finish audits.
                return
            if self._audit:
                self.progress.phase = "auditing"
                try:
                    with self._recallable():
                        await self._check()
                except _Recalled:
                    stopped = JobError("every row is settled; stopped as asked before the audit was at its end")
                    raise self._failure or stopped from None
            await self._store.note("finished_at", self._clock.time())
            self.progress.phase = "finished"
        finally:
            await self._lease.end()
            with contextlib.suppress(JobError):
                await self._store.release()

    async def _begin(self, plan: Plan | None, shards: int) -> None:
        header = await self._store.header()
        if plan is not None:
            await self._store.begin(JobHeader.of(plan, made_at=self._clock.time(), shards=shards), plan.actions())
        elif header is None:
            raise JobError(f"{self._store.name} holds no job to go on with", exit_code=64)
        header = await self._store.header()
        assert header is not None  # noqa: S101 - begun above
        if header.target != self._target.name:
            raise JobError(
                f"{self._store.name} is the journal of a job for {header.target}, not for {self._target.name}",
                exit_code=64,
            )

    async def _rounds(self) -> None:
        """Settle what is in doubt, send what is to do; again, until nothing is left."""
        # What an earlier run left in doubt may have left this machine a moment ago.
        self._in_doubt_since = self._clock.monotonic()
        await self._settle_doubts(("INTENT", "UNKNOWN"))
        fruitless = 0
        while not self._over() and await self._store.fetch(("TODO", "INTENT"), limit=1):
            self._done_in_round = 0
            broken_off = await self._send_all()
            await self._written()
            if not self._over():
                await self._settle_doubts(("INTENT",))
            fruitless = fruitless + 1 if broken_off and not self._done_in_round else 0
            if fruitless == _FRUITLESS:
                self._fail(JobError("the server answers nothing but what leaves everything in doubt; run it later"))

    def _over(self) -> bool:
        return self._stopping or self._failure is not None

    def _fail(self, error: JobError) -> None:
        """Send nothing more, and end with this error."""
        if self._failure is None:
            self._failure = error
        if isinstance(error, Fenced):
            self._lease.cut()
        self._recall()

    # Stopping.

    def _recall(self) -> None:
        """Begin nothing more, and end what waits for its turn or reads."""
        if self._run is not None:
            self._run.stop()
        for task in self._waiting - self._recalled - {_this_task()}:
            self._recalled.add(task)
            task.cancel()

    @contextlib.contextmanager
    def _recallable(self) -> Iterator[None]:
        """Around waits and reads, which end at once when the job is to stop.

        Raises:
            _Recalled: It is.
        """
        if self._over():
            raise _Recalled
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only coroutines wait
        self._waiting.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task in self._recalled and task.uncancel() == 0:
                raise _Recalled from None
            raise
        finally:
            self._waiting.discard(task)
            self._recalled.discard(task)

    # Sending.

    async def _turn(self) -> bool:
        """Wait until a request may leave: until no hold is on, and for a place in the target's limiter.

        Returns:
            Whether it may. The place is then this task's, until :meth:`_request` uses it.
        """
        limiter = self._target.limiter
        if self._over():
            return False
        if not self._hold_time() and (limiter is None or limiter.try_acquire()):
            return True
        try:
            with self._recallable():
                while True:
                    while wait := self._hold_time():
                        await self._clock.sleep(wait)
                    if limiter is None:
                        return True
                    await limiter.acquire()
                    if not self._hold_time():
                        return True
                    limiter.release()
        except _Recalled:
            return False

    async def _request(self, call: Coroutine[Any, Any, T]) -> T:
        """Send a request in the place that its turn gave it."""
        limiter = self._target.limiter
        if limiter is None:
            return await call
        limiter.pass_on()
        try:
            return await call
        finally:
            limiter.take_back()

    async def _send_all(self) -> bool:
        """Send every row that is TODO, once; whether that was broken off because of too many doubts."""
        self.progress.phase = "sending"
        self._streak = 0
        async with bulk(self._units(), self._send, concurrency=self._concurrency) as run:
            self._run = run
            try:
                async for outcome in run:
                    if isinstance(outcome, Failed):
                        raise outcome.error
            finally:
                self._run = None
        return self._streak >= self._streak_limit

    @property
    def _streak_limit(self) -> int:
        """Doubts in a row after which a round is broken off."""
        return 2 * self._concurrency + 8

    async def _units(self) -> AsyncIterator[list[JobRow]]:
        """Rows that make one request: a batch to create, or one row of any other kind."""
        batches: dict[int, list[JobRow]] = {}
        # The next rows are read while these are sent, so that no worker waits for them.
        reading = asyncio.ensure_future(self._store.fetch(["TODO"]))
        try:
            while not self._over() and self._streak < self._streak_limit and (rows := await reading):
                reading = asyncio.ensure_future(self._store.fetch(["TODO"], after=rows[-1].n))
                for row in rows:
                    size = self._batch_size(row)
                    batch = batches.setdefault(size, [])
                    batch.append(row)
                    if len(batch) == size:
                        yield batches.pop(size)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        for batch in batches.values():
            yield batch

    def _batch_size(self, row: JobRow) -> int:
        if row.steps is not ONE_CREATE and (row.step > 0 or row.steps[0]["do"] != "create"):
            return 1
        return self._target.batch if not row.attempts else max(1, self._target.batch // int(_SHRINK**row.attempts))

    async def _send(self, rows: list[JobRow]) -> None:
        """Carry out one unit, from the intent to the outcome. Raises nothing: what fails is noted."""
        if not await self._turn():
            return
        self.progress.begin_sending()
        self.progress.in_flight += len(rows)
        leaves = False
        try:
            await self._store.intend([row.n for row in rows], self._clock.time())
            self._moved("TODO", "INTENT", len(rows))
            if self._over():
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
            self._fail(_overslept())
        finally:
            self.progress.in_flight -= len(rows)
            if not leaves and self._target.limiter is not None:
                self._target.limiter.release()

    async def _create(self, rows: list[JobRow]) -> None:
        try:
            results = await self._request(self._target.create([row.row for row in rows]))
        except JobError as error:
            self._put_back(rows)
            self._fail(error)
            return
        except SymphonyError as error:
            self._not_created(rows, error)
            return
        results = believable(results, len(rows))
        if not all(isinstance(result, Held) for result in results):
            self._answered()
        changes: list[Change] = []
        done: list[JobRow] = []
        ids: list[str] = []
        unfinished: list[tuple[JobRow, str]] = []
        for row, result in zip(rows, results, strict=True):
            match result:
                case Created(user_id) if len(row.steps) > 1:
                    changes.append(self._change(row, "INTENT", step=1, id=user_id))
                    unfinished.append((row, user_id))
                case Created(user_id):
                    done.append(row)
                    ids.append(user_id)
                case Held(code, message, stops):
                    self._hold(None)
                    if stops is not None:
                        self._fail(stops)
                    changes.append(self._change(row, "TODO", code=code, message=message, attempts=-1))
                case Refused(code, message, exists) if exists or row.attempts:
                    # What exists may be what an earlier attempt of ours created: look before judging.
                    self._doubt()
                    changes.append(self._change(row, "INTENT", code=code, message=message))
                case Refused(code, message):
                    changes.append(self._change(row, "FAILED", code=code, message=message))
                case _:
                    self._doubt()
                    changes.append(self._change(row, "INTENT", code=IN_DOUBT, message=result.message))
        if done:
            changes.append(self._changes(done, "DONE", step=1, ids=ids))
        self._record(changes)
        for row, user_id in unfinished:
            await self._take_steps(row, user_id, 1, has_turn=False)

    def _not_created(self, rows: list[JobRow], error: SymphonyError) -> None:
        code, message = _code(error), _message(error)
        match self._verdict(error, creating=True):
            case Verdict.IN_DOUBT:
                self._doubt()
                self._record([self._changes(rows, "INTENT", code=IN_DOUBT, message=message)])
            case Verdict.REFUSED if len(rows) > 1:
                # One row spoiled the batch for all: smaller ones will tell which.
                self._record([self._changes(rows, "TODO", code=code, message=message)])
            case Verdict.REFUSED if rows[0].attempts:
                self._doubt()
                self._record([self._change(rows[0], "INTENT", code=code, message=message)])
            case Verdict.REFUSED:
                self._record([self._change(rows[0], "FAILED", code=code, message=message)])
            case _:
                self._put_back(rows, code, message)

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
                if not has_turn and not await self._turn():
                    self._put_back([row], step=number)
                    return
                has_turn = False
                await self._request(self._target.take_step(user_id, step))
            except JobError as error:
                self._put_back([row], step=number)
                self._fail(error)
                return
            except SymphonyError as error:
                code, message = _code(error), f"{step['do']}: {_message(error)}"
                match self._verdict(error):
                    case Verdict.IN_DOUBT:
                        self._doubt()
                        self._record([self._change(row, "INTENT", step=number, code=IN_DOUBT, message=message)])
                    case Verdict.REFUSED:
                        self._record([self._change(row, "FAILED", step=number, code=code, message=message)])
                    case _:
                        self._put_back([row], code, message, step=number)
                return
            self._answered()
            if number + 1 < len(row.steps):
                self._record([self._change(row, "INTENT", step=number + 1)])
        self._record([self._change(row, "DONE", step=len(row.steps))])

    async def _is_theirs(self, row: JobRow, user_id: str, step: int, *, has_turn: bool) -> bool:
        """Whether an id that was told when a row's user was created is that user's; if not, the row is dealt with."""
        if not has_turn and not await self._turn():
            self._put_back([row], step=step)
            return False
        try:
            with self._recallable():
                there = await self._request(self._target.get(user_id))
        except _Recalled:
            self._put_back([row], step=step)
            return False
        except JobError as error:
            self._put_back([row], step=step)
            self._fail(error)
            return False
        except SymphonyError as error:
            if self._verdict(error) is not Verdict.REFUSED:
                self._put_back([row], _code(error), _message(error), step=step)
                return False
            there = None
        wanted = self._user.from_dict(row.row).identities()
        if there is not None and not set(wanted).isdisjoint(keys_of(there.values, self._user)):
            return True
        whose = "nobody" if there is None else "another user"
        self._doubt()
        message = f"the id in the answer, {clean_text(user_id, 80)}, is that of {whose}"
        self._record([self._change(row, "INTENT", step=step, code=IN_DOUBT, message=message)])
        return False

    def _verdict(self, error: SymphonyError, *, creating: bool = False) -> Verdict:
        """What a failure means for its rows, and what follows for all others."""
        verdict = judge(error, creating=creating)
        match verdict:
            case Verdict.HELD:
                self._hold(retry_after(error))
            case Verdict.ALIKE:
                self._fail(JobError(f"stopped, because every row would fail alike: {error}"))
            case Verdict.REFUSED:
                self._answered()
        return verdict

    def _put_back(self, rows: Sequence[JobRow], code: str = "", message: str = "", step: int | None = None) -> None:
        """It was not carried out: as if it had not been tried."""
        self._record([self._changes(rows, "TODO", step=step, code=code, message=message, attempts=-1)])

    def _hold(self, asked: float | None) -> None:
        """Send nothing for as long as the server asked, but no longer than patience lasts."""
        left = self._patience_left()
        if left > 0:
            self._hold_until = max(self._hold_until, self._clock.monotonic() + min(asked or _HOLD, left))
            return
        told = f", and asks to wait for {asked:g} s" if asked else ""
        self._fail(
            JobError(f"the server carried nothing out for {self._patience:g} s{told}; run the same command later")
        )

    def _hold_time(self) -> float:
        """Seconds until the hold is over; 0 if none is on."""
        return max(0.0, self._hold_until - self._clock.monotonic())

    def _patience_left(self) -> float:
        return self._answered_at + self._patience - self._clock.monotonic()

    def _answered(self) -> None:
        self._answered_at = self._clock.monotonic()
        self._streak = 0

    def _doubt(self) -> None:
        self._in_doubt_since = self._clock.monotonic()
        self.progress.doubtful += 1
        self._streak += 1
        if self._streak >= self._streak_limit and self._run is not None:
            # Nothing but doubt: settle that first, rather than put every row into it.
            self._run.stop()

    # Settling.

    async def _settle_doubts(self, states: Sequence[State]) -> None:
        """Look up every row that is in doubt and decide anew."""
        after, waited = 0, False
        while not self._over():
            rows = await self._store.fetch(states, after=after, limit=self._target.look_up_batch)
            if not rows:
                return
            if not waited:
                self.progress.phase = "waiting for late writes"
                asleep = self._clock.monotonic()
                await self._sleep(self._in_doubt_since + self._settle - asleep)
                # While nothing was asked, the server's silence is no reason to lose patience.
                self._answered_at += self._clock.monotonic() - asleep
                waited = True
                continue
            self.progress.phase = "looking up"
            after = rows[-1].n
            await self._settle_rows(rows)

    async def _settle_rows(self, rows: list[JobRow]) -> None:
        users = [self._user.from_dict(row.row) for row in rows]
        found = await self._look_up(rows, users)
        if found is None:
            return
        matches: dict[str, list[ActualUser]] = {}
        for there in found:
            for key in keys_of(there.values, self._user):
                matches.setdefault(key, []).append(there)
        changes = []
        for row, user in zip(rows, users, strict=True):
            ids = {there.id: there for key in user.identities() for there in matches.get(key, ())}
            changes.append(self._settled(row, user, list(ids.values())))
        self._record(changes)
        await self._written()

    async def _look_up(self, rows: Sequence[JobRow], users: Sequence[User]) -> Sequence[ActualUser] | None:
        """Who is there of these; None if that cannot be had, which is then noted."""
        while True:
            try:
                with self._recallable():
                    found = await self._target.look_up(users)
            except _Recalled:
                return None
            except JobError as error:
                self._fail(error)
                return None
            except SymphonyError as error:
                # Like a create, it is about nobody who is known to be there: what forbids it, forbids it for all.
                verdict, left = judge(error, creating=True), self._patience_left()
                if verdict is Verdict.ALIKE:
                    self._fail(JobError(f"stopped, because nothing can be looked up: {error}"))
                    return None
                if verdict is not Verdict.HELD or left <= 0:
                    why = f"it could not be looked up: {_message(error)}"
                    self._record([self._unknown(row, why) for row in rows])
                    return None
                await self._sleep(min(retry_after(error) or _HOLD, left))
            else:
                self._answered()
                return found

    def _settled(self, row: JobRow, user: User, found: Sequence[ActualUser]) -> Change:
        """What a look-up says about a row that was in doubt."""
        action = decide(user, found, row.line)
        creating = row.action == "create"
        last_try = row.state != "UNKNOWN" and row.attempts >= self._attempts
        # A row that ended as UNKNOWN is tried afresh when the job is started again.
        again = -row.attempts if row.state == "UNKNOWN" else 0
        match action.do:
            case "skip":
                return self._change(row, "DONE", id=action.id, step=len(row.steps), code=LOOKED_UP)
            case "conflict" if len(found) == 1 and creating:
                # There, as this job wanted it; in what the server made of it since, the audit says.
                return self._change(row, "DONE", id=action.id, step=len(row.steps), code=LOOKED_UP)
            case "conflict":
                return self._change(row, "CONFLICT", code="conflict", message=action.reason)
            case "create" if not creating:
                return self._change(row, "FAILED", code="gone", message="the user is not there any more")
            case "create" if row.code not in ("", IN_DOUBT):
                return self._change(row, "FAILED", code=row.code, message=row.message)
            case "create" if last_try:
                return self._unknown(row, "it was not there after the last attempt", keep=True)
            case "create":
                return self._change(row, "TODO", step=0, code=row.code, message=row.message, attempts=again)
            case _ if last_try:
                return self._unknown(row, "it was not as wanted after the last attempt", keep=True)
            case _:
                # It is there, and not yet as wanted: what is missing are steps that may be repeated.
                return attrs.evolve(
                    self._change(row, "TODO", step=0, id=action.id, code=row.code, message=row.message, attempts=again),
                    steps=action.steps,
                )

    def _unknown(self, row: JobRow, why: str, *, keep: bool = False) -> Change:
        message = f"{row.message}; {why}" if keep and row.message else why
        return self._change(row, "UNKNOWN", code=IN_DOUBT, message=message)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, in pieces, so that a wish to stop is heard."""
        until = self._clock.monotonic() + seconds
        while not self._over() and (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, 0.5))

    # The audit.

    async def _check(self) -> None:
        """Audit; and if that finds anything, once more when every look-up must have caught up."""
        wrote_at = self._answered_at
        findings, found_after_all = await self._compare()
        if any(findings["counts"].values()):
            await self._sleep(wrote_at + self._settle - self._clock.monotonic())
            findings, found_after_all = await self._compare()
        if found_after_all:
            self._record([self._change(row, "DONE", id=user_id, code=LOOKED_UP) for row, user_id in found_after_all])
            await self._written()
        await self._store.note("audit", {"at": self._clock.time(), **findings})

    async def _compare(self) -> tuple[dict[str, Any], list[tuple[JobRow, str]]]:
        try:
            with Actual(self._target.kind) as actual:
                if self.progress.total <= self._target.look_up_limit:
                    async for batch in self._batches():
                        actual.add(await self._target.look_up(batch))
                else:
                    async for page in self._target.everyone():
                        if self._over():
                            raise _Recalled
                        actual.add(page)
                return await audit(self._store, actual)
        except JobError:
            raise
        except SymphonyError as error:
            raise JobError(f"every row is settled, but the audit failed: {error}; run the same command again") from None

    async def _batches(self) -> AsyncIterator[list[User]]:
        after = 0
        while rows := await self._store.fetch(
            ("DONE", "FAILED", "UNKNOWN", "CONFLICT"), after=after, limit=self._target.look_up_batch, own=False
        ):
            if self._over():
                raise _Recalled
            after = rows[-1].n
            if users := [self._user.from_dict(row.row) for row in rows if row.row]:
                yield users

    # The journal.

    def _change(
        self,
        row: JobRow,
        state: State,
        *,
        step: int | None = None,
        id: str | None = None,  # noqa: A002 - the field's name
        code: str = "",
        message: str = "",
        attempts: int = 0,
    ) -> Change:
        ids = None if id is None else [id]
        return self._changes([row], state, step=step, ids=ids, code=code, message=message, attempts=attempts)

    def _changes(
        self,
        rows: Sequence[JobRow],
        state: State,
        *,
        step: int | None = None,
        ids: Sequence[str] | None = None,
        code: str = "",
        message: str = "",
        attempts: int = 0,
    ) -> Change:
        return Change([row.n for row in rows], state, step, ids, None, code, message[:MESSAGE_LIMIT], attempts)

    def _record(self, changes: Sequence[Change]) -> None:
        """Write outcomes, without waiting: a crash before they are durable leaves INTENT, which is looked up."""
        write = self._store.record(changes, self._clock.time())
        self._writes.add(write)
        write.add_done_callback(self._noted)
        for change in changes:
            count = len(change.rows)
            self._moved("INTENT", change.state, count)
            if change.state == "DONE":
                self._done_in_round += count

    def _noted(self, write: asyncio.Future[None]) -> None:
        self._writes.discard(write)
        if not write.cancelled() and isinstance(error := write.exception(), JobError):
            self._fail(error)

    async def _written(self) -> None:
        while self._writes:
            await asyncio.wait(list(self._writes))
        if self._failure is None:
            await self._count()

    def _moved(self, old: State, new: State, count: int) -> None:
        self.progress.counts[old] -= count
        self.progress.counts[new] += count

    async def _count(self) -> None:
        counts: Counter[State] = Counter()
        for (_, state), count in (await self._store.counts()).items():
            counts[state] += count
        self.progress.counts = counts


class _Lease:
    """Holds the journal: renews in time, and lets nothing be on its way when the time is over.

    A process that was stopped past its lease and woken finds its requests cancelled before it runs on: whoever took
    the job over meanwhile has waited for longer than they could have been under way.
    """

    def __init__(self, store: JobStore, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._until = 0.0
        self._lost = False
        self._sending: set[asyncio.Task[Any]] = set()
        self._task: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def begin(self, take: int | None, fail: Callable[[JobError], None]) -> None:
        await self._store.acquire(self._seconds, take)
        # To take a job over from another machine takes as long as a lease: the time counts from here.
        began = asyncio.get_running_loop().time()
        await self._store.renew(self._seconds)
        self._hold_until(began + self._seconds)
        self._task = asyncio.create_task(self._keep(fail), name="aiosymphony job lease")

    async def end(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def cut(self) -> None:
        """Cancel what is on its way, and let nothing more go."""
        if not self._lost:
            self._lost = True
            for task in self._sending:
                task.cancel()

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around everything that is sent.

        Raises:
            TimeoutError: The lease ran out.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only coroutines send
        # The timer may not have had its turn yet, if this process was stopped.
        if self._lost or asyncio.get_running_loop().time() >= self._until:
            raise TimeoutError
        self._sending.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._lost and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._sending.discard(task)

    def _hold_until(self, when: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._until = when
        self._expiry = asyncio.get_running_loop().call_at(when, self.cut)

    async def _keep(self, fail: Callable[[JobError], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._seconds / 3)
            asked = loop.time()
            if asked >= self._until:
                fail(_overslept())
                return
            try:
                await self._store.renew(self._seconds)
            except JobError as error:
                fail(error)
                return
            self._hold_until(asked + self._seconds)


def _this_task() -> asyncio.Task[Any] | None:
    """The task that runs; None in a callback of the loop, such as a signal's."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _overslept() -> Fenced:
    return Fenced("this process did not answer for longer than its lease, so another may have taken the job over")


def _code(error: SymphonyError) -> str:
    if isinstance(error, ApiError):
        return str(error.status if error.code is None else error.code)
    return type(error).__name__


def _message(error: SymphonyError) -> str:
    """What to tell about it in the journal: without request and trace, so that like failures read alike."""
    cause = error.__cause__ if isinstance(error, OutcomeUnknown) else None
    told = cause if isinstance(cause, SymphonyError) else error
    return clean_text(told.message or type(told).__name__, MESSAGE_LIMIT)
