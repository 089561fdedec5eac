"""Many calls at once, with bounded concurrency and flat memory: N workers over one iterator.

::

    async with bulk(rows, create_one, concurrency=32, rate=100) as run:
        async for outcome in run:
            match outcome:
                case Ok(row, user): ...
                case Failed(row, error): ...

Workers pull the next item when they are free, so neither items nor outcomes pile up: a million items need no more
memory than a hundred. A slow reader of outcomes slows the workers down.

Every item gives the reader an outcome. Only exceptions that are no ``Exception``, such as KeyboardInterrupt, end the
run and are raised to the reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeAlias, TypeVar

import attrs

from .clock import SYSTEM_CLOCK, Clock
from .context import SENDS
from .errors import ConfigError
from .limits import Limit, Limiter

__all__ = ["BulkRun", "Failed", "Ok", "Outcome", "bulk"]

I = TypeVar("I")  # noqa: E741 - the item
V = TypeVar("V")

_AHEAD = 4
"""With ``ordered``, at most this many times the concurrency of items may be begun and not yet handed out."""


@attrs.frozen
class Ok(Generic[I, V]):
    """An item whose function returned.

    Attributes:
        item: The item.
        value: What the function returned for it.
        index: Its place in the input, from 0.
        attempts: Requests that were sent for it, retries included.
    """

    item: I
    value: V
    index: int
    attempts: int
    ok: bool = attrs.field(default=True, init=False)


@attrs.frozen
class Failed(Generic[I]):
    """An item whose function raised.

    Attributes:
        item: The item.
        error: What was raised. A CancelledError came out of the function itself (what it waited for was cancelled, or
            it cancelled its own task); it is no cancellation of the run.
        index: Its place in the input, from 0.
        attempts: Requests that were sent for it, retries included.
    """

    item: I
    error: Exception | asyncio.CancelledError
    index: int
    attempts: int
    ok: bool = attrs.field(default=False, init=False)


Outcome: TypeAlias = Ok[I, V] | Failed[I]


def bulk(
    items: Iterable[I] | AsyncIterable[I],
    function: Callable[[I], Awaitable[V]],
    *,
    concurrency: int = 32,
    rate: float | None = None,
    ordered: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> BulkRun[I, V]:
    """Call ``function`` for each item, ``concurrency`` at once, and stream the outcomes.

    Args:
        items: Any iterable or async iterable. Items are read as they are needed, one at a time.
        function: Called for each item. An Exception that it raises becomes a :class:`Failed`; any other exception
            (KeyboardInterrupt, SystemExit) ends the run and is raised to the reader.
        concurrency: Workers.
        rate: Most items to begin in any second (see :class:`Limit`); None for no bound besides the client's own limits.
        ordered: Outcomes in the order of the input instead of the order of completion.
        clock: Time, for tests.

    Returns:
        A run: an async context manager and, inside it, an async iterator of outcomes.

    Raises:
        ConfigError: ``concurrency`` or ``rate`` is not positive.
    """
    if concurrency < 1:
        raise ConfigError(f"concurrency must be at least 1, not {concurrency!r}")
    if rate is not None and not 0 < rate < math.inf:
        raise ConfigError(f"rate must be greater than 0 or None, not {rate!r}")
    limiter = None if rate is None else Limiter(Limit(concurrency=concurrency, rate=rate), clock=clock)
    return BulkRun(items, function, concurrency=concurrency, limiter=limiter, ordered=ordered)


class BulkRun(Generic[I, V]):
    """One :func:`bulk` call. Leaving its context early cancels what is under way.

    Attributes:
        started: Items begun.
        succeeded: Items whose function returned.
        failed: Items whose function raised.
    """

    def __init__(
        self,
        items: Iterable[I] | AsyncIterable[I],
        function: Callable[[I], Awaitable[V]],
        *,
        concurrency: int,
        limiter: Limiter | None,
        ordered: bool,
    ) -> None:
        self._source: Iterator[I] | AsyncIterator[I] = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
        # A reading that was begun here, such as a Pager's, ends here; a caller's own iterator stays the caller's.
        self._close_source: Callable[[], Awaitable[None]] | None = (
            self._source.aclose if isinstance(self._source, AsyncGenerator) and self._source is not items else None
        )
        self._function = function
        self._concurrency = concurrency
        self._limiter = limiter
        self._window = asyncio.Semaphore(_AHEAD * concurrency) if ordered else None
        self._outcomes: asyncio.Queue[Outcome[I, V] | None] = asyncio.Queue(concurrency)
        self._reading = asyncio.Lock()
        self._workers: list[asyncio.Task[None]] = []
        self._running = 0
        self._exhausted = False
        self._leaving = False
        self._input_error: BaseException | None = None
        self._fault: BaseException | None = None
        self.started = 0
        self.succeeded = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<bulk: {self.started} started, {self.succeeded} ok, {self.failed} failed>"

    @property
    def in_flight(self) -> int:
        """Items whose function is running."""
        return self.started - self.succeeded - self.failed

    def stop(self) -> None:
        """Begin no further item. Those under way finish and give their outcomes.

        If an async iterator is just being asked for its next item, that item is still begun, so that it is not lost.
        """
        self._exhausted = True

    async def __aenter__(self) -> Self:
        self._running = self._concurrency
        self._workers = [
            asyncio.create_task(self._work(), name=f"aiosymphony bulk {n}") for n in range(self._concurrency)
        ]
        for worker in self._workers:
            worker.add_done_callback(self._ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exhausted = self._leaving = True
        for worker in self._workers:
            worker.cancel()
        await asyncio.wait(self._workers)
        if self._close_source is not None:
            await self._close_source()
        if self._fault is not None and error is None:
            raise self._fault  # the reader left before it was told

    def __aiter__(self) -> AsyncIterator[Outcome[I, V]]:
        if not self._workers:
            raise ConfigError("bulk() must be entered before it is read: async with bulk(...) as run")
        return self._by_completion() if self._window is None else self._by_input(self._window)

    async def _by_completion(self) -> AsyncIterator[Outcome[I, V]]:
        while self._fault is None and (self._running or not self._outcomes.empty()):
            outcome = await self._outcomes.get()
            if outcome is None:
                break
            yield outcome
        self._call_reader()  # another one, if there is one
        if self._fault is not None:
            raise self._fault
        if self._input_error is not None:
            raise self._input_error

    def _ended(self, worker: asyncio.Task[None]) -> None:
        """Note that a worker has ended."""
        self._running -= 1
        if not self._leaving:
            try:
                worker.result()
            except BaseException as error:  # noqa: BLE001 - raised to the reader
                self._exhausted, self._fault = True, self._fault or error
        if self._running == 0 or self._fault is not None:
            self._call_reader()

    def _call_reader(self) -> None:
        """Let a reader look up that waits for an outcome; it waits only while there is none."""
        if self._outcomes.empty():
            self._outcomes.put_nowait(None)

    async def _by_input(self, window: asyncio.Semaphore) -> AsyncIterator[Outcome[I, V]]:
        early: dict[int, Outcome[I, V]] = {}
        turn = 0
        async for outcome in self._by_completion():
            early[outcome.index] = outcome
            while (due := early.pop(turn, None)) is not None:
                turn += 1
                window.release()
                yield due

    async def _work(self) -> None:
        sends = [0]
        SENDS.set(sends)
        while (taken := await self._take()) is not None:
            index, item = taken
            sends[0] = 0
            outcome: Outcome[I, V]
            try:
                value = await self._function(item)
            except (Exception, asyncio.CancelledError) as error:
                if self._leaving and isinstance(error, asyncio.CancelledError):
                    raise
                self.failed += 1
                outcome = Failed(item, error, index, sends[0])
            except BaseException:
                self.failed += 1
                raise
            else:
                self.succeeded += 1
                outcome = Ok(item, value, index, sends[0])
            if _is_being_cancelled() and not self._leaving:
                await _take_back_cancellation()
            if self._leaving:
                return  # outcomes are not read any more: to put one could wait for ever
            await self._outcomes.put(outcome)

    async def _take(self) -> tuple[int, I] | None:
        """The next item and its index, when the rate and the window allow; None at the end."""
        if self._window is not None:
            await self._window.acquire()
        if isinstance(self._source, AsyncIterator):
            async with self._reading:
                if self._limiter is not None:
                    await self._limiter.wait()  # so that a stop in the meantime leaves the item in the source
                taken = await self._next(self._source)
                if taken is not None:
                    await self._count_in_rate()
                return taken
        await self._count_in_rate()
        if self._exhausted:
            return None
        try:
            item = next(self._source)
        except StopIteration:
            self._exhausted = True
            return None
        except Exception as error:  # noqa: BLE001 - raised to the reader after the outcomes of what was begun
            self._exhausted, self._input_error = True, error
            return None
        return self._count(item)

    async def _next(self, source: AsyncIterator[I]) -> tuple[int, I] | None:
        if self._exhausted:
            return None
        try:
            item = await anext(source)
        except StopAsyncIteration:
            self._exhausted = True
            return None
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                raise
            self._exhausted, self._input_error = True, error  # as above
            return None
        return self._count(item)

    async def _count_in_rate(self) -> None:
        """Begin an item as far as the rate is concerned, which is all that this limiter bounds."""
        if self._limiter is not None:
            if not self._limiter.try_acquire():
                await self._limiter.acquire()
            self._limiter.release()

    def _count(self, item: I) -> tuple[int, I]:
        index = self.started
        self.started += 1
        return index, item


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _take_back_cancellation() -> None:
    """Let the current task go on, whose item has cancelled it."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # where the cancellation arrives, if it has not yet
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
