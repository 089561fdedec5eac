"""Instructions a call: nearly free of noise, on any machine that can count them.

They are counted by `perf` where the processor's counters can be read, else by `valgrind`, in two runs of a process that
differ in nothing but the number of calls. `python -m benchmarks.instructions SIDE URL COUNT` is such a process.

    python -m benchmarks.instructions --renew   # keep today's figures, as those that `make bench-check` compares with
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from .canned import canned_server
from .pairs import batch
from .sides import ROOT, SIDES, installed

KEPT = Path(__file__).with_name("instructions.json")
CHECKED = ("aiosymphony", "aiosymphony, fast")
MOST = 1.05
FEW, MANY = 200, 700
CONCURRENCY = 50


@cache
def counter() -> str | None:
    """``perf`` or ``valgrind``; None if neither can count here."""
    if shutil.which("perf"):
        command = ["perf", "stat", "-x,", "-e", "instructions:u", "true"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode == 0 and re.search(r"^\d+,", told.stderr, re.MULTILINE):
            return "perf"
    return "valgrind" if shutil.which("valgrind") else None


def count(command: list[str]) -> int:
    """The instructions of a whole process."""
    if counter() == "perf":
        command, pattern = ["perf", "stat", "-x,", "-e", "instructions:u", *command], r"^(\d+),,instructions"
    else:
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        command, pattern = [*valgrind, *command], r"I\s+refs:\s+([\d,]+)"
    # Sets are iterated in the same order, so that two runs do the same.
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    found = re.search(pattern, done.stderr, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{command[0]} said nothing of instructions: {done.stderr[-500:]}")
    return int(found[1].replace(",", ""))


def measured(names: list[str], *, few: int = FEW, many: int = MANY) -> dict[str, float]:
    """Instructions a call of each side."""
    with canned_server() as url, ThreadPoolExecutor(os.cpu_count()) as pool:

        def run(name: str, calls: int) -> int:
            return count([sys.executable, "-m", "benchmarks.instructions", name, url, str(calls)])

        runs = {name: [pool.submit(run, name, calls) for calls in (few, many)] for name in names}
        return {name: (two.result() - one.result()) / (many - few) for name, (one, two) in runs.items()}


def version() -> str:
    """What figures are comparable within: they differ between interpreters, counters and processors."""
    return f"{platform.python_implementation()} {platform.python_version()}, {counter()}, {platform.machine()}"


def regressions(kept: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """A line for each side that takes five hundredths more than it did."""
    return [
        f"{name}: {now[name]:,.0f} instructions a call, {now[name] / kept[name] - 1:+.1%} of {kept[name]:,.0f}"
        for name in now
        if name in kept and now[name] >= kept[name] * MOST
    ]


def check() -> int:
    """`make bench-check`: 1 if a call takes five hundredths more than the figures in the tree say."""
    if counter() is None:
        print("skipped: instructions cannot be counted here, neither by perf nor by valgrind")
        return 0
    kept = json.loads(KEPT.read_text() if KEPT.exists() else "{}").get(version())
    if kept is None:
        print(f"skipped: there are no figures for {version()}; python -m benchmarks.instructions --renew makes them")
        return 0
    now = measured([name for name in CHECKED if name in kept and name in installed()])
    for name, found in now.items():
        print(f"{name}: {found:,.0f} instructions a call, {found / kept[name] - 1:+.1%} of those kept")
    worse = regressions(kept, now)
    for line in worse:
        print(f"slower: {line}; if that is meant, python -m benchmarks.instructions --renew", file=sys.stderr)
    return 1 if worse else 0


def renew() -> int:
    """Keep today's figures for this interpreter."""
    if counter() is None:
        print("instructions cannot be counted here", file=sys.stderr)
        return 1
    all_kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    found = measured([name for name in CHECKED if name in installed()])
    all_kept[version()] = {name: round(one) for name, one in found.items()}
    KEPT.write_text(json.dumps(all_kept, indent=2, sort_keys=True) + "\n")
    print(f"{KEPT.name}: {version()}: {all_kept[version()]}")
    return 0


async def run() -> None:
    if counter() is None:
        print("instructions cannot be counted here, neither by perf nor by valgrind")
        return
    found = measured(installed())
    base = found["hand-written aiohttp"]
    print(f"instructions a call, counted by {counter()}")
    for name, one in found.items():
        print(f"  {name:22} {one / 1000:7.0f} thousand  {base / one:.2f} of hand-written aiohttp")


async def _calls(side: str, url: str, calls: int) -> None:
    async with SIDES[side](url, CONCURRENCY, None) as call:
        await batch(call, CONCURRENCY, CONCURRENCY)
        await batch(call, calls, CONCURRENCY)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--check"]:
            sys.exit(check())
        case ["--renew"]:
            sys.exit(renew())
        case [_side, _url, _count]:
            asyncio.run(_calls(_side, _url, int(_count)))
        case _:
            sys.exit("usage: python -m benchmarks.instructions --check | --renew | SIDE URL COUNT")
