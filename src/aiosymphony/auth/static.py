"""A token that was obtained elsewhere."""

from __future__ import annotations

from ..errors import ConfigError
from ..wire.operation import Caller
from .base import Grant, Source
from .secrets import HeaderSecret, keeps_arguments_secret


class StaticToken:
    """Uses a given token: a pod's session token, or a bearer token for Connect.

    It is never renewed: when the server refuses it, calls fail with ``AuthError``.
    """

    @keeps_arguments_secret
    def __init__(self, token: str, *, key_manager_token: str | None = None) -> None:
        """Take the token.

        Args:
            token: The token.
            key_manager_token: The key manager's token, which some Agents ask for as well.

        Raises:
            ConfigError: A token cannot stand in a header.
        """
        self._token = HeaderSecret(token)
        self._key_manager_token = None if key_manager_token is None else HeaderSecret(key_manager_token)
        self.identity = ""
        """Empty: a given token is not stored, as another client would use it."""

    def __repr__(self) -> str:
        return "StaticToken(***)"

    async def login(self, scheme: str, caller: Caller) -> Grant:  # noqa: ARG002 - the protocol's arguments
        """See :class:`~aiosymphony.auth.base.Auth`. The expiry in a JWT is ignored: there is no other token."""
        token = self._key_manager_token if scheme == "keyManagerToken" else self._token
        if token is None:
            raise ConfigError("StaticToken has no key manager's token: give it as key_manager_token")
        return Grant(token, float("inf"), source=Source.GIVEN)
