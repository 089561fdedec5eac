"""The kinds of target by name. Each is a module beside this one, with its ``KIND``, imported when it is needed."""

from __future__ import annotations

from importlib import import_module

from ...errors import ConfigError
from ..rows.registry import KINDS
from .base import TargetKind

__all__ = ["target_kind"]


def target_kind(name: str | None) -> TargetKind:
    """The kind of target of that name.

    Raises:
        ConfigError: There is none.
    """
    if name is None:
        raise ConfigError("say what is provisioned: --target connect --company ID, or --target pod")
    if name not in KINDS:
        raise ConfigError(f"there is no target {name!r}: it is one of {', '.join(KINDS)}")
    found = import_module(f".{name}", __package__).KIND
    assert isinstance(found, TargetKind)  # noqa: S101 - for type checkers
    return found
