"""Which module may know which: the arrows of the design, read from the code's own imports."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "aiosymphony"
GENERATED = ROOT / "generated" / "aiosymphony_api"

# Layers from the ground up. A module may import from its own layer and from those before it, and never from one after.
LAYERS = (
    {"_version", "codes"},
    {"errors", "clock", "context", "files", "jsontext", "text"},
    {"wire", "urls", "retry", "limits", "apidiff", "_create_once"},
    {"transport", "auth", "observer"},
    {"session", "settings"},
    {"client", "resource", "paging", "_bulk", "telemetry"},
    {"pod", "connect"},
    {"provisioning"},
    {"demo"},
    {"cli"},
)
# Alone: it knows nothing of the client, so that it cannot share its mistakes. Only the command line starts it.
ALONE = {"sandbox"}


def layer_of(part: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The first part, below `aiosymphony`, of everything that a module imports when it is imported."""
    package = ("aiosymphony", *path.relative_to(SOURCE).parent.parts)
    found: set[str] = set()
    for node in _at_import_time(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("aiosymphony.")}
    return found


def _at_import_time(tree: ast.AST) -> list[ast.AST]:
    """Nodes outside functions and outside `if TYPE_CHECKING`."""
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        found.append(node)
        found += _at_import_time(node)
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_arrows_point_down(path: Path) -> None:
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if part in {"__init__", "testing", "__main__"}:
        return  # the doors of the house: they open onto every room
    known = imported(path)
    if part in ALONE:
        assert known <= {part}, f"{part} must stand alone, and imports {known - {part}}"
        return
    upward = {other for other in known if other in ALONE or layer_of(other) > layer_of(part)}
    assert not upward, f"{path.name} imports from above: {upward}"


def test_the_sandbox_never_imports_the_client_not_even_lazily() -> None:
    for path in (SOURCE / "sandbox").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                depth = len(path.relative_to(SOURCE).parent.parts)
                assert node.level <= depth, f"{path.name}:{node.lineno} reaches out of the sandbox"
                assert not (node.module or "").startswith("aiosymphony_api"), f"{path.name}:{node.lineno}"
                if node.level == 0 and (node.module or "").startswith("aiosymphony"):
                    assert (node.module or "").startswith("aiosymphony.sandbox"), f"{path.name}:{node.lineno}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    assert not alias.name.startswith("aiosymphony_api"), f"{path.name}:{node.lineno}"


def test_generated_code_knows_wire_alone() -> None:
    checked = 0
    for path in GENERATED.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("aiosymphony"):
                assert (node.module or "").startswith("aiosymphony.wire."), (
                    f"{path.relative_to(ROOT)}:{node.lineno} imports {node.module}"
                )
                checked += 1
            if isinstance(node, ast.Import):
                assert not any(alias.name.split(".")[0] in {"aiohttp", "httpx"} for alias in node.names)
    assert checked > 100


def test_importing_the_package_loads_little() -> None:
    loaded = _loaded_by("import aiosymphony")
    own = ("aiosymphony_api", "aiosymphony.cli", "aiosymphony.sandbox", "aiosymphony.provisioning")
    others = ("aiohttp", "httpx", "orjson", "jwt", "cryptography", "typer", "rich", "yaml", "jsonschema_rs")
    heavy = (*own, *others)
    assert [name for name in loaded if name.startswith(heavy)] == []
    ours = [name for name in loaded if name.startswith("aiosymphony")]
    assert ours == ["aiosymphony", "aiosymphony._version"]


def test_operations_are_counted_without_loading_them() -> None:
    loaded = _loaded_by("import aiosymphony_api.pod as p; assert len(p.OPERATIONS) == 141; list(p.OPERATIONS)")
    generated = [name for name in loaded if name.startswith("aiosymphony_api.")]
    assert [name for name in generated if ".api." in name or ".models" in name] == []


def _loaded_by(statement: str) -> list[str]:
    new = "sorted(set(sys.modules) - before)"
    code = f"import sys; before = set(sys.modules); {statement}; loaded = {new}; import json; print(json.dumps(loaded))"
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(result.stdout)
    return names


EACH_ALONE = """
import json, os, sys, traceback

def visit(name):
    if os.fork():
        if os.wait()[1]:
            print(json.dumps([name, "the interpreter crashed"]), flush=True)
        return
    try:
        __import__(name)
    except BaseException:
        print(json.dumps([name, traceback.format_exc()]), flush=True)
    for other in sys.argv[1:]:
        if other.rpartition(".")[0] == name:
            visit(other)
    print(json.dumps([name, None]), flush=True)
    os._exit(0)

visit("aiosymphony")
"""
"""Imports each module in a fork of an interpreter that has imported its package and nothing else: to import a module
is to import its package first, so that this is what an interpreter of its own would do.
"""


def test_each_module_imports_alone_without_a_warning() -> None:
    names = [name_of(path) for path in modules() if path.name != "__main__.py"]
    command = [sys.executable, "-W", "error", "-c", EACH_ALONE, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [f"{name}: {problem}" for name, problem in told if problem]
    assert not wrong, "\n".join([*wrong, done.stderr])
    assert sorted(name for name, _ in told) == sorted(names)


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
