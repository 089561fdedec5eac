"""``pod.disclaimers``: texts that users must confirm."""

from __future__ import annotations

import builtins

from aiosymphony_api.pod.api.disclaimer import (
    v1_admin_disclaimer_did_get,
    v1_admin_disclaimer_did_users_get,
    v1_admin_disclaimer_list_get,
)
from aiosymphony_api.pod.api.user_administration import (
    v1_admin_user_uid_disclaimer_delete,
    v1_admin_user_uid_disclaimer_get,
    v1_admin_user_uid_disclaimer_update_post,
)
from aiosymphony_api.pod.models import Disclaimer, StringId, SuccessResponse

from ..resource import Resource


class Disclaimers(Resource):
    """Disclaimers of the pod, and the users they are assigned to.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`, and
    :class:`Forbidden` if the account may not administer disclaimers.
    """

    async def list(self) -> builtins.list[Disclaimer]:
        """All disclaimers (``GET /pod/v1/admin/disclaimer/list``)."""
        return await self._session.execute(v1_admin_disclaimer_list_get.build())

    async def get(self, disclaimer_id: str) -> Disclaimer:
        """A disclaimer (``GET /pod/v1/admin/disclaimer/{did}``).

        Raises:
            BadRequest: There is no such disclaimer.
        """
        return await self._session.execute(v1_admin_disclaimer_did_get.build(disclaimer_id))

    async def list_users(self, disclaimer_id: str) -> builtins.list[int]:
        """Ids of all users who have a disclaimer (``GET /pod/v1/admin/disclaimer/{did}/users``).

        Raises:
            BadRequest: There is no such disclaimer.
        """
        return await self._session.execute(v1_admin_disclaimer_did_users_get.build(disclaimer_id))

    async def get_for_user(self, user_id: int) -> Disclaimer | None:
        """The disclaimer of a user, None if there is none (``GET /pod/v1/admin/user/{uid}/disclaimer``).

        Raises:
            BadRequest: There is no such user.
        """
        return await self._session.execute(v1_admin_user_uid_disclaimer_get.build(user_id))

    async def assign(self, disclaimer_id: str, *, user_id: int) -> SuccessResponse:
        """Give a user a disclaimer in place of the present one (``POST /pod/v1/admin/user/{uid}/disclaimer/update``).

        Raises:
            BadRequest: There is no such user or disclaimer.
        """
        request = v1_admin_user_uid_disclaimer_update_post.build(user_id, body=StringId(id=disclaimer_id))
        return await self._session.execute(request)

    async def unassign(self, *, user_id: int) -> SuccessResponse:
        """Take a user's disclaimer away (``DELETE /pod/v1/admin/user/{uid}/disclaimer``).

        Raises:
            BadRequest: There is no such user.
        """
        return await self._session.execute(v1_admin_user_uid_disclaimer_delete.build(user_id))
