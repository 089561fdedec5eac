"""Killed at random moments, started again by the same command: nobody lost, nobody doubled, nobody otherwise.

The tenant refuses no duplicates, so that nothing but the job's own care stands between a crash and a double. This is
the small version; ``make kills`` runs the large one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODES = "lost,truncated,alerts,late,errors,busy,shuffled,anonymous,twins,rows,closing,pages,lag,expiry"
NOBODY = {"lost": 0, "doubled": 0, "otherwise": 0, "named": 0, "given_up": 0, "unknown": 0}


def prove(target: str, *options: str) -> dict[str, Any]:
    """What a proof brought. It runs in a process of its own, which has the clock and the files to itself."""
    usual = ("--json", "--target", target, "--settle", "1", "--lives", "30")
    run = subprocess.run(
        [sys.executable, "-m", "tests.adversary.kills", *usual, *options],
        check=False, capture_output=True, text=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert run.stdout, run.stderr
    proof: dict[str, Any] = json.loads(run.stdout)
    proof["holds"] = run.returncode == 0
    return proof


@pytest.mark.parametrize(("target", "rows", "logins", "maintenance"), [("connect", 300, 4, 9), ("pod", 150, 45, 90)])
def test_killed_at_random_moments_while_the_tenant_misbehaves(
    target: str, rows: int, logins: int, maintenance: int
) -> None:
    # Outages come once each, after so many writes: random ones would make this long.
    outages = ("--outage", f"logins,{logins},2", "--outage", f"maintenance,{maintenance},2")
    proof = prove(target, "--rows", str(rows), "--kills", "6", "--modes", MODES, *outages)
    assert proof["counts"] == NOBODY, proof
    assert proof["wrong"] == []
    assert proof["hits"] == 6
    # It went wrong indeed.
    struck = {mode for mode, count in proof["drawn"].items() if count}
    assert struck >= {"logins", "maintenance", "expiry", "lag", "errors"}


@pytest.mark.parametrize(
    ("control", "options"),
    [
        ("settle", ("--settle", "2", "--late", "1.5", "--modes", "lost=3,late=6")),
        ("look-up", ("--settle", "0.6", "--modes", "lost=4")),
    ],
)
def test_without_settle_or_look_up_the_same_harness_finds_doubles(control: str, options: tuple[str, ...]) -> None:
    proof = prove("pod", "--rows", "80", "--kills", "2", "--control", control, *options)
    assert proof["counts"]["doubled"] > 0
    assert proof["counts"]["lost"] == 0
    assert not proof["holds"]


@pytest.mark.parametrize("target", ["connect", "pod"])
def test_without_settle_a_tenant_that_refuses_duplicates_is_enough(target: str) -> None:
    options = ("--rows", "150", "--kills", "2", "--modes", "lost=3,late=3", "--control", "settle", "--unique")
    proof = prove(target, *options)
    assert proof["counts"] == NOBODY, proof
    assert proof["wrong"] == []
