"""A user of a sponsored company."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attrs

from .base import Kind, User, column
from .cells import read_email, read_flag, read_name, read_phone

__all__ = ["ROW", "ConnectUser"]


@attrs.frozen(kw_only=True)
class ConnectUser(User):
    """A user of a sponsored company (Connect, schema ``User``). The e-mail address identifies it.

    Connect changes nothing but ``active`` of a user that exists.
    """

    kind: ClassVar[Kind] = "connect"
    fixed: ClassVar[frozenset[str]] = frozenset(
        {"email", "firstName", "lastName", "displayName", "phoneNumber", "department", "title", "location"}
    )
    disabled: ClassVar[Mapping[str, Any]] = {"active": False}

    email: str = column("email", read_email, required=True, key=True)
    first_name: str = column("firstName", read_name, required=True)
    last_name: str = column("lastName", read_name, required=True)
    display_name: str | None = column("displayName")
    active: bool | None = column("active", read_flag, step="active")
    phone_number: str | None = column("phoneNumber", read_phone)
    department: str | None = column("department")
    title: str | None = column("title")
    location: str | None = column("location")

    @property
    def label(self) -> str:
        return self.email


ROW: Final = ConnectUser
