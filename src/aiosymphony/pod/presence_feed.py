"""``pod.presence.feed()``: changes of presence as they come, however often the feed behind them is lost."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

import attrs

from aiosymphony_api.pod.api.presence import v1_presence_feed_feed_id_delete_post, v1_presence_feed_feed_id_read_get
from aiosymphony_api.pod.models import V2Presence

from ..errors import ApiError, AuthError, ConfigError, OutcomeUnknown, RateLimited, SymphonyError
from ..retry import Failure, classify
from ..session import Session
from ..wire.operation import Operation

logger = logging.getLogger("aiosymphony.presence")

_FULL_READ: Final = 500
"""The most changes that a read returns: after so many, more may wait."""

_LOST_STATUSES: Final = frozenset({400, 404, 410})
"""What a pod may answer for a feed that it does not know (any more)."""

_MOST_LOST: Final = 3
"""Feeds in a row that were lost before any read of them succeeded: then the cause is another one."""

_LOGIN_PATIENCE: Final = 600.0
"""Seconds for which refused logins are waited out, once there was a feed: its key is rotated, or a token was revoked in
the moment between its issue and its use. A login that is refused for longer is no accident."""

_END_WITHIN: Final = 5.0
"""Seconds that leaving may take: for a create under way, and the delete."""

_DELETES: Final = 3
"""Attempts to delete a feed. By its id it can be deleted again: a feed that is gone is then unknown to the pod."""


@attrs.frozen(kw_only=True)
class MissedChanges:
    """Changes between two times may be missing. Ask for the presence of the users that matter, then read on.

    Attributes:
        since: All changes before it were delivered; epoch milliseconds by this machine's clock.
        until: All changes after it are delivered, until the next notice; epoch milliseconds.
        reason: The error that lost them.
    """

    since: int
    until: int
    reason: SymphonyError


class PresenceFeed:
    """Changes of presence, as an async context manager and iterator; made by ``pod.presence.feed()``::

        async with pod.presence.feed() as feed:
            async for change in feed:
                if isinstance(change, MissedChanges):
                    ...  # ask for the presence of the users that matter
                else:
                    print(change.user_id, change.category)

    Entering creates the feed; leaving deletes it, also when the task is cancelled, and takes five seconds at most. The
    pod is asked for changes when the reader asks for one and none is left, never ahead of it. A change is not lost if
    the wait for it is cancelled, as by ``asyncio.timeout``: it is the next one. Closing the client ends the iteration.

    A feed that the pod has lost is replaced, and failures that pass are waited out, refused logins for ten minutes. If
    changes may have been missed meanwhile, :class:`MissedChanges` comes in their place.

    Creating a feed is not idempotent. Each create whose outcome is unknown leaves at most one feed behind, whose id
    cannot be looked up; :attr:`left_behind` counts these. On entering, it raises ``OutcomeUnknown``; later on, another
    feed is created. Leave this before you close the client, which cannot delete it after.
    """

    def __init__(
        self,
        session: Session,
        *,
        create: Callable[[], Awaitable[str]],
        read: Callable[[str], Awaitable[list[V2Presence]]],
        delete: Callable[[str], Awaitable[None]],
        min_wait: float,
        max_wait: float,
        give_up_after: float | None,
    ) -> None:
        if not 0 < min_wait <= max_wait:
            raise ConfigError(
                f"min_wait must be greater than 0 and at most max_wait, not {min_wait!r} and {max_wait!r}"
            )
        if give_up_after is not None and not give_up_after > 0:
            raise ConfigError(f"give_up_after must be greater than 0 seconds, not {give_up_after!r}")
        self._session = session
        self._create_feed, self._read_feed, self._delete_feed = create, read, delete
        self._min_wait, self._max_wait, self._give_up_after = min_wait, max_wait, give_up_after
        self._entered = self._finished = False
        self._ready: deque[V2Presence | MissedChanges] = deque()
        self._step: asyncio.Task[None] | None = None
        self._creating = False
        self._feed_id: str | None = None
        self._complete_until = 0
        self._missed: MissedChanges | None = None
        self._due = 0.0
        self._wait = 0.0
        self._failing_since: float | None = None
        self._lost_in_a_row = 0
        self._left_behind = 0

    @property
    def left_behind(self) -> int:
        """How many feeds may stay at the pod: their creation, or deletion, did not come to a known end."""
        return self._left_behind

    async def __aenter__(self) -> Self:
        """Create the feed.

        Raises:
            ConfigError: It was entered before.
            OutcomeUnknown: A feed may have been created, and its id is lost.
            SymphonyError: See :meth:`Session.execute`.
        """
        if self._entered:
            raise ConfigError("a presence feed can be entered once: call feed() for another")
        self._entered = True
        try:
            await self._advance(self._create)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the feed. A failure is logged and counted in :attr:`left_behind`, not raised."""
        await self._end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> V2Presence | MissedChanges:
        """The next change.

        Raises:
            StopAsyncIteration: The client is closed, or the feed was left.
            SymphonyError: A failure that does not pass, or has lasted for ``give_up_after``. Asking again goes on.
        """
        if not self._entered:
            raise ConfigError("enter the presence feed first: async with pod.presence.feed() as feed")
        while not self._ready:
            if self._finished:
                raise StopAsyncIteration
            await self._advance(self._take_step)
        return self._ready.popleft()

    async def _advance(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the present step, or a new one. It goes on if the wait is cancelled, and the next call has it."""
        task = self._step
        if task is None:
            task = self._step = asyncio.create_task(step(), name="aiosymphony presence feed")
        await asyncio.wait([task])
        if self._step is task:
            self._step = None
        task.result()

    async def _take_step(self) -> None:
        """Wait until it is time, then send one request: for the changes, or for a feed if there is none."""
        wait = self._due - self._session.clock.monotonic()
        if (wait > 0 and not await self._session.pause(wait)) or self._session.is_closed:
            self._finish()
            return
        try:
            if self._feed_id is None:
                await self._create()
            else:
                await self._read(self._feed_id)
        except SymphonyError as error:
            if self._session.is_closed:
                self._finish()
                return
            self._back_off_or_raise(error)

    async def _create(self) -> None:
        self._creating = True
        try:
            self._feed_id = await self._create_feed()
        except (OutcomeUnknown, asyncio.CancelledError):
            self._left_behind += 1
            raise
        finally:
            self._creating = False
        if self._missed is None:
            self._complete_until = self._now_ms()
        else:
            # What changed before the new feed was there is in neither feed.
            self._missed = attrs.evolve(self._missed, until=max(self._missed.until, self._now_ms()))
        self._deliver_missed()

    async def _read(self, feed_id: str) -> None:
        began = self._now_ms()
        try:
            changes = await self._read_feed(feed_id)
        except OutcomeUnknown as error:
            self._note_missed(error)
            raise
        except asyncio.CancelledError:
            operation = v1_presence_feed_feed_id_read_get.OPERATION
            self._note_missed(OutcomeUnknown("the read was cancelled", operation=operation))
            raise
        except ApiError as error:
            if not _is_lost(error, v1_presence_feed_feed_id_read_get.OPERATION):
                raise
            await self._lose(feed_id, error)
            return
        self._deliver_missed()
        self._ready.extend(changes)
        self._failing_since, self._lost_in_a_row = None, 0
        if len(changes) >= _FULL_READ:
            self._wait = 0.0  # what waits may be older than this read
        else:
            self._complete_until = began
            self._wait = self._min_wait if changes else self._longer_wait()
        self._due = self._session.clock.monotonic() + self._wait

    async def _lose(self, feed_id: str, error: ApiError) -> None:
        """Give up a feed that the pod says it does not know."""
        self._feed_id = None
        self._note_missed(error)
        try:
            # Should the refusal have had another cause, the feed is still there.
            await self._delete_feed(feed_id)
        except SymphonyError as refused:
            logger.debug("presence feed: the lost feed was not deleted: %s", refused)
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= _MOST_LOST:
            self._lost_in_a_row = 0
            raise error
        logger.warning("presence feed: the pod has lost it, another one is created: %s", error)
        self._wait = 0.0 if self._lost_in_a_row == 1 else self._longer_wait()
        self._due = self._session.clock.monotonic() + self._wait

    def _back_off_or_raise(self, error: SymphonyError) -> None:
        now = self._session.clock.monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        lasted = now - self._failing_since
        is_over = self._give_up_after is not None and lasted >= self._give_up_after
        if isinstance(error, AuthError):
            passes = lasted < _LOGIN_PATIENCE
        else:
            passes = isinstance(error, OutcomeUnknown) or classify(error) is not Failure.PERMANENT
        if is_over or not passes:
            self._failing_since = None
            raise error
        self._wait = self._longer_wait()
        asked = error.retry_after if isinstance(error, ApiError) else None
        self._due = now + max(self._wait, asked or 0.0)
        logger.warning("presence feed: next attempt in %.1f s: %s", self._due - now, error)

    def _longer_wait(self) -> float:
        return min(max(2 * self._wait, self._min_wait), self._max_wait)

    def _note_missed(self, reason: SymphonyError) -> None:
        now = self._now_ms()
        if self._missed is None:
            since = min(self._complete_until, now)  # the machine's clock may have been set back
            self._missed = MissedChanges(since=since, until=now, reason=reason)
        else:
            self._missed = attrs.evolve(self._missed, until=max(self._missed.until, now))

    def _deliver_missed(self) -> None:
        """Tell of what was missed, now that the pod answers again: what the reader asks of it then succeeds."""
        if self._missed is not None:
            missed, self._missed = self._missed, None
            self._complete_until = missed.until
            self._ready.append(missed)

    def _finish(self) -> None:
        self._deliver_missed()
        self._finished = True

    async def _end(self) -> None:
        """Leave no step and, if it can be known, no feed behind."""
        self._finished = True
        self._ready.clear()
        try:
            async with asyncio.timeout(_END_WITHIN):
                await self._stop_step(wait=self._creating)
                if self._feed_id is not None:
                    await self._delete(self._feed_id)
                    self._feed_id = None
        except TimeoutError:
            logger.warning("presence feed: it could not be deleted within %g s", _END_WITHIN)
            await self._stop_step(wait=False)
        finally:
            if self._step is not None:
                self._step.cancel()
            if self._feed_id is not None:
                self._left_behind += 1
                self._feed_id = None

    async def _stop_step(self, *, wait: bool) -> None:
        """End the step under way: at once, or after its answer, which has the id of a feed."""
        if (task := self._step) is None:
            return
        if not wait:
            task.cancel()
        await asyncio.wait([task])
        self._step = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("presence feed: its last request failed: %s", error)

    async def _delete(self, feed_id: str) -> None:
        for attempt in range(1, _DELETES + 1):
            try:
                await self._delete_feed(feed_id)
            except SymphonyError as error:
                if _is_lost(error, v1_presence_feed_feed_id_delete_post.OPERATION):
                    return
                if attempt < _DELETES and isinstance(error, OutcomeUnknown):
                    continue
                self._left_behind += 1
                logger.warning("presence feed: it was not deleted: %s", error)
            return

    def _now_ms(self) -> int:
        return int(self._session.clock.time() * 1000)


def _is_lost(error: SymphonyError, operation: Operation[..., Any]) -> bool:
    """Whether the pod says that it does not know the feed: a login may be answered with such a status, too."""
    return (
        isinstance(error, ApiError)
        and error.status in _LOST_STATUSES
        and not isinstance(error, RateLimited)
        and error.operation == operation.id
    )
