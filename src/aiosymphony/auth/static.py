"""A token that somebody else obtained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .secrets import HeaderSecret
from .tokens import Grant

if TYPE_CHECKING:
    from ..operation import Caller


class StaticToken:
    """Uses one given token for every scheme; when the server refuses it, calls fail with ``AuthError``."""

    def __init__(self, token: str) -> None:
        """Take the token. Raises ConfigError if it cannot stand in a header."""
        self._token = HeaderSecret(token)
        self.identity = "static"

    def __repr__(self) -> str:
        return "StaticToken(***)"

    async def login(self, scheme: str, caller: Caller) -> Grant:  # noqa: ARG002 - the protocol's arguments
        """See :class:`~aiosymphony.session.Auth`. The life that a JWT hints at is not used: there is no other token."""
        return Grant(self._token, float("inf"))
