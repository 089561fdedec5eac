"""Plots over time as inline SVG: enough for a report, and nothing to load.

The lines are drawn in an SVG that is as wide as the page has room for, and the labels are text of the page beside it,
so that they are as large on a telephone as on paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Final

import attrs

from .timeline import Pause

__all__ = ["Axis", "Line", "duration", "plot"]

WIDTH, HEIGHT = 1000, 100
PAUSE_WIDTH, PAUSES_WIDTH = 0.03, 0.3
"""Of the working time: how wide a pause is drawn, and how wide all of them together are at most."""
LABELLED: Final = 0.4
"""Of the width: how far labels of pauses are apart at least."""
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between two ticks of time: whole parts of minutes, hours and days."""


@attrs.frozen
class Line:
    """One line: its name, its CSS class, and its points (time, y), where y None leaves a gap."""

    name: str
    css: str
    points: Sequence[tuple[float, float | None]]


@attrs.frozen
class Axis:
    """The time that a job worked, from left to right; pauses are cut out of it.

    Attributes:
        begin, end: The first and the last time.
        pauses: What is cut out.
    """

    begin: float
    end: float
    pauses: Sequence[Pause] = ()

    @property
    def working(self) -> float:
        """Seconds without the pauses."""
        return max(self.end - self.begin - math.fsum(pause.seconds for pause in self.pauses), 1e-3)

    @property
    def cut(self) -> float:
        """How wide a pause is drawn, in seconds."""
        return self.working * min(PAUSE_WIDTH, PAUSES_WIDTH / max(1, len(self.pauses)))

    def place(self, at: float) -> float:
        """Where a time is, from 0 to 1."""
        over = [pause for pause in self.pauses if pause.at < at]
        left_out = math.fsum(min(pause.seconds, at - pause.at) for pause in over)
        return (at - self.begin - left_out + self.cut * len(over)) / self._width

    def breaks(self) -> Iterator[tuple[float, float, Pause]]:
        """From where to where each pause is drawn, from 0 to 1."""
        for pause in self.pauses:
            yield self.place(pause.at), self.place(pause.at) + self.cut / self._width, pause

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Round amounts of working time: where they are, from 0 to 1, and what they are called."""
        step = next((step for step in _STEPS if self.working / step <= 5), 0.0)
        step = step or math.ceil(self.working / 5 / 86400) * 86400
        for number in range(math.floor(self.working / step) + 1):
            at = self.begin + number * step
            for pause in self.pauses:
                at += pause.seconds if pause.at < at else 0.0
            yield self.place(at), duration(number * step)

    @property
    def _width(self) -> float:
        return self.working + self.cut * len(self.pauses)


def plot(
    name: str, title: str, text: str, lines: Sequence[Line], axis: Axis, y_label: Callable[[float], str]
) -> Iterator[str]:
    """Draw lines over time; y begins at 0.

    Args:
        name: What tells its ids from those of another plot on the page.
        title, text: What it shows, in a few words and in a sentence, for those who cannot see it.
        lines: The lines. A point without neighbours is a dot.
        axis: The time.
        y_label: Writes a tick's value.
    """
    ticks = _ticks(max((y for line in lines for _, y in line.points if y is not None), default=0.0))
    top = ticks[-1]
    yield '<div class="plot"><div class="y" aria-hidden="true">'
    for tick in ticks:
        yield f'<span style="top:{100 - tick / top * 100:.2f}%">{escape(y_label(tick))}</span>'
    yield (
        f'</div><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}-title {name}-text"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-text">{escape(text)}</desc>'
    )
    for tick in ticks:
        yield f'<path class="grid" d="M0 {HEIGHT - tick / top * HEIGHT:.2f}H{WIDTH}"/>'
    for begin, end, _ in axis.breaks():
        yield f'<rect class="pause" x="{begin * WIDTH:.2f}" width="{(end - begin) * WIDTH:.2f}" height="{HEIGHT}"/>'
    for line in lines:
        for piece in _pieces(line.points, axis.pauses):
            points = [(axis.place(x) * WIDTH, HEIGHT - y / top * HEIGHT) for x, y in piece]
            if len(points) > 1:
                path = " ".join(f"{x:.1f},{y:.2f}" for x, y in points)
                yield f'<polyline class="{line.css}" points="{path}"/>'
            else:
                # A line without length has round ends: a dot, which is not stretched with the drawing.
                yield f'<path class="dot {line.css}" d="M{points[0][0]:.1f} {points[0][1]:.2f}h0"/>'
    yield '</svg><div class="breaks" aria-hidden="true">'
    labelled = -1.0
    for begin, end, pause in axis.breaks():
        if begin - labelled >= LABELLED:
            labelled = begin
            place = f"left:clamp(3rem, {(begin + end) * 50:.2f}%, 100% - 3rem)"
            # Nobody needs to know to the second how long nothing happened.
            yield f'<span style="{place}">{duration(round(pause.seconds, -1))} pause</span>'
    yield '</div><div class="x" aria-hidden="true">'
    for x, label in axis.ticks():
        yield f'<span style="left:{x * 100:.2f}%">{escape(label)}</span>'
    yield "</div></div>"


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    if seconds == 0:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _pieces(points: Iterable[tuple[float, float | None]], pauses: Sequence[Pause]) -> list[list[tuple[float, float]]]:
    """The points that a line joins: no gap and no pause is between them."""
    pieces: list[list[tuple[float, float]]] = [[]]
    passed = 0
    for x, y in points:
        begun = passed
        while passed < len(pauses) and pauses[passed].at < x:
            passed += 1
        if y is None or passed > begun:
            pieces.append([])
        if y is not None:
            pieces[-1].append((x, y))
    return [piece for piece in pieces if piece]


def _ticks(highest: float) -> list[float]:
    """From 0 to at least the highest value, in steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return [0.0, 1.0]
    step = 10.0 ** math.floor(math.log10(highest / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor >= highest / 4)
    return [step * number for number in range(math.ceil(highest / step) + 1)]
