"""Which kinds of target there are. A new one is a module beside this one, which calls its own ``KIND``, and a line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ...errors import ConfigError
from .base import TargetKind

__all__ = ["TARGETS", "target_kind"]

TARGETS: Final[Mapping[str, str]] = {"connect": "users of a sponsored company", "pod": "users of a pod"}
"""The names of the kinds and of their modules, which are imported when they are needed; and what each is."""


def target_kind(name: str | None) -> TargetKind:
    """The kind of target of that name.

    Raises:
        ConfigError: There is none.
    """
    if name is None:
        raise ConfigError("say what is provisioned: --target connect --company ID, or --target pod")
    if name not in TARGETS:
        raise ConfigError(f"there is no target {name!r}: it is one of {', '.join(TARGETS)}")
    found = import_module(f".{name}", __package__).KIND
    assert isinstance(found, TargetKind)  # noqa: S101 - for type checkers
    return found
