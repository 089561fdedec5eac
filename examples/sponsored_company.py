"""Connect: a sponsored company and its users. Needs SYMPHONY_CLIENT_ID and SYMPHONY_CLIENT_SECRET.

For a sandbox, set SYMPHONY_CONNECT_URL to its url and SYMPHONY_TOKEN_URL to its token_url as well.
"""

import asyncio

from aiosymphony import ConnectClient
from aiosymphony_api.connect.models import User

PEOPLE = [
    User(email="ada@lyondell.example", first_name="Ada", last_name="Byron"),
    User(email="charles@lyondell.example", first_name="Charles", last_name="Babbage"),
    User(email="luigi@elsewhere.example", first_name="Luigi", last_name="Menabrea"),
]


async def main() -> None:
    async with ConnectClient.from_env() as connect:
        found = await connect.companies.list(vanity_name="lyondell")
        company = (
            found[0]
            if found
            else await connect.companies.create(
                name="Lyondell", vanity_name="lyondell", email_domains=["lyondell.example"]
            )
        )
        # About 20 minutes in the real world; it can be waited for again after any error.
        company = await connect.companies.wait_until_completed(company.id, interval=0.1)

        # Any number of users, in batches; one result each.
        for result in await connect.users.create(company.id, PEOPLE):
            print(result.asked.email, f"not created: {result.error.message}" if result.error else "created")

        async for user in connect.users.list(company.id):
            print(user.email, "is", "active" if user.active else "disabled")
            await connect.users.disable(company.id, user.id)


asyncio.run(main())
