"""Presence: own and others', interest, a feed of changes. See README.md for what it needs."""

import asyncio
from contextlib import suppress

from aiosymphony import MissedChanges, PodClient


async def main() -> None:
    async with PodClient.from_env() as pod, pod.presence.feed() as feed:
        me = await pod.session.info()
        await pod.presence.set_own("BUSY")
        print("I am", (await pod.presence.get_own()).category)

        others = [user.user_system_info.id for user in await pod.users.list().collect(limit=4)]
        others.remove(me.id) if me.id in others else None
        # Without interest, a feed tells nothing of users of other pods.
        await pod.presence.register_interest(others)
        for uid in others:
            # For administrators: any user's presence.
            await pod.presence.set(uid, "AWAY")
            print(uid, "is", (await pod.presence.get(uid)).category)

        async for presence in pod.presence.list():
            print("everybody:", presence.user_id, presence.category)

        # A bot would go on; this program ends when it has heard of everybody whose presence it set, or after a while.
        awaited = {me.id, *others}
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                async for change in feed:
                    if isinstance(change, MissedChanges):
                        print("changes may be missing since", change.since)
                        continue
                    print("changed:", change.user_id, change.category)
                    awaited.discard(change.user_id)
                    if not awaited:
                        break


asyncio.run(main())
