"""The Pod API, by the resources of the client. Importing this package registers the handlers."""

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
