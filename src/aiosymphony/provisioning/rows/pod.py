"""A user of a pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attrs

from .base import Kind, User, column
from .cells import read_choice, read_email, read_items, read_name, read_phone, read_switches, read_user_name

__all__ = ["ROW", "PodUser"]


@attrs.frozen(kw_only=True)
class PodUser(User):
    """A user of a pod (schemas ``V2UserAttributes``, ``FeatureList`` and ``UserStatus``, and the roles).

    The user name and the e-mail address each identify it. A cell of a list is written ``a|b``; of the features,
    ``a|b=false``. Roles and features that the row does not name are left alone.
    """

    kind: ClassVar[Kind] = "pod"
    fixed: ClassVar[frozenset[str]] = frozenset({"accountType"})
    disabled: ClassVar[Mapping[str, Any]] = {"status": "DISABLED"}

    user_name: str = column("userName", read_user_name, required=True, key=True)
    email_address: str = column("emailAddress", read_email, required=True, key=True)
    first_name: str | None = column("firstName", read_name)
    last_name: str | None = column("lastName", read_name)
    display_name: str = column("displayName", required=True)
    company_name: str | None = column("companyName")
    department: str | None = column("department")
    division: str | None = column("division")
    title: str | None = column("title")
    work_phone_number: str | None = column("workPhoneNumber", read_phone)
    mobile_phone_number: str | None = column("mobilePhoneNumber", read_phone)
    two_factor_auth_phone: str | None = column("twoFactorAuthPhone", read_phone)
    sms_number: str | None = column("smsNumber", read_phone)
    account_type: str | None = column("accountType", read_choice("NORMAL", "SYSTEM", "SDL"))
    location: str | None = column("location")
    recommended_language: str | None = column("recommendedLanguage")
    job_function: str | None = column("jobFunction")
    asset_classes: list[str] | None = column("assetClasses", read_items)
    industries: list[str] | None = column("industries", read_items)
    market_coverage: list[str] | None = column("marketCoverage", read_items)
    responsibility: list[str] | None = column("responsibility", read_items)
    function: list[str] | None = column("function", read_items)
    instrument: list[str] | None = column("instrument", read_items)
    roles: list[str] | None = column("roles", read_items, step="role")
    features: dict[str, bool] | None = column("features", read_switches, step="features")
    status: str | None = column("status", read_choice("ENABLED", "DISABLED"), step="active")

    @classmethod
    def missing(cls, values: Mapping[str, Any]) -> list[str]:
        lacking = super().missing(values)
        # Service accounts have no first and last name; people do.
        if values.get("accountType") != "SYSTEM":
            lacking += [name for name in ("firstName", "lastName") if name not in values]
        return lacking

    @property
    def label(self) -> str:
        return self.user_name


ROW: Final = PodUser
