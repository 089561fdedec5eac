"""``pod.connections``: connections between users of different pods."""

from __future__ import annotations

from collections.abc import Iterable

from aiosymphony_api.pod.api.connection import (
    v1_connection_accept_post,
    v1_connection_create_post,
    v1_connection_list_get,
    v1_connection_reject_post,
    v1_connection_user_uid_remove_post,
    v1_connection_user_user_id_info_get,
)
from aiosymphony_api.pod.models import (
    SuccessResponse,
    UserConnection,
    UserConnectionRequest,
    UserConnectionStatus,
    V1ConnectionListGetStatus,
)

from ..resource import Resource, check_echo


class Connections(Resource):
    """The caller's connections. Users of one pod are connected without any request.

    Every method raises the errors of :meth:`Session.execute`.
    """

    async def list(
        self, *, status: UserConnectionStatus | str | None = None, user_ids: Iterable[int] | None = None
    ) -> list[UserConnection]:
        """The caller's connections, all in one answer (``GET /pod/v1/connection/list``).

        Args:
            status: A ``UserConnectionStatus`` of ``aiosymphony_api.pod.models``, or as text ``PENDING_INCOMING``,
                ``PENDING_OUTGOING``, ``ACCEPTED``, ``REJECTED`` or ``ALL``, in either case. Pending ones of both
                directions if None.
            user_ids: Only connections with these users. Users of the caller's own pod are listed only if named here,
                with the status ``ACCEPTED``.
        """
        request = v1_connection_list_get.build(
            status=None if status is None else V1ConnectionListGetStatus(status.upper()),
            user_ids=None if user_ids is None else ",".join(map(str, user_ids)),
        )
        return await self._session.execute(request)

    async def get(self, user_id: int) -> UserConnection:
        """The connection with a user (``GET /pod/v1/connection/user/{userId}/info``)."""
        return await self._session.execute(v1_connection_user_user_id_info_get.build(str(user_id)))

    async def create(self, user_id: int) -> UserConnection:
        """Ask a user of another pod for a connection (``POST /pod/v1/connection/create``).

        Raises:
            OutcomeUnknown: The user may have been asked; :meth:`get` tells.
        """
        request = v1_connection_create_post.build(body=UserConnectionRequest(user_id=user_id))
        connection = await self._session.execute(request)
        check_echo(self._session, request.operation, ("userId", user_id, connection.user_id))
        return connection

    async def accept(self, user_id: int) -> UserConnection:
        """Accept a user's request (``POST /pod/v1/connection/accept``).

        Raises:
            OutcomeUnknown: It may have been accepted; :meth:`get` tells.
        """
        return await self._session.execute(v1_connection_accept_post.build(body=UserConnectionRequest(user_id=user_id)))

    async def reject(self, user_id: int) -> UserConnection:
        """Reject a user's request (``POST /pod/v1/connection/reject``).

        Raises:
            OutcomeUnknown: It may have been rejected; :meth:`get` tells.
        """
        return await self._session.execute(v1_connection_reject_post.build(body=UserConnectionRequest(user_id=user_id)))

    async def remove(self, user_id: int) -> SuccessResponse:
        """End the connection with a user (``POST /pod/v1/connection/user/{uid}/remove``).

        Raises:
            OutcomeUnknown: It may have ended; :meth:`get` tells.
        """
        return await self._session.execute(v1_connection_user_uid_remove_post.build(user_id))
