"""Signals that ask a program to stop, on every kind of event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["on_stop_signals"]

_SIGNALS = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGBREAK", None)])]
"""Ctrl-C, the signal that ends services, and Ctrl-Break on Windows."""


@contextlib.contextmanager
def on_stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` in the running loop for each Ctrl-C or SIGTERM, instead of their usual effect.

    If the loop has no signal handlers, as on Windows, a handler of the process wakes it. Outside the main thread this
    does nothing, as signals do not arrive there.
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
