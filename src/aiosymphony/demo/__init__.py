"""The demo: people of a file are provisioned over Connect and the Pod, against a sandbox that misbehaves.

``run_demo`` starts a sandbox of its own, creates a company over Connect, and provisions its users as an operator does:
with ``aiosymphony provision plan`` and ``apply``. It kills ``apply`` in the middle and starts it again. Then it creates
users, rooms, members and presences over the Pod, reads everything back in pages, and compares it with the file. The
sandbox throttles, fails (half of the time after it has acted), and lets tokens expire every few seconds.
"""

from .report import Count, DemoReport, Killed, Rejection
from .run import DemoOptions, run_demo

__all__ = ["Count", "DemoOptions", "DemoReport", "Killed", "Rejection", "run_demo"]
