"""Presence: own and others', interest, feeds of changes. See README.md for what it needs."""

import asyncio

from aiosymphony import PodClient


async def main() -> None:
    async with PodClient.from_env() as pod:
        me = await pod.session.info()
        feed = await pod.presence.create_feed()

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

        # A read brings 500 changes at most, and takes them out of the feed.
        while changes := await pod.presence.read_feed(feed):
            for change in changes:
                print("changed:", change.user_id, change.category)
        await pod.presence.delete_feed(feed)


asyncio.run(main())
