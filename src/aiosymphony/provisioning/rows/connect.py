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
    enabling: ClassVar[Mapping[str, Any]] = {"active": True}
    address: ClassVar[str] = "email"

    email: str = column("email", read_email, required=True, key=True, about="e-mail address; identifies the user")
    first_name: str | None = column("firstName", read_name, required=True, about="first name, up to 64 characters")
    last_name: str | None = column("lastName", read_name, required=True, about="last name, up to 64 characters")
    display_name: str | None = column(
        "displayName", about="name as others see it, up to 256 characters, as all texts below"
    )
    active: bool | None = column("active", read_flag, step="active", about="whether the user may log in: true or false")
    phone_number: str | None = column(
        "phoneNumber", read_phone, about="telephone number at work, such as +33 1 09 75 83 51"
    )
    department: str | None = column("department", about="department")
    title: str | None = column("title", about="job title")
    location: str | None = column("location", about="place of work")

    @property
    def label(self) -> str:
        return self.email


ROW: Final = ConnectUser
