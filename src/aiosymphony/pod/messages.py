"""``pod.messages``: messages, for compliance and administration. The Pod API neither sends nor reads messages."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from aiosymphony_api.pod.api.message import (
    v1_admin_messages_message_id_metadata_relationships_get,
    v1_admin_messages_message_id_receipts_get,
    v1_admin_messages_post,
    v1_message_mid_status_get,
    v2_admin_streams_stream_id_message_ids_get,
)
from aiosymphony_api.pod.api.message_suppression import v1_admin_messagesuppression_id_suppress_post
from aiosymphony_api.pod.models import (
    MessageDetail,
    MessageIds,
    MessageMetadataResponse,
    MessageReceiptDetail,
    MessageStatus,
    MessageSuppressionResponse,
)

from ..paging import Cursor, Offset, Page, Pager, Query
from ..resource import Resource, texts
from .pagers import next_cursor

PAGE_SIZE = 100
"""Message ids per request; Symphony documents neither a default nor a maximum."""

WINDOW_MS = 24 * 60 * 60 * 1000
"""The longest span of one request for message ids, in milliseconds."""


class Messages(Resource):
    """Status, receipts and relations of messages.

    Message and stream ids may be standard base64 or URL-safe, percent-encoded or not.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`, and
    :class:`Forbidden` if the account lacks the role.
    """

    async def get_status(self, message_id: str) -> MessageStatus:
        """Who wrote a message, and who has received and read it (``GET /pod/v1/message/{mid}/status``).

        Raises:
            BadRequest: There is no such message, or it is not the account's own.
        """
        return await self._session.execute(v1_message_mid_status_get.build(message_id))

    async def get_details(self, message_ids: Iterable[str]) -> list[MessageDetail]:
        """Author, stream and number of receipts of messages (``POST /pod/v1/admin/messages``).

        Returns:
            One entry per message.

        Raises:
            NotFound: There is no such message.
        """
        body = MessageIds(message_ids=texts("message_ids", message_ids))
        return await self._session.execute(v1_admin_messages_post.build(body=body))

    async def get_relationships(self, message_id: str) -> MessageMetadataResponse:
        """The message that a message answers or forwards, and those that answer or forward it.

        ``GET /pod/v1/admin/messages/{messageId}/metadata/relationships``

        Raises:
            NotFound: There is no such message.
        """
        request = v1_admin_messages_message_id_metadata_relationships_get.build(message_id)
        return await self._session.execute(request)

    def list_receipts(self, message_id: str) -> Pager[MessageReceiptDetail]:
        """Receipts of a message, one per recipient (``GET /pod/v1/admin/messages/{messageId}/receipts``).

        The pod decides the page size. It raises NotFound when it is read, if there is no such message.
        """
        build = partial(v1_admin_messages_message_id_receipts_get.build, message_id)

        async def fetch(query: Query) -> Page[MessageReceiptDetail]:
            answer = await self._session.execute(build(**query))
            return Page(answer.message_receipt_detail or (), next=next_cursor(answer.pagination))

        return Pager(fetch, Cursor, key=lambda receipt: receipt.user.id)

    async def suppress(self, message_id: str) -> MessageSuppressionResponse:
        """Hide a message from everyone (``POST /pod/v1/admin/messagesuppression/{id}/suppress``). It cannot be undone.

        Raises:
            BadRequest: There is no such message.
        """
        return await self._session.execute(v1_admin_messagesuppression_id_suppress_post.build(message_id))

    def list_ids(
        self, stream_id: str, *, since: int | None = None, to: int | None = None, page_size: int = PAGE_SIZE
    ) -> Pager[str]:
        """Ids of the messages in a stream (``GET /pod/v2/admin/streams/{streamId}/messageIds``).

        A pod answers for at most 24 hours: a longer time is split into windows of 24 hours. It raises NotFound when it
        is read, if there is no such stream.

        Args:
            stream_id: The stream.
            since: The earliest, epoch milliseconds; the pod's default if None.
            to: The latest, epoch milliseconds; now if None.
            page_size: Ids per request.
        """
        build = partial(v2_admin_streams_stream_id_message_ids_get.build, stream_id)

        async def fetch(query: Query) -> Page[str]:
            answer = await self._session.execute(build(**query))
            return Page(answer.data or (), total=answer.total_number_found, next=answer.next_start_number)

        # Windows share their boundary, as a pod may count it to either side: repeated ids are dropped.
        return Pager(fetch, lambda: _Windows(page_size, since, to), key=str, overlapping=True)


class _Windows:
    """Offsets within windows of 24 hours, one window after the other."""

    def __init__(self, page_size: int, since: int | None, to: int | None) -> None:
        self._offset = Offset(page_size)
        self._since = since
        self._to = to

    def first(self) -> Query:
        return self._window(self._since)

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        following = self._offset.following(query, page)
        if following is not None or "to" not in query or query["to"] >= self._end():
            return following
        return self._window(query["to"])

    def _window(self, since: int | None) -> Query:
        window: dict[str, Any] = dict(self._offset.first())
        if since is None:
            return window if self._to is None else {**window, "to": self._to}
        return {**window, "since": since, "to": min(since + WINDOW_MS, self._end())}

    def _end(self) -> int:
        # Fixed when it is first needed: a listing up to now must not chase the clock.
        if self._to is None:
            self._to = int(time.time() * 1000)
        return self._to
