"""``pod.audit_trail``: the actions of privileged users. An operation of the Agent, not of the Pod."""

from __future__ import annotations

from functools import partial

from aiosymphony_api.agent.api.audit_trail import v1_audittrail_privilegeduser_get
from aiosymphony_api.agent.models import V1AuditTrailInitiatorResponse

from ..paging import Cursor, Page, Pager, Query
from ..resource import Resource
from .pagers import next_cursor

PAGE_SIZE = 500
"""Actions per page: an Agent's maximum. Its default is 50."""


class AuditTrail(Resource):
    """Actions of privileged users, from the Agent at ``agent_url``."""

    def list(
        self,
        start: int,
        end: int | None = None,
        *,
        initiator_id: int | None = None,
        role: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Pager[V1AuditTrailInitiatorResponse]:
        """Actions within a time (``GET /agent/v1/audittrail/privilegeduser``).

        Fields that only some actions have are in ``additional_properties``. Items have no key, so that
        :meth:`Pager.unique` cannot be used.

        Args:
            start: The earliest, epoch milliseconds.
            end: The latest, epoch milliseconds; now if None.
            initiator_id: Only those of the user with this id.
            role: Only those of users who hold this role.
            page_size: Actions per request, at most 500.

        Raises:
            Forbidden: When it is read: the account may not see the audit trail.
            SymphonyError: When it is read: the errors of :meth:`Session.execute`.
        """
        build = partial(
            v1_audittrail_privilegeduser_get.build,
            start_timestamp=start,
            end_timestamp=end,
            initiator_id=initiator_id,
            role=role,
        )

        async def fetch(query: Query) -> Page[V1AuditTrailInitiatorResponse]:
            answer = await self._session.execute(build(**query))
            if answer is None:  # 204: no action at all
                return Page(())
            return Page(answer.items or (), next=next_cursor(answer.pagination))

        return Pager(fetch, lambda: Cursor(page_size))
