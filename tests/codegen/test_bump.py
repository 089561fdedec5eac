"""The steps of docs/regenerating.md, done in a copy of the project: from the older Pod API to the newer."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.samples import document_path, operation_ids

ROOT = Path(__file__).parents[2]
OLD, NEW = (document_path(package) for package in ("pod_1_40", "pod"))

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
def older(project: Path, run: Callable[..., Any]) -> Path:
    """A copy of the project that has the older version of the API and no other."""
    (project / "specs/pod").mkdir()
    for name in (OLD.name, "operations.toml"):
        shutil.copy(ROOT / "specs/pod" / name, project / "specs/pod" / name)
    declare(project, OLD.stem)
    done = run(root=project)
    assert (done.returncode, counted("pod_1_40") in done.stdout) == (0, True), done.stderr
    return project


def counted(package: str) -> str:
    """What the generator prints about the operations of a document."""
    count = len(operation_ids(package))
    return f"operations {count} in, {count} out"


def test_from_the_older_version_to_the_newer(older: Path, run: Callable[..., Any]) -> None:
    project = older
    # 1. Drop the new document in, and read what it changes.
    shutil.copy(NEW, project / "specs/pod" / NEW.name)
    diff = run("--diff", f"specs/pod/{OLD.name}", f"specs/pod/{NEW.name}", "--json", root=project)
    changes = json.loads(diff.stdout)["changes"]
    assert diff.returncode == 1
    assert [c["where"] for c in changes if (c["kind"], c["what"]) == ("operation", "removed")] == ["GET /v1/presence"]
    # 2. Name it in apis.toml.
    declare(project, NEW.stem)
    # 3. Regenerate. What --check says before and after, test_check.py asks of a smaller document.
    done = run(root=project)
    assert (done.returncode, counted("pod") in done.stdout) == (0, True), done.stderr
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
    # Four tests for each operation, and one for the package.
    assert f"{4 * len(operation_ids('pod')) + 1} passed" in contract.stdout
