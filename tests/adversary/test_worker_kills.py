"""Workers killed at random moments and replaced: nobody lost, nobody doubled, nobody otherwise.

This is the small version; ``make kills`` runs the large one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.provisioning.cluster import NONE, binaries

from .test_kills import NOBODY

ROOT = Path(__file__).parents[2]
KILLS = 4
"""So few for so many rows that the job is still at work at the last of them on a machine much faster than ours."""


@pytest.mark.skipif(binaries() is None, reason=NONE)
@pytest.mark.parametrize(("target", "rows"), [("connect", 1000), ("pod", 400)])
def test_workers_are_killed_at_random_moments_while_the_tenant_misbehaves(target: str, rows: int) -> None:
    options = ("--target", target, "--rows", str(rows), "--kills", str(KILLS), "--workers", "3", "--shards", "6")
    run = subprocess.run(
        [sys.executable, "-m", "tests.adversary.worker_kills", "--json", *options],
        check=False, capture_output=True, text=True, timeout=400, cwd=ROOT,
    )  # fmt: skip
    assert run.stdout, run.stderr
    proof = json.loads(run.stdout)
    assert proof["counts"] == NOBODY, proof
    assert proof["wrong"] == [], proof
    assert (proof["hits"], run.returncode) == (KILLS, 0), proof
    assert {mode for mode, count in proof["drawn"].items() if count} >= {"expiry", "lag", "errors", "lost"}
