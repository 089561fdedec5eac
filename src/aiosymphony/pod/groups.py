"""``pod.groups``: groups of users, such as distribution lists."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Final

from aiosymphony_api.profile_manager.api.groups import (
    v1_groups_delete_all_delete,
    v1_groups_group_id_avatar_post,
    v1_groups_group_id_get,
    v1_groups_group_id_member_post,
    v1_groups_group_id_put,
    v1_groups_post,
    v1_groups_type_type_id_get,
)
from aiosymphony_api.profile_manager.api.types import v1_types_get, v1_types_type_id_get
from aiosymphony_api.profile_manager.models import (
    AvatarUpload,
    GroupConnections,
    GroupCreate,
    GroupDetail,
    GroupMember,
    GroupMemberAdd,
    GroupOwner,
    GroupPage,
    GroupPagination,
    GroupProfileUpdate,
    GroupRestriction,
    GroupStatus,
    GroupType,
    GroupUpdate,
    SortOrder,
)
from aiosymphony_api.users.api.groups import v1_groups_sdl_group_id_get, v1_groups_sdl_list_get
from aiosymphony_api.users.models import SdlGroup

from ..ids import tenant_of
from ..paging import Cursor, LastId, Page, Pager, Query
from ..resource import Resource, check_echo
from ..wire.models import or_none
from .pictures import picture

SDL: Final = "SDL"
"""The type of distribution lists."""


class Groups(Resource):
    """Groups of users; distribution lists (SDL) are those of the type ``SDL``.

    The session token is exchanged for one of the scope ``profile-manager``, which is kept and renewed; the methods
    ``…_in_directory`` take the session token. Besides the errors that each method names, all raise those of
    :meth:`Session.execute`.
    """

    def list(
        self,
        *,
        type_id: str = SDL,
        status: GroupStatus | None = None,
        sort_order: SortOrder | None = None,
        page_size: int = 100,
    ) -> Pager[GroupDetail]:
        """The groups of a type (``GET /profile-manager/v1/groups/type/{typeId}``).

        Args:
            type_id: The type.
            status: Only groups of this status.
            sort_order: Ascending or descending; the server decides if None.
            page_size: Groups per request.
        """

        async def fetch(query: Query) -> Page[GroupDetail]:
            request = v1_groups_type_type_id_get.build(type_id, status=status, sort_order=sort_order, **query)
            answer = await self._session.execute(request)
            return Page(answer.data or (), next=_next(answer.pagination))

        return Pager(fetch, lambda: Cursor(page_size), key=lambda group: group.id)

    async def get(self, group_id: str) -> GroupDetail:
        """A group (``GET /profile-manager/v1/groups/{groupId}``).

        Raises:
            NotFound: There is no such group.
        """
        return await self._session.execute(v1_groups_group_id_get.build(group_id))

    async def create(
        self,
        name: str,
        *,
        owner_id: int,
        owner_type: GroupOwner = GroupOwner.TENANT,
        type_id: str = SDL,
        sub_type: str | None = None,
        referrer: str | None = None,
        user_ids: Iterable[int] | None = None,
        profile: GroupProfileUpdate | None = None,
        visibility_restriction: GroupRestriction | None = None,
        implicit_connection: GroupConnections | None = None,
        interaction_transfer: GroupRestriction | None = None,
    ) -> GroupDetail:
        """Create a group (``POST /profile-manager/v1/groups``).

        Args:
            name: The name.
            owner_id: The pod's id if a tenant owns it, or a user's.
            owner_type: Who owns it.
            type_id: The type.
            sub_type: The kind of company; for groups that are companies alone.
            referrer: The company that referred it; for groups that are companies alone.
            user_ids: The members; the tenant of each is in its id.
            profile: What the directory shows of it.
            visibility_restriction: Who does not see it.
            implicit_connection: Whom it is connected with without a request.
            interaction_transfer: Whose conversations are not passed on to members.

        Raises:
            ConfigError: A member's id is none of a user.
            OutcomeUnknown: It may have been created: look for its name in :meth:`list`.
        """
        body = GroupCreate(
            type_=type_id,
            owner_type=owner_type,
            owner_id=owner_id,
            name=name,
            sub_type=sub_type,
            referrer=referrer,
            members=None if user_ids is None else [_member(user_id) for user_id in user_ids],
            profile=profile,
            visibility_restriction=visibility_restriction,
            implicit_connection=implicit_connection,
            interaction_transfer=interaction_transfer,
        )
        request = v1_groups_post.build(body=body)
        group = await self._session.execute(request)
        check_echo(self._session, request.operation, ("name", name, or_none(lambda: group.name)))
        return group

    async def update(self, group_id: str, group: GroupUpdate, *, etag: str) -> GroupDetail:
        """Change a group, or delete it (``PUT /profile-manager/v1/groups/{groupId}``).

        Args:
            group_id: The group.
            group: What it is to be; what is left out is emptied. The status ``GroupStatus.DELETED`` deletes it.
            etag: The ``e_tag`` of the group as it was read, so that nobody else's change is undone.

        Raises:
            ApiError: With the status 412: somebody has changed it since it was read. Nothing was changed.
        """
        return await self._session.execute(v1_groups_group_id_put.build(group_id, body=group, if_match=etag))

    async def add_member(self, group_id: str, user_id: int) -> GroupDetail:
        """Add a user to a group (``POST /profile-manager/v1/groups/{groupId}/member``).

        Returns:
            The group as it is now.

        Raises:
            ConfigError: ``user_id`` is no id of a user.
        """
        body = GroupMemberAdd(member=_member(user_id))
        return await self._session.execute(v1_groups_group_id_member_post.build(group_id, body=body))

    async def set_avatar(self, group_id: str, image: bytes | str | PathLike[str]) -> GroupDetail:
        """Replace a group's picture (``POST /profile-manager/v1/groups/{groupId}/avatar``).

        Args:
            group_id: The group.
            image: A picture file's path, or its bytes; less than 2 MB.

        Raises:
            ConfigError: The picture cannot be read, is empty or too large.
        """
        body = AvatarUpload(image=await picture(image))
        return await self._session.execute(v1_groups_group_id_avatar_post.build(group_id, body=body))

    async def delete_all(self) -> GroupPage:
        """Delete all groups of the pod (``DELETE /profile-manager/v1/groups/deleteAll``).

        Raises:
            OutcomeUnknown: They may have been deleted; :meth:`list` tells.
        """
        return await self._session.execute(v1_groups_delete_all_delete.build())

    def list_types(
        self, *, status: GroupStatus | None = None, sort_order: SortOrder | None = None, page_size: int = 100
    ) -> Pager[GroupType]:
        """The types of groups that the pod has (``GET /profile-manager/v1/types``).

        Args:
            status: Only types of this status.
            sort_order: Ascending or descending; the server decides if None.
            page_size: Types per request.
        """

        async def fetch(query: Query) -> Page[GroupType]:
            request = v1_types_get.build(status=status, sort_order=sort_order, **query)
            answer = await self._session.execute(request)
            return Page(answer.data or (), next=_next(answer.pagination))

        return Pager(fetch, lambda: Cursor(page_size), key=lambda kind: kind.id)

    async def get_type(self, type_id: str) -> GroupType:
        """A type of groups (``GET /profile-manager/v1/types/{typeId}``).

        Raises:
            NotFound: There is no such type.
        """
        return await self._session.execute(v1_types_type_id_get.build(type_id))

    def list_in_directory(self, *, page_size: int = 100) -> Pager[SdlGroup]:
        """The distribution lists of the directory, in the order of their ids (``GET /users/v1/groups/sdl/list``).

        Args:
            page_size: Groups per request, 2 to 100.
        """

        async def fetch(query: Query) -> Page[SdlGroup]:
            groups = await self._session.execute(v1_groups_sdl_list_get.build(**query))
            return Page(groups)

        # The documents do not say whether the last group of the page before comes again.
        return Pager(
            fetch,
            lambda: LastId(page_size, last_id=_id_in_directory, argument="last_group_id"),
            key=lambda group: group.group_id,
            overlapping=True,
        )

    async def get_in_directory(self, group_id: int) -> SdlGroup:
        """A distribution list as the directory shows it (``GET /users/v1/groups/sdl/{groupId}``)."""
        return await self._session.execute(v1_groups_sdl_group_id_get.build(group_id))


def _member(user_id: int) -> GroupMember:
    return GroupMember(member_id=user_id, member_tenant=tenant_of(user_id))


def _id_in_directory(group: SdlGroup) -> int:
    return or_none(lambda: group.group_id) or 0


def _next(pagination: GroupPagination | None) -> str | None:
    """The cursor of the next page; None on the last one."""
    return None if pagination is None else or_none(lambda: pagination.cursors.after)
