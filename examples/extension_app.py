"""An extension app beside its bot: its login, and what it does for a user. See README.md for what it needs."""

import asyncio

from aiosymphony import AuthError, PodClient


async def main() -> None:
    async with PodClient.from_env() as pod:  # SYMPHONY_APP_ID and SYMPHONY_APP_PRIVATE_KEY, beside a bot's
        app = pod.extension_app()
        pair = await app.authenticate()
        print("a pair that is valid:", await app.is_valid(pair.app_token.reveal(), pair.symphony_token.reveal()))
        try:
            await app.validate_jwt("what a front end sends")
        except AuthError as error:
            print("refused:", error)

        bot = await pod.session.info()
        users = [user.user_system_info.id for user in await pod.users.list().collect(limit=2)]
        acting = pod.on_behalf_of(next(uid for uid in users if uid != bot.id))
        me = await acting.session.info()
        im = await acting.streams.create_im([bot.id])
        print("as", me.display_name, "in", im.id)


asyncio.run(main())
