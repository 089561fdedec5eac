"""What a process pays to import the package and to make its first client, beside aiohttp's own import."""

from __future__ import annotations

import resource
import subprocess
import sys

from .instructions import count, counter
from .pairs import Quartiles

PROGRAMS = {
    "import aiohttp": "import aiohttp",
    "import aiosymphony": "import aiosymphony",
    "a first client": (
        "import asyncio\nfrom aiosymphony import PodClient, StaticToken\n"
        "async def main():\n async with PodClient('http://127.0.0.1:1', StaticToken('t')): pass\nasyncio.run(main())"
    ),
}


def measured(rounds: int = 15) -> dict[str, tuple[Quartiles, float | None]]:
    """Of each program, its seconds of the processor and its instructions, as ratios to those of importing aiohttp."""
    used: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for number in range(rounds + 1):
        for name, program in PROGRAMS.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-I", "-c", program], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if number:  # the first one of each fills the caches of files
                used[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    counted: dict[str, float | None] = dict.fromkeys(PROGRAMS)
    if counter() is not None:
        whole = {name: count([sys.executable, "-I", "-c", program]) for name, program in PROGRAMS.items()}
        counted = {name: whole[name] / whole["import aiohttp"] for name in PROGRAMS}
    base = used["import aiohttp"]
    return {
        name: (Quartiles.of([own / other for own, other in zip(costs, base, strict=True)]), counted[name])
        for name, costs in used.items()
    }


async def run() -> None:
    print("whole processes beside one that imports aiohttp")
    for name, (cpu, instructions) in measured().items():
        told = "" if instructions is None else f"  instructions {instructions:.2f}"
        print(f"  {name:22} CPU {cpu}{told}")
