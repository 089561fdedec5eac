"""Finds what uses something that is gone from a document."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FOLDERS = ("src", "examples", "tests", "benchmarks", "docs", "README.md")
_STUB = re.compile(r'"""TODO(?: \(|\."")|^\s+\w+: TODO\.$|# TODO$|is not in the sandbox yet')
_ENDS = (".py", ".md", ".toml")


@dataclass(kw_only=True)
class Sought:
    """Names that are gone, and the lines of a project that have them.

    Attributes:
        root: The project's folder.
    """

    root: Path
    _anywhere: set[str] = field(default_factory=set)
    _near: list[tuple[set[str], set[str]]] = field(default_factory=list)

    def add(self, *names: str, near: Collection[str] | None = None) -> None:
        """Look for names; with ``near``, in files alone that have one of those words, as the names are common ones."""
        if near is None:
            self._anywhere.update(names)
        else:
            self._near.append((set(names), set(near)))

    def lines(self) -> list[str]:
        """The lines, as ``file:line: text``."""
        found = []
        for path in _files(self.root):
            text = path.read_text(encoding="utf-8")
            names = {
                *self._anywhere,
                *(name for some, near in self._near if any(word in text for word in near) for name in some),
            }
            if names:
                pattern = re.compile("|".join(_as_a_word(name) for name in sorted(names, key=len, reverse=True)))
                lines = enumerate(text.splitlines(), start=1)
                found += [
                    f"{path.relative_to(self.root)}:{number}: {line.strip()}"
                    for number, line in lines
                    if pattern.search(line)
                ]
        return found


def _as_a_word(name: str) -> str:
    before = r"(?<![\w/])" if name[0].isalnum() else ""
    return before + re.escape(name) + (r"(?!\w)" if name[-1].isalnum() else "")


def unwritten(root: Path) -> list[str]:
    """The lines of stubs that nobody has written yet."""
    found = []
    for path in _files(root):
        if path.suffix == ".py" and path.relative_to(root).parts[:2] != ("tests", "codegen"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if _STUB.search(line):
                    found.append(f"{path.relative_to(root)}:{number}: {line.strip()}")
    return found


def type_errors(root: Path) -> list[str]:
    """What mypy finds in the project: each is a line that the new document breaks, if it was clean before."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "--no-pretty"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in done.stdout.splitlines() if ": error: " in line] + done.stderr.splitlines()


def _files(root: Path) -> Iterator[Path]:
    for name in _FOLDERS:
        place = root / name
        found = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
        yield from (path for path in found if path.suffix in _ENDS and path.is_file())
