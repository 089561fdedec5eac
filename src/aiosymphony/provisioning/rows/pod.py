"""A user of a pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attrs

from .base import Kind, User, column
from .cells import read_choice, read_email, read_items, read_name, read_phone, read_roles, read_switches, read_user_name

__all__ = ["ROW", "PodUser"]


@attrs.frozen(kw_only=True)
class PodUser(User):
    """A user of a pod (schemas ``V2UserAttributes``, ``FeatureList`` and ``UserStatus``, and the roles).

    The user name and the e-mail address each identify it; whoever is created needs both. A cell of a list is written
    ``a|b``; of the features, ``a|b=false``; of the roles, ``a|-b`` takes ``b`` away. Roles and features that the row
    does not name are left alone.
    """

    kind: ClassVar[Kind] = "pod"
    fixed: ClassVar[frozenset[str]] = frozenset({"accountType"})
    disabled: ClassVar[Mapping[str, Any]] = {"status": "DISABLED"}
    enabling: ClassVar[Mapping[str, Any]] = {"status": "ENABLED"}
    address: ClassVar[str] = "emailAddress"

    user_name: str | None = column(
        "userName", read_user_name, required=True, key=True, about="login name; identifies the user"
    )
    email_address: str | None = column(
        "emailAddress", read_email, required=True, key=True, about="e-mail address; identifies the user, too"
    )
    first_name: str | None = column(
        "firstName", read_name, about="first name, up to 64 characters; service accounts have none"
    )
    last_name: str | None = column(
        "lastName", read_name, about="last name, up to 64 characters; service accounts have none"
    )
    display_name: str | None = column(
        "displayName", required=True, about="name as others see it, up to 256 characters, as all texts below"
    )
    company_name: str | None = column("companyName", about="company of the user")
    department: str | None = column("department", about="department")
    division: str | None = column("division", about="division")
    title: str | None = column("title", about="job title")
    work_phone_number: str | None = column(
        "workPhoneNumber", read_phone, about="telephone number at work, such as +33 1 09 75 83 51"
    )
    mobile_phone_number: str | None = column("mobilePhoneNumber", read_phone, about="number of the mobile phone")
    two_factor_auth_phone: str | None = column(
        "twoFactorAuthPhone", read_phone, about="number for the second factor of a login"
    )
    sms_number: str | None = column("smsNumber", read_phone, about="number for text messages")
    account_type: str | None = column(
        "accountType",
        read_choice("NORMAL", "SYSTEM", "SDL"),
        about="NORMAL for a person, SYSTEM for a service account, SDL for a distribution list; stays as it was created",
    )
    location: str | None = column("location", about="place of work")
    recommended_language: str | None = column("recommendedLanguage", about="language that is suggested to the user")
    job_function: str | None = column("jobFunction", about="what the user does")
    asset_classes: list[str] | None = column(
        "assetClasses", read_items, about="asset classes that the user deals with: a list, with a bar between its items"
    )
    industries: list[str] | None = column("industries", read_items, about="industries that the user deals with: a list")
    market_coverage: list[str] | None = column(
        "marketCoverage", read_items, about="markets that the user covers: a list"
    )
    responsibility: list[str] | None = column(
        "responsibility", read_items, about="what the user is responsible for: a list"
    )
    function: list[str] | None = column("function", read_items, about="functions of the user: a list")
    instrument: list[str] | None = column(
        "instrument", read_items, about="instruments that the user deals with: a list"
    )
    roles: list[str] | None = column(
        "roles",
        read_roles,
        step="role",
        about="roles to give, such as INDIVIDUAL, and behind a minus those to take away: a list",
    )
    features: dict[str, bool] | None = column(
        "features",
        read_switches,
        step="features",
        about="features to switch on, and off with =false behind them: a list",
    )
    status: str | None = column(
        "status",
        read_choice("ENABLED", "DISABLED"),
        step="active",
        about="whether the user may log in: ENABLED or DISABLED",
    )

    @classmethod
    def missing(cls, values: Mapping[str, Any]) -> list[str]:
        lacking = super().missing(values)
        # Service accounts have no first and last name; people do.
        if values.get("accountType") != "SYSTEM":
            lacking += [name for name in ("firstName", "lastName") if name not in values]
        return lacking

    @classmethod
    def is_person(cls, values: Mapping[str, Any]) -> bool:
        # A service account, the address of a distribution list, or whatever kind a newer pod has.
        return bool(values.get("accountType", "NORMAL") == "NORMAL")

    @property
    def label(self) -> str:
        return self.user_name or self.email_address or ""


ROW: Final = PodUser
