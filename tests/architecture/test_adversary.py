"""The servers of tests/adversary share nothing with what they test, and least of all its sandbox."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADVERSARY = ROOT / "tests" / "adversary"
HTTP_LIBRARIES = ("aiohttp", "httpx", "requests", "urllib3", "h11", "http.server", "respx")
SERVERS = ("wire", "trouble", "tenant_pod", "tenant_connect", "tenant")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, and every name it imports from one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", sorted(ADVERSARY.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_of_the_sandbox_is_imported(path: Path) -> None:
    assert not [name for name in imported(path) if is_of(name, "aiosymphony.sandbox")]
    # Not by its pytest fixtures either.
    assert "sandbox" not in {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.arg)}


@pytest.mark.parametrize("name", SERVERS)
def test_the_tenant_imports_neither_the_product_nor_an_http_library(name: str) -> None:
    names = imported(ADVERSARY / f"{name}.py")
    assert names
    for package in ("aiosymphony", "aiosymphony_api", "tests", *HTTP_LIBRARIES):
        assert not [found for found in names if is_of(found, package)]


def test_a_tenant_that_runs_has_loaded_nothing_of_the_product() -> None:
    code = "import sys, json, tests.adversary.tenant; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(run.stdout)
    assert "tests.adversary.tenant_connect" in loaded
    for package in ("aiosymphony", "aiosymphony_api", *HTTP_LIBRARIES):
        assert not [name for name in loaded if is_of(name, package)]
