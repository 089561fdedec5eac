"""``pod.audit_trail``: what privileged users did. An operation of the Agent, not of the Pod."""

from __future__ import annotations

from functools import partial

from aiosymphony_api.agent.api.audit_trail import v1_audittrail_privilegeduser_get
from aiosymphony_api.agent.models import V1AuditTrailInitiatorResponse

from ..paging import Cursor, Page, Pager, Query
from ..resource import Resource
from .pagers import next_cursor

PAGE_SIZE = 500
"""Actions a page; the most that an Agent gives. It gives 50 if not asked."""


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

        Fields of an action beyond the common ones stand in its ``additional_properties``. Items have no key, so that
        :meth:`Pager.unique` does not apply.

        Args:
            start: The earliest, epoch milliseconds.
            end: The latest, epoch milliseconds; now if None.
            initiator_id: Only those of the user with this id.
            role: Only those of users who hold this role.
            page_size: Actions asked for at once, 500 at most.

        Raises:
            Forbidden: On reading: the account may not see the audit trail.
            SymphonyError: On reading: whatever :meth:`Session.execute` raises.
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
