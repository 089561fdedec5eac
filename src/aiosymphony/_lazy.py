"""Packages whose names are loaded when they are first used.

Such a package tells type-checkers its names by imports under ``TYPE_CHECKING``, and hides what this module makes from
them: a module with a ``__getattr__`` has every name for a type-checker, so that one that is gone or misspelt passes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def lazy(
    package: str, names: Mapping[str, str] | None = None, *, modules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and the ``__dir__`` of a package.

    Args:
        package: The package's full name.
        names: Its names that are loaded on first use, with the modules of the package that have them.
        modules: Its modules that are loaded on first use.
    """
    homes = names or {}
    own = frozenset(modules)

    def load(name: str) -> Any:
        if name in own:
            return import_module(f"{package}.{name}")
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def names_of_package() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *own})

    return load, names_of_package
