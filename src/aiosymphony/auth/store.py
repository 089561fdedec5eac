"""Tokens kept where several processes of one bot can share them, so that they share one login too."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import attrs
import orjson

from ..errors import ConfigError
from .secrets import HeaderSecret


@attrs.frozen
class StoredToken:
    """A token with the wall-clock times that bound its life, in seconds since the epoch."""

    token: HeaderSecret
    issued_at: float
    expires_at: float | None = None


class TokenStore(Protocol):
    """Keeps tokens by a key that names the server, the account and the kind of token."""

    def exclusive(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold off everybody else who would log in for this key."""
        ...

    async def load(self, key: str) -> StoredToken | None:
        """The token kept under this key, or None."""
        ...

    async def save(self, key: str, token: StoredToken) -> None:
        """Keep a token under this key instead of the one before."""
        ...


class FileTokenStore:
    """Keeps tokens in one JSON file that only its owner can read.

    The file is replaced whole, so that a reader never sees half of it, and a lock beside it for each key lets one
    process at a time log in. A file that cannot be read as tokens is taken for empty. Needs a POSIX system.
    """

    def __init__(self, path: str | Path) -> None:
        """Keep tokens in ``path``; its folder must exist.

        Raises:
            ConfigError: The folder does not exist, or the system has no file locks.
        """
        self._path = Path(path)
        if sys.platform == "win32":
            raise ConfigError("FileTokenStore needs the file locks of a POSIX system")
        if not self._path.parent.is_dir():
            raise ConfigError(f"the folder of the token store {str(self._path)!r} does not exist")

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    def exclusive(self, key: str) -> AbstractAsyncContextManager[None]:
        """See :meth:`TokenStore.exclusive`."""
        # One lock for all keys would never open: a login for a user may have to log its application in.
        return self._locked(hashlib.sha256(key.encode()).hexdigest()[:16])

    async def load(self, key: str) -> StoredToken | None:
        """See :meth:`TokenStore.load`."""
        entry: Any = (await asyncio.to_thread(self._read)).get(key)
        try:
            return StoredToken(HeaderSecret(entry["token"]), float(entry["issued_at"]), _number(entry["expires_at"]))
        except (TypeError, KeyError, ValueError):  # a ConfigError of HeaderSecret is a ValueError
            return None

    async def save(self, key: str, token: StoredToken) -> None:
        """See :meth:`TokenStore.save`. Call it inside :meth:`exclusive`."""
        await asyncio.to_thread(self._replace, key, token)

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncGenerator[None, None]:
        descriptor = self._open_lock(f".{name}.lock")
        try:
            # Polled instead of waited for in a thread: a thread that waits for a lock cannot be cancelled.
            while not _try_lock(descriptor):  # noqa: ASYNC110 - another process holds it: no event will tell
                await asyncio.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    def _open_lock(self, suffix: str) -> int:
        return os.open(self._path.with_name(self._path.name + suffix), os.O_RDWR | os.O_CREAT, 0o600)

    def _read(self) -> dict[str, Any]:
        try:
            content = orjson.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _replace(self, key: str, token: StoredToken) -> None:
        descriptor = self._open_lock(".lock")
        try:
            _wait_for_lock(descriptor)
            self._write(key, token)
        finally:
            os.close(descriptor)

    def _write(self, key: str, token: StoredToken) -> None:
        content = self._read()
        content[key] = {
            "token": token.token.reveal(),
            "issued_at": token.issued_at,
            "expires_at": token.expires_at,
        }
        # mkstemp makes the file readable by its owner alone.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(orjson.dumps(content))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":  # the constructor has refused
        return False
    import fcntl  # noqa: PLC0415 - there is none on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_lock(descriptor: int) -> None:
    """Wait, in a thread, for a lock that is held no longer than a file takes to be written."""
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - there is none on Windows

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
