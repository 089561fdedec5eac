"""Acting for users: an application logs in once, and then for each user in turn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, Unauthorized
from .grants import grant_of
from .keys import PrivateKey
from .rsa import log_in_with_jwt
from .secrets import keeps_arguments_secret
from .tokens import Grant, IssuedToken, TokenCache

if TYPE_CHECKING:
    from ..operation import Caller

APP_TOKEN = "appToken"  # noqa: S105 - the name of a scheme
"""The application's own token, with which it logs in for users; no operation takes it."""


class OnBehalfOf:
    """Logs an application in with its RSA key, to act for users::

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
            password: What opens the key if it is encrypted.

        Raises:
            ConfigError: The id is empty or the key unusable; the message says what it is and what to do.
        """
        if not app_id or not isinstance(app_id, str):
            raise ConfigError("the app_id of OnBehalfOf is empty, or no text")
        self._app_id = app_id
        self._key = PrivateKey(private_key, password)
        self.identity = f"app:{app_id}"
        """What tells this account from others in a token store."""

    def __repr__(self) -> str:
        return f"OnBehalfOf({self._app_id!r}, {self._key!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.session.Auth`."""
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_pubkey_app_authenticate_post,
        )

        if scheme != APP_TOKEN:
            raise ConfigError("OnBehalfOf acts for a user: call on_behalf_of(user_id=...) of the client first")
        return await log_in_with_jwt(login_pubkey_app_authenticate_post.OPERATION, self._app_id, self._key, caller)


class UserOfApp:
    """The authentication of one user that an application acts for; made by ``PodClient.on_behalf_of``."""

    def __init__(self, app: OnBehalfOf, app_tokens: TokenCache, user: int | str) -> None:
        """``user`` is an id, or a username as text."""
        self._app_tokens = app_tokens
        self._user = user
        self.identity = f"{app.identity} user:{user}"

    def __repr__(self) -> str:
        return f"UserOfApp({self.identity!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.session.Auth`. An app token that has expired is renewed once."""
        if scheme != "sessionToken":
            raise ConfigError(f"acting for a user gives no {scheme!r} token")
        token = await self._app_tokens.get()
        try:
            return await self._log_in(token, caller)
        except Unauthorized:
            pass
        return await self._log_in(await self._app_tokens.renew(token), caller)

    async def _log_in(self, app_token: IssuedToken, caller: Caller) -> Grant:
        from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
            login_pubkey_app_user_user_id_authenticate_post,
            login_pubkey_app_username_username_authenticate_post,
        )

        from ..transport import RequestHeaders  # noqa: PLC0415

        request = (
            login_pubkey_app_user_user_id_authenticate_post.build(self._user)
            if isinstance(self._user, int)
            else login_pubkey_app_username_username_authenticate_post.build(self._user)
        )
        request.headers = RequestHeaders({"sessionToken": app_token.secret.reveal()})
        return grant_of(await caller.execute(request))
