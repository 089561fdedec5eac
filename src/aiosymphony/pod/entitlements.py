"""``pod.entitlements``: who may use which application."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from aiosymphony_api.pod.api.app_entitlement import (
    v1_admin_app_entitlement_list_get,
    v1_admin_app_entitlement_list_post,
    v1_admin_user_uid_app_entitlement_list_get,
    v1_admin_user_uid_app_entitlement_list_patch,
    v1_admin_user_uid_app_entitlement_list_post,
)
from aiosymphony_api.pod.models import PodAppEntitlement, UserAppEntitlement, UserAppEntitlementPatch

from ..resource import Resource


class Entitlements(Resource):
    """Entitlements of the pod and of each user to applications. A user has the pod's setting unless it is overridden.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`, and
    :class:`Forbidden` if the account may not administer entitlements.
    """

    async def list(self) -> builtins.list[PodAppEntitlement]:
        """The pod's entitlements, one per application (``GET /pod/v1/admin/app/entitlement/list``)."""
        return await self._session.execute(v1_admin_app_entitlement_list_get.build())

    async def update(self, entitlements: Iterable[PodAppEntitlement]) -> builtins.list[PodAppEntitlement]:
        """Set the pod's entitlements to some applications (``POST /pod/v1/admin/app/entitlement/list``).

        Args:
            entitlements: One per application; those not named stay as they are.

        Returns:
            All entitlements of the pod as they are now.

        Raises:
            BadRequest: There is no such application; nothing was changed.
        """
        body = builtins.list(entitlements)
        return await self._session.execute(v1_admin_app_entitlement_list_post.build(body=body))

    async def list_for_user(self, user_id: int) -> builtins.list[UserAppEntitlement]:
        """A user's entitlements, one per application (``GET /pod/v1/admin/user/{uid}/app/entitlement/list``).

        Raises:
            BadRequest: There is no such user.
        """
        return await self._session.execute(v1_admin_user_uid_app_entitlement_list_get.build(user_id))

    async def update_for_user(
        self, user_id: int, entitlements: Iterable[UserAppEntitlement]
    ) -> builtins.list[UserAppEntitlement]:
        """Set a user's entitlements to some applications (``POST /pod/v1/admin/user/{uid}/app/entitlement/list``).

        Args:
            user_id: The user.
            entitlements: One per application, complete. :meth:`patch_for_user` changes parts of one.

        Returns:
            The user's entitlements as they are now.

        Raises:
            BadRequest: There is no such user or application; nothing was changed.
        """
        body = builtins.list(entitlements)
        return await self._session.execute(v1_admin_user_uid_app_entitlement_list_post.build(user_id, body=body))

    async def patch_for_user(
        self, user_id: int, changes: Iterable[UserAppEntitlementPatch]
    ) -> builtins.list[UserAppEntitlement]:
        """Change parts of a user's entitlements (``PATCH /pod/v1/admin/user/{uid}/app/entitlement/list``).

        Args:
            user_id: The user.
            changes: One per application. ``KEEP`` leaves a part as it is, ``REMOVE`` falls back to the pod's setting.

        Returns:
            The user's entitlements as they are now.

        Raises:
            BadRequest: There is no such user or application; nothing was changed.
        """
        body = builtins.list(changes)
        return await self._session.execute(v1_admin_user_uid_app_entitlement_list_patch.build(user_id, body=body))
