"""The kinds of users that there are."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ConfigError
from .connect import ConnectUser
from .pod import PodUser

__all__ = ["User", "user_class"]

User = ConnectUser | PodUser
_CLASSES: Mapping[str, type[ConnectUser | PodUser]] = {one.kind: one for one in (ConnectUser, PodUser)}


def user_class(kind: str) -> type[ConnectUser | PodUser]:
    """The class of rows for a kind of target: ``connect`` or ``pod``.

    Raises:
        ConfigError: It is neither.
    """
    found = _CLASSES.get(kind)
    if found is None:
        raise ConfigError(f"there is no kind of target {kind!r}: it is one of {', '.join(_CLASSES)}")
    return found
