"""What changes from one document to another: on the wire, and in the Python that is generated from them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aiosymphony.apidiff import Change, Diff, compare

from .apis import kept_of
from .document import Intake, read_any
from .names_lock import NamesLock
from .naming import pascal_case
from .package import make_package
from .problem import CodegenError
from .python_surface import PythonSurface, breaks, read_package

# How the comparison of documents calls what stands inside an operation, and how the generator does.
_INSIDE = {"answer": "Response", "body": "Body", "item": "Item", "value": "Value"}

_PARTS = {"result": "return", "body": "body"}


@dataclass
class Side:
    """One of the two packages.

    Attributes:
        surface: What callers write against it.
        names: What each thing is called, by the keys of the lock of names.
    """

    surface: PythonSurface
    names: dict[str, str]


def changes_of(root: Path, old: Path, new: Path, *, fixes_old: Path | None = None, fixes: Path | None = None) -> Diff:
    """Compare two documents, as documents and by the packages that are generated from them.

    The names of the old package last in the new one, as they do when the project's packages are regenerated. A document
    of ``specs/apis.toml`` has the names that are kept for it.

    Args:
        root: The project's folder.
        old: The document in use.
        new: The other one.
        fixes_old: An OpenAPI Overlay for the old document.
        fixes: An OpenAPI Overlay for the new document.

    Raises:
        CodegenError: A document cannot be read or generated from.
    """
    before, after = read_any(old, fixes_old), read_any(new, fixes)
    try:
        diff = compare(before.published, after.published)
    except ValueError as error:
        raise CodegenError(f"{old} or {new}", str(error)) from None
    names, present = kept_of(root, old)
    with tempfile.TemporaryDirectory() as folder:
        was = package_of(before, Path(folder) / "old", names, present)
        now = package_of(after, Path(folder) / "new", was.names, present)
    return with_python(diff, was, now)


def package_of(
    taken: Intake, target: Path, names: Mapping[str, str], present: Mapping[str, Collection[str]] | None = None
) -> Side:
    """Generate a package into a folder, and read what callers write against it."""
    lock = NamesLock(names)
    make_package(taken.document, target, api="pod", present=present, names=lock)
    return Side(read_package(target), lock.chosen)


def with_python(diff: Diff, old: Side, new: Side) -> Diff:
    """A diff that tells which changes break the Python of callers, with a change for each break that it lacks."""
    names = _Names({**new.names, **old.names})
    changes = list(diff.changes)
    keys = [(names.python(each.where), _PARTS.get(each.kind, each.name)) for each in changes]
    for each in breaks(old.surface, new.surface):
        home = pascal_case(each.home.rsplit(".", 1)[-1]) if each.home.startswith("api.") else each.home
        key = (home, names.wire.get((home, each.name), each.name))
        found = [index for index, other in enumerate(keys) if other == key]
        if not found:
            wholes = [index for index, change in enumerate(changes) if _breaks_whole(change)]
            found = [index for index in wholes if keys[index][0] == home]
            if not found and home in names.inline:  # gone with what it stood in
                found = [index for index in wholes if keys[index][0] and home.startswith(keys[index][0])]
        if found:
            index = next((each for each in found if changes[each].breaking), found[0])
            changes[index] = replace(changes[index], breaking=True, python=True)
            continue
        where = each.home if each.home.startswith("api.") else f"models.{each.home}"
        name, told = ("", f"its result {each.detail}") if each.name == "return" else (each.name, each.detail)
        changes.append(Change("python", "changed", where, name, told, breaking=True, python=True))
        keys.append(key)
    changes.sort(key=lambda change: not change.breaking)
    return replace(diff, changes=changes)


def _breaks_whole(change: Change) -> bool:
    return change.kind in ("operation", "model", "enum") and change.breaking and not change.name


class _Names:
    """The names that things of the documents have in Python, read from a lock of names.

    Attributes:
        wire: The name in the document of an argument, field or member that is spelled otherwise, by its home and name.
        inline: The classes for schemas that stand inside others.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.wire: dict[tuple[str, str], str] = {}
        self.inline: set[str] = set()
        self._homes: dict[str, str] = {}
        for what, name in names.items():
            kind, text = what.split(" ", 1)
            if kind == "operation":
                self._homes[_any_path(text)] = pascal_case(name)
            elif kind == "schema":
                self._homes[text] = name
            elif kind == "inline":
                self.inline.add(name)
            else:
                home, wire = text.split(" ", 1)
                self.wire[home, name] = wire.split(" ", 1)[1] if kind == "argument" else wire

    def python(self, where: str) -> str:
        """The name in Python of what the comparison of documents calls so; an operation's in PascalCase."""
        found = re.match(r"([A-Z]+) (\S*)(.*)", where)
        if found and (home := self._homes.get(f"{found[1].lower()} {_any_path(found[2])}")):
            return home + _inside(found[3])
        ends = [each.start() for each in re.finditer(r"[. ]|$", where)]
        return next(
            (self._homes[where[:end]] + _inside(where[end:]) for end in reversed(ends) if where[:end] in self._homes),
            "",
        )


def _inside(text: str) -> str:
    return "".join(_INSIDE.get(word, pascal_case(word)) for word in re.split(r"[. ]", text))


def _any_path(text: str) -> str:
    return re.sub(r"{[^}]*}", "{}", text)
