"""Login with an RSA key, as bots and extension applications use it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jwt

from ..errors import ApiError, ConfigError
from ..wire.operation import Caller, Operation
from .base import Grant, grant_of
from .keys import PrivateKey
from .secrets import Secret, keeps_arguments_secret

if TYPE_CHECKING:
    from aiosymphony_api.login.models import Token

LIFETIME: Final = 240.0
"""Seconds until a login JWT expires; a pod refuses more than 300, and clocks differ."""

_WRONG_CLOCK: Final = 30.0
"""Seconds. If the clocks of this host and the server differ by more, the refusal of a login says so."""


def login_jwt(subject: str, key: PrivateKey, *, now: float | None = None) -> Secret:
    """The JWT that proves who logs in: RS512, ``sub`` the username or app id, valid for four minutes."""
    claims = {"sub": subject, "exp": int((time.time() if now is None else now) + LIFETIME)}
    return Secret(jwt.encode(claims, key.load(), algorithm="RS512"), name="login JWT")


async def log_in_with_jwt(operation: Operation[..., Token], subject: str, key: PrivateKey, caller: Caller) -> Grant:
    """Log in by an operation that takes a signed JWT. The error of a refusal says if this host's clock is wrong."""
    from aiosymphony_api.login.models import AuthenticateRequest  # noqa: PLC0415 - loads when it is used

    # In a thread: reading a file and signing block. Revealed inline: a local would show in tracebacks with locals.
    proof = await asyncio.to_thread(login_jwt, subject, key)
    try:
        return grant_of(await caller.execute(operation.build(body=AuthenticateRequest(token=proof.reveal()))))
    except ApiError as error:
        if error.status in (400, 401, 403) and error.server_time is not None:
            ahead = time.time() - error.server_time
            if abs(ahead) >= _WRONG_CLOCK:
                error.explain(
                    f"The clock of this host is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the "
                    "server's, and the JWT of a login is valid for at most 5 minutes: set the clock."
                )
        raise


class RsaAuth:
    """Logs a bot in with its RSA key: ``RsaAuth("provisioning-bot", "bot.pem")``.

    The session token comes from the pod. The key manager's token comes from the key manager, and only when an operation
    needs it.
    """

    @keeps_arguments_secret
    def __init__(self, username: str, private_key: str | Path, *, password: str | None = None) -> None:
        """Take the bot's username and its key.

        Args:
            username: The service account's username.
            private_key: The key in PEM, as a path or as text.
            password: Decrypts the key.

        Raises:
            ConfigError: The username is empty or the key unusable; the message says what is wrong and what to do.
        """
        if not username or not isinstance(username, str):
            raise ConfigError("the username of RsaAuth must be a text that is not empty")
        self._username = username
        self._key = PrivateKey(private_key, password)
        self.identity = f"rsa:{username}"
        """Identifies this account in a token store."""

    def __repr__(self) -> str:
        return f"RsaAuth({self._username!r}, {self._key!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`."""
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_pubkey_authenticate_post,
            relay_pubkey_authenticate_post,
        )

        operations = {
            "sessionToken": login_pubkey_authenticate_post.OPERATION,
            "keyManagerToken": relay_pubkey_authenticate_post.OPERATION,
        }
        if scheme not in operations:
            raise ConfigError(f"RsaAuth gives no {scheme!r} token: use ClientCredentials for Connect")
        return await log_in_with_jwt(operations[scheme], self._username, self._key, caller)
