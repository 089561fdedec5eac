"""Bearer tokens for services of a pod: a session token is exchanged for one of a scope."""

from __future__ import annotations

from ..errors import DecodeError, Unauthorized
from ..transport import RequestHeaders
from ..wire.models import or_none
from ..wire.operation import Caller
from .base import Grant, read_secret
from .tokens import IssuedToken, TokenCache

__all__ = ["exchange_session"]


async def exchange_session(sessions: TokenCache, scope: str, caller: Caller) -> Grant:
    """A token of a scope (``POST /login/idm/tokens``). A session that has ended is renewed once.

    Raises:
        SymphonyError: There is no session, or the exchange failed.
    """
    session = await sessions.get()
    try:
        return await _exchange(session, scope, caller)
    except Unauthorized:
        session = await sessions.replace(session)
    return await _exchange(session, scope, caller)


async def _exchange(session: IssuedToken, scope: str, caller: Caller) -> Grant:
    from aiosymphony_api.login.api.authentication import (  # noqa: PLC0415 - generated code loads when it is used
        login_idm_tokens_post,
    )

    headers = RequestHeaders({"sessionToken": session.secret.reveal()})
    answer = await caller.execute(login_idm_tokens_post.build(scope=scope).with_token(headers))
    token = read_secret(or_none(lambda: answer.access_token))
    if token is None:
        raise DecodeError("the answer to the exchange holds no usable token", path="$.access_token")
    life = answer.expires_in
    return Grant(token, float(life) if isinstance(life, int) and life > 0 else None)
