"""``pod.rooms``: chat rooms and their members."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping

from aiosymphony_api.pod.api.room_membership import (
    v1_admin_room_id_membership_add_post,
    v1_admin_room_id_membership_list_get,
    v1_admin_room_id_membership_remove_post,
    v1_room_id_membership_add_post,
    v1_room_id_membership_demote_owner_post,
    v1_room_id_membership_promote_owner_post,
    v1_room_id_membership_remove_post,
    v2_room_id_membership_list_get,
)
from aiosymphony_api.pod.api.streams import (
    v1_admin_room_id_set_active_post,
    v1_room_id_set_active_post,
    v3_room_create_post,
    v3_room_id_info_get,
    v3_room_id_update_post,
    v3_room_search_post,
)
from aiosymphony_api.pod.models import (
    MemberInfo,
    RoomDetail,
    RoomSearchCriteriaSortOrder,
    RoomTag,
    SuccessResponse,
    UserId,
    V2RoomSearchCriteria,
    V3RoomAttributes,
    V3RoomDetail,
)

from ..errors import ConfigError
from ..paging import Page, Pager, Query, SkipLimit
from ..resource import Resource, check_echo, texts
from ..wire.models import or_none


class Rooms(Resource):
    """Chat rooms. Room ids may be standard base64, as clients show them, or URL-safe, percent-encoded or not.

    Methods named ``admin_…`` work on any room of the pod and need an administrator's entitlement; the others work on
    rooms that the caller is in. Besides the errors that each method names, all raise those of :meth:`Session.execute`.
    """

    # --- rooms --------------------------------------------------------------------------------------------------------

    async def create(
        self,
        *,
        name: str,
        description: str,
        keywords: Mapping[str, str] | None = None,
        public: bool | None = None,
        discoverable: bool | None = None,
        members_can_invite: bool | None = None,
        read_only: bool | None = None,
        copy_protected: bool | None = None,
        cross_pod: bool | None = None,
        view_history: bool | None = None,
        multi_lateral_room: bool | None = None,
        scheduled_meeting: bool | None = None,
        group_chat: bool | None = None,
        sub_type: str | None = None,
    ) -> V3RoomDetail:
        """Create a room, which the caller then owns (``POST /pod/v3/room/create``).

        Args:
            name: Its name; names of public rooms are unique in a pod.
            description: What it is for.
            keywords: Words to find it by, each with a value.
            public: Whether anybody in the pod may join; private if None. It cannot be changed later.
            discoverable: Whether others can find a private room.
            members_can_invite: Whether members who do not own it may add others.
            read_only: Whether only owners may write. It cannot be changed later.
            copy_protected: Whether messages cannot be copied out. It cannot be changed later.
            cross_pod: Whether users of other pods may become members.
            view_history: Whether new members see what was written before.
            multi_lateral_room: Whether users of more than two companies may meet in it.
            scheduled_meeting: Whether it belongs to a scheduled meeting.
            group_chat: Whether it is a group chat.
            sub_type: A special kind, such as ``EMAIL``.

        Returns:
            The room, with its id in ``room_system_info``.

        Raises:
            OutcomeUnknown: The room may have been created: look for it with :meth:`search` before trying again.
        """
        body = V3RoomAttributes(
            name=name,
            description=description,
            keywords=_tags(keywords),
            public=public,
            discoverable=discoverable,
            members_can_invite=members_can_invite,
            read_only=read_only,
            copy_protected=copy_protected,
            cross_pod=cross_pod,
            view_history=view_history,
            multi_lateral_room=multi_lateral_room,
            scheduled_meeting=scheduled_meeting,
            group_chat=group_chat,
            sub_type=sub_type,
        )
        request = v3_room_create_post.build(body=body)
        room = await self._session.execute(request)
        came = or_none(lambda: room.room_attributes.name)
        check_echo(self._session, request.operation, ("name", name, came))
        return room

    async def get(self, room_id: str) -> V3RoomDetail:
        """A room (``GET /pod/v3/room/{id}/info``).

        Raises:
            BadRequest: There is no such room.
        """
        return await self._session.execute(v3_room_id_info_get.build(room_id))

    async def update(
        self,
        room_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        keywords: Mapping[str, str] | None = None,
        discoverable: bool | None = None,
        members_can_invite: bool | None = None,
        cross_pod: bool | None = None,
        view_history: bool | None = None,
        multi_lateral_room: bool | None = None,
        scheduled_meeting: bool | None = None,
        group_chat: bool | None = None,
        pinned_message_id: str | None = None,
    ) -> V3RoomDetail:
        """Change a room that the caller owns (``POST /pod/v3/room/{id}/update``).

        Args:
            room_id: The room.
            name: Its new name; None leaves it unchanged, as with all that follow.
            description: What it is for.
            keywords: Words to find it by, each with a value; they replace those it has.
            discoverable: Whether others can find a private room.
            members_can_invite: Whether members who do not own it may add others.
            cross_pod: Whether users of other pods may become members.
            view_history: Whether new members see what was written before.
            multi_lateral_room: Whether users of more than two companies may meet in it.
            scheduled_meeting: Whether it belongs to a scheduled meeting.
            group_chat: Whether it is a group chat.
            pinned_message_id: The message to pin, in either spelling.

        Returns:
            The room as it is now.
        """
        body = V3RoomAttributes(
            name=name,
            description=description,
            keywords=_tags(keywords),
            discoverable=discoverable,
            members_can_invite=members_can_invite,
            cross_pod=cross_pod,
            view_history=view_history,
            multi_lateral_room=multi_lateral_room,
            scheduled_meeting=scheduled_meeting,
            group_chat=group_chat,
            pinned_message_id=pinned_message_id,
        )
        return await self._session.execute(v3_room_id_update_post.build(room_id, body=body))

    def search(
        self,
        query: str,
        *,
        labels: Iterable[str] | None = None,
        search_fields: Iterable[str] | None = None,
        active: bool | None = None,
        private: bool | None = None,
        owner: int | None = None,
        creator: int | None = None,
        member: int | None = None,
        sub_type: str | None = None,
        sort_order: str | None = None,
        include_non_discoverable: bool | None = None,
        page_size: int = 100,
    ) -> Pager[V3RoomDetail]:
        """Search rooms that the caller can see (``POST /pod/v3/room/search``).

        Args:
            query: Words of names, descriptions and keywords.
            labels: Only rooms with these keywords.
            search_fields: Where to search; everywhere if None.
            active: True for active rooms only, False for inactive ones only.
            private: True for private rooms only, False for public ones only.
            owner: Only rooms that this user owns.
            creator: Only rooms that this user has created.
            member: Only rooms that this user is in.
            sub_type: Only rooms of this special kind, such as ``EMAIL``.
            sort_order: ``BASIC`` or ``RELEVANCE``.
            include_non_discoverable: Whether to search private rooms that cannot be discovered; False if None.
            page_size: Rooms per request, at most 100.

        One page with its counts: ``page = await pod.rooms.search("desk").page()``, then ``page.total`` and
        ``page.answer.faceted_match_count``.
        """
        body = V2RoomSearchCriteria(
            query=query,
            labels=None if labels is None else texts("labels", labels),
            search_fields=None if search_fields is None else texts("search_fields", search_fields),
            active=active,
            private=private,
            owner=None if owner is None else UserId(id=owner),
            creator=None if creator is None else UserId(id=creator),
            member=None if member is None else UserId(id=member),
            sub_type=sub_type,
            sort_order=None if sort_order is None else RoomSearchCriteriaSortOrder(sort_order),
        )

        async def fetch(asked: Query) -> Page[V3RoomDetail]:
            answer = await self._session.execute(
                v3_room_search_post.build(body=body, include_non_discoverable=include_non_discoverable, **asked)
            )
            return Page(answer.rooms or (), total=answer.count, answer=answer)

        return Pager(fetch, lambda: SkipLimit(page_size), key=_id_of)

    async def set_active(self, room_id: str, active: bool) -> RoomDetail:
        """Activate or deactivate a room that the caller owns (``POST /pod/v1/room/{id}/setActive``).

        In an inactive room no one can write, and its members cannot change. Rooms cannot be deleted.
        """
        return await self._session.execute(v1_room_id_set_active_post.build(room_id, active=active))

    async def activate(self, room_id: str) -> RoomDetail:
        """Activate a room that the caller owns (``POST /pod/v1/room/{id}/setActive``)."""
        return await self.set_active(room_id, active=True)

    async def deactivate(self, room_id: str) -> RoomDetail:
        """Deactivate a room that the caller owns (``POST /pod/v1/room/{id}/setActive``)."""
        return await self.set_active(room_id, active=False)

    async def admin_set_active(self, room_id: str, active: bool) -> RoomDetail:
        """Activate or deactivate any room (``POST /pod/v1/admin/room/{id}/setActive``)."""
        return await self._session.execute(v1_admin_room_id_set_active_post.build(room_id, active=active))

    # --- members ------------------------------------------------------------------------------------------------------

    async def list_members(self, room_id: str) -> builtins.list[MemberInfo]:
        """All members of a room that the caller is in, in one answer (``GET /pod/v2/room/{id}/membership/list``)."""
        return await self._session.execute(v2_room_id_membership_list_get.build(room_id))

    async def add_member(self, room_id: str, user_id: int) -> SuccessResponse:
        """Add a user to a room (``POST /pod/v1/room/{id}/membership/add``); adding a member again changes nothing.

        A pod accepts three users per second, and in rooms of over 500 members one in three seconds. The client keeps
        the first limit, and waits when the pod throttles.
        """
        return await self._session.execute(
            v1_room_id_membership_add_post.build(room_id, body=_member(room_id, user_id))
        )

    async def remove_member(self, room_id: str, user_id: int) -> SuccessResponse:
        """Remove a user from a room (``POST /pod/v1/room/{id}/membership/remove``), as fast as :meth:`add_member`."""
        return await self._session.execute(
            v1_room_id_membership_remove_post.build(room_id, body=_member(room_id, user_id))
        )

    async def promote(self, room_id: str, user_id: int) -> SuccessResponse:
        """Make a member an owner (``POST /pod/v1/room/{id}/membership/promoteOwner``)."""
        body = _member(room_id, user_id)
        return await self._session.execute(v1_room_id_membership_promote_owner_post.build(room_id, body=body))

    async def demote(self, room_id: str, user_id: int) -> SuccessResponse:
        """Make an owner a plain member (``POST /pod/v1/room/{id}/membership/demoteOwner``)."""
        body = _member(room_id, user_id)
        return await self._session.execute(v1_room_id_membership_demote_owner_post.build(room_id, body=body))

    async def admin_list_members(
        self, room_id: str, *, include_past_members: bool | None = None
    ) -> builtins.list[MemberInfo]:
        """All members of any room, in one answer (``GET /pod/v1/admin/room/{id}/membership/list``).

        Args:
            room_id: The room.
            include_past_members: Whether to list past members, too; False if None.
        """
        request = v1_admin_room_id_membership_list_get.build(room_id, include_past_members=include_past_members)
        return await self._session.execute(request)

    async def admin_add_member(self, room_id: str, user_id: int) -> SuccessResponse:
        """Add a user to any room (``POST /pod/v1/admin/room/{id}/membership/add``), as fast as :meth:`add_member`."""
        body = _member(room_id, user_id)
        return await self._session.execute(v1_admin_room_id_membership_add_post.build(room_id, body=body))

    async def admin_remove_member(self, room_id: str, user_id: int) -> SuccessResponse:
        """Remove a user from any room (``POST /pod/v1/admin/room/{id}/membership/remove``), as fast as
        :meth:`add_member`.
        """
        body = _member(room_id, user_id)
        return await self._session.execute(v1_admin_room_id_membership_remove_post.build(room_id, body=body))


def _member(room_id: str, user_id: int) -> UserId:
    """A member as the body of a request.

    Raises:
        ConfigError: The two were given in the other order, which is the one of symphony-bdk-python.
    """
    if not isinstance(room_id, str) or not isinstance(user_id, int):
        raise ConfigError(
            f"the room is {room_id!r} and the user {user_id!r}: the room comes first, and its id is text. "
            "Nothing was sent."
        )
    return UserId(id=user_id)


def _tags(keywords: Mapping[str, str] | None) -> list[RoomTag] | None:
    return None if keywords is None else [RoomTag(key=key, value=value) for key, value in keywords.items()]


def _id_of(room: V3RoomDetail) -> str:
    return room.room_system_info.id
