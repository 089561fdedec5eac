"""Streams: IMs and rooms, their members and owners. See README.md for what it needs."""

import asyncio

from aiosymphony import PodClient


async def main() -> None:
    async with PodClient.from_env() as pod:
        me = await pod.session.info()
        users = [user.user_system_info.id for user in await pod.users.list().collect(limit=6)]
        ann, bob, *others = [uid for uid in users if uid != me.id]

        # One IM for the same people, however often it is asked for; with more than one other it is a MIM.
        im = await pod.streams.create_im([ann])
        again = await pod.streams.create_im([ann])
        print("talking to", ann, "in", im.id, "which is the same" if again.id == im.id else "")

        room = await pod.rooms.create(name="Rates desk", description="Rates and their derivatives", public=False)
        room_id = room.room_system_info.id
        async for found in pod.rooms.search("rates", include_non_discoverable=True):
            print("found room", found.room_attributes.name)

        for uid in (ann, bob, *others):
            await pod.rooms.add_member(room_id, uid)
        await pod.rooms.promote(room_id, bob)
        await pod.rooms.remove_member(room_id, ann)
        for member in await pod.rooms.list_members(room_id):
            print("member", member.id, "who owns it" if member.owner else "")
        await pod.rooms.demote(room_id, bob)

        await pod.rooms.deactivate(room_id)
        print("active:", (await pod.rooms.get(room_id)).room_system_info.active)

        async for stream in pod.streams.list():
            print("in", stream.stream_type.type_, stream.id)


asyncio.run(main())
