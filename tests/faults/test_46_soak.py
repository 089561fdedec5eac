"""Case 46: memory, file descriptors and tasks stay flat. A short run; ``make soak`` makes the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_case_46_many_requests_leave_memory_descriptors_and_tasks_flat(over: str) -> None:
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("soak.py")), "--requests", "12000", "--transport", over],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "WRONG" not in run.stdout
    assert "12000 calls" in run.stdout
    assert not run.stderr
