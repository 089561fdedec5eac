"""Throughput and latency over time, from outcomes in any order, in memory that does not grow with their number."""

from __future__ import annotations

import bisect
import itertools
import math
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from ..journal.group_commit import LINGER

__all__ = ["Bucket", "Pause", "Timeline"]

SHORTEST: Final = 50 * LINGER
"""Seconds of the shortest bucket: outcomes come in bursts, one for each commit, which it is to hold many of."""
BUCKETS: Final = 120
"""Buckets of a timeline at most, pauses not counted."""
ROWS: Final = 10
"""Rows that there are at least for each bucket, on average: of fewer, nothing can be seen."""
SLOTS: Final = 4 * BUCKETS
"""Slots at most while outcomes come in; if there are more, they are made twice as long."""
LEFT_OVER: Final = 0.75
"""Of the length of a bucket: what is shorter at the ends of a time belongs to the bucket beside it."""
PAUSE, PAUSE_SHARE = 60.0, 0.1
"""A time without any outcome is a pause if it is longer than so many seconds, and than this share of the rest."""

_STEP: Final = math.log(1.02)
_LEAST: Final = 1e-3
_LEVELS: Final = 900
"""Latencies are counted in steps of 2 %, from a millisecond to half a day: what is told of them is right to 1 %."""


@attrs.frozen
class Bucket:
    """A stretch of the run.

    Attributes:
        at, seconds: When it began, and how long it is.
        done, failed: How many rows were done in it, and how many failed, are in conflict or in doubt.
        median, p95: The latency of those that were done and not looked up, in seconds, to 1 %; None if there were none.
    """

    at: float
    seconds: float
    done: int
    failed: int
    median: float | None
    p95: float | None

    @property
    def rate(self) -> float:
        """Rows done per second."""
        return self.done / self.seconds


@attrs.frozen
class Pause:
    """A time in which nothing happened, since the job was stopped or the server was down: its begin and length."""

    at: float
    seconds: float


@attrs.define(eq=False)
class _Slot:
    """A short stretch of time: its first and last moment that are known, its rows, and latencies by their level."""

    first: float = math.inf
    last: float = -math.inf
    done: int = 0
    failed: int = 0
    took: array[int] = attrs.field(factory=lambda: array("I", bytes(_LEVELS * array("I").itemsize)))

    def add(self, other: _Slot) -> None:
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.done += other.done
        self.failed += other.failed
        self.took = array("I", map(int.__add__, self.took, other.took))

    def quantile(self, share: float) -> float | None:
        left = math.floor(sum(self.took) * share)
        for level, count in enumerate(self.took):
            left -= count
            if left < 0:
                return _LEAST * math.exp((level + 0.5) * _STEP)
        return None


class Timeline:
    """Takes outcomes in any order; then tells buckets and pauses."""

    def __init__(self) -> None:
        self._slots: dict[int, _Slot] = {}
        self._width = SHORTEST
        self._origin: float | None = None
        self._rows = 0

    def add(self, sent_at: float, at: float, *, done: bool, looked_up: bool) -> None:
        """Count the outcome of a row.

        Args:
            sent_at: When its request was about to leave.
            at: When its outcome was known.
            done: Whether the row is done.
            looked_up: Whether only a look-up could tell. How long that was waited for says nothing of the server.
        """
        timed = done and not looked_up
        # A clock that was set back meanwhile puts an outcome before its request.
        began = min(sent_at, at) if timed else at
        if self._origin is None:
            self._origin = began
        slot = self._slot_at(at - self._origin)
        slot.first, slot.last = min(slot.first, began), max(slot.last, at)
        slot.done += done
        slot.failed += not done
        self._rows += 1
        if timed:
            level = int(math.log(max(at - began, _LEAST) / _LEAST) / _STEP)
            slot.took[min(level, _LEVELS - 1)] += 1

    def _slot_at(self, after: float) -> _Slot:
        number = math.floor(after / self._width)
        while number not in self._slots and len(self._slots) >= SLOTS:
            wider: dict[int, _Slot] = {}
            for old, slot in self._slots.items():
                wider.setdefault(old // 2, _Slot()).add(slot)
            self._slots = wider
            self._width *= 2
            number = math.floor(after / self._width)
        if number not in self._slots:
            self._slots[number] = _Slot()
        return self._slots[number]

    @property
    def began_at(self) -> float | None:
        """When the first request was about to leave; None if there were no outcomes."""
        return min((slot.first for slot in self._slots.values()), default=None)

    @property
    def ended_at(self) -> float | None:
        """When the last outcome was known."""
        return max((slot.last for slot in self._slots.values()), default=None)

    def pauses(self) -> list[Pause]:
        """The times in which nothing happened, in order."""
        slots = [self._slots[number] for number in sorted(self._slots)]
        gaps = [
            Pause(before.last, after.first - before.last)
            for before, after in itertools.pairwise(slots)
            if after.first - before.last > PAUSE
        ]
        if not gaps:
            return []
        working = slots[-1].last - slots[0].first - math.fsum(gap.seconds for gap in gaps)
        return [gap for gap in gaps if gap.seconds > PAUSE_SHARE * working]

    def buckets(self) -> list[Bucket]:
        """The times between pauses in stretches of one length; the first and the last of each time may be shorter."""
        pauses = {pause.at for pause in self.pauses()}
        pieces: list[list[int]] = [[]]
        for number in sorted(self._slots):
            pieces[-1].append(number)
            if self._slots[number].last in pauses:
                pieces.append([])
        pieces = [piece for piece in pieces if piece]
        slots = sum(piece[-1] - piece[0] + 1 for piece in pieces)
        length = math.ceil(slots / max(1, min(BUCKETS, self._rows // ROWS)))
        return [bucket for piece in pieces for bucket in self._buckets_of(piece, length)]

    def _buckets_of(self, piece: Sequence[int], length: int) -> Iterator[Bucket]:
        """The buckets of slots without a pause between them, each of so many slots."""
        begin, end = self._slots[piece[0]].first, self._slots[piece[-1]].last
        edges = [*range(piece[0], piece[-1] + 1, length)]
        starts = [begin, *(self._time_of(edge) for edge in edges[1:])]
        # What is left over at the ends is too short to tell a rate from, as outcomes come in bursts.
        short = LEFT_OVER * length * self._width
        if len(starts) > 1 and end - starts[-1] < short:
            del starts[-1], edges[-1]
        if len(starts) > 1 and starts[1] - begin < short:
            del starts[1], edges[1]
        together = [_Slot() for _ in edges]
        for number in piece:
            together[bisect.bisect_right(edges, number) - 1].add(self._slots[number])
        for slot, start, stop in zip(together, starts, [*starts[1:], end], strict=True):
            # Rows that came all at once are no rate: at least the shortest length is taken for them.
            seconds = stop - start if len(starts) > 1 else max(stop - start, SHORTEST)
            yield Bucket(start, seconds, slot.done, slot.failed, slot.quantile(0.5), slot.quantile(0.95))

    def _time_of(self, number: int) -> float:
        return (self._origin or 0.0) + number * self._width
