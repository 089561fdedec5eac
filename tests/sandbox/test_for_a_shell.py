"""``sandbox --env``: what a shell evaluates; and names of faults that are mistyped."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aiosymphony.sandbox import Faults, Sandbox


def test_its_variables_reach_both_apis_with_a_company_that_is_ready(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aiosymphony.cli", "sandbox", "--env", "--dir", str(tmp_path / "a key's folder")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        variables = {}
        while len(variables) < 8:
            word, assignment = shlex.split(sandbox.stdout.readline())
            assert word == "export"
            name, _, value = assignment.partition("=")
            variables[name] = value
        environment = {**os.environ, **variables}

        def aiosymphony(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "aiosymphony.cli", *arguments]
            return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)

        checked = aiosymphony("auth", "check")
        assert checked.returncode == 0, checked.stderr
        company = aiosymphony(
            "call", "connect", "api_v2_companies_company_id_get", "-p", f"company_id={variables['COMPANY']}"
        )
        sandbox.terminate()
    assert company.returncode == 0, company.stderr
    assert "COMPLETED" in company.stdout


def test_a_mistyped_fault_or_operation_is_told_with_the_closest_one() -> None:
    mistyped = r"unknown faults: rate429 \(did you mean rate_429\?\); there are after_acting,"
    with pytest.raises(ValueError, match=mistyped):
        Faults.from_json({"rate429": 0.1})
    with pytest.raises(ValueError, match=r"unknown operations: v2_user_gett \(did you mean v2_user_get\?\)$"):
        Sandbox(faults=Faults(operations={"v2_user_gett"}))
    with pytest.raises(ValueError, match=r"unknown operations: zzz$"):
        Sandbox(faults=Faults(at={("zzz", 1): "503_before"}))
