"""``codegen.sh`` and ``codegen.sh --check`` in a project's folder: same bytes, and every difference is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_generating_twice_changes_nothing(project: Path, run: Run) -> None:
    first = run(root=project)
    assert first.returncode == 0, first.stderr
    assert "agent: Agent API 25.8.1: operations 1 in, 1 out" in first.stdout
    files = {path: path.read_bytes() for path in (project / "generated").rglob("*") if path.is_file()}
    assert (project / "generated/aiosymphony_api/py.typed") in files
    second = run(root=project, PYTHONHASHSEED="7")
    assert "nothing changed" in second.stdout
    assert files == {path: path.read_bytes() for path in (project / "generated").rglob("*") if path.is_file()}
    assert run("--check", root=project).returncode == 0


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("extra", "aiosymphony_api/agent/models/left_over.py"),
        ("missing", "aiosymphony_api/agent/models/error.py"),
        ("altered", "aiosymphony_api/agent/api/audit_trail/v1_audittrail_privilegeduser_get.py"),
        ("altered", "aiosymphony_api/agent/models/__init__.py"),
        ("altered", "lock.json"),
    ],
)
def test_check_finds_each_difference(project: Path, run: Run, kind: str, name: str) -> None:
    assert run(root=project).returncode == 0
    path = project / "generated" / name
    if kind == "missing":
        path.unlink()
    else:
        path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + "\n", encoding="utf-8")
    done = run("--check", root=project)
    assert done.returncode == 1
    assert [line.split() for line in done.stderr.splitlines()[:-1]] == [[kind, name]]
    assert run(root=project).returncode == 0
    assert run("--check", root=project).returncode == 0, "generating did not mend it"


def test_check_finds_a_changed_input(project: Path, run: Run) -> None:
    assert run(root=project).returncode == 0
    template = project / "codegen/templates/model.py.jinja"
    template.write_text(template.read_text(encoding="utf-8") + "{# a comment #}\n", encoding="utf-8")
    done = run("--check", root=project)
    assert (done.returncode, done.stderr.split()[:2]) == (1, ["altered", "lock.json"])
    table = project / "specs/agent/operations.toml"
    table.write_text(table.read_text(encoding="utf-8").replace("idempotent = true", "idempotent = false"), "utf-8")
    assert "privilegeduser_get.py" in run("--check", root=project).stderr


def test_a_document_that_apis_toml_does_not_know_is_refused(project: Path, run: Run) -> None:
    document = next((project / "specs/agent").glob("*.yaml"))
    document.write_text(document.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    done = run(root=project)
    assert done.returncode == 64
    assert document.name in done.stderr
    assert "put that hash into specs/apis.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_use_is_one_sentence(project: Path, run: Run, tmp_path: Path) -> None:
    done = run("--spec", tmp_path / "none.yaml", "--api", "x", "--out", tmp_path, root=project)
    assert (done.returncode, "Traceback" in done.stderr) == (64, False)
    assert "none.yaml: cannot be read" in done.stderr
    assert run("--spec", tmp_path / "none.yaml", root=project).returncode == 2
    named = run("--spec", tmp_path / "none.yaml", "--api", "No Name", "--out", tmp_path, root=project)
    assert "'no_name'" in named.stderr
