"""Login with an RSA key: the way of bots and of extension applications."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..errors import ConfigError
from .grants import grant_of
from .secrets import Secret
from .tokens import Grant

if TYPE_CHECKING:
    from ..operation import Caller

LIFETIME: Final = 240.0
"""Seconds that a login JWT holds; a pod refuses more than 300, and clocks differ."""

_LONGEST_PATH: Final = 1024
"""Characters of a text that may be a path. A longer one is a key without its PEM frame, and must not be shown."""


class PrivateKey:
    """An RSA private key in PEM (PKCS#1 or PKCS#8), as a file or as text.

    A file is read again for each login, since keys rotate while a bot runs.
    """

    def __init__(self, source: str | Path) -> None:
        """Take a path, or the PEM text itself.

        Raises:
            ConfigError: The file or the text is not a usable key.
        """
        is_text = isinstance(source, str) and "-----BEGIN" in source
        if not is_text and (len(str(source)) > _LONGEST_PATH or "\n" in str(source)):
            raise ConfigError("the private key is neither a path nor PEM text, which begins with -----BEGIN")
        self._path = None if is_text else Path(source)
        self._text = Secret(str(source), name="private key") if is_text else None
        self.load()

    def __repr__(self) -> str:
        return "PrivateKey(***)" if self._path is None else f"PrivateKey({str(self._path)!r})"

    def load(self) -> RSAPrivateKey:
        """Read the key.

        Raises:
            ConfigError: It cannot be read, or is no RSA key without a password.
        """
        where = "the private key" if self._path is None else f"the private key file {str(self._path)!r}"
        try:
            pem = self._path.read_bytes() if self._path is not None else _text(self._text).encode()
            key = load_pem_private_key(pem, password=None)
        except OSError as error:
            problem = f"{where} cannot be read: {error.strerror}"
        except (ValueError, TypeError, UnsupportedAlgorithm):
            problem = f"{where} is no PEM private key without a password"
        else:
            if isinstance(key, RSAPrivateKey):
                return key
            problem = f"{where} is not an RSA key"
        raise ConfigError(problem)


def _text(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()


def login_jwt(subject: str, key: PrivateKey, *, now: float | None = None) -> Secret:
    """The JWT that proves who logs in: RS512, ``sub`` the username or app id, valid for four minutes."""
    claims = {"sub": subject, "exp": int((time.time() if now is None else now) + LIFETIME)}
    return Secret(jwt.encode(claims, key.load(), algorithm="RS512"), name="login JWT")


class RsaAuth:
    """Logs a bot in with its RSA key: ``RsaAuth("provisioning-bot", "bot.pem")``.

    The session token comes from the pod, the key manager's token from the key manager; the latter is fetched only
    when an operation needs it.
    """

    def __init__(self, username: str, private_key: str | Path) -> None:
        """Take the bot's username and its key as a path or as PEM text.

        Raises:
            ConfigError: The username is empty or the key unusable.
        """
        if not username:
            raise ConfigError("the username of RsaAuth is empty")
        self._username = username
        self._key = PrivateKey(private_key)
        self.identity = f"rsa:{username}"
        """What tells this account from others in a token store."""

    def __repr__(self) -> str:
        return f"RsaAuth({self._username!r}, {self._key!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.session.Auth`."""
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_pubkey_authenticate_post,
            relay_pubkey_authenticate_post,
        )
        from aiosymphony_api.login.models import AuthenticateRequest  # noqa: PLC0415

        operations = {
            "sessionToken": login_pubkey_authenticate_post,
            "keyManagerToken": relay_pubkey_authenticate_post,
        }
        if scheme not in operations:
            raise ConfigError(f"RsaAuth gives no {scheme!r} token: use ClientCredentials for Connect")
        # In a thread: reading a file and signing block. Revealed inline: a local would show in tracebacks with locals.
        proof = await asyncio.to_thread(login_jwt, self._username, self._key)
        return grant_of(await caller.execute(operations[scheme].build(body=AuthenticateRequest(token=proof.reveal()))))
