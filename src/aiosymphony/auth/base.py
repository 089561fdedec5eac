"""What a way of logging in is, and what a login brings."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import attrs

from ..errors import ConfigError, DecodeError
from ..transport import Transport
from ..wire.operation import Caller
from .secrets import HeaderSecret

if TYPE_CHECKING:
    from aiosymphony_api.login.models import Token

__all__ = ["LOGIN_API", "Auth", "Grant", "OwnLoginHost", "OwnLoginTransport", "Source", "grant_of"]

LOGIN_API: Final = "login"
"""Operations of this API obtain and end tokens; they go to hosts of their own."""


class Auth(Protocol):
    """How a client gets its tokens: :class:`RsaAuth`, :class:`ClientCredentials` and the others.

    One may also be an :class:`OwnLoginTransport` or an :class:`OwnLoginHost`.
    """

    @property
    def identity(self) -> str:
        """What tells this account from others in a token store; empty if its tokens are not to be kept in one."""
        ...

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """Obtain the token of a security scheme (``sessionToken``, ``keyManagerToken`` or ``bearer``).

        ``caller`` puts no token on a request: one that a login needs stands in the request's own headers.

        Raises:
            ConfigError: This kind of authentication has no such token.
            SymphonyError: The login failed.
        """
        ...


@runtime_checkable
class OwnLoginTransport(Protocol):
    """An optional part of :class:`Auth`: logins go over connections of their own, as client certificates need."""

    @property
    def login_transport(self) -> Transport:
        """Carries the logins; closed with the client."""
        ...


@runtime_checkable
class OwnLoginHost(Protocol):
    """An optional part of :class:`Auth`: logins go to a server of their own, and not to the client's."""

    @property
    def login_host(self) -> str:
        """The server's URL without a path."""
        ...


class Source(Enum):
    """Where a token is from, which says what its refusal means."""

    LOGIN = "login"
    """The server has just issued it: another login brings nothing better."""
    STORE = "store"
    """Another process was issued it, who knows when."""
    GIVEN = "given"
    """The caller gave it, and there is no other."""


@attrs.frozen
class Grant:
    """What a login brought.

    Attributes:
        token: The token.
        expires_in: For how many seconds it holds; None if the server did not say.
        source: Where it is from.
        authorization: The bearer token that came with it, if one did.
    """

    token: HeaderSecret
    expires_in: float | None = None
    source: Source = Source.LOGIN
    authorization: HeaderSecret | None = None


def grant_of(answer: Token) -> Grant:
    """The grant in a login's answer. A pod does not say how long its tokens hold.

    Raises:
        DecodeError: The answer holds no token, or one that cannot stand in a header.
    """
    token = _secret(answer.token)
    if token is None:
        raise DecodeError("the login's answer holds no token that can be used", path="$.token")
    return Grant(token, authorization=_secret(answer.authorization_token, prefix="Bearer "))


def _secret(text: Any, prefix: str = "") -> HeaderSecret | None:
    """A token, whatever the server put in its place; None if it cannot be one."""
    bare = text.removeprefix(prefix) if isinstance(text, str) else ""
    try:
        return HeaderSecret(bare) if bare else None
    except ConfigError:
        return None
