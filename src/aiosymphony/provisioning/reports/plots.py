"""Line plots as inline SVG: enough for a report, and nothing to load."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

import attrs

__all__ = ["Line", "plot"]

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 12, 28


@attrs.frozen
class Line:
    """One line: its name, its CSS class, and its points (x, y), where y None leaves a gap."""

    name: str
    css: str
    points: Sequence[tuple[float, float | None]]


def plot(title: str, lines: Sequence[Line], *, x_label: Callable[[float], str], y_label: Callable[[float], str]) -> str:
    """Draw lines over a common x axis; y begins at 0.

    Args:
        title: What it shows; the text for those who cannot see it.
        lines: The lines; all of them empty gives an empty string.
        x_label, y_label: Write a tick's value.
    """
    known = [(x, y) for line in lines for x, y in line.points if y is not None]
    if not known:
        return ""
    first, last = min(x for x, _ in known), max(x for x, _ in known)
    span = (last - first) or 1.0
    ticks = _ticks(max(y for _, y in known))
    top = ticks[-1] or 1.0

    def place(x: float, y: float) -> str:
        across = LEFT + (x - first) / span * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)
        return f"{across:.1f},{down:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">']
    for tick in ticks:
        _, down = place(first, tick).split(",")
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down}" y2="{down}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{down}" dy="4" text-anchor="end">{html.escape(y_label(tick))}</text>')
    for tick in _ticks(span):
        if tick <= span:
            across, _ = place(first + tick, 0).split(",")
            parts.append(
                f'<text x="{across}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x_label(tick))}</text>'
            )
    for line in lines:
        for piece in _pieces(line.points):
            # A piece of one point would be invisible as a line.
            points = piece if len(piece) > 1 else [piece[0], (piece[0][0] + 2 * span / WIDTH, piece[0][1])]
            path = " ".join(place(x, y) for x, y in points)
            parts.append(
                f'<polyline class="{line.css}" points="{path}"><title>{html.escape(line.name)}</title></polyline>'
            )
    parts.append("</svg>")
    return "".join(parts)


def _pieces(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is not None:
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _ticks(highest: float) -> list[float]:
    """From 0 to at least the highest value, in steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return [0.0, 1.0]
    step = 10.0 ** math.floor(math.log10(highest / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor >= highest / 4)
    return [step * number for number in range(math.ceil(highest / step) + 1)]
