"""What resources check of their arguments before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import ConfigError


def texts(name: str, values: Iterable[str]) -> list[str]:
    """Several texts as a list.

    Raises:
        ConfigError: One text came instead of several: its letters would be taken for them.
    """
    if isinstance(values, str):
        raise ConfigError(f"{name}: expected several texts, such as a list, not the one {values!r}. Nothing was sent.")
    return [*values]
