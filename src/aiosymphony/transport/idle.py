"""Which idle connections a request that must not be sent twice may be written to.

The end of a connection waits in its socket until the event loop looks; what is written before it does is lost, and
nobody can tell that it was.
"""

from __future__ import annotations

import select
from asyncio import BaseTransport
from typing import Final

MOMENT: Final = 1.0
"""Seconds. Few servers close a connection that has been idle for less."""


def is_quiet(transport: BaseTransport) -> bool:
    """Whether nothing waits in the socket: neither the end of the connection nor stray bytes."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return False
    if not hasattr(select, "poll"):  # Windows
        return not select.select([sock.fileno()], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return not poll.poll(0)
