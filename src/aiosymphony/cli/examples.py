"""Examples of every command, which its help, the man page and the reference show, and which tests run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["EXAMPLES"]

_DATABASE: Final = "postgresql://jobs@localhost/jobs"

EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "call": (
        "aiosymphony call users.get --help",
        "aiosymphony call users.get --param email=ada.abbott0@sandbox.example",
        "aiosymphony call pod v3_admin_user_list_get --all --json",
        'aiosymphony call rooms.create --body \'{"name": "Desk", "description": "Orders"}\' --output room.json',
    ),
    "dashboard": (f"aiosymphony dashboard --store {_DATABASE}", "aiosymphony dashboard --store people.csv.journal"),
    "demo": ("aiosymphony demo --rows 20 --pod-users 5 --rooms 1",),
    "worker": (f"aiosymphony worker --store {_DATABASE} --health 127.0.0.1:8080",),
    "sandbox": ("aiosymphony sandbox --users 100 --env",),
    "auth check": ("aiosymphony auth check", "aiosymphony auth check pod --json"),
    "provision map": ("aiosymphony provision map people.csv --target pod",),
    "provision template": ("aiosymphony provision template --target pod --output new-people.csv",),
    "provision plan": (
        "aiosymphony provision plan people.csv --target pod --output people.csv.plan",
        "aiosymphony provision plan people.csv --target pod --details --json",
    ),
    "provision apply": ("aiosymphony provision apply people.csv.plan --quiet",),
    "provision status": ("aiosymphony provision status people.csv.plan",),
    "provision report": ("aiosymphony provision report people.csv.plan --html report.html --rest rest.csv",),
    "provision jobs": (f"aiosymphony provision jobs --store {_DATABASE}",),
    "provision pause": (f"aiosymphony provision pause people.csv@acme.symphony.com --store {_DATABASE}",),
    "provision resume": (f"aiosymphony provision resume people.csv@acme.symphony.com --store {_DATABASE}",),
    "provision cancel": (f"aiosymphony provision cancel people.csv@acme.symphony.com --store {_DATABASE}",),
    "provision schedule": (
        f"aiosymphony provision schedule people.csv --target pod --cron '0 2 * * 1-5' --store {_DATABASE}",
        f"aiosymphony provision schedule people.csv@acme.symphony.com --pause --store {_DATABASE}",
    ),
    "provision schedules": (f"aiosymphony provision schedules --store {_DATABASE}",),
    "store init": (f"aiosymphony store init {_DATABASE}",),
    "api list": ("aiosymphony api list", "aiosymphony api list pod room members"),
    "api diff": ("aiosymphony api diff old.yaml new.yaml --html changes.html --fail-on never",),
}
