"""``pod.presence``: whether users are available."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from aiosymphony_api.pod.api.presence import (
    v1_presence_feed_create_post,
    v1_presence_feed_feed_id_delete_post,
    v1_presence_feed_feed_id_read_get,
    v1_user_presence_register_post,
    v2_user_presence_get,
    v2_user_presence_post,
    v2_users_presence_get,
    v3_user_presence_post,
    v3_user_uid_presence_get,
)
from aiosymphony_api.pod.models import (
    PresenceCategory,
    SuccessResponse,
    V2Presence,
    V2PresenceStatus,
    V2UserPresence,
)

from ..paging import LastId, Page, Pager, Query
from ..resource import Resource, mismatch
from ..wire.models import or_none
from .presence_feed import PresenceFeed


class Presence(Resource):
    """Presence. Its category is a ``PresenceCategory`` of ``aiosymphony_api.pod.models``, which is text as well.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`.
    """

    async def get_own(self) -> V2Presence:
        """The caller's presence (``GET /pod/v2/user/presence``)."""
        return await self._session.execute(v2_user_presence_get.build())

    async def set_own(self, category: PresenceCategory | str, *, soft: bool | None = None) -> V2Presence:
        """Set the caller's presence (``POST /pod/v2/user/presence``).

        Args:
            category: The new category, such as ``PresenceCategory.BUSY`` or ``"BUSY"``.
            soft: True to respect the user's activity: a user who is OFFLINE gets the presence when coming online, and
                activity may turn AVAILABLE into AWAY. False if None.

        Returns:
            The presence as it is now.
        """
        request = v2_user_presence_post.build(body=V2PresenceStatus(category=PresenceCategory(category)), soft=soft)
        return await self._session.execute(request)

    async def get(self, uid: int, *, local: bool | None = None) -> V2Presence:
        """A user's presence (``GET /pod/v3/user/{uid}/presence``). For a user of another pod, register interest first.

        Args:
            uid: The user.
            local: True to ask only this pod, False to ask the user's own pod, too; False if None.
        """
        return await self._session.execute(v3_user_uid_presence_get.build(uid, local=local))

    async def set(self, uid: int, category: PresenceCategory | str, *, soft: bool | None = None) -> V2Presence:
        """Set the presence of any user of this pod, as an administrator (``POST /pod/v3/user/presence``).

        Args:
            uid: The user.
            category: The new category, such as ``PresenceCategory.BUSY`` or ``"BUSY"``.
            soft: True to respect the user's activity: a user who is OFFLINE gets the presence when coming online, and
                activity may turn AVAILABLE into AWAY. False if None.

        Returns:
            The presence as it is now.
        """
        request = v3_user_presence_post.build(
            body=V2UserPresence(category=PresenceCategory(category), user_id=uid), soft=soft
        )
        return await self._session.execute(request)

    def list(self, *, page_size: int = 5000) -> Pager[V2Presence]:
        """The presence of the active users of this pod, in the order of their ids (``GET /pod/v2/users/presence``).

        Inactive users are left out; we assume that these are the disabled accounts. This is expensive for the pod:
        Symphony asks to follow changes with a feed (:meth:`feed`) instead of listing all users repeatedly.

        Args:
            page_size: Presences per request, 2 to 5,000.
        """

        async def fetch(query: Query) -> Page[V2Presence]:
            found = await self._session.execute(v2_users_presence_get.build(**query))
            return Page(found)

        # The answer may begin with the last user of the page before.
        return Pager(
            fetch,
            lambda: LastId(page_size, last_id=lambda presence: or_none(lambda: presence.user_id) or 0),
            key=lambda presence: presence.user_id,
            overlapping=True,
        )

    async def register_interest(self, uids: Iterable[int]) -> SuccessResponse:
        """Register interest in the presence of users (``POST /pod/v1/user/presence/register``).

        Needed before the presence of users of other pods can be requested.
        """
        return await self._session.execute(v1_user_presence_register_post.build(body=[*uids]))

    def feed(
        self, *, min_wait: float = 1.0, max_wait: float = 15.0, give_up_after: float | None = None
    ) -> PresenceFeed:
        """Changes of presence as they come, of this pod's users and of those that :meth:`register_interest` names.

        Nothing is sent until the feed is entered; see :class:`PresenceFeed`.

        Args:
            min_wait: Seconds between two reads while changes come. After 500 changes, the most that a read returns,
                the next read does not wait.
            max_wait: The wait doubles up to this while nothing comes, and after failures.
            give_up_after: Seconds of failures without a success after which the last is raised; None to go on.

        Raises:
            ConfigError: A time is out of range.
        """
        return PresenceFeed(
            self._session,
            create=self.create_feed,
            read=self.read_feed,
            delete=self.delete_feed,
            min_wait=min_wait,
            max_wait=max_wait,
            give_up_after=give_up_after,
        )

    async def create_feed(self) -> str:
        """Create a feed of changes in presence (``POST /pod/v1/presence/feed/create``).

        Returns:
            The feed's id, for :meth:`read_feed` and :meth:`delete_feed`.

        Raises:
            OutcomeUnknown: A feed may have been created, and its id is lost; an unused feed does no harm.
        """
        request = v1_presence_feed_create_post.build()
        feed = await self._session.execute(request)
        if not (feed_id := or_none(lambda: feed.id)):
            raise mismatch(self._session, request.operation, "it has no id")
        return feed_id

    async def read_feed(self, feed_id: str) -> builtins.list[V2Presence]:
        """The changes since the feed was last read (``GET /pod/v1/presence/feed/{feedId}/read``).

        Reading takes out the changes, at most 500. Read again until there are none.

        Raises:
            OutcomeUnknown: Changes may have been taken out, and were lost with the answer. Request the presence of the
                users that matter with :meth:`get`, and read on.
        """
        return await self._session.execute(v1_presence_feed_feed_id_read_get.build(feed_id))

    async def delete_feed(self, feed_id: str) -> None:
        """Delete a feed (``POST /pod/v1/presence/feed/{feedId}/delete``).

        Raises:
            OutcomeUnknown: It may have been deleted.
        """
        await self._session.execute(v1_presence_feed_feed_id_delete_post.build(feed_id))
