"""Acting for users: an application logs in for itself, and then for each user."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ConfigError, Unauthorized
from ..transport import RequestHeaders
from ..wire.operation import Caller, Request
from .application import Application
from .base import Grant, grant_of
from .keys import PrivateKey
from .rsa import log_in_with_jwt, login_jwt
from .secrets import Secret, keeps_arguments_secret
from .tokens import REFUSAL_REMEMBERED, IssuedToken, TokenCache

APP_TOKEN: Final = "appToken"  # noqa: S105 - the name of a scheme
"""The application's own token, with which it logs in for users."""


_MOST_TRIES: Final = 4
"""How many of the application's tokens a login for a user tries; all but the last come from a store."""


class OnBehalfOf:
    """Logs an application in with its RSA key, to act for users, alone or beside a bot::

        async with PodClient(url, auth=OnBehalfOf("my-app", "app.pem")) as app:
            pod = app.on_behalf_of(user_id=7696581411197)
            me = await pod.session.info()

    The application's token is fetched once for all users.
    """

    @keeps_arguments_secret
    def __init__(self, app_id: str, private_key: str | Path, *, password: str | None = None) -> None:
        """Take the application's id and its key.

        Args:
            app_id: The application's id.
            private_key: The key in PEM, as a path or as text.
            password: Decrypts the key.

        Raises:
            ConfigError: The id is empty or the key unusable; the message says what is wrong and what to do.
        """
        self._app_id = checked_app_id("OnBehalfOf", app_id)
        self._key = PrivateKey(private_key, password)
        self.identity = f"app:{app_id}"
        """Identifies this account in a token store."""

    def __repr__(self) -> str:
        return f"OnBehalfOf({self._app_id!r}, {self._key!r})"

    @property
    def app_id(self) -> str:
        """The application's id."""
        return self._app_id

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`."""
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_pubkey_app_authenticate_post,
        )

        if scheme != APP_TOKEN:
            raise acts_for_users("OnBehalfOf")
        return await log_in_with_jwt(login_pubkey_app_authenticate_post.OPERATION, self._app_id, self._key, caller)

    def login_for(self, user: int | str) -> Request[Any]:
        """See :class:`Application`."""
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_pubkey_app_user_user_id_authenticate_post,
            login_pubkey_app_username_username_authenticate_post,
        )

        if isinstance(user, int):
            return login_pubkey_app_user_user_id_authenticate_post.build(user)
        return login_pubkey_app_username_username_authenticate_post.build(user)

    def grant_for(self, answer: Any) -> Grant:
        """See :class:`Application`."""
        return grant_of(answer)

    async def extension_app_login(self, app_token: Secret) -> Request[Any]:
        """See :class:`Application`. A JWT proves for four minutes who the application is."""
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_v1_pubkey_app_authenticate_extension_app_post,
        )
        from aiosymphony_api.login.models import AuthenticateExtensionAppRequest  # noqa: PLC0415 - as above

        proof = await asyncio.to_thread(login_jwt, self._app_id, self._key)
        body = AuthenticateExtensionAppRequest(app_token=app_token.reveal(), auth_token=proof.reveal())
        return login_v1_pubkey_app_authenticate_extension_app_post.build(body=body)


def checked_app_id(kind: str, app_id: str) -> str:
    """The id of an application.

    Raises:
        ConfigError: It is empty or no text.
    """
    if not app_id or not isinstance(app_id, str):
        raise ConfigError(f"the app_id of {kind} must be a text that is not empty")
    return app_id


def acts_for_users(kind: str) -> ConfigError:
    """The error of a call that an application makes as nobody."""
    return ConfigError(f"{kind} acts for a user: call on_behalf_of(user_id=...) of the client first")


class AppItself:
    """Logs an application in to call as itself; made by ``PodClient.as_app``."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.identity = f"{app.identity} itself"

    def __repr__(self) -> str:
        return f"AppItself({self._app!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`."""
        if scheme != "sessionToken":
            raise ConfigError(f"an application has no {scheme!r} token of its own")
        return await self._app.login(APP_TOKEN, caller)


class AppTokens:
    """The application's token, shared by all its users. A 401 to one of them may be about the token or the user."""

    def __init__(self, cache: TokenCache, clock: Clock = SYSTEM_CLOCK) -> None:
        self._cache = cache
        self._clock = clock
        self._good: IssuedToken | None = None
        self._good_until = float("-inf")

    async def get(self) -> IssuedToken:
        """The application's token. Raises what :meth:`TokenCache.get` raises."""
        return await self._cache.get()

    async def after_refusal(self, refused: IssuedToken, since: float) -> IssuedToken | None:
        """The token to try next for a user that was refused; None if the refusal is about the user.

        It is about the user if the token was issued while the user waited, or if another user's refusal has just shown
        that a new token does not help. Otherwise each user that the application may not act for would cost it a login.
        """
        if refused.is_fresh(since):
            self._good, self._good_until = refused, self.now() + REFUSAL_REMEMBERED
        if refused is self._good and self.now() < self._good_until:
            return None
        return await self._cache.replace(refused)

    def now(self) -> float:
        """The present time, for :meth:`after_refusal`."""
        return self._clock.monotonic()


class UserOfApp:
    """Logs in for one user of an application; made by ``PodClient.on_behalf_of``."""

    def __init__(self, app: Application, app_tokens: AppTokens, user: int | str) -> None:
        """``user`` is an id, or a username as text."""
        self._app = app
        self._app_tokens = app_tokens
        self._user = user
        self.identity = f"{app.identity} user:{user}"

    def __repr__(self) -> str:
        return f"UserOfApp({self.identity!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`. An app token that has expired is renewed once."""
        if scheme != "sessionToken":
            raise ConfigError(f"acting for a user gives no {scheme!r} token")
        since = self._app_tokens.now()
        token = await self._app_tokens.get()
        tries = 0
        while True:
            try:
                return await self._log_in(token, caller)
            except Unauthorized as error:
                refusal = error.with_traceback(None)
            tries += 1
            newer = await self._app_tokens.after_refusal(token, since) if tries < _MOST_TRIES else None
            if newer is None:
                refusal.explain("The application may not act for this user, or there is no such user.")
                raise refusal
            token = newer

    async def _log_in(self, app_token: IssuedToken, caller: Caller) -> Grant:
        headers = RequestHeaders({"sessionToken": app_token.secret.reveal()})
        return self._app.grant_for(await caller.execute(self._app.login_for(self._user).with_token(headers)))
