"""Values of another kind than the document says, in the fields that the client itself looks at after a create."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiosymphony import ConnectClient, OutcomeUnknown, PodClient, RetryPolicy, StaticToken
from aiosymphony.provisioning import ConnectTarget
from aiosymphony.provisioning.rows.connect import ConnectUser
from aiosymphony.provisioning.targets.base import InDoubt
from aiosymphony_api.connect.models import User
from tests.faults.server import FaultServer, acts, reply

ODD = {"deep": "DEEP", "array": '["x"]', "object": '{"a":1}', "number": "7", "boolean": "true", "float": "1e300"}
ADA = User(email="ada@acme.test", first_name="Ada", last_name="Abbott")
PATH = "/api/v2/companies/c1/users"


def answer(template: str, odd: str) -> bytes:
    return template.replace("ODD", ODD[odd]).replace("DEEP", "[" * 1000 + "]" * 1000).encode()


async def pod_call(server: FaultServer, call: Callable[[PodClient], Awaitable[object]]) -> Any:
    async with PodClient(server.url, StaticToken("token"), retry=RetryPolicy(attempts=1)) as pod:
        return await call(pod)


async def connect_call(server: FaultServer, call: Callable[[ConnectClient], Awaitable[object]]) -> Any:
    async with ConnectClient(StaticToken("token"), base_url=server.url, retry=RetryPolicy(attempts=1)) as connect:
        return await call(connect)


@pytest.mark.parametrize("odd", ODD)
async def test_a_create_that_echoes_something_odd_is_outcome_unknown(odd: str, server: FaultServer) -> None:
    content = answer('{"userAttributes":{"userName":ODD,"emailAddress":ODD},"userSystemInfo":{"id":1}}', odd)
    server.on("POST", "/pod/v2/admin/user/create", then=acts(reply(200, content)))
    with pytest.raises(OutcomeUnknown, match="came where 'ada' was asked for"):
        await pod_call(server, lambda pod: pod.users.create(user_name="ada", email="a@b.c"))
    assert len(server.writes) == 1


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "row",
    [
        '{"email":ODD,"status":201,"id":"u1"}',
        '{"email":"ada@acme.test","status":409,"error":{"detail":ODD,"detailErrorCode":"40002"}}',
        '{"email":"ada@acme.test","status":409,"error":{"title":ODD}}',
    ],
)
async def test_a_row_with_something_odd_in_it_has_a_result(odd: str, row: str, server: FaultServer) -> None:
    server.on("POST", PATH, then=acts(reply(207, answer(f"[{row}]", odd))))
    for create in (
        lambda connect: connect.users.create_batch("c1", [ADA]),
        lambda connect: connect.users.create_objects("c1", [ADA.to_dict()]),
    ):
        [result] = await connect_call(server, create)
        assert not result.ok
        assert len(result.error.message) < 2100


@pytest.mark.parametrize("odd", ODD)
async def test_a_job_does_not_take_something_odd_for_an_id(odd: str, server: FaultServer) -> None:
    row = '{"email":"ada@acme.test","firstName":"A","lastName":"B","status":201,"id":ODD}'
    server.on("POST", PATH, then=acts(reply(201, answer(f"[{row}]", odd))))
    server.on("GET", PATH, then=reply(200, answer(f'{{"total":1,"users":[{row}]}}', odd)))
    async with ConnectClient(StaticToken("token"), base_url=server.url, retry=RetryPolicy(attempts=1)) as connect:
        target = ConnectTarget(connect, "c1")
        user = ConnectUser(email="ada@acme.test", first_name="A", last_name="B")
        assert await target.create([user.to_dict()]) == [InDoubt("the answer has no id")]


@pytest.mark.parametrize("odd", ODD)
async def test_a_look_up_that_brings_something_odd(odd: str, server: FaultServer) -> None:
    content = answer('{"users":[{"id":1,"emailAddress":ODD},{"id":2,"emailAddress":"b@x.test"}]}', odd)
    server.on("GET", "/pod/v3/users", then=reply(200, content))
    found = await pod_call(server, lambda pod: pod.users.get_many(emails=["a@x.test", "b@x.test"]))
    assert found.missing == ["a@x.test"]


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd != "deep"])
async def test_a_number_that_is_none(odd: str, server: FaultServer) -> None:
    """What is deep where a number belongs cannot be read at all."""
    server.on("GET", "/pod/v3/users", then=reply(200, answer('{"users":[{"id":ODD,"emailAddress":"a@x.test"}]}', odd)))
    found = await pod_call(server, lambda pod: pod.users.get_many(emails=["a@x.test", "b@x.test"]))
    assert (len(found.found), found.missing) == (1, ["b@x.test"])
    row = '{"email":"ada@acme.test","status":ODD,"error":{"title":"x","detailErrorCode":ODD}}'
    server.on("POST", PATH, then=acts(reply(207, answer(f"[{row}]", odd))))
    [result] = await connect_call(server, lambda connect: connect.users.create_batch("c1", [ADA]))
    assert not result.ok


async def test_a_number_that_is_deep(server: FaultServer) -> None:
    server.on("POST", PATH, then=acts(reply(207, answer('[{"email":"ada@acme.test","status":ODD}]', "deep"))))
    with pytest.raises(OutcomeUnknown, match="more than 200 levels deep"):
        await connect_call(server, lambda connect: connect.users.create_batch("c1", [ADA]))
