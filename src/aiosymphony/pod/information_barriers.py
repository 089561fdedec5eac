"""``pod.information_barriers``: groups of users that policies keep apart."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import attrs

from aiosymphony_api.pod.api.info_barriers import (
    v1_admin_group_gid_membership_add_post,
    v1_admin_group_gid_membership_list_get,
    v1_admin_group_gid_membership_remove_post,
    v1_admin_group_list_get,
    v1_admin_policy_list_get,
)
from aiosymphony_api.pod.models import BulkActionResult, Group, Policy

from ..errors import DecodeError
from ..paging import Pager
from ..resource import Resource
from ..wire.operation import Request
from .pagers import array_pager

PAGE_SIZE = 10_000
"""Members per page: a pod's maximum and default."""


@attrs.frozen
class MemberResult:
    """The result of one user in a change of members.

    Attributes:
        user_id: The user.
        error: Why the change failed for this user, in the pod's words; None if it succeeded.
    """

    user_id: int
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the change succeeded."""
        return self.error is None


class InformationBarriers(Resource):
    """Groups, their members, and the policies between groups.

    Group ids may be standard base64 or URL-safe, percent-encoded or not.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`, and
    :class:`Forbidden` if the account may not administer barriers.
    """

    async def list_groups(self) -> list[Group]:
        """All groups (``GET /pod/v1/admin/group/list``)."""
        return await self._session.execute(v1_admin_group_list_get.build())

    async def list_policies(self) -> list[Policy]:
        """All policies between groups (``GET /pod/v1/admin/policy/list``)."""
        return await self._session.execute(v1_admin_policy_list_get.build())

    def list_members(self, group_id: str, *, page_size: int = PAGE_SIZE) -> Pager[int]:
        """Ids of the users in a group (``GET /pod/v1/admin/group/{gid}/membership/list``).

        It raises NotFound when it is read, if there is no such group.

        Args:
            group_id: The group.
            page_size: Ids per request, at most 10,000.
        """
        build = partial(v1_admin_group_gid_membership_list_get.build, group_id)
        return array_pager(self._session, build, page_size, key=int)

    async def add_members(self, group_id: str, user_ids: Iterable[int]) -> list[MemberResult]:
        """Put users into a group (``POST /pod/v1/admin/group/{gid}/membership/add``).

        It may succeed for only some of them.

        Returns:
            One result per user, in the order of ``user_ids``.

        Raises:
            BadRequest: There is no such group; nothing was changed.
        """
        body = list(user_ids)
        return await self._change(v1_admin_group_gid_membership_add_post.build(group_id, body=body), body)

    async def remove_members(self, group_id: str, user_ids: Iterable[int]) -> list[MemberResult]:
        """Take users out of a group (``POST /pod/v1/admin/group/{gid}/membership/remove``).

        It may succeed for only some of them.

        Returns:
            One result per user, in the order of ``user_ids``.

        Raises:
            BadRequest: There is no such group; nothing was changed.
        """
        body = list(user_ids)
        return await self._change(v1_admin_group_gid_membership_remove_post.build(group_id, body=body), body)

    async def _change(self, request: Request[BulkActionResult], user_ids: list[int]) -> list[MemberResult]:
        answer = await self._session.execute(request)
        results = answer.results or []
        # Results have no user id, only their position: if one is missing, no other can be assigned either.
        if len(results) != len(user_ids):
            raise DecodeError(
                f"the answer has {len(results)} results for {len(user_ids)} users",
                path="$.results",
                operation=request.operation,
            )
        return [MemberResult(user_id, error or None) for user_id, error in zip(user_ids, results, strict=True)]
