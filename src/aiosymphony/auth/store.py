"""Stores tokens where the processes of one bot share them, so that one login serves all."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import math
import os
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import orjson

from ..errors import ConfigError
from .secrets import HeaderSecret

logger = logging.getLogger("aiosymphony.auth")

LOCK_WAIT: Final = 30.0
"""Seconds to wait for another process's login: as long as a request may take by default."""

IO_WAIT: Final = 10.0
"""Time limit of reading or writing a store, in seconds."""

_LARGEST_FILE: Final = 16 * 1024 * 1024
_LONGEST_TOKEN: Final = 64 * 1024


@attrs.frozen
class StoredToken:
    """A token with the times of its issue and expiry, in seconds since the epoch.

    ``authorization`` is the bearer token that came with it, if there was one.
    """

    token: HeaderSecret
    issued_at: float
    expires_at: float | None = None
    authorization: HeaderSecret | None = None


class TokenStore(Protocol):
    """Keeps tokens by a key that names the server, the account and the kind of token.

    A store may fail: the first error is logged, and the client logs in by itself.
    """

    def exclusive(self, key: str) -> AbstractAsyncContextManager[None]:
        """Lock this key against logins of other processes."""
        ...

    async def load(self, key: str) -> StoredToken | None:
        """The token under this key, or None."""
        ...

    async def save(self, key: str, token: StoredToken) -> None:
        """Store a token under this key, in place of the one before."""
        ...


class FileTokenStore:
    """Keeps tokens in one JSON file that only its owner can read.

    The file is replaced as a whole, so that a reader never sees half of it. A lock file for each key lets one process
    at a time log in. A file with other content, or that others may write, counts as empty. Symbolic links are not
    followed. Needs a POSIX system.
    """

    def __init__(self, path: str | Path) -> None:
        """Store tokens in ``path``; its folder must exist.

        Raises:
            ConfigError: The folder does not exist, or the system has no file locks.
        """
        if not isinstance(path, str | os.PathLike) or "\0" in str(path):
            raise ConfigError("the token store must be given as a path")
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
        return self._locked(f".{hashlib.sha256(key.encode()).hexdigest()[:16]}.lock")

    async def load(self, key: str) -> StoredToken | None:
        """See :meth:`TokenStore.load`."""
        return _stored((await asyncio.to_thread(self._read)).get(key))

    async def save(self, key: str, token: StoredToken) -> None:
        """See :meth:`TokenStore.save`. Call it inside :meth:`exclusive`."""
        async with self._locked(".lock"):
            await asyncio.to_thread(self._write, key, token)

    @asynccontextmanager
    async def _locked(self, suffix: str) -> AsyncGenerator[None, None]:
        flags = os.O_RDWR | os.O_CREAT
        descriptor = _open_own(self._path.with_name(self._path.name + suffix), flags)
        try:
            # Polled instead of waited for in a thread: a thread that waits for a lock cannot be cancelled.
            while not _try_lock(descriptor):  # noqa: ASYNC110 - another process holds it: no event will tell
                await asyncio.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, Any]:
        try:
            with os.fdopen(_open_own(self._path, os.O_RDONLY), "rb") as file:
                content = orjson.loads(file.read(_LARGEST_FILE))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, key: str, token: StoredToken) -> None:
        content = self._read()
        content[key] = {
            "token": token.token.reveal(),
            "issued_at": token.issued_at,
            "expires_at": token.expires_at,
        }
        if token.authorization is not None:
            content[key]["authorization"] = token.authorization.reveal()
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


class BestEffortStore:
    """Wraps a store so that its failures and delays fail no login: the login then goes on without it.

    Only the first failure is logged.
    """

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._complained = False

    @asynccontextmanager
    async def exclusive(self, key: str) -> AsyncGenerator[bool, None]:
        """Lock this key against logins of other processes; False if the lock was not obtained in time."""
        lock: AbstractAsyncContextManager[None] | None = None
        try:
            async with asyncio.timeout(LOCK_WAIT):
                lock = self._store.exclusive(key)
                await lock.__aenter__()
        except Exception as error:  # noqa: BLE001 - whatever it is, the login goes on
            self._complain("locked", error)
            lock = None
        # Outside the handler: what a login raises must not drag the store's error along.
        try:
            yield lock is not None
        finally:
            if lock is not None:
                await self._leave(lock)

    async def load(self, key: str) -> StoredToken | None:
        """The token under this key, or None if there is none that can be read."""
        try:
            async with asyncio.timeout(IO_WAIT):
                found: Any = await self._store.load(key)
        except Exception as error:  # noqa: BLE001 - as above
            self._complain("read", error)
            return None
        return found if isinstance(found, StoredToken) else None

    async def save(self, key: str, token: StoredToken) -> None:
        """Store a token if possible."""
        try:
            async with asyncio.timeout(IO_WAIT):
                await self._store.save(key, token)
        except Exception as error:  # noqa: BLE001 - as above
            self._complain("written", error)

    async def _leave(self, lock: AbstractAsyncContextManager[None]) -> None:
        try:
            await lock.__aexit__(None, None, None)
        except Exception as error:  # noqa: BLE001 - as above
            self._complain("unlocked", error)

    def _complain(self, what: str, error: Exception) -> None:
        if self._complained:
            return
        self._complained = True
        # Not the error's own words: a store of another's making may put the token into them.
        reason = "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        logger.warning("%r could not be %s (%s): going on without it", self._store, what, reason)


def _open_own(path: Path, flags: int) -> int:
    """Open a regular file of this user's, and close it to all others.

    Raises:
        OSError: It is something else (a link, a folder, a pipe), has another owner, or others may write it.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        _check_own(found, is_read=flags == os.O_RDONLY)
        if found.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_own(found: os.stat_result, *, is_read: bool) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it is not a regular file of this user's")
    if is_read and found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "others may have written it")


def _stored(entry: Any) -> StoredToken | None:
    """A token from what a file holds; None if it is no token."""
    if not isinstance(entry, dict):
        return None
    issued_at, expires_at = _moment(entry.get("issued_at")), _moment(entry.get("expires_at"))
    token = _token(entry.get("token"))
    if token is None or issued_at is None or (expires_at is None and entry.get("expires_at") is not None):
        return None
    return StoredToken(token, issued_at, expires_at, _token(entry.get("authorization")))


def _token(text: Any) -> HeaderSecret | None:
    try:
        return HeaderSecret(text) if isinstance(text, str) and 0 < len(text) <= _LONGEST_TOKEN else None
    except ConfigError:
        return None


def _moment(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":  # the constructor has refused
        return False
    import fcntl  # noqa: PLC0415 - there is none on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
