"""Which module may know which: the arrows of the design, read from the code's own imports."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "aiosymphony"
GENERATED = ROOT / "generated" / "aiosymphony_api"

# Layers from the ground up. A module may import from its own layer and from those before it, and never from one after:
# neither when it is imported, nor in a function, nor for types alone.
LAYERS = (
    {"_version", "_lazy", "codes"},
    {"errors", "clock", "context", "files", "health", "jsontext", "logs", "stop_signals", "text"},
    {"wire", "ids", "urls", "retry", "limits", "apidiff", "_create_once"},
    {"transport", "auth", "observer"},
    {"routes", "call", "lifecycle", "settings", "config_file"},
    {"session"},
    {"client", "resource", "paging", "_bulk", "life", "telemetry"},
    {"pod", "connect"},
    {"postgres", "bdk"},
    {"provisioning"},
    {"demo", "dashboard"},
    {"cli"},
)
# Alone: it knows nothing of the client, so that it cannot share its mistakes. Only the command line starts it.
ALONE = {"sandbox"}
# The doors of the house open onto every room.
DOORS = {"", "testing"}


# Imports that go up, or around, all the same, each with its reason. They may not happen when a module is imported.
LISTED = {
    ("cli.reference", "sandbox.serve"): "the reference shows the options of the sandbox, which argparse reads",
    ("cli.sandbox", "sandbox.serve"): "the command line starts the sandbox, which is alone",
}


@cache
def modules() -> dict[str, Path]:
    """Every module by its name below `aiosymphony`; the package itself has none."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def arrows() -> dict[tuple[str, str], set[str]]:
    """Which module imports which, and when: on being imported (`now`), in functions (`late`), or for types alone."""
    found: dict[tuple[str, str], set[str]] = {}
    for name, path in modules().items():
        for when, target in _imports(ast.parse(path.read_text()), path, "now"):
            if target != name:
                found.setdefault((name, target), set()).add(when)
    return found


def _imports(tree: ast.AST, path: Path, when: str) -> Iterator[tuple[str, str]]:
    package = ("aiosymphony", *path.relative_to(SOURCE).parent.parts)
    for node in ast.iter_child_nodes(tree):
        kind, names = when, []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kind = "late"
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            kind = "types"
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            names = [".".join(filter(None, (base, node.module, alias.name))) for alias in node.names]
        for name in names:
            if name.startswith("aiosymphony."):
                target = name.removeprefix("aiosymphony.")
                while target not in modules():  # what is imported from it is no module
                    target = target.rpartition(".")[0]
                yield when, target
        yield from _imports(node, path, kind)


def layer_of(module: str) -> int:
    part = module.split(".", maxsplit=1)[0]
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def points_up(module: str, other: str) -> bool:
    part, other_part = module.split(".", maxsplit=1)[0], other.split(".", maxsplit=1)[0]
    if part in DOORS or part == other_part:
        return False
    return bool({part, other_part} & ALONE) or other_part in DOORS or layer_of(other) > layer_of(module)


def test_arrows_point_down_whenever_they_are_followed() -> None:
    upward = {(module, other): when for (module, other), when in arrows().items() if points_up(module, other)}
    assert upward.keys() <= LISTED.keys()
    assert not any("now" in when for when in upward.values())


def test_no_arrows_run_in_a_circle() -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for module, other in arrows():
        if module and (module, other) not in LISTED:
            sorter.add(module, other)
    sorter.prepare()  # raises CycleError, which shows the circle


def test_what_is_listed_is_needed() -> None:
    assert LISTED.keys() <= arrows().keys()


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


def test_generated_code_knows_wire_and_the_loading_of_names_alone() -> None:
    checked = 0
    for path in GENERATED.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("aiosymphony"):
                assert (node.module or "").startswith(("aiosymphony.wire.", "aiosymphony._lazy")), (
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
    assert ours == ["aiosymphony", "aiosymphony._lazy", "aiosymphony._version"]


def test_operations_are_counted_without_loading_them() -> None:
    loaded = _loaded_by("import aiosymphony_api.pod as p; assert len([*p.OPERATIONS]) == len(p.OPERATIONS) > 0")
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
    names = [f"aiosymphony.{name}".rstrip(".") for name, path in modules().items() if path.name != "__main__.py"]
    command = [sys.executable, "-W", "error", "-c", EACH_ALONE, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [f"{name}: {problem}" for name, problem in told if problem]
    assert not wrong, "\n".join([*wrong, done.stderr])
    assert sorted(name for name, _ in told) == sorted(names)
