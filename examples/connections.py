"""Connections to users of other pods: ask, answer, list, remove. See README.md for what it needs."""

import asyncio

from aiosymphony import PodClient


async def main() -> None:
    async with PodClient.from_env() as pod:
        # Users of the own pod need no connection: look for the others.
        outside = [user async for user in pod.users.search("partner", local=False) if user.company != "Sandbox"]
        known = {connection.user_id for connection in await pod.connections.list(status="ALL")}
        for user in outside:
            if user.id not in known:
                connection = await pod.connections.create(user.id)
                print("asked", user.display_name, connection.status)
                break

        # Who asked the caller: take the first, refuse the rest.
        incoming = await pod.connections.list(status="PENDING_INCOMING")
        for number, request in enumerate(incoming):
            answer = pod.connections.accept if number == 0 else pod.connections.reject
            connection = await answer(request.user_id)
            print("answered", connection.user_id, connection.status)

        for connection in await pod.connections.list(status="ACCEPTED"):
            print("connected to", connection.user_id, (await pod.connections.get(connection.user_id)).status)
            await pod.connections.remove(connection.user_id)
            print("removed", connection.user_id)


asyncio.run(main())
