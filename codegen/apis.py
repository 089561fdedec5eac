"""The project's own packages: everything in ``generated/`` as a function of ``specs/`` and ``codegen/``."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .package import HEADER, Report, load, make_package
from .problem import Refused

#: What the output depends on, exactly.
TOOLS = {"openapi-python-client": "0.29.1", "openapi-spec-validator": "0.9.0", "ruff": "0.17.6"}

_ROOT_PACKAGE = '''"""Low-level clients of Symphony's APIs, a package per API and version.

Each has its operations by id in ``OPERATIONS`` and as modules in ``api``, and its ``models``.
"""
'''
_FACTS = ("kind", "idempotent", "paging", "family", "ids")


def check_tools() -> None:
    """See that the pinned tools are there.

    Raises:
        Refused: One is missing or of another version; says what to install.
    """
    wrong = []
    for name, wanted in TOOLS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        if found != wanted:
            wrong.append(f"{name} is {found}, {wanted} is needed")
    if wrong:
        needed = " ".join(f"{name}=={wanted}" for name, wanted in TOOLS.items())
        raise Refused(sys.executable, "; ".join(wrong), f"Run: {sys.executable} -m pip install {needed}")


def generate_all(root: Path, target: Path) -> list[Report]:
    """Generate every package of ``specs/apis.toml``, formatted, with the lock beside them.

    Args:
        root: The project's folder.
        target: An empty folder, which becomes what ``generated/`` is to be.

    Raises:
        Refused: A document or table is missing, invalid or not what ``apis.toml`` says it is.
    """
    specs = root / "specs"
    apis = _read_toml(specs / "apis.toml")["api"]
    packages = target / "aiosymphony_api"
    packages.mkdir(parents=True)
    with ProcessPoolExecutor(_workers(), multiprocessing.get_context("fork")) as pool:
        # The largest document first, so that no worker is left alone with it at the end.
        order = sorted(apis, key=lambda api: -_size(specs / api["document"]))
        jobs = {api["package"]: pool.submit(_generate_one, specs, api, packages / api["package"]) for api in order}
        reports = [jobs[api["package"]].result() for api in apis]
    (packages / "__init__.py").write_text(HEADER + _ROOT_PACKAGE, encoding="utf-8")
    (packages / "py.typed").write_text("", encoding="utf-8")
    format_code(packages)
    (target / "lock.json").write_text(json.dumps(_lock(root, apis, reports), indent=2) + "\n", encoding="utf-8")
    return reports


def format_code(folder: Path) -> None:
    """Sort imports, remove unused ones, format; by the pinned ruff, whatever settings lie around."""
    common = ["--no-cache", "--isolated", "--line-length", "120", "--target-version", "py311", "--quiet", str(folder)]
    for command in (["check", "--fix-only", "--select", "I,F401"], ["format"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *common], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refused(str(folder), f"ruff {command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def differences(expected: Path, actual: Path) -> list[str]:
    """Compare two folders both ways: a line for each file that is missing, extra or altered in ``actual``."""
    wanted, found = _files(expected), _files(actual)
    lines = [f"missing  {name}" for name in wanted.keys() - found.keys()]
    lines += [f"extra    {name}" for name in found.keys() - wanted.keys()]
    lines += [f"altered  {name}" for name in wanted.keys() & found.keys() if wanted[name] != found[name]]
    return sorted(lines, key=lambda line: line.split()[1])


def update(expected: Path, actual: Path) -> int:
    """Make ``actual`` equal ``expected``, touching only files that differ; returns how many did."""
    wanted, found = _files(expected), _files(actual)
    for name in found.keys() - wanted.keys():
        (actual / name).unlink()
    changed = [name for name, content in wanted.items() if found.get(name) != content]
    for name in changed:
        (actual / name).parent.mkdir(parents=True, exist_ok=True)
        (actual / name).write_bytes(wanted[name])
    for folder in sorted((path for path in actual.rglob("*") if path.is_dir()), reverse=True):
        if not any(path for path in folder.iterdir() if path.name != "__pycache__"):
            for left in folder.rglob("*.pyc"):
                left.unlink()
            for left in [*folder.iterdir(), folder]:
                left.rmdir()
    return len(changed) + len(found.keys() - wanted.keys())


def regenerate(root: Path, *, check: bool) -> tuple[list[Report], list[str]]:
    """Bring ``generated/`` up to date, or only say how it differs."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "generated"
        reports = generate_all(root, fresh)
        changes = differences(fresh, root / "generated")
        if not check:
            update(fresh, root / "generated")
    return reports, changes


def _generate_one(specs: Path, api: dict[str, Any], target: Path) -> Report:
    path = specs / api["document"]
    found = _sha256(path)
    if found != api["sha256"]:
        raise Refused(str(path), f"is not the document that apis.toml knows: its SHA-256 is {found}",
                      "If the change is meant, put that hash into specs/apis.toml.")  # fmt: skip
    document = load(path)
    if document["info"]["version"] != api["version"]:
        raise Refused(str(path), f"has version {document['info']['version']}, apis.toml says {api['version']}")
    table = _read_toml(specs / api["operations"])
    facts = {name: {key: entry[key] for key in _FACTS if key in entry} for name, entry in table.items()}
    return make_package(document, target, api=api["api"], facts=facts)


def _lock(root: Path, apis: list[dict[str, Any]], reports: list[Report]) -> dict[str, Any]:
    inputs = {root / "specs" / "apis.toml"}
    for api in apis:
        inputs |= {root / "specs" / api["document"], root / "specs" / api["operations"]}
    inputs |= {path for path in (root / "codegen").rglob("*") if path.suffix in (".py", ".jinja")}
    return {
        "tools": TOOLS,
        "inputs": {str(path.relative_to(root)): _sha256(path) for path in sorted(inputs)},
        "packages": {
            report.package: {
                "title": report.title,
                "operations": report.operations,
                "parameters": report.parameters,
                "schemas": report.schemas,
                "notes": report.notes,
            }
            for report in reports
        },
    }


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(str(path), f"cannot be read: {error}") from None


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(str(path), f"cannot be read: {error.strerror}") from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _workers() -> int:
    return max(1, min(4, multiprocessing.cpu_count()))
