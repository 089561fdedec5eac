"""What the tests of code generation share: packages made of documents, imported under names of their own."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
Done = subprocess.CompletedProcess[str]
sys.path.insert(0, str(ROOT))  # codegen/ is a tool of the project, not part of what is installed


@pytest.fixture
def imported() -> Iterator[Callable[[Path], ModuleType]]:
    """Imports a generated package from its folder, and forgets it afterwards."""
    names: set[str] = set()
    paths: list[str] = []

    def load(folder: Path) -> ModuleType:
        sys.path.insert(0, str(folder.parent))
        paths.append(str(folder.parent))
        names.add(folder.name)
        return import_module(folder.name)

    yield load
    for path in paths:
        sys.path.remove(path)
    for name in [name for name in sys.modules if name.split(".")[0] in names]:
        del sys.modules[name]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a document to a file."""

    def write(document: Any, name: str = "document.yaml") -> Path:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's folder with one small API, to generate in."""
    return small_project(tmp_path / "project")


@pytest.fixture(scope="session")
def generated_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Such a copy in which the command line has generated, and what it said."""
    root = small_project(tmp_path_factory.mktemp("generated") / "project")
    done = run_codegen(root=root)
    assert done.returncode == 0, done.stderr
    return root, done


@pytest.fixture
def generated(generated_once: tuple[Path, Done], tmp_path: Path) -> Path:
    """A copy of that for one test."""
    return shutil.copytree(generated_once[0], tmp_path / "project")


def small_project(root: Path) -> Path:
    shutil.copytree(ROOT / "codegen", root / "codegen", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "codegen.sh", root / "codegen.sh")
    (root / "specs").mkdir()
    for name in ("apis.toml", "agent"):
        source = ROOT / "specs" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / "specs" / name)
    tables = (root / "specs/apis.toml").read_text(encoding="utf-8").split("[[api]]")
    (kept,) = [table for table in tables if 'package = "agent"' in table]
    (root / "specs/apis.toml").write_text(f"[[api]]{kept}", encoding="utf-8")
    return root


@pytest.fixture
def run() -> Callable[..., Done]:
    """Runs the command line of code generation, in the project's folder or another."""
    return run_codegen


def run_codegen(*arguments: object, root: Path = ROOT, **environment: str) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "codegen", *map(str, arguments)],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
