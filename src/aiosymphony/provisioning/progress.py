"""Where planning and a job stand: what whoever watches them can be told, at any moment and from any thread."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal, Protocol, TypeVar

import attrs

from ..clock import SYSTEM_CLOCK, Clock
from ..limits import Limiter
from .journal.states import OPEN, State

__all__ = ["ASKED", "COOLING", "LAGGING", "LATE", "WINDOW", "Pause", "Phase", "Progress", "ProgressObserver"]

T = TypeVar("T")

Phase = Literal[
    "starting",
    "checking the file",
    "reading the tenant",
    "deciding",
    "writing the journal",
    "sending",
    "settling",
    "auditing",
    "finished",
    "left to other processes",
    "watching workers",
]

WINDOW: Final = 30.0
"""Seconds that the rate looks back."""
_GRAIN: Final = 0.25
"""Rows that finish within so many seconds are counted together."""
_FIRST: Final = 1.0
"""Seconds of sending before anything can be said of a second."""
_SOON: Final = 3.0
"""And before anything can be said of the time that is left: at first, what is on its way counts for nothing yet."""
_SHORT: Final = 1.0
"""A pause that is over in less is not worth a word."""

ASKED: Final = "the server asked to"
COOLING: Final = "the server did not act"
LATE: Final = "late writes may still land"
LAGGING: Final = "look-ups may lag behind"


@attrs.frozen
class Pause:
    """Nothing is sent for a while: seconds that are left, and why."""

    seconds: float
    why: str


class ProgressObserver(Protocol):
    """Hears of each step of a job. It must neither block nor raise."""

    def began(self, phase: Phase) -> None:
        """Another phase began."""
        ...

    def moved(self, old: State, new: State, count: int) -> None:
        """Rows went from one state to another."""
        ...


@attrs.define(eq=False)
class Progress:
    """Where planning, and then the job, stands.

    Attributes:
        phase: What is being done.
        steps, step: How many items the phase has, and how many it is through; None if nobody can know how many.
        unit: What one of these items is.
        counts: Rows of the job by state, as the journal holds them.
        under_way: Rows that were sent by this process, and whose outcome has not come.
        requests: Requests for rows that are under way: what is still to finish when the job is asked to stop.
        sent: Requests for rows that left since this process began.
        shared: Whether other processes may work on the job: then ``counts`` know of their rows what stood in the
            journal when they were last counted.
        stopping: Whether the job was asked to stop.
        observer: Hears of each step; None for nobody.
    """

    phase: Phase = "starting"
    step: int = 0
    steps: int | None = None
    unit: str = "row"
    counts: Counter[State] = attrs.field(factory=Counter)
    under_way: int = 0
    requests: int = 0
    sent: int = 0
    shared: bool = False
    stopping: bool = False
    observer: ProgressObserver | None = attrs.field(default=None, repr=False)
    _clock: Clock = attrs.field(default=SYSTEM_CLOCK, alias="clock", repr=False)
    _limiter: Limiter | None = attrs.field(default=None, init=False, repr=False)
    # Until when, and why. A look-up does not wait for what holds back the rows that are sent, nor they for it.
    _pauses: dict[Phase, tuple[float, str]] = attrs.field(factory=dict, init=False, repr=False)
    _since: float | None = attrs.field(default=None, init=False, repr=False)
    # When rows were finished, and how many: since this process began to send, and those of the window alone.
    _recent: deque[tuple[float, int]] = attrs.field(factory=deque, init=False, repr=False)

    @property
    def total(self) -> int:
        """Rows of the job."""
        return self.counts.total()

    @property
    def left(self) -> int:
        """Rows that the job still has to deal with."""
        return sum(self.counts[state] for state in OPEN)

    @property
    def finished(self) -> int:
        """Rows that it has dealt with."""
        return self.total - self.left

    @property
    def in_flight(self) -> int:
        """Rows that the journal holds as in flight: under way, or in doubt. Of a shared job, this process's alone."""
        return self.under_way if self.shared else self.counts["IN_FLIGHT"]

    @property
    def in_doubt(self) -> int:
        """Rows in flight that are under way no more: their outcome is unknown, and they are to be looked up."""
        return self.in_flight - self.under_way

    @property
    def rate(self) -> float | None:
        """Rows that this process finished per second: in the last 30 s, or since it began to send, if that is later.

        None while it does not send, and in its first second.
        """
        if self._since is None:
            return None
        now = self._clock.monotonic()
        if now - self._since < _FIRST:
            return None
        # A copy, as another thread may ask.
        lately = sum(count for at, count in tuple(self._recent) if at > now - WINDOW)
        return lately / min(now - self._since, WINDOW)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until no row is left, if the rate stays; None if that cannot be said.

        It cannot in the first three seconds of sending, during a pause, while nothing has been finished lately, and of
        a job that other processes share.
        """
        if self._since is None or self._clock.monotonic() - self._since < _SOON:
            return None
        rate = None if self.shared or self.stopping or self.pause is not None else self.rate
        return self.left / rate if rate and self.left else None

    @property
    def pause(self) -> Pause | None:
        """Why nothing is sent at the moment, and for how long; None also if it is for less than a second."""
        until, why = self._pauses.get(self.phase, (0.0, ""))
        left = until - self._clock.monotonic()
        throttled = 0.0 if self._limiter is None else self._limiter.pause
        if max(left, throttled) < _SHORT:
            return None
        return Pause(throttled, ASKED) if throttled > left else Pause(left, why)

    # What feeds it.

    def begin(self, phase: Phase, steps: int | None = None, unit: str = "row") -> None:
        """Another phase begins."""
        self.phase, self.step, self.steps, self.unit = phase, 0, steps, unit
        self._since = None
        if self.observer is not None:
            self.observer.began(phase)

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """The items, counted as the steps of this phase while they pass."""
        for item in items:
            yield item
            self.step += 1

    def watch(self, limiter: Limiter | None) -> None:
        """Tell of the pauses of this limiter too."""
        self._limiter = limiter

    def pause_for(self, seconds: float, why: str) -> None:
        """Nothing is sent in this phase for so long."""
        self._pauses[self.phase] = self._clock.monotonic() + seconds, why

    def begin_sending(self) -> None:
        """The first row of this round is about to be sent, or a later one."""
        if self._since is None:
            self._recent.clear()
            self._since = self._clock.monotonic()

    def moved(self, old: State, new: State, count: int) -> None:
        """Rows went from one state to another."""
        self.counts[old] -= count
        self.counts[new] += count
        if self.observer is not None:
            self.observer.moved(old, new, count)
        if old in OPEN and new not in OPEN:
            self._finished(count)

    def saw(self, counts: Counter[State]) -> None:
        """The journal holds so many rows in these states, whoever carries them out."""
        before, known = self.left, bool(self.counts)
        self.counts = counts
        if self.phase != "watching workers":
            self.begin("watching workers")
        self.begin_sending()
        if known and before > self.left:
            self._finished(before - self.left)

    def _finished(self, count: int) -> None:
        now, recent = self._clock.monotonic(), self._recent
        if recent and now - recent[-1][0] < _GRAIN:
            recent[-1] = (recent[-1][0], recent[-1][1] + count)
        else:
            recent.append((now, count))
            while recent[0][0] <= now - WINDOW:
                recent.popleft()
