"""The Pod API: a module for each of the client's resources. Importing this package registers their handlers."""

from . import audit_trail, presence, rooms, streams, system, users

__all__ = ["audit_trail", "presence", "rooms", "streams", "system", "users"]
