"""Users of the pod: what is refused, found and paged."""

from __future__ import annotations

from typing import Any

import pytest

from aiosymphony.sandbox import Sandbox

from .conftest import Client

CREATE = "/pod/v2/admin/user/create"


def person(name: str = "ada", **more: Any) -> dict[str, Any]:
    attributes = {"userName": name, "emailAddress": f"{name}@x.example", "firstName": "A", "lastName": "B", **more}
    return {"userAttributes": {key: value for key, value in attributes.items() if value is not None}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (person(nickname="x"), "nickname"),
        ({**person(), "extra": 1}, "extra"),
        (person(firstName=None), "firstName"),
        (person(firstName="x" * 65), "firstName"),
        (person(title="x" * 257), "title"),
        (person(emailAddress="nonsense"), "emailAddress"),
        (person(accountType="ROBOT"), "accountType"),
        (person(assetClasses="Equities"), "assetClasses"),
        ({**person(), "roles": ["KING"]}, "KING"),
        (person(currentKey={"key": "no key"}), "currentKey"),
    ],
)
async def test_a_bad_user_is_refused_by_the_name_of_its_field(
    client: Client, symphony_sandbox: Sandbox, body: dict[str, Any], named: str
) -> None:
    status, answer = await client.post(CREATE, body)
    assert (status, answer["code"]) == (400, 400)
    assert named in answer["message"]
    assert symphony_sandbox.state.counts()["users"] == 1


async def test_an_error_does_not_repeat_values(client: Client) -> None:
    _, answer = await client.post(CREATE, {**person(), "password": {"hPassword": 123456789}})
    assert "hPassword" in answer["message"]
    assert "123456789" not in answer["message"]


async def test_names_and_emails_are_unique_whatever_their_case(client: Client, symphony_sandbox: Sandbox) -> None:
    assert (await client.post(CREATE, person("Ada")))[0] == 200
    for taken, named in (
        (person("ADA", emailAddress="other@x.example"), "userName"),
        (person("other", emailAddress="ADA@X.example"), "emailAddress"),
    ):
        status, answer = await client.post(CREATE, taken)
        assert status == 400
        assert named in answer["message"]
    assert symphony_sandbox.state.counts()["users"] == 2
    uid = symphony_sandbox.state.user(username="ada")
    assert uid is not None
    assert (await client.post(f"/pod/v2/admin/user/{uid.id}/update", {"emailAddress": "Ada@x.example"}))[0] == 200


@pytest.mark.symphony_sandbox(uniqueness=False)
async def test_without_uniqueness_a_repeated_create_makes_a_double(client: Client, symphony_sandbox: Sandbox) -> None:
    ids = {(await client.post(CREATE, person()))[1]["userSystemInfo"]["id"] for _ in range(2)}
    assert len(ids) == 2
    assert symphony_sandbox.state.counts()["users"] == 3


@pytest.mark.parametrize(
    "query", [{"uid": "abc"}, {}, {"uid": 1, "email": "a@b.c"}, {"username": "ada"}, {"uid": 1, "verbose": 1}]
)
async def test_a_bad_look_up_is_refused(client: Client, query: dict[str, Any]) -> None:
    assert (await client.get("/pod/v2/user", **query))[0] == 400


@pytest.mark.symphony_sandbox(users=120)
async def test_look_ups_take_a_hundred_at_once(client: Client, symphony_sandbox: Sandbox) -> None:
    emails = [user.email for user in symphony_sandbox.state.users()]
    status, answer = await client.get("/pod/v3/users", email=",".join(emails[:100]))
    assert status == 200
    assert [user["emailAddress"] for user in answer["users"]] == emails[:100]
    assert (await client.get("/pod/v3/users", email=",".join(emails[:101])))[0] == 400
    assert (await client.get("/pod/v3/users", email="nobody@x.example"))[0] == 204


@pytest.mark.symphony_sandbox(users=9, external_users=1)
async def test_a_directory_look_up_sees_other_pods_unless_local(client: Client, symphony_sandbox: Sandbox) -> None:
    [external] = [user for user in symphony_sandbox.state.db.users if user.external]
    assert (await client.get("/pod/v2/user", uid=external.id))[1]["company"] == "Partner"
    assert (await client.get("/pod/v2/user", uid=external.id, local=True))[0] == 204
    assert (await client.get(f"/pod/v2/admin/user/{external.id}"))[0] == 400
    assert len((await client.get("/pod/v2/admin/user/list"))[1]) == 10


async def pages(client: Client, path: str, step: int, **query: Any) -> list[list[Any]]:
    found: list[list[Any]] = []
    while True:
        status, page = await client.get(path, skip=sum(map(len, found)), limit=step, **query)
        assert status == 200
        if not page:
            return found
        found.append(page)


@pytest.mark.symphony_sandbox(users=24)
async def test_lists_have_pages(client: Client) -> None:
    found = await pages(client, "/pod/v2/admin/user/list", 10)
    assert [len(page) for page in found] == [10, 10, 5]
    ids = [user["userSystemInfo"]["id"] for page in found for user in page]
    assert len(set(ids)) == 25
    assert (await client.get("/pod/v2/admin/user/list", skip=-1))[0] == 400
    assert (await client.get("/pod/v2/admin/user/list", limit=0))[0] == 400


@pytest.mark.symphony_sandbox(users=24, page_cap=4)
async def test_a_cap_shortens_every_page_silently(client: Client) -> None:
    assert [len(page) for page in await pages(client, "/pod/v3/admin/user/list", 10)] == [4, 4, 4, 4, 4, 4, 1]
    assert len((await client.get("/pod/v2/users/presence"))[1]) == 4
    assert (await client.post("/pod/v1/user/search", {"query": "a"}))[1]["limit"] == 4


@pytest.mark.symphony_sandbox(users=4, inclusive_last_user_id=True)
async def test_last_user_id_may_be_inclusive(client: Client) -> None:
    _, first = await client.get("/pod/v2/users/presence", limit=2)
    _, second = await client.get("/pod/v2/users/presence", limit=2, lastUserId=first[-1]["userId"])
    assert second[0]["userId"] == first[-1]["userId"]


@pytest.mark.symphony_sandbox(users=5)
async def test_cursors_lead_forth_and_back(client: Client, symphony_sandbox: Sandbox) -> None:
    ids = [user.id for user in symphony_sandbox.state.users()]
    await client.post(f"/pod/v1/user/{ids[0]}/follow", {"followers": ids[1:]})
    path = f"/pod/v1/user/{ids[0]}/followers"
    _, first = await client.get(path, limit=3)
    _, second = await client.get(path, limit=3, after=first["pagination"]["cursors"]["after"])
    assert first["followers"] + second["followers"] == ids[1:]
    assert "after" not in second["pagination"]["cursors"]
    _, back = await client.get(path, limit=3, before=second["pagination"]["cursors"]["before"])
    assert back["followers"] == first["followers"]
    assert (await client.get(path, after="stale"))[0] == 400


async def test_what_is_no_json_and_what_is_unknown(client: Client) -> None:
    headers = {**client.pod, "Content-Type": "application/json"}
    async with client.session.post(CREATE, data=b'{"a":', headers=headers) as response:
        assert response.status == 400
    async with client.session.post(CREATE, data=b"{}", headers={**headers, "Content-Type": "text/plain"}) as response:
        assert response.status == 415
    assert (await client.post(CREATE))[0] == 400
    assert (await client.get("/pod/v9/nothing"))[0] == 404
    assert (await client.send("DELETE", CREATE))[0] == 404


async def test_the_trace_id_comes_back(client: Client) -> None:
    async with client.session.get("/pod/v2/sessioninfo", headers={**client.pod, "X-Trace-Id": "abc123"}) as response:
        assert response.headers["X-Trace-Id"] == "abc123"


@pytest.mark.symphony_sandbox(users=2)
async def test_rooms_are_changed_by_their_owners_only(client: Client, symphony_sandbox: Sandbox) -> None:
    _, one, two = [user.id for user in symphony_sandbox.state.users()]
    _, room = await client.post("/pod/v3/room/create", {"name": "Desk"})
    rid = room["roomSystemInfo"]["id"]
    add, update = f"/pod/v1/room/{rid}/membership/add", f"/pod/v3/room/{rid}/update"
    await client.post(add, {"id": one})
    theirs = await client.behalf_of(one)
    assert (await client.post(update, {"description": "x"}, headers=theirs))[0] == 403
    assert (await client.post(add, {"id": two}, headers=theirs))[0] == 403
    await client.post(update, {"membersCanInvite": True})
    assert (await client.post(add, {"id": two}, headers=theirs))[0] == 200
    assert (await client.post(update, {"public": True}))[0] == 400
    await client.post(f"/pod/v1/room/{rid}/setActive", active=False)
    assert (await client.post(add, {"id": two}))[0] == 400
    assert (await client.post("/pod/v3/room/create", {"name": " "}))[0] == 400
