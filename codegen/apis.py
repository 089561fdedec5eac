"""Generates the project's own packages: everything in ``generated/``, from ``specs/`` and ``codegen/`` alone."""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .facts import Reviewed
from .files import differences, format_code, sha256_of, update
from .names_lock import FILE, NamesLock, names_text, read_names
from .outside import check_references
from .package import HEADER, Report, make_package
from .problem import CodegenError
from .reading import read_document
from .validation import validate

#: The exact versions that the output depends on.
TOOLS = {"openapi-python-client": "0.29.1", "openapi-spec-validator": "0.9.0", "ruff": "0.17.6"}

_ROOT_PACKAGE = '''"""Low-level clients of Symphony's APIs, a package per API and version.

Each has its operations by id in ``OPERATIONS`` and as modules in ``api``, and its ``models``.
"""

#: The names of these packages.
PACKAGES = ({names})
'''


@dataclass(frozen=True, kw_only=True)
class Api:
    """A table of ``specs/apis.toml``; the head of that file says what each entry means."""

    package: str
    api: str
    document: str
    version: str
    current: bool
    sha256: str
    operations: str


def check_tools() -> None:
    """Check that the pinned tools are installed.

    Raises:
        CodegenError: One is missing or has another version; says what to install.
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
        raise CodegenError(sys.executable, "; ".join(wrong), f"Run: {sys.executable} -m pip install {needed}")


def generate_all(root: Path, target: Path) -> list[Report]:
    """Generate every package of ``specs/apis.toml``, formatted, with the lock beside them.

    Args:
        root: The project's folder.
        target: An empty folder for the new content of ``generated/``.

    Raises:
        CodegenError: A document or table is missing, invalid, or not the one that ``apis.toml`` names.
    """
    specs = root / "specs"
    apis = read_apis(specs / "apis.toml")
    packages = target / "aiosymphony_api"
    packages.mkdir(parents=True)
    with ProcessPoolExecutor(_workers(), multiprocessing.get_context("fork")) as pool:
        # The largest document first, so that no worker is left alone with it at the end.
        order = sorted(apis, key=lambda api: -_size(specs / api.document))
        before = read_names(specs / FILE)
        jobs = {
            api.package: pool.submit(_generate_one, specs, api, packages / api.package, before.get(api.package))
            for api in order
        }
        reports, named = [], {}
        for api in apis:
            report, named[api.package] = jobs[api.package].result()
            reports.append(report)
    names = "".join(f"{api.package!r}, " for api in apis)
    (packages / "__init__.py").write_text(HEADER + _ROOT_PACKAGE.format(names=names), encoding="utf-8")
    (packages / "py.typed").write_text("", encoding="utf-8")
    format_code(packages)
    (target / FILE).write_text(names_text(named), encoding="utf-8")
    (target / "lock.json").write_text(json.dumps(_lock(root, apis, reports), indent=2) + "\n", encoding="utf-8")
    return reports


def regenerate(root: Path, *, check: bool) -> tuple[list[Report], list[str]]:
    """Bring ``generated/`` up to date, or only list how it differs.

    Returns:
        A report for each package, and a line for each file that differed.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "generated"
        reports = generate_all(root, fresh)
        # The names are the input of the next generation, and so stand with the documents.
        names, kept = fresh / FILE, root / "specs" / FILE
        is_kept = kept.exists() and names.read_bytes() == kept.read_bytes()
        fresh_names = names.read_bytes()
        names.unlink()
        changes = differences(fresh, root / "generated") + ([] if is_kept else [f"altered  ../specs/{FILE}"])
        if not check:
            update(fresh, root / "generated")
            if not is_kept:
                kept.write_bytes(fresh_names)
    return reports, changes


def _generate_one(
    specs: Path, api: Api, target: Path, before: Mapping[str, str] | None
) -> tuple[Report, dict[str, str]]:
    path = specs / api.document
    found = sha256_of(path)
    if found != api.sha256:
        raise CodegenError(
            str(path),
            f"is not the document that apis.toml knows: its SHA-256 is {found}",
            "If the change is intentional, put that hash into specs/apis.toml, or run the bump again.",
        )
    document = read_document(path)
    check_references(document, str(path))
    validate(document, str(path))
    if document["info"]["version"] != api.version:
        raise CodegenError(str(path), f"has version {document['info']['version']}, apis.toml says {api.version}")
    reviewed, present = _read_reviewed(specs / api.operations)
    names = NamesLock(before)
    report = make_package(document, target, api=api.api, reviewed=reviewed, present=present, names=names)
    return report, names.chosen


def kept_of(root: Path, document: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The names that are kept for a document of ``specs/apis.toml``, and the fields that its answers always have.

    Both are empty for any other document.
    """
    specs = root / "specs"
    for api in read_apis(specs / "apis.toml") if (specs / "apis.toml").exists() else []:
        if (specs / api.document).resolve() == document.resolve():
            return read_names(specs / FILE).get(api.package, {}), _read_reviewed(specs / api.operations)[1]
    return {}, {}


def read_apis(path: Path) -> list[Api]:
    """The tables of ``apis.toml``.

    Raises:
        CodegenError: The file cannot be read, or a table lacks an entry or has one too many.
    """
    entries = {field.name for field in fields(Api)}
    apis = []
    for number, table in enumerate(_read_toml(path).get("api", []), start=1):
        if wrong := sorted(entries ^ table.keys()):
            raise CodegenError(f"{path}, table {number}", f"lacks or has too much: {', '.join(wrong)}")
        apis.append(Api(**table))
    return apis


def _read_reviewed(path: Path) -> tuple[dict[str, Reviewed], dict[str, list[str]]]:
    """The reviewed facts for generated code: by operation id, and the fields that are always there by schema.

    The others are for the facade and tests.
    """
    table = _read_toml(path)
    present = table.pop("present", {})
    names = [field.name for field in fields(Reviewed)]
    reviewed = {
        operation: Reviewed(**{name: _frozen(entry[name]) for name in names if name in entry})
        for operation, entry in table.items()
    }
    return reviewed, present


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _lock(root: Path, apis: list[Api], reports: list[Report]) -> dict[str, Any]:
    inputs = {root / "specs" / "apis.toml"}
    for api in apis:
        inputs |= {root / "specs" / api.document, root / "specs" / api.operations}
    inputs |= {path for path in (root / "codegen").rglob("*") if path.suffix in (".py", ".jinja")}
    return {
        "tools": TOOLS,
        "inputs": {str(path.relative_to(root)): sha256_of(path) for path in sorted(inputs)},
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
        raise CodegenError(str(path), f"cannot be read: {error}") from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _workers() -> int:
    return max(1, min(4, multiprocessing.cpu_count()))
