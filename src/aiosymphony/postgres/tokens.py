"""Keeps tokens in PostgreSQL: one login for all processes of an account, on whatever machines."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import psycopg

from ..auth.secrets import HeaderSecret, keeps_arguments_secret
from ..auth.store import StoredToken
from ..errors import ConfigError, JobRefused
from .address import Address

__all__ = ["PostgresTokenStore"]

_LOAD: Final = 'SELECT token, issued_at, expires_at, "authorization" FROM aiosymphony.token WHERE key = %s'
_SAVE: Final = """
INSERT INTO aiosymphony.token (key, token, issued_at, expires_at, "authorization") VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (key) DO UPDATE SET token = EXCLUDED.token, issued_at = EXCLUDED.issued_at,
  expires_at = EXCLUDED.expires_at, "authorization" = EXCLUDED."authorization"
"""
# A process that is stopped keeps its connection, and with it the lock: the database lets go of it. Before 14 it cannot.
_IDLE: Final = """
SELECT set_config('idle_session_timeout', '30s', false)
WHERE current_setting('server_version_num')::int >= 140000
"""


class PostgresTokenStore:
    """A :class:`~aiosymphony.TokenStore` in PostgreSQL, prepared by ``aiosymphony store init``.

    One process at a time logs in for a key. If it is killed, the next one does so at once; if it is stopped, after
    30 s, with PostgreSQL 14 or newer. Keys are stored as digests. Who may read the table ``token`` may use the tokens.

    Args:
        address: ``postgresql://USER@HOST:PORT/DATABASE``.

    Raises:
        ConfigError: The address cannot be read.
    """

    @keeps_arguments_secret
    def __init__(self, address: str) -> None:
        self._address = parsed(address)

    def __repr__(self) -> str:
        return f"PostgresTokenStore({self._address.database!r})"

    def exclusive(self, key: str) -> AbstractAsyncContextManager[None]:
        """See :meth:`TokenStore.exclusive`."""
        return self._locked(key)

    @asynccontextmanager
    async def _locked(self, key: str) -> AsyncGenerator[None, None]:
        number = int.from_bytes(hashlib.sha256(b"token " + key.encode()).digest()[:8], signed=True)
        async with await self._connect() as connection:
            await connection.execute(_IDLE)
            await connection.execute("SELECT pg_advisory_lock(%s)", [number])
            yield  # the end of the connection is that of the lock

    async def load(self, key: str) -> StoredToken | None:
        """See :meth:`TokenStore.load`."""
        async with await self._connect() as connection:
            found = await (await connection.execute(_LOAD, [_digest(key)])).fetchone()
        if found is None:
            return None
        token, issued_at, expires_at, authorization = found
        return StoredToken(
            HeaderSecret(token), issued_at, expires_at, None if authorization is None else HeaderSecret(authorization)
        )

    async def save(self, key: str, token: StoredToken) -> None:
        """See :meth:`TokenStore.save`."""
        authorization = None if token.authorization is None else token.authorization.reveal()
        async with await self._connect() as connection:
            await connection.execute(
                _SAVE, (_digest(key), token.token.reveal(), token.issued_at, token.expires_at, authorization)
            )

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(autocommit=True, **self._address.parameters())


@keeps_arguments_secret
def parsed(text: str) -> Address:
    """The address of a database.

    Raises:
        ConfigError: It is none.
    """
    try:
        return Address.parse(text)
    except JobRefused as error:
        what = str(error)
    raise ConfigError(what)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
