"""Creates whose answer belongs to another request: the outcome is unknown, and the connections are dropped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiosymphony import OutcomeUnknown
from aiosymphony_api.connect.models import User

from .wire import Wire

ADA = User(email="ada@acme.test", first_name="Ada", last_name="Abbott")
COMPANY = {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.test"], "id": "c1"}


async def create_user(wire: Wire) -> object:
    return await wire.pod.users.create(user_name="ada", email="ada@acme.test")


async def create_room(wire: Wire) -> object:
    return await wire.pod.rooms.create(name="Desk", description="The desk")


async def create_connection(wire: Wire) -> object:
    return await wire.pod.connections.create(7)


async def create_feed(wire: Wire) -> object:
    return await wire.pod.presence.create_feed()


async def create_company(wire: Wire) -> object:
    return await wire.connect.companies.create(name="Acme", vanity_name="acme", email_domains=["acme.test"])


async def create_batch(wire: Wire) -> object:
    return await wire.connect.users.create_batch("c1", [ADA])


async def create_objects(wire: Wire) -> object:
    return await wire.connect.users.create_objects("c1", [ADA.to_dict()])


STATUS: dict[Callable[[Wire], Awaitable[object]], int] = {create_company: 202, create_batch: 201, create_objects: 201}


def user(name: str, email: str) -> dict[str, Any]:
    return {"userAttributes": {"userName": name, "emailAddress": email}, "userSystemInfo": {"id": 1}}


@pytest.mark.parametrize(
    ("create", "answer", "names"),
    [
        (create_user, user("bob", "ada@acme.test"), "userName 'bob' came where 'ada' was asked for"),
        (create_user, user("ada", "bob@acme.test"), "emailAddress 'bob@acme.test' came"),
        (create_user, {"userSystemInfo": {"id": 1}}, "no userName and no emailAddress"),
        (create_room, {"roomAttributes": {"name": "Other"}}, "name 'Other' came where 'Desk'"),
        (create_room, {"roomSystemInfo": {"id": "x"}}, "no name"),
        (create_connection, {"userId": 8, "status": "PENDING_OUTGOING"}, "userId '8' came where '7'"),
        (create_feed, {}, "no id"),
        (create_company, {**COMPANY, "vanityName": "other"}, "vanityName 'other' came"),
        (create_company, {**COMPANY, "name": "Other"}, "name 'Other' came"),
        (create_batch, [{"email": "bob@acme.test", "firstName": "Bob", "lastName": "B"}], "'bob@acme.test'"),
        (create_batch, [], "mentions no user"),
        (create_objects, [{"email": "bob@acme.test", "firstName": "Bob", "lastName": "B"}], "'bob@acme.test'"),
        (create_objects, [{"email": "bob@acme.test", "status": 201, "id": "b"}], "'bob@acme.test'"),
        (create_objects, [{"email": mail, "status": 201, "id": mail} for mail in (ADA.email, "eve@x.test")], "'eve"),
        (create_objects, [], "mentions no user"),
    ],
)
async def test_an_answer_to_another_request(
    wire: Wire, create: Callable[[Wire], Awaitable[object]], answer: Any, names: str
) -> None:
    wire.answers(answer, status=STATUS.get(create, 200))
    with pytest.raises(OutcomeUnknown, match="does not belong to this request") as caught:
        await create(wire)
    assert names in str(caught.value)
    assert caught.value.method == "POST"
    assert caught.value.may_have_acted
    assert len(wire.sent) == 1
    assert wire.transport.resets == 1


@pytest.mark.parametrize(
    ("create", "answer"),
    [
        (create_user, user("ADA", " Ada@Acme.test ")),
        (create_user, {"userAttributes": {"userName": "ada"}}),
        (create_room, {"roomAttributes": {"name": "Desk "}}),
        (create_connection, {"userId": "7"}),
        (create_company, COMPANY),
        (create_batch, [{"email": "ADA@acme.test", "firstName": "Ada", "lastName": "A", "status": 201}]),
        (create_objects, [{"email": "ADA@acme.test", "firstName": "Ada", "lastName": "A", "status": 201, "id": "a"}]),
    ],
)
async def test_a_server_may_trim_fold_case_and_leave_out(
    wire: Wire, create: Callable[[Wire], Awaitable[object]], answer: Any
) -> None:
    wire.answers(answer, status=STATUS.get(create, 200))
    await create(wire)
    assert wire.transport.resets == 0


async def test_accents_are_the_same_in_either_form_of_unicode(wire: Wire) -> None:
    wire.answers({"roomAttributes": {"name": "Caf\u00e9"}})
    room = await wire.pod.rooms.create(name="Cafe\u0301", description="")
    assert room.room_attributes is not None


@pytest.mark.parametrize(
    "create", [create_user, create_room, create_connection, create_feed, create_company, create_batch, create_objects]
)
async def test_a_create_is_sent_once_however_it_fails(wire: Wire, create: Callable[[Wire], Awaitable[object]]) -> None:
    wire.answers({}, status=503)
    with pytest.raises(OutcomeUnknown):
        await create(wire)
    assert len(wire.sent) == 1
