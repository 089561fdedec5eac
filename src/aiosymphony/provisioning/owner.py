"""Who runs a job, so that a second process can tell a dead owner from a live one."""

from __future__ import annotations

import os
import platform
import secrets
import uuid
from pathlib import Path

import attrs
import orjson

__all__ = ["Owner"]


_ALIVE: set[str] = set()
"""The nonces of this process's owners that have not retired."""


@attrs.frozen
class Owner:
    """A process, told apart from any other that ever has its number.

    Attributes:
        machine: The machine and, where there are such, its boot and its process namespace.
        host: The machine's name, for messages.
        pid: The process.
        started: When the kernel started it, in its own ticks; empty where it does not tell.
        nonce: Tells two jobs of one process apart.
    """

    machine: str
    host: str
    pid: int
    started: str
    nonce: str

    @classmethod
    def this(cls) -> Owner:
        nonce = secrets.token_hex(4)
        _ALIVE.add(nonce)
        return cls(_machine(), platform.node(), os.getpid(), _started(os.getpid()) or "", nonce)

    @classmethod
    def parse(cls, text: str) -> Owner:
        return cls(**orjson.loads(text))

    def __str__(self) -> str:
        return orjson.dumps(attrs.asdict(self)).decode()

    def described(self) -> str:
        return f"process {self.pid} on {self.host}"

    def retire(self) -> None:
        """It writes nothing more, although its process goes on."""
        _ALIVE.discard(self.nonce)

    def is_gone(self) -> bool:
        """Whether it surely runs no more; False when that cannot be told from here."""
        if self.machine != _machine():
            return False
        if self.pid == os.getpid():
            return self.nonce not in _ALIVE
        started = _started(self.pid)
        if started is not None:
            return bool(self.started) and started != self.started
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Two containers of one machine count their processes apart.
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return f"{platform.node()}/{uuid.getnode():x}"


def _started(pid: int) -> str | None:
    """The 22nd field of the process's stat; None where there is no such file or process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the command in parentheses, which may itself hold blanks and parentheses.
    fields = stat.rpartition(b")")[2].split()
    # A process that is dead and not yet reaped runs no more.
    return "dead" if fields[0] in (b"Z", b"X") else fields[19].decode()
