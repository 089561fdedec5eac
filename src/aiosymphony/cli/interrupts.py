"""Signals that ask a command to stop, on every kind of event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["on_stop_signals"]

_SIGNALS = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGBREAK", None)])]
"""Ctrl-C, what ends services, and on Windows Ctrl-Break."""


@contextlib.contextmanager
def on_stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` in the running loop for each Ctrl-C or SIGTERM, instead of what they do otherwise.

    Loops without signal handlers of their own, as on Windows, are woken by one of the process. Outside the main thread
    nothing is changed, as signals never come there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def wake(*_: Any) -> None:
        loop.call_soon_threadsafe(stop)

    with contextlib.ExitStack() as undo:
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, stop)
                undo.callback(loop.remove_signal_handler, number)
            except NotImplementedError:
                undo.callback(signal.signal, number, signal.signal(number, wake))
        yield
