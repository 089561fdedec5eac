"""The main job, whole: people of a file, provisioned over Connect and the Pod, against a sandbox that misbehaves.

``run_demo`` starts a sandbox of its own, creates a company and its users over Connect, creates users, rooms, members
and presences over the Pod, reads everything back in pages, and compares it with what was wanted. The sandbox throttles,
fails (half of the time after it has acted), and lets tokens expire every few seconds.
"""

from .job import DemoOptions, run_demo
from .report import Count, DemoReport, Rejection

__all__ = ["Count", "DemoOptions", "DemoReport", "Rejection", "run_demo"]
