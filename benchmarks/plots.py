"""Bar charts as SVG: small enough that a library would be more than what it draws."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from .pairs import Quartiles

_WIDTH, _LEFT, _ROW = 720, 190, 26


def bars(title: str, figures: Mapping[str, Quartiles], *, unit: str = "") -> str:
    """Horizontal bars of medians, with a line over the middle half of the rounds.

    Args:
        title: What is shown.
        figures: By name, in the order from above.
        unit: What stands behind each number.
    """
    scale = (_WIDTH - _LEFT - 110) / max(found.high for found in figures.values())
    height = 40 + _ROW * len(figures)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f'<g font-family="sans-serif" font-size="13"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="20" font-weight="bold" fill="#222222">{escape(title)}</text>',
    ]
    for number, (name, found) in enumerate(figures.items()):
        y = 34 + _ROW * number
        colour = "#2563eb" if name.startswith("aiosymphony") else "#94a3b8"
        low, end, high = (_LEFT + scale * value for value in (found.low, found.median, found.high))
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end" fill="#222222">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" height="18" fill="{colour}"/>',
            f'<path d="M{low:.1f} {y + 9}H{high:.1f}" stroke="#111111" stroke-width="2"/>',
            f'<text x="{high + 8:.1f}" y="{y + 14}" fill="#222222">{found.median:.2f}{escape(unit)}</text>',
        ]
    return "\n".join([*parts, "</g></svg>", ""])
