"""`make bench`: measures, prints every figure, and writes them with plots into docs/performance.md.

`python -m benchmarks.performance 3` measures three times: the page then shows the last run whole, and what every run
came to in one table. `--quick` makes a few calls of each to see that all of it works, and writes nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import attrs

from . import calls, instructions, rate, starting
from .pairs import Found, Quartiles
from .plots import bars
from .sides import ROOT, installed

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
SEVERAL = (("50 at once", 50, False), ("500 at once", 500, False), ("50 at once, over TLS", 50, True))
OTHERS = ("decode", "planning", "jobs")
PEER = "symphony-bdk-python"
FAST = "aiosymphony, fast"
LONGEST = 120
"""Seconds that each of the others may take."""


@attrs.frozen
class Figures:
    """All that is measured."""

    calls: dict[str, dict[str, Found]]
    instructions: dict[str, float]
    steady: dict[str, rate.Steady]
    starting: dict[str, tuple[Quartiles, float | None]]
    others: dict[str, str]


def measure(*, quick: bool = False) -> Figures:
    """Measure everything; with ``quick``, a little of each."""
    found = {}
    for name, concurrency, tls in SEVERAL:
        _say(f"calls, {name}")
        at_once = 5 if quick else concurrency
        rounds = 2 if quick else 10 if concurrency > 50 else 20
        found[name] = asyncio.run(calls.measured(at_once, tls=tls, seconds=0.01 if quick else 0.1, rounds=rounds))
    _say("instructions")
    counted = {}
    if instructions.counter() is not None:
        few, many = (1, 2) if quick else (100, 300)  # the slow sides take a minute each with more
        names = [calls.BASE, "aiosymphony"] if quick else installed()
        counted = instructions.measured(names, few=few, many=many)
    _say("a fixed rate")
    steady = rate.measured(count=40 if quick else 2000)
    _say("starting")
    started = starting.measured(1 if quick else 15)
    others = {}
    for name in OTHERS if not quick else ():
        if importlib.util.find_spec(f"benchmarks.{name}"):
            _say(name)
            others[name] = _printed(name)
    return Figures(found, counted, steady, started, others)


def tables(figures: Figures) -> str:
    """The figures as Markdown, without plots."""
    lines = [f"Measured {dt.datetime.now(dt.UTC):%Y-%m-%d} on {_machine()}.", ""]
    for name, found in figures.calls.items():
        lines += [
            f"### One user, {name}", "",
            "| client | calls/s beside hand-written, by the clock | by CPU | calls/s | CPU s per 1,000 |",
            "|---|---|---|---|---|",
            *(
                f"| {side} | {one.wall} | {one.cpu} | {one.per_second:,.0f} | {one.cpu_per_thousand:.3f} |"
                for side, one in found.items()
            ),
            "",
        ]  # fmt: skip
    if figures.instructions:
        base = figures.instructions[calls.BASE]
        lines += [
            "### Instructions a call", "", f"Counted by {instructions.counter()}, 50 at once.", "",
            "| client | thousands | calls beside hand-written |", "|---|---|---|",
            *(f"| {side} | {one / 1000:,.0f} | {base / one:.2f} |" for side, one in figures.instructions.items()), "",
        ]  # fmt: skip
    else:
        lines += ["### Instructions a call", "", "They could not be counted on this machine.", ""]
    lines += [
        "### 400 requests/s beyond a server that takes 20 ms", "",
        "| client | p50 ms | p99 ms | CPU s per 1,000 |", "|---|---|---|---|",
        *(f"| {side} | {one.p50:.1f} | {one.p99:.1f} | {one.cpu_per_thousand:.3f} |"
          for side, one in figures.steady.items()), "",
        "### Starting a process, beside one that imports aiohttp", "",
        "| program | CPU | instructions |", "|---|---|---|",
        *(f"| {name} | {cpu} | {'' if counted is None else f'{counted:.2f}'} |"
          for name, (cpu, counted) in figures.starting.items()), "",
    ]  # fmt: skip
    for name, printed in figures.others.items():
        lines += [f"### {name.capitalize()}", "", "```text", printed, "```", ""]
    return "\n".join(lines)


def summary(runs: Sequence[Figures]) -> str:
    """What matters most, of each run: how many times the calls per second of another client."""
    rows: dict[str, list[str]] = {}

    def add(name: str, ratio: float | None) -> None:
        rows.setdefault(name, []).append("" if ratio is None else f"{ratio:.2f}")

    for figures in runs:
        for name, found in figures.calls.items():
            for side in ("aiosymphony", FAST):
                if side in found:
                    add(f"{side}, {name}", found[side].wall.median)
                    add(f"{side}, {name}, by CPU", found[side].cpu.median)
                    beside = found[side].wall.median / found[PEER].wall.median if PEER in found else None
                    add(f"{side}, {name}, beside {PEER}", beside)
        for side in ("aiosymphony", FAST):
            if side in figures.instructions:
                add(f"{side}, by instructions", figures.instructions[calls.BASE] / figures.instructions[side])
    head = " | ".join(f"run {number}" for number in range(1, len(runs) + 1))
    lines = [
        f"| calls beside {calls.BASE} | {head} |", f"|---|{'---|' * len(runs)}",
        *(f"| {name} | {' | '.join(found)} |" for name, found in rows.items()),
    ]  # fmt: skip
    return "\n".join(lines)


def write(runs: Sequence[Figures], page: Path, plots: Path) -> None:
    """Put the figures between their markers, and the plots beside the page."""
    plots.mkdir(exist_ok=True)
    figures = runs[-1]
    shown = []
    for name, found in figures.calls.items():
        title = f"Calls per second beside hand-written aiohttp, {name}"
        file = plots / f"{name.replace(',', '').replace(' ', '-').lower()}.svg"
        file.write_text(bars(title, {side: one.wall for side, one in found.items()}))
        shown.append(f"![{title}]({plots.name}/{file.name})")
    cost = {side: Quartiles.of([one.cpu_per_thousand]) for side, one in figures.steady.items()}
    (plots / "fixed-rate.svg").write_text(bars("CPU seconds per 1,000 requests, at 400 requests/s", cost, unit=" s"))
    shown.append(f"![CPU seconds per 1,000 requests, at 400 requests/s]({plots.name}/fixed-rate.svg)")
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [before + BEGIN, summary(runs), *shown, tables(figures), END + after]
    page.write_text("\n\n".join(parts))


def main() -> int:
    argument = "".join(sys.argv[1:])
    if argument == "--quick":
        print(tables(measure(quick=True)))
        return 0
    runs = []
    for _ in range(int(argument or 1)):
        runs.append(measure())
        print(tables(runs[-1]), flush=True)
    write(runs, PAGE, PLOTS)
    print(summary(runs))
    _say(f"written: {PAGE.relative_to(ROOT)}")
    return 0


def _printed(name: str) -> str:
    """What another comparison prints; a line that says why there is nothing, if it fails or takes too long."""
    command = [sys.executable, "-m", "benchmarks", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=True, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return f"left out: it takes more than {LONGEST} s; python -m benchmarks {name}"
    except subprocess.CalledProcessError as error:
        return f"left out: it failed; python -m benchmarks {name} (exit {error.returncode})"
    return done.stdout.strip()


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "orjson"))
    return f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}, {libraries}"


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
