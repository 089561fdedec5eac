"""mypy and pyright as users run them: over files of their own, with this project installed beside them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_MYPY = re.compile(r"^(?P<file>[^\n:]+):(?P<line>\d+): error: (?P<message>.*)$", re.MULTILINE)


def _mypy(folder: Path) -> list[tuple[str, int, str]]:
    # Without a cache, for tests run side by side.
    settings = ("--strict", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", os.devnull)
    output = _run(folder, "mypy", *settings, "--no-error-summary", "--no-pretty")
    return [(Path(m["file"]).name, int(m["line"]), m["message"]) for m in _MYPY.finditer(output)]


def _pyright(folder: Path) -> list[tuple[str, int, str]]:
    output = json.loads(_run(folder, "pyright", "--pythonpath", sys.executable, "--outputjson"))
    assert output["summary"]["filesAnalyzed"] == len(list(folder.glob("*.py")))
    return [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"])
        for each in output["generalDiagnostics"]
        if each["severity"] == "error"
    ]


def _run(folder: Path, tool: str, *options: str) -> str:
    files = [str(path) for path in sorted(folder.glob("*.py"))]
    done = subprocess.run(
        [sys.executable, "-m", tool, *options, *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=[_mypy, _pyright])
def check(request: pytest.FixtureRequest) -> Callable[[Path], list[tuple[str, int, str]]]:
    """Checks the files of a folder, and gives the errors: file, line and what is wrong."""
    checker: Callable[[Path], list[tuple[str, int, str]]] = request.param
    return checker
