"""The audit trail: what privileged users did in the last hours. See README.md for what it needs.

The Agent serves it: set SYMPHONY_AGENT_URL if yours is not at the pod's address.
"""

import asyncio
import time
from collections import Counter

from aiosymphony import PodClient

HOURS = 6


async def main() -> None:
    now = int(time.time() * 1000)
    async with PodClient.from_env() as pod:
        actions: Counter[tuple[str | None, str | None]] = Counter()
        # The next page is fetched while this one is being counted.
        async for action in pod.audit_trail.list(now - HOURS * 3_600_000, now).prefetch():
            actions[action.initiator_username, action.action_name] += 1
        for (who, what), count in actions.most_common():
            print(f"{count:6} x {what} by {who}")
        print(actions.total(), "actions in", HOURS, "hours")


asyncio.run(main())
