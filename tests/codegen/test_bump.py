"""The way of docs/regenerating.md, gone in a copy of the project: from the Pod API 1.40.0 to 20.17.1."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

TABLE = """
[[api]]
package = "pod"
api = "pod"
document = "pod/{version}.yaml"
version = "{version}"
current = true
sha256 = "{sha256}"
operations = "pod/operations.toml"
"""


def declare(project: Path, version: str) -> None:
    document = (project / f"specs/pod/{version}.yaml").read_bytes()
    text = TABLE.format(version=version, sha256=hashlib.sha256(document).hexdigest())
    (project / "specs/apis.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def at_1_40(project: Path, run: Callable[..., Any]) -> Path:
    """A copy of the project that speaks 1.40.0 and knows nothing newer."""
    (project / "specs/pod").mkdir()
    for name in ("1.40.0.yaml", "operations.toml"):
        shutil.copy(ROOT / "specs/pod" / name, project / "specs/pod" / name)
    declare(project, "1.40.0")
    done = run(root=project)
    assert (done.returncode, "operations 62 in, 62 out" in done.stdout) == (0, True), done.stderr
    return project


def test_from_1_40_to_20_17(at_1_40: Path, run: Callable[..., Any]) -> None:
    project = at_1_40
    # 1. Drop the new document in, and read what it changes.
    shutil.copy(ROOT / "specs/pod/20.17.1.yaml", project / "specs/pod/20.17.1.yaml")
    diff = run("--diff", "specs/pod/1.40.0.yaml", "specs/pod/20.17.1.yaml", "--json", root=project)
    changes = json.loads(diff.stdout)["changes"]
    assert diff.returncode == 1
    assert [c["where"] for c in changes if (c["kind"], c["what"]) == ("operation", "removed")] == ["GET /v1/presence"]
    # 2. Name it in apis.toml.
    declare(project, "20.17.1")
    # 3. Regenerate. What --check says before and after, test_check.py asks of a smaller document.
    done = run(root=project)
    assert (done.returncode, "operations 141 in, 141 out" in done.stdout) == (0, True), done.stderr
    assert done.stdout.rstrip().endswith("files changed")
    users = project / "generated/aiosymphony_api/pod/api/users"
    assert (users / "v3_users_get.py").exists()
    assert not list((project / "generated").rglob("v1_presence_get.py")), "the removed operation was left behind"
    # 4. Run the contract tests on it.
    tests = project / "tests/contract"
    tests.mkdir(parents=True)
    for name in ("__init__.py", "samples.py", "test_operations.py"):
        shutil.copy(ROOT / "tests/contract" / name, tests / name)
    contract = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            "--rootdir",
            str(project),
            str(tests),
        ],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{project / 'generated'}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert contract.returncode == 0, contract.stdout[-3000:]
    assert f"{4 * 141 + 1} passed" in contract.stdout
