"""Grants from what the login operations answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DecodeError
from .secrets import HeaderSecret
from .tokens import Grant

if TYPE_CHECKING:
    from aiosymphony_api.login.models import Token


def grant_of(answer: Token) -> Grant:
    """The grant in a login's answer. A pod does not say how long its tokens hold.

    Raises:
        DecodeError: The answer holds no token.
    """
    if not answer.token:
        raise DecodeError("the login's answer holds no token", path="$.token")
    return Grant(HeaderSecret(answer.token, name=answer.name or "token"))
