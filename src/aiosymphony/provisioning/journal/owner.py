"""Who runs a job: tells a second process whether the owner is alive."""

from __future__ import annotations

import functools
import os
import platform
import secrets
import uuid
from pathlib import Path

import attrs
import orjson

from .sound import is_time

__all__ = ["Owner", "boot_id"]


_ALIVE: set[str] = set()
"""The nonces of this process's owners that have not retired."""
_HAS_PROC = Path("/proc/self/stat").exists()
"""Whether the kernel tells of processes in files, as Linux does."""
_DEAD = "dead"


@attrs.frozen
class Owner:
    """Identifies a process, even if its pid is reused.

    Attributes:
        machine: The machine and, where there are such, its boot and its process namespace.
        host: The machine's name, for messages.
        pid: The process.
        started: When it was started, as the system tells it; empty where it does not tell.
        clock: The monotonic clock that it reads: processes with the same one can compare its times.
        nonce: Tells two jobs of one process apart.
        since: When it took the job, in seconds since the epoch; 0 before.
    """

    machine: str
    host: str
    pid: int
    started: str
    clock: str
    nonce: str
    since: float = 0.0

    @classmethod
    def this(cls) -> Owner:
        nonce = secrets.token_hex(4)
        _ALIVE.add(nonce)
        return cls(_machine(), platform.node(), os.getpid(), _started(os.getpid()), _clock(), nonce)

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read what ``str`` wrote.

        Raises:
            ValueError, TypeError: Something else wrote it.
        """
        owner = cls(**orjson.loads(text))
        if type(owner.pid) is not int or owner.pid <= 0:
            raise ValueError("no process has that number")
        if type(owner.host) is not str or not is_time(owner.since):
            raise ValueError("no owner has that name or that beginning")
        return owner

    def __str__(self) -> str:
        return orjson.dumps(attrs.asdict(self)).decode()

    def described(self) -> str:
        return f"process {self.pid} on {self.host}"

    def retire(self) -> None:
        """This owner writes nothing more, although its process lives on."""
        _ALIVE.discard(self.nonce)

    def is_gone(self) -> bool:
        """Whether the process has surely ended; False if that cannot be told from here."""
        if self.machine != _machine():
            return False
        if self.pid == os.getpid():
            return self.nonce not in _ALIVE
        started = _started(self.pid)
        return started == _DEAD or bool(started and self.started and started != self.started)


@functools.cache
def boot_id() -> str:
    """Which start of this machine it is; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _machine() -> str:
    # Two containers of one machine count their processes apart.
    return f"{boot_id()}/{_namespace('pid')}" if boot_id() else f"{platform.node()}/{uuid.getnode():x}"


def _clock() -> str:
    # Elsewhere than on Linux a clock may begin anew with each boot, but an owner that still runs is of this one.
    return f"{boot_id()}/{_namespace('time')}" if boot_id() else _machine()


def _namespace(kind: str) -> int:
    try:
        return Path(f"/proc/self/ns/{kind}").stat().st_ino
    except OSError:
        return 0  # An old kernel has none of that kind, so that all processes share it.


def _started(pid: int) -> str:
    """When a process was started, ``dead`` if it runs no more, and nothing if that cannot be told."""
    if not _HAS_PROC:
        return _started_by_psutil(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return _probed(pid)
    # The second field is the command in parentheses, which may itself hold blanks and parentheses.
    fields = stat.rpartition(b")")[2].split()
    # A process that is dead and not yet reaped runs no more.
    return _DEAD if fields[0] in (b"Z", b"X") else fields[19].decode()


def _probed(pid: int) -> str:
    """A process that ``/proc`` does not show may be another user's. On Linux, signal 0 asks and does no harm."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return _DEAD
    except OSError:
        return ""
    return ""


def _started_by_psutil(pid: int) -> str:
    try:
        import psutil  # noqa: PLC0415 - a dependency on systems without /proc alone
    except ImportError:
        return ""
    try:
        process = psutil.Process(pid)
        return _DEAD if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.NoSuchProcess:
        return _DEAD
    except psutil.Error:
        return ""
