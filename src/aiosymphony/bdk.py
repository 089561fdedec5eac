"""One login beside Symphony's own BDK for Python, ``symphony-bdk-python``: whose, you choose.

The BDK logs in, and a client uses its tokens::

    async with SymphonyBdk(config) as bdk, PodClient(url, BdkAuth(bdk)) as pod:
        ...

Or a client logs in, and the BDK uses its tokens::

    async with PodClient(url, RsaAuth(username, key)) as pod, SymphonyBdk(config) as bdk:
        share_login(pod, bdk)

Either way a token that expires or is revoked is renewed once for both. Prefer the second: a client renews a token
before it expires, keeps it in a token store if it has one, and lets all callers share one login.

Made for symphony-bdk-python 3.
"""

from __future__ import annotations

from typing import Any, Final

from .auth.base import Grant, Source
from .auth.secrets import HeaderSecret
from .errors import AuthError, ConfigError
from .pod.client import PodClient
from .wire.operation import Caller

__all__ = ["BdkAuth", "share_login"]

_BEARER_LIFE: Final = 240.0
"""Seconds that a bearer token is good for at least."""
_PROPERTIES: Final = {"sessionToken": "session_token", "keyManagerToken": "key_manager_token"}


class BdkAuth:
    """Takes tokens from the session of the BDK's bot, and has that renewed when they are refused.

    Its tokens are not kept in a token store.

    Args:
        bdk: A ``SymphonyBdk`` with a bot, or an ``AuthSession`` of it, such as ``bdk.obo(user_id=…)`` logs in.

    Raises:
        ConfigError: It is neither.
    """

    def __init__(self, bdk: Any) -> None:
        session = bdk.bot_session() if callable(getattr(bdk, "bot_session", None)) else bdk
        if not callable(getattr(session, "refresh", None)) or not hasattr(type(session), "session_token"):
            raise ConfigError(f"BdkAuth takes a SymphonyBdk or an AuthSession of its, not {type(bdk).__name__}")
        self._session = session
        self._given: dict[str, HeaderSecret] = {}
        self.identity = ""
        """Empty, as its tokens must not be stored."""

    def __repr__(self) -> str:
        return f"BdkAuth({type(self._session).__name__})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.Auth`."""
        del caller  # the BDK has connections of its own
        if scheme not in _PROPERTIES:
            raise ConfigError(f"the BDK has no {scheme!r} token: use ClientCredentials for Connect")
        token = await self._token(scheme)
        if token == self._given.get(scheme):
            # What was given before is not good any more. If the BDK has renewed it by itself, that is enough.
            await self._ask(self._session.refresh())
            token = await self._token(scheme)
        self._given[scheme] = token
        return Grant(token, source=Source.STORE)

    async def _token(self, scheme: str) -> HeaderSecret:
        text = await self._ask(getattr(self._session, _PROPERTIES[scheme]))
        if not text:
            raise ConfigError(f"the BDK has no {scheme}: its login gives none")
        return HeaderSecret(text)

    async def _ask(self, awaitable: Any) -> Any:
        try:
            return await awaitable
        except Exception as error:  # noqa: BLE001 - the BDK's errors have no common base
            failure = AuthError(f"the login of the BDK failed: {type(error).__name__}")
        raise failure


def share_login(pod: PodClient, bdk: Any) -> None:
    """Have the BDK's bot use the tokens of a client. Close the client after the BDK.

    Args:
        pod: The client.
        bdk: A ``SymphonyBdk`` with a bot, or its ``AuthSession``.

    Raises:
        ConfigError: It is neither.
    """
    session = bdk.bot_session() if callable(getattr(bdk, "bot_session", None)) else bdk
    before = getattr(session, "_authenticator", None)
    if before is None:
        raise ConfigError(f"share_login takes a SymphonyBdk or an AuthSession of its, not {type(bdk).__name__}")
    session._authenticator = _PodAuthenticator(pod, before.agent_version_service)


class _PodAuthenticator:
    """What the BDK asks for tokens, as its ``BotAuthenticator``: each time that it has none, or was refused one."""

    def __init__(self, pod: PodClient, agent_version_service: Any) -> None:
        self._pod = pod
        self._given: dict[str, HeaderSecret] = {}
        self.agent_version_service = agent_version_service

    async def retrieve_session_token(self) -> str:
        return (await self._retrieve("sessionToken")).reveal()

    async def retrieve_key_manager_token(self) -> str:
        return (await self._retrieve("keyManagerToken")).reveal()

    async def retrieve_session_token_object(self) -> tuple[Any, int]:
        """The session token with the bearer token that came with it, and when that is to be asked for anew."""
        from symphony.bdk.core.auth.jwt_helper import generate_expiration_time  # noqa: PLC0415 - it is installed
        from symphony.bdk.gen.login_model.token import Token  # noqa: PLC0415

        cache = self._pod._session.token_cache("sessionToken")
        issued = await cache.get()
        # The bearer token lives for minutes, the session token for days: what came with an old one is renewed.
        if issued.secret == self._given.get("bearer") or issued.issued_at + _BEARER_LIFE < cache.now():
            issued = await cache.in_place_of(issued.secret)
        self._given["bearer"] = self._given["sessionToken"] = issued.secret
        bearer = None if issued.authorization is None else f"Bearer {issued.authorization.reveal()}"
        answer: dict[str, Any] = {"token": issued.secret.reveal(), "authorization_token": bearer}
        return Token(**answer), generate_expiration_time()

    async def _retrieve(self, scheme: str) -> HeaderSecret:
        self._given[scheme] = await self._pod.token(scheme, refused=self._given.get(scheme))
        return self._given[scheme]
