"""Users: search, list, create, update; features and roles. See README.md for what it needs."""

import asyncio

from aiosymphony import PodClient


async def main() -> None:
    async with PodClient.from_env() as pod:
        # The directory, as everybody sees it.
        async for found in pod.users.search("ada", local=True):
            print("found", found.display_name, found.email_address)

        # All users, as administrators see them; the pager asks for page after page.
        count = 0
        async for _ in pod.users.list():
            count += 1
        print("the pod has", count, "users")

        # A user that is there already is taken as it is.
        user = await pod.users.get(username="grace.hopper")
        if user is not None:
            uid = user.id
        else:
            created = await pod.users.create(
                user_name="grace.hopper",
                email="grace.hopper@sandbox.example",
                first_name="Grace",
                last_name="Hopper",
                display_name="Grace Hopper",
                roles=["INDIVIDUAL"],
            )
            uid = created.user_system_info.id
        await pod.users.update(uid, title="Rear Admiral", department="Technology")
        detail = await pod.users.detail(uid)
        print("updated", detail.user_attributes.display_name, "to", detail.user_attributes.title)

        # What she may do: features, and roles.
        await pod.users.update_features(uid, {"canCreatePublicRoom": True, "sendFilesEnabled": False})
        allowed = [feature.entitlment for feature in await pod.users.list_features(uid) if feature.enabled]
        print("allowed:", ", ".join(sorted(allowed)))
        await pod.users.add_role(uid, "USER_PROVISIONING")
        print("roles:", ", ".join((await pod.users.detail(uid)).roles))
        await pod.users.remove_role(uid, "USER_PROVISIONING")
        print("all roles there are:", ", ".join(role.id for role in await pod.system.list_roles()))


asyncio.run(main())
