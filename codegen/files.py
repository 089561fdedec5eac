"""Formats generated files, compares two folders, and updates one from the other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from .problem import CodegenError


def format_code(folder: Path) -> None:
    """Sort imports, remove unused ones, and format, with the pinned ruff and no settings of the environment.

    Raises:
        CodegenError: ruff cannot read a file.
    """
    common = ["--no-cache", "--isolated", "--line-length", "120", "--target-version", "py311", "--quiet", str(folder)]
    for command in (["check", "--fix-only", "--select", "I,F401"], ["format"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *common], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CodegenError(str(folder), f"ruff {command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def differences(expected: Path, actual: Path) -> list[str]:
    """Compare two folders both ways: a line for each file that is missing, extra or altered in ``actual``."""
    wanted, found = _files(expected), _files(actual)
    lines = [f"missing  {name}" for name in wanted.keys() - found.keys()]
    lines += [f"extra    {name}" for name in found.keys() - wanted.keys()]
    lines += [f"altered  {name}" for name in wanted.keys() & found.keys() if wanted[name] != found[name]]
    return sorted(lines, key=lambda line: line.split()[1])


def update(expected: Path, actual: Path) -> int:
    """Make ``actual`` equal ``expected``, touching only files that differ; returns how many did.

    Raises:
        CodegenError: There is a symbolic link where a file or folder belongs: what it leads to is not ours to change.
    """
    wanted, found = _files(expected), _files(actual)
    for name in ["", *wanted]:
        _refuse_links(actual, name)
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


def _refuse_links(root: Path, name: str) -> None:
    below = root / name
    for path in (below, *below.parents):
        if path.is_symlink():
            raise CodegenError(str(path), "is a symbolic link, and nothing is written through it", "Remove the link.")
        if path == root:
            return


def write_text(path: Path, text: str) -> None:
    """Write a text file, if it is not that text already.

    Raises:
        CodegenError: It is a symbolic link: what it leads to is not ours to change.
    """
    if path.is_symlink():
        raise CodegenError(str(path), "is a symbolic link, and nothing is written through it", "Remove the link.")
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        CodegenError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CodegenError(str(path), f"cannot be read: {error.strerror}") from None


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
