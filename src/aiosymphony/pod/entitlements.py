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
from aiosymphony_api.pod.models import (
    PodAppEntitlement,
    UserAppEntitlement,
    UserAppEntitlementPatch,
    UserAppEntitlementPatchInstall,
    UserAppEntitlementPatchListed,
)

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

    async def set(
        self, app_id: str, *, name: str, enable: bool, listed: bool, install: bool
    ) -> builtins.list[PodAppEntitlement]:
        """Set the pod's entitlement to one application (``POST /pod/v1/admin/app/entitlement/list``).

        Args:
            app_id: The application.
            name: Its name, 1 to 50 characters.
            enable: Whether it may be used at all.
            listed: Whether users find it in the store.
            install: Whether it is installed for everyone.

        Returns:
            All entitlements of the pod as they are now.

        Raises:
            BadRequest: There is no such application; nothing was changed.
        """
        return await self.update(
            [PodAppEntitlement(app_id=app_id, app_name=name, enable=enable, listed=listed, install=install)]
        )

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

    async def set_for_user(
        self, user_id: int, app_id: str, *, listed: bool | None = None, install: bool | None = None
    ) -> builtins.list[UserAppEntitlement]:
        """Change a user's entitlement to one application (``PATCH /pod/v1/admin/user/{uid}/app/entitlement/list``).

        Args:
            user_id: The user.
            app_id: The application.
            listed: Whether the user finds it in the store; unchanged if None.
            install: Whether it is installed for the user; unchanged if None.

        Returns:
            The user's entitlements as they are now.

        Raises:
            BadRequest: There is no such user or application; nothing was changed.
        """
        change = UserAppEntitlementPatch(
            app_id=app_id,
            listed=None if listed is None else UserAppEntitlementPatchListed(str(listed).upper()),
            install=None if install is None else UserAppEntitlementPatchInstall(str(install).upper()),
        )
        return await self.patch_for_user(user_id, [change])
