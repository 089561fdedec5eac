"""Roles and feature entitlements that a user can have."""

from __future__ import annotations

from ..state import User

ROLES: dict[str, tuple[str, ...]] = {
    "INDIVIDUAL": ("NORMAL", "SYSTEM"),
    "ADMINISTRATOR": ("NORMAL",),
    "SUPER_ADMINISTRATOR": ("NORMAL",),
    "USER_PROVISIONING": ("NORMAL", "SYSTEM"),
    "CONTENT_MANAGEMENT": ("NORMAL", "SYSTEM"),
    "SCOPE_MANAGEMENT": ("NORMAL", "SYSTEM"),
    "AUDIT_TRAIL_MANAGEMENT": ("NORMAL", "SYSTEM"),
    "L1_SUPPORT": ("NORMAL",),
    "L2_SUPPORT": ("NORMAL",),
    "COMPLIANCE_OFFICER": ("NORMAL",),
    "SUPER_COMPLIANCE_OFFICER": ("NORMAL",),
}
"""Every role, with the account types that may have it."""

_ADMINISTRATIVE = frozenset(ROLES) - {"INDIVIDUAL"}

FEATURES: dict[str, bool] = {
    "isExternalRoomEnabled": True,
    "isExternalIMEnabled": True,
    "canCreatePublicRoom": True,
    "canChatInExternalIM": True,
    "canSharefilesExternally": True,
    "sendFilesEnabled": True,
    "canUpdateAvatar": True,
    "delegatesEnabled": False,
    "canUseCompactMode": False,
    "postReadEnabled": True,
    "postWriteEnabled": False,
    "mustBeRecorded": False,
}
"""Every feature entitlement, with its default."""


def is_administrator(user: User) -> bool:
    """Whether a user has any role besides INDIVIDUAL."""
    return not _ADMINISTRATIVE.isdisjoint(user.roles)
