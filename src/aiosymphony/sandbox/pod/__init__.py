"""The Pod API, one module for each resource of the client. Importing the package registers their handlers."""

from . import (
    applications,
    audit_trail,
    certificates,
    connections,
    directory,
    disclaimers,
    entitlements,
    information_barriers,
    messages,
    presence,
    rooms,
    sessions,
    streams,
    system,
    users,
)

__all__ = [
    "applications",
    "audit_trail",
    "certificates",
    "connections",
    "directory",
    "disclaimers",
    "entitlements",
    "information_barriers",
    "messages",
    "presence",
    "rooms",
    "sessions",
    "streams",
    "system",
    "users",
]
