"""Grants from what the login operations answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DecodeError
from .secrets import HeaderSecret
from .tokens import Grant

if TYPE_CHECKING:
    from aiosymphony_api.login.models import Token


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
