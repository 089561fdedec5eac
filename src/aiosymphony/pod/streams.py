"""``pod.streams``: conversations of every kind."""

from __future__ import annotations

from collections.abc import Iterable

from aiosymphony_api.pod.api.streams import (
    v1_admin_im_create_post,
    v1_admin_stream_id_membership_list_get,
    v1_admin_user_uid_streams_list_post,
    v1_im_create_post,
    v1_im_id_info_get,
    v1_im_id_update_post,
    v1_streams_list_post,
    v1_streams_sid_attachments_get,
    v2_admin_streams_list_post,
    v2_streams_sid_info_get,
)
from aiosymphony_api.pod.models import (
    Stream,
    StreamAttachmentItem,
    StreamAttributes,
    StreamFilter,
    StreamType,
    StreamTypeType,
    V1IMAttributes,
    V1IMDetail,
    V2AdminStreamFilter,
    V2AdminStreamInfo,
    V2AdminStreamType,
    V2MemberInfo,
    V2StreamAttributes,
)

from ..paging import Page, Pager, Query, SkipLimit, TimeWindow
from ..resource import Resource, texts


class Streams(Resource):
    """Conversations: IMs of two, MIMs of more, rooms, and wall posts. Stream and message ids may be standard base64, as
    clients show them, or URL-safe, percent-encoded or not.

    Methods named ``admin_…``, :meth:`list_for_user` and :meth:`list_members` work on any stream and need an
    administrator's entitlement. All methods raise the errors of :meth:`Session.execute`.
    """

    async def get(self, stream_id: str) -> V2StreamAttributes:
        """A stream that the caller is in (``GET /pod/v2/streams/{sid}/info``)."""
        return await self._session.execute(v2_streams_sid_info_get.build(stream_id))

    def list(
        self, *, types: Iterable[str] | None = None, include_inactive: bool | None = None, page_size: int = 1000
    ) -> Pager[StreamAttributes]:
        """The streams that the caller is in (``POST /pod/v1/streams/list``).

        Args:
            types: Kinds of stream: ``IM``, ``MIM``, ``ROOM``, ``POST``; all if None.
            include_inactive: Whether to list inactive streams, too; False if None.
            page_size: Streams per request, at most 1,000.
        """
        body = _filter(types, include_inactive)

        async def fetch(query: Query) -> Page[StreamAttributes]:
            found = await self._session.execute(v1_streams_list_post.build(body=body, **query))
            return Page(found or ())

        return Pager(fetch, lambda: SkipLimit(page_size), key=lambda stream: stream.id)

    def list_for_user(
        self,
        uid: int,
        *,
        types: Iterable[str] | None = None,
        include_inactive: bool | None = None,
        page_size: int = 1000,
    ) -> Pager[StreamAttributes]:
        """The streams that a user is in (``POST /pod/v1/admin/user/{uid}/streams/list``).

        Args:
            uid: The user.
            types: Kinds of stream: ``IM``, ``MIM``, ``ROOM``, ``POST``; all if None.
            include_inactive: Whether to list inactive streams, too; False if None.
            page_size: Streams per request, at most 1,000.
        """
        body = _filter(types, include_inactive)

        async def fetch(query: Query) -> Page[StreamAttributes]:
            request = v1_admin_user_uid_streams_list_post.build(uid, body=body, **query)
            found = await self._session.execute(request)
            return Page(found or ())

        return Pager(fetch, lambda: SkipLimit(page_size), key=lambda stream: stream.id)

    def admin_list(
        self,
        *,
        types: Iterable[str] | None = None,
        scope: str | None = None,
        origin: str | None = None,
        status: str | None = None,
        privacy: str | None = None,
        start_date: int | None = None,
        end_date: int | None = None,
        page_size: int = 100,
    ) -> Pager[V2AdminStreamInfo]:
        """All streams of the pod (``POST /pod/v2/admin/streams/list``).

        Args:
            types: Kinds of stream: ``IM``, ``MIM``, ``ROOM``; all if None, as with all that follow.
            scope: ``INTERNAL`` for streams within the company, ``EXTERNAL`` for those with others.
            origin: ``INTERNAL`` for streams begun in the company, ``EXTERNAL`` for those begun elsewhere.
            status: ``ACTIVE`` or ``INACTIVE``.
            privacy: ``PUBLIC`` or ``PRIVATE``.
            start_date: Only streams whose membership was modified at this time or later, in epoch milliseconds.
            end_date: Only streams whose membership was modified by this time, in epoch milliseconds; now if None.
            page_size: Streams per request, at most 100.
        """
        body = V2AdminStreamFilter(
            stream_types=None if types is None else [V2AdminStreamType(type_=text) for text in texts("types", types)],
            scope=scope,
            origin=origin,
            status=status,
            privacy=privacy,
            start_date=start_date,
            end_date=end_date,
        )

        async def fetch(query: Query) -> Page[V2AdminStreamInfo]:
            answer = await self._session.execute(v2_admin_streams_list_post.build(body=body, **query))
            return Page(answer.streams or (), total=answer.count)

        return Pager(fetch, lambda: SkipLimit(page_size), key=lambda stream: stream.id)

    def list_members(self, stream_id: str, *, page_size: int = 1000) -> Pager[V2MemberInfo]:
        """The members of a stream of the pod (``GET /pod/v1/admin/stream/{id}/membership/list``).

        Args:
            stream_id: The stream.
            page_size: Members per request, at most 1,000.
        """

        async def fetch(query: Query) -> Page[V2MemberInfo]:
            request = v1_admin_stream_id_membership_list_get.build(stream_id, **query)
            answer = await self._session.execute(request)
            return Page(answer.members or (), total=answer.count)

        return Pager(fetch, lambda: SkipLimit(page_size), key=_id_of_member)

    def list_attachments(
        self,
        stream_id: str,
        *,
        since: int | None = None,
        to: int | None = None,
        newest_first: bool = False,
        page_size: int = 100,
    ) -> Pager[StreamAttachmentItem]:
        """The files in a stream, the oldest or the newest first (``GET /pod/v1/streams/{sid}/attachments``).

        Args:
            stream_id: The stream.
            since: Ingested at this time or later, in epoch milliseconds; from the beginning if None.
            to: Ingested at this time or before, in epoch milliseconds; until now if None.
            newest_first: Whether to begin with the newest.
            page_size: Files per request, at most 100; must exceed the number of files of one millisecond.
        """
        window = {"since": since, "to": to}

        async def fetch(query: Query) -> Page[StreamAttachmentItem]:
            order = "DESC" if newest_first else "ASC"
            found = await self._session.execute(
                v1_streams_sid_attachments_get.build(stream_id, sort_dir=order, **{**window, **query})
            )
            return Page(found)

        def strategy() -> TimeWindow:
            start = to if newest_first else since
            return TimeWindow(page_size, time_of=lambda item: item.ingestion_date, start=start, descending=newest_first)

        # Each page begins with the last moment of the page before.
        return Pager(
            fetch,
            strategy,
            key=lambda item: (item.message_id, item.file_id),
            overlapping=True,
        )

    async def create_im(self, user_ids: Iterable[int]) -> Stream:
        """Begin an IM of the caller with users, or find the one they have (``POST /pod/v1/im/create``).

        Args:
            user_ids: One user or more; with more it is a MIM.
        """
        return await self._session.execute(v1_im_create_post.build(body=[*user_ids]))

    async def admin_create_im(self, user_ids: Iterable[int]) -> Stream:
        """Begin an IM of other users, or find the one they have (``POST /pod/v1/admin/im/create``).

        Args:
            user_ids: Two users or more; the caller does not join them.
        """
        return await self._session.execute(v1_admin_im_create_post.build(body=[*user_ids]))

    async def get_im(self, im_id: str) -> V1IMDetail:
        """An IM that the caller is in (``GET /pod/v1/im/{id}/info``)."""
        return await self._session.execute(v1_im_id_info_get.build(im_id))

    async def update_im(self, im_id: str, *, pinned_message_id: str) -> V1IMDetail:
        """Pin a message in an IM (``POST /pod/v1/im/{id}/update``).

        Args:
            im_id: The IM.
            pinned_message_id: The message to pin.
        """
        body = V1IMAttributes(pinned_message_id=pinned_message_id)
        return await self._session.execute(v1_im_id_update_post.build(im_id, body=body))


def _filter(types: Iterable[str] | None, include_inactive: bool | None) -> StreamFilter:
    kinds = None if types is None else [StreamType(type_=StreamTypeType(text)) for text in texts("types", types)]
    return StreamFilter(stream_types=kinds, include_inactive_streams=include_inactive)


def _id_of_member(member: V2MemberInfo) -> int:
    return member.user.user_id
