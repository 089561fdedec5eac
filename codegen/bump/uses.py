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
    _common: list[tuple[str, set[str], set[str]]] = field(default_factory=list)

    def add(self, *names: str) -> None:
        """Look for names that mean nothing else."""
        self._anywhere.update(names)

    def add_method(self, facade: str, facades: Collection[str]) -> None:
        """Look for a method, such as ``presence.list``: by its own name alone, if no other has it."""
        method = facade.rpartition(".")[2]
        shared = hasattr(list, method) or hasattr(dict, method)
        if shared or any(each != facade and each.rpartition(".")[2] == method for each in facades):
            self.add(f"`{facade}`", f"{facade}(")
        else:
            self.add(f"`{facade}`", f".{method}(", f"def {method}(")

    def add_common(self, what: str, *names: str, near: Collection[str]) -> None:
        """Count names that are common words, in the files that have one of the words in ``near``."""
        self._common.append((what, set(names), set(near)))

    def lines(self) -> list[str]:
        """The lines, as ``file:line: text``."""
        found = []
        pattern = _any_of(self._anywhere)
        for path in _files(self.root) if self._anywhere else ():
            lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
            found += [
                f"{path.relative_to(self.root)}:{number}: {line.strip()}"
                for number, line in lines
                if pattern.search(line)
            ]
        return found

    def counts(self) -> list[str]:
        """For each common word, the files that have it, with the number of their lines."""
        found = []
        for what, names, near in self._common:
            pattern, places = _any_of(names), []
            for path in _files(self.root):
                text = path.read_text(encoding="utf-8")
                count = sum(pattern.search(line) is not None for line in text.splitlines())
                if count and any(word in text for word in near):
                    places.append(f"{path.relative_to(self.root)} ({count})")
            if places:
                found.append(f"{what}: look through the lines that have this word in {', '.join(places)}")
        return found


def _any_of(names: Collection[str]) -> re.Pattern[str]:
    return re.compile("|".join(_as_a_word(name) for name in sorted(names, key=len, reverse=True)))


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
