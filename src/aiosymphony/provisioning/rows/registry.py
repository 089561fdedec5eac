"""Which kinds of users there are. A new one is a module beside this one, with its class as ``ROW``, and a line."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ...errors import ConfigError
from .base import User

__all__ = ["KINDS", "user_class"]

KINDS: Final[Mapping[str, str]] = {"connect": "users of a sponsored company", "pod": "users of a pod"}
"""The kinds, which name their modules here and in ``targets``, and what each is."""


@functools.cache
def user_class(kind: str) -> type[User]:
    """The class of rows for a kind of target.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no kind of target {kind!r}: it is one of {', '.join(KINDS)}")
    found: type[User] = import_module(f".{kind}", __package__).ROW
    return found
