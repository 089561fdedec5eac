"""Looks at every reference of a document before anything follows one: it leads somewhere, and not out of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .problem import CodegenError
from .reading import read_document
from .references import References

_MOST_PROBLEMS: Final = 20
_DATA: Final = frozenset({"example", "examples", "default", "enum", "const"})
_NAMED: Final = frozenset({"properties", "patternProperties", "schemas", "definitions", "$defs", "mapping"})


def references_of(value: Any, place: str = "#", *, names: bool = False) -> Iterator[tuple[str, str]]:
    """Each reference of a document with its place; ``names`` where keys are names and not keywords."""
    if isinstance(value, dict):
        if not names and isinstance(value.get("$ref"), str):
            yield value["$ref"], f"{place}/$ref"
        for key, item in value.items():
            if names or key not in _DATA:
                escaped = key.replace("~", "~0").replace("/", "~1")
                yield from references_of(item, f"{place}/{escaped}", names=not names and key in _NAMED)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references_of(item, f"{place}/{index}")


def check_references(document: dict[str, Any], source: str) -> None:
    """Check that every reference leads to something within the document. Nothing is opened and nothing is fetched.

    Raises:
        CodegenError: One does not; names every one with its place.
    """
    known = References(document)
    problems = []
    for reference, place in references_of(document):
        if not reference.startswith("#"):
            problems.append(f"{place}: refers to another document: {reference}")
            continue
        if reference == "#":
            continue
        try:
            known.resolve(reference, place)
        except CodegenError as error:
            problems.append(f"{place}: {error.what}")
    if problems:
        shown = problems[:_MOST_PROBLEMS]
        more = f"\n    and {len(problems) - len(shown)} more" if len(problems) > len(shown) else ""
        raise CodegenError(
            source,
            "has references that lead nowhere:\n    " + "\n    ".join(shown) + more,
            "Put what they refer to into the document (a fix can do that), or give the folder of its other files with "
            "--allow-files.",
        )


def with_files(document: dict[str, Any], path: Path, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """A copy of a document in which references to files under a folder are replaced by what they refer to.

    Returns:
        The copy, and a note for each file that was read.

    Raises:
        CodegenError: A file is not under the folder, cannot be read, or refers to itself.
    """
    loader = _Files(folder.resolve())
    return loader.inlined(copy.deepcopy(document), path.resolve(), "#", ()), loader.notes


class _Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, dict[str, Any]] = {}
        self.notes: list[str] = []

    def inlined(self, value: Any, home: Path, place: str, seen: tuple[tuple[Path, str], ...]) -> Any:
        if isinstance(value, list):
            return [self.inlined(item, home, f"{place}/{index}", seen) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if not isinstance(reference, str) or (reference.startswith("#") and not seen):
            return {key: self.inlined(item, home, f"{place}/{key}", seen) for key, item in value.items()}
        name, _, part = reference.partition("#")
        target = home if not name else self._path(name, home, place)
        if (target, part) in seen:
            raise CodegenError(
                f"{place}/$ref", f"refers to itself through {reference}", "Recursion works within one document alone."
            )
        if target not in self._read:
            self._read[target] = read_document(target)
            self.notes.append(f"{place}/$ref: taken from {target.relative_to(self._folder)}")
        found = self._read[target]
        inner = References(found).resolve(f"#{part}", f"{place}/$ref") if part.strip("/") else found
        return self.inlined(copy.deepcopy(inner), target, place, (*seen, (target, part)))

    def _path(self, name: str, home: Path, place: str) -> Path:
        if "://" in name:
            raise CodegenError(f"{place}/$ref", f"refers to an address: {name}", "Save it under the folder.")
        target = (home.parent / name).resolve()
        if not target.is_relative_to(self._folder):
            raise CodegenError(f"{place}/$ref", f"refers to {name}, which is not under {self._folder}")
        return target
