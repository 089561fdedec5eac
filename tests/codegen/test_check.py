"""``codegen.sh`` and ``codegen.sh --check`` in a project's folder: same bytes, and every difference is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.files import differences, update
from codegen.problem import CodegenError

Run = Callable[..., Any]


# How generated/ can differ, and a file for each.
DIFFERENCES = [
    ("extra", "aiosymphony_api/agent/models/left_over.py"),
    ("missing", "aiosymphony_api/agent/models/error.py"),
    ("altered", "aiosymphony_api/agent/api/audit_trail/v1_audittrail_privilegeduser_get.py"),
    ("altered", "aiosymphony_api/agent/models/__init__.py"),
    ("altered", "lock.json"),
]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage(generated: Path, kind: str, name: str) -> None:
    path = generated / name
    if kind == "missing":
        path.unlink()
    else:
        path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + "\n", encoding="utf-8")


def test_generating_twice_changes_nothing(generated_once: tuple[Path, Any], generated: Path, run: Run) -> None:
    assert "agent: Agent API 25.8.1: operations 1 in, 1 out" in generated_once[1].stdout
    before = files(generated / "generated")
    assert "aiosymphony_api/py.typed" in before
    second = run(root=generated, PYTHONHASHSEED="7")
    assert "nothing changed" in second.stdout
    assert files(generated / "generated") == before
    assert run("--check", root=generated).returncode == 0


@pytest.mark.parametrize(("kind", "name"), DIFFERENCES)
def test_each_difference_is_found_and_mended(
    generated_once: tuple[Path, Any], generated: Path, kind: str, name: str
) -> None:
    fresh, actual = generated_once[0] / "generated", generated / "generated"
    assert differences(fresh, actual) == []
    damage(actual, kind, name)
    assert [line.split() for line in differences(fresh, actual)] == [[kind, name]]
    assert update(fresh, actual) == 1
    assert files(actual) == files(fresh)


def test_check_finds_what_generating_mends(generated: Path, run: Run) -> None:
    before = files(generated / "generated")
    for kind, name in DIFFERENCES:
        damage(generated / "generated", kind, name)
    damaged = files(generated / "generated")
    done = run("--check", root=generated)
    assert done.returncode == 1
    told = [line.split() for line in done.stderr.splitlines()[:-1]]
    assert told == sorted(map(list, DIFFERENCES), key=lambda line: line[1])
    assert files(generated / "generated") == damaged, "--check changes nothing"
    mended = run(root=generated)
    assert (mended.returncode, mended.stdout.splitlines()[-1]) == (0, f"{len(DIFFERENCES)} files changed")
    assert files(generated / "generated") == before, "generating did not mend it"


def test_check_finds_a_changed_input(generated: Path, run: Run) -> None:
    project = generated
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


@pytest.mark.parametrize("name", ["a.py", "models/a.py", "models", ""])
def test_nothing_is_written_through_a_link(name: str, tmp_path: Path) -> None:
    fresh, actual, elsewhere = tmp_path / "fresh", tmp_path / "actual", tmp_path / "elsewhere"
    for folder in (fresh / "models", elsewhere):
        folder.mkdir(parents=True)
    for path in (fresh / "a.py", fresh / "models/a.py"):
        path.write_text("new")
    link = actual / name if name else actual
    link.parent.mkdir(parents=True, exist_ok=True)
    is_file = name.endswith(".py")
    (elsewhere / "a.py").write_text("theirs")
    link.symlink_to(elsewhere / "a.py" if is_file else elsewhere)
    with pytest.raises(CodegenError, match="is a symbolic link, and nothing is written through it"):
        update(fresh, actual)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["a.py"]
    assert (elsewhere / "a.py").read_text() == "theirs"
