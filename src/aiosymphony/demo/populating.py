"""The Pod part: users, rooms, members and presences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import attrs

from aiosymphony_api.pod.models import UserV2, V3RoomDetail

from .._bulk import Failed, bulk
from .._create_once import create_once
from ..errors import DecodeError
from ..pod.client import PodClient
from ..provisioning.rows.wanted import WantedRow
from ..wire.models import or_none
from .comparing import Thing
from .progress import Stage

I = TypeVar("I")  # noqa: E741 - the item
V = TypeVar("V")
USER, ROOM, PRESENCE = "pod user", "room", "presence of"
AT_ONCE = 16
CATEGORIES = ("AVAILABLE", "BUSY", "AWAY", "DO_NOT_DISTURB")


@attrs.frozen
class Population:
    """What the pod should hold in the end, besides what it held before.

    Attributes:
        users: Rows of the file. Each becomes a user of the pod, with the email address as user name.
        rooms: Names of rooms. Users are spread over them in turn.
    """

    users: Sequence[WantedRow]
    rooms: Sequence[str]

    def memberships(self) -> Iterator[tuple[str, str]]:
        """Room and email address of each membership."""
        for number, row in enumerate(self.users if self.rooms else ()):
            yield self.rooms[number % len(self.rooms)], row.user.label

    def presences(self) -> Iterator[tuple[str, str]]:
        """Email address and category of each presence."""
        for number, row in enumerate(self.users):
            yield row.user.label, CATEGORIES[number % len(CATEGORIES)]

    def things(self, owner: str) -> Iterator[Thing]:
        """What is expected; ``owner``, who creates the rooms, is a member of each."""
        members: dict[str, set[str]] = {room: {owner} for room in self.rooms}
        for room, email in self.memberships():
            members[room].add(email)
        for row in self.users:
            yield Thing(USER, row.user.label, _attributes(row))
        for room, emails in members.items():
            yield Thing(ROOM, room, {"members": sorted(emails)})
        for email, category in self.presences():
            yield Thing(PRESENCE, email, {"category": category})


@attrs.define
class Populated:
    """What the Pod part created, and what it found.

    Attributes:
        before: Ids of the users that were there before.
        owner: The account that did it, by its login name.
        users: Email address to user id.
        rooms: Name to room id.
        memberships: How many were added.
        presences: How many were set.
        looked_up: Creates whose answer was lost.
    """

    before: frozenset[int] = frozenset()
    owner: str = ""
    users: dict[str, int] = attrs.field(factory=dict)
    rooms: dict[str, str] = attrs.field(factory=dict)
    memberships: int = 0
    presences: int = 0
    looked_up: int = 0


async def populate(pod: PodClient, population: Population, *, stage: Stage) -> Populated:
    """Create users and rooms, add members, set presences.

    Args:
        pod: The client of an account that may administer users.
        population: What to create.
        stage: Gives the progress of each stage.

    Raises:
        SymphonyError: Something failed that retries and look-ups did not mend.
    """
    done = Populated()
    me = await pod.session.info()
    done.owner = me.username or ""
    done.before = frozenset([user.user_system_info.id async for user in pod.users.list()])

    async def create_user(row: WantedRow) -> tuple[str, int]:
        return row.user.label, await _create_user(pod, done, row)

    async def create_room(name: str) -> tuple[str, str]:
        return name, await _create_room(pod, done, name)

    async def add_member(item: tuple[str, str]) -> None:
        room, email = item
        await pod.rooms.add_member(done.rooms[room], done.users[email])

    async def set_presence(item: tuple[str, str]) -> None:
        email, category = item
        await pod.presence.set(done.users[email], category)

    done.users.update(await _all(population.users, create_user, stage("Pod users", len(population.users))))
    done.rooms.update(await _all(population.rooms, create_room, stage("Rooms", len(population.rooms))))
    memberships = list(population.memberships())
    done.memberships = len(await _all(memberships, add_member, stage("Members", len(memberships))))
    presences = list(population.presences())
    done.presences = len(await _all(presences, set_presence, stage("Presences", len(presences))))
    return done


async def _all(items: Sequence[I], function: Callable[[I], Awaitable[V]], advance: Callable[[int], None]) -> list[V]:
    values: list[V] = []
    async with bulk(items, function, concurrency=AT_ONCE) as run:
        async for outcome in run:
            if isinstance(outcome, Failed):
                raise outcome.error
            values.append(outcome.value)
            advance(1)
    return values


async def _create_user(pod: PodClient, done: Populated, row: WantedRow) -> int:
    email = row.user.label
    attributes = _attributes(row)

    async def create() -> int | None:
        created = await pod.users.create(
            user_name=email,
            email=email,
            first_name=attributes["firstName"],
            last_name=attributes["lastName"],
            display_name=attributes["displayName"],
            roles=["INDIVIDUAL"],
        )
        return or_none(lambda: created.user_system_info.id)

    async def find() -> int | None:
        done.looked_up += 1
        found: UserV2 | None = await pod.users.get(username=email)
        return None if found is None else found.id

    return _known(await create_once(create, find), f"user {email}")


async def _create_room(pod: PodClient, done: Populated, name: str) -> str:
    async def create() -> str | None:
        return _room_id(await pod.rooms.create(name=name, description=f"{name}, made by the demo", public=False))

    async def find() -> str | None:
        done.looked_up += 1
        async for room in _rooms(pod, name):
            if room.room_attributes.name == name:
                return _room_id(room)
        return None

    return _known(await create_once(create, find), f"room {name}")


def _rooms(pod: PodClient, query: str) -> AsyncIterator[V3RoomDetail]:
    return aiter(pod.rooms.search(query, include_non_discoverable=True))


async def read_back(pod: PodClient, done: Populated) -> AsyncIterator[Thing]:
    """Users, rooms with their members, and presences, page by page, without the users from before."""
    names: dict[int, str] = {}
    async for user in pod.users.list():
        info, attributes = user.user_system_info, user.user_attributes
        names[info.id] = attributes.user_name or ""
        if info.id not in done.before:
            yield Thing(USER, names[info.id], attributes.to_dict())
    for room_name in done.rooms:
        # A search by name also finds a second room of the same name.
        async for room in _rooms(pod, room_name):
            if room.room_attributes.name == room_name:
                members = await pod.rooms.list_members(_room_id(room))
                yield Thing(ROOM, room_name, {"members": sorted(names.get(one.id, str(one.id)) for one in members)})
    async for presence in pod.presence.list():
        uid = presence.user_id
        if uid not in done.before:
            yield Thing(PRESENCE, names.get(uid, str(uid)), {"category": str(presence.category)})


def _attributes(row: WantedRow) -> dict[str, str]:
    """What a person of the file is in the pod."""
    values = row.user.to_dict()
    first, last = values["firstName"], values["lastName"]
    return {
        "userName": row.user.label,
        "emailAddress": row.user.label,
        "firstName": first,
        "lastName": last,
        "displayName": values.get("displayName") or f"{first} {last}",
    }


def _room_id(room: V3RoomDetail) -> str:
    return room.room_system_info.id


def _known(found: V | None, what: str) -> V:
    if found is None:
        raise DecodeError(f"the answer to the create of {what} has no id")
    return found
