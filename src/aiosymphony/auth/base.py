"""The protocol of ways to log in, and the result of a login."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import attrs

from ..errors import ConfigError, DecodeError
from ..transport import Transport
from ..wire.models import or_none
from ..wire.operation import Caller
from .secrets import HeaderSecret

if TYPE_CHECKING:
    from aiosymphony_api.login.models import Token

__all__ = ["LOGIN_API", "Auth", "Grant", "OwnLoginHost", "OwnLoginTransport", "Source", "grant_of"]

LOGIN_API: Final = "login"
"""The API whose operations obtain and end tokens. They go to hosts of their own."""


class Auth(Protocol):
    """How a client gets its tokens: :class:`RsaAuth`, :class:`ClientCredentials` and the others.

    One may also be an :class:`OwnLoginTransport` or an :class:`OwnLoginHost`.
    """

    @property
    def identity(self) -> str:
        """Identifies this account in a token store; empty if its tokens must not be stored."""
        ...

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """Obtain the token of a security scheme (``sessionToken``, ``keyManagerToken`` or ``bearer``).

        ``caller`` adds no token to a request: a login that needs one puts it into the request's headers.

        Raises:
            ConfigError: This kind of authentication has no such token.
            SymphonyError: The login failed.
        """
        ...


@runtime_checkable
class OwnLoginTransport(Protocol):
    """An optional part of :class:`Auth`: logins use connections of their own, as client certificates need."""

    @property
    def login_transport(self) -> Transport:
        """The transport of logins; closed with the client."""
        ...


@runtime_checkable
class OwnLoginHost(Protocol):
    """An optional part of :class:`Auth`: logins go to a server of their own instead of the client's."""

    @property
    def login_host(self) -> str:
        """The server's URL without a path."""
        ...


class Source(Enum):
    """Where a token comes from, which decides what a refusal of it means."""

    LOGIN = "login"
    """The server has just issued it: another login would not help."""
    STORE = "store"
    """Another process obtained it at an unknown time."""
    GIVEN = "given"
    """The program gave it, and there is no other."""


@attrs.frozen
class Grant:
    """The result of a login.

    Attributes:
        token: The token.
        expires_in: Seconds until it expires; None if the server did not say.
        source: Where it comes from.
        authorization: The bearer token that came with it, if there was one.
    """

    token: HeaderSecret
    expires_in: float | None = None
    source: Source = Source.LOGIN
    authorization: HeaderSecret | None = None


def grant_of(answer: Token) -> Grant:
    """The grant in a login's answer. A pod does not say when its tokens expire.

    Raises:
        DecodeError: The answer holds no token, or one that cannot stand in a header.
    """
    token = read_secret(or_none(lambda: answer.token))
    if token is None:
        raise DecodeError("the answer to the login holds no usable token", path="$.token")
    return Grant(token, authorization=read_secret(answer.authorization_token, prefix="Bearer "))


def read_secret(text: Any, prefix: str = "") -> HeaderSecret | None:
    """A token from whatever the server sent; None if it cannot be one."""
    bare = text.removeprefix(prefix) if isinstance(text, str) else ""
    try:
        return HeaderSecret(bare) if bare else None
    except ConfigError:
        return None
