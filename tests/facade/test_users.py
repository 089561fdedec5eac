"""pod.users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from aiosymphony import BadRequest, ConfigError, MissingField, OutcomeUnknown, PodClient, Role, ServerError
from aiosymphony.pod.pictures import MAX_AVATAR
from aiosymphony.pod.users import FoundUsers
from aiosymphony.sandbox import Sandbox
from aiosymphony.testing import SentRequest, make_response
from aiosymphony.transport import Response
from aiosymphony_api.pod.models import (
    Password,
    UserStatus,
    UserV2,
    V2UserAttributes,
    V2UserCreate,
    V2UserKeyRequest,
)

from .wire import HOST, Wire, sent

DONE = {"format": "TEXT", "message": "OK"}

# --- the wire ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "answer", "request_"),
    [
        (lambda users: users.get(uid=7), {"id": 7}, sent("GET", "/pod/v2/user?uid=7")),
        (lambda users: users.get(uid=0), {"id": 0}, sent("GET", "/pod/v2/user?uid=0")),
        (
            lambda users: users.get(email="a+b@c.test", local=False),
            {"id": 7},
            sent("GET", "/pod/v2/user?email=a%2Bb%40c.test&local=false"),
        ),
        (lambda users: users.get(username="ada"), {"id": 7}, sent("GET", "/pod/v2/user?username=ada&local=true")),
        (lambda users: users.detail(7), {}, sent("GET", "/pod/v2/admin/user/7")),
        (lambda users: users.get_status(7), {}, sent("GET", "/pod/v1/admin/user/7/status")),
        (
            lambda users: users.set_status(7, UserStatus(suspended=True)),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/status/update", {"suspended": True}),
        ),
        (
            lambda users: users.enable(7),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/status/update", {"status": "ENABLED"}),
        ),
        (
            lambda users: users.disable(7),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/status/update", {"status": "DISABLED"}),
        ),
        (
            lambda users: users.suspend(7, until=9, reason="leave"),
            DONE,
            sent(
                "PUT",
                "/pod/v1/admin/user/7/suspension/update",
                {"suspended": True, "suspendedUntil": 9, "suspensionReason": "leave"},
            ),
        ),
        (
            lambda users: users.unsuspend(7),
            DONE,
            sent("PUT", "/pod/v1/admin/user/7/suspension/update", {"suspended": False}),
        ),
        (
            lambda users: users.add_role(7, "INDIVIDUAL"),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/roles/add", {"id": "INDIVIDUAL"}),
        ),
        (
            lambda users: users.remove_role(7, "INDIVIDUAL"),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/roles/remove", {"id": "INDIVIDUAL"}),
        ),
        (lambda users: users.list_features(7), [], sent("GET", "/pod/v1/admin/user/7/features")),
        (
            lambda users: users.update_features(7, {"isExternalIMEnabled": True, "postReadEnabled": False}),
            DONE,
            sent(
                "POST",
                "/pod/v1/admin/user/7/features/update",
                [
                    {"entitlment": "isExternalIMEnabled", "enabled": True},
                    {"entitlment": "postReadEnabled", "enabled": False},
                ],
            ),
        ),
        (lambda users: users.list_delegates(7), [8], sent("GET", "/pod/v1/admin/user/7/delegates")),
        (
            lambda users: users.add_delegate(7, 8),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/delegates/update", {"userId": 8, "action": "ADD"}),
        ),
        (
            lambda users: users.remove_delegate(7, 8),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/delegates/update", {"userId": 8, "action": "REMOVE"}),
        ),
        (lambda users: users.get_avatar(7), [], sent("GET", "/pod/v1/admin/user/7/avatar")),
        (
            lambda users: users.set_avatar(7, b"\x89PNG"),
            DONE,
            sent("POST", "/pod/v1/admin/user/7/avatar/update", {"image": "iVBORw=="}),
        ),
        (lambda users: users.list_sessions(7), {}, sent("GET", "/pod/v1/users/7/sessions")),
        (lambda users: users.end_session(7, "s/1"), DONE, sent("POST", "/pod/v1/users/7/sessions/s%2F1/logout")),
        (lambda users: users.end_all_sessions(7), DONE, sent("POST", "/pod/v1/users/7/sessions/logout")),
        (
            lambda users: users.follow(7, iter([8, 9])),
            DONE,
            sent("POST", "/pod/v1/user/7/follow", {"followers": [8, 9]}),
        ),
        (
            lambda users: users.unfollow(7, [8]),
            DONE,
            sent("POST", "/pod/v1/user/7/unfollow", {"followers": [8]}),
        ),
        (
            lambda users: users.list(include_features=True).first(),
            [],
            sent("GET", "/pod/v3/admin/user/list?skip=0&limit=1000&includeFeatures=true"),
        ),
        (
            lambda users: users.list_details(page_size=9).first(),
            [],
            sent("GET", "/pod/v2/admin/user/list?skip=0&limit=9"),
        ),
        (
            lambda users: users.find(role="INDIVIDUAL", feature="f", status="ENABLED").first(),
            [],
            sent(
                "POST",
                "/pod/v1/admin/user/find?skip=0&limit=1000",
                {"role": "INDIVIDUAL", "feature": "f", "status": "ENABLED"},
            ),
        ),
        (
            lambda users: users.search("ada", local=True, title="Trader", account_types=["NORMAL"]).first(),
            {"users": []},
            sent(
                "POST",
                "/pod/v1/user/search?skip=0&limit=50&local=true",
                {"query": "ada", "filters": {"title": "Trader", "accountTypes": ["NORMAL"]}},
            ),
        ),
        (
            lambda users: users.search("ada").first(),
            {"users": []},
            sent("POST", "/pod/v1/user/search?skip=0&limit=50", {"query": "ada"}),
        ),
        (
            lambda users: users.create(
                user_name="ada",
                email="ada@acme.test",
                first_name="Ada",
                last_name="Abbott",
                display_name="Ada Abbott",
                account_type="NORMAL",
                roles=["INDIVIDUAL"],
            ),
            {"userAttributes": {"userName": "ada", "emailAddress": "ada@acme.test"}},
            sent(
                "POST",
                "/pod/v2/admin/user/create",
                {
                    "userAttributes": {
                        "userName": "ada",
                        "emailAddress": "ada@acme.test",
                        "firstName": "Ada",
                        "lastName": "Abbott",
                        "displayName": "Ada Abbott",
                        "accountType": "NORMAL",
                    },
                    "roles": ["INDIVIDUAL"],
                },
            ),
        ),
        (
            lambda users: users.create(
                V2UserCreate(user_attributes=V2UserAttributes(user_name="bot"), password=Password(h_salt="s"))
            ),
            {"userAttributes": {"userName": "bot"}},
            sent(
                "POST",
                "/pod/v2/admin/user/create",
                {"userAttributes": {"userName": "bot"}, "password": {"hSalt": "s"}},
            ),
        ),
        (
            lambda users: users.update(7, email="b@acme.test", title=""),
            {},
            sent("POST", "/pod/v2/admin/user/7/update", {"emailAddress": "b@acme.test", "title": ""}),
        ),
    ],
)
async def test_what_is_sent(
    wire: Wire, call: Callable[[Any], Awaitable[object]], answer: Any, request_: tuple[str, str, Any]
) -> None:
    wire.answers(answer)
    await call(wire.pod.users)
    assert wire.sent == [request_]


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda users: users.get(), "exactly one of uid, email and username"),
        (lambda users: users.get(uid=1, email="a@b.test"), "exactly one of uid, email and username"),
        (lambda users: users.get(username="ada", local=False), "local=False"),
        (lambda users: users.get_many(), "exactly one of uids, emails and usernames"),
        (lambda users: users.get_many(uids=[1], emails=[]), "exactly one of uids, emails and usernames"),
        (lambda users: users.get_many(usernames=["ada"], local=False), "local=False"),
        (lambda users: users.get_many(emails="ada@acme.test"), "emails: expected several texts"),
        (lambda users: users.get_many(usernames=["ada", "b,c"]), "'b,c'"),
        (lambda users: users.get_many(emails=["a@b.test", ""]), "email: ''"),
        (lambda users: users.get_many(uids=[1], concurrency=0), "concurrency"),
        (lambda users: users.create(user_name="ada"), "user_name and email"),
        (lambda users: users.create(V2UserCreate(), email="a@b.test"), "not both"),
        (lambda users: users.create(V2UserCreate(), roles=[]), "not both"),
        (lambda users: users.create(user_name="a", email="a@b.test", roles="INDIVIDUAL"), "roles: expected several"),
        (lambda users: users.update(7), "takes either V2UserAttributes or keyword arguments"),
        (lambda users: users.update(7, V2UserAttributes(title="x"), title="y"), "takes either"),
        (lambda users: users.set_avatar(7, b""), "0 bytes"),
        (lambda users: users.set_avatar(7, bytes(MAX_AVATAR)), "less than 2 MB"),
        (lambda users: users.list(page_size=0).first(), "page_size must be 1 or more"),
    ],
)
async def test_what_is_refused_before_anything_is_sent(
    wire: Wire, call: Callable[[Any], Awaitable[object]], names: str
) -> None:
    with pytest.raises(ConfigError, match=names):
        await call(wire.pod.users)
    assert wire.requests == []


async def test_204_is_none_or_nothing(wire: Wire) -> None:
    wire.answers(make_response(204))
    users = wire.pod.users
    assert await users.get(uid=1) is None
    assert await users.get_many(uids=[1, 2]) == FoundUsers([], [1, 2])
    assert await users.list_sessions(1) == []
    assert await users.search("x").collect() == []


# --- many at once -----------------------------------------------------------------------------------------------------


def directory(known: list[dict[str, Any]]) -> Callable[[SentRequest], Response]:
    """Answers of ``/v3/users``, which compares without regard to case."""
    fields = {"uid": "id", "email": "emailAddress", "username": "username"}

    def answer(request: SentRequest) -> Response:
        query = parse_qs(request.query)
        [kind] = fields.keys() & query.keys()
        found, errors = [], []
        for key in query[kind][0].split(","):
            hits = [user for user in known if str(user[fields[kind]]).lower() == key.lower()]
            found += hits
            if not hits:
                errors.append({"error": "invalid.format", ("id" if kind == "uid" else "email"): key})
        return make_response(200, json={"users": found, "errors": errors})

    return answer


async def test_a_picture_may_be_a_path(wire: Wire, tmp_path: Path) -> None:
    (tmp_path / "ada.png").write_bytes(b"\x89PNG")
    wire.answers(DONE)
    await wire.pod.users.set_avatar(7, tmp_path / "ada.png")
    await wire.pod.users.set_avatar(7, str(tmp_path / "ada.png"))
    assert wire.sent == [sent("POST", "/pod/v1/admin/user/7/avatar/update", {"image": "iVBORw=="})] * 2


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: folder / "none.png", r"none\.png' cannot be read: No such file"),
        (lambda folder: folder, r"cannot be read: Is a directory"),
        (lambda folder: str(folder / "a\0b"), r"cannot be read: embedded null byte"),
        (lambda folder: folder / "empty.png", r"0 bytes"),
        (lambda folder: folder / "large.png", r"less than 2 MB"),
        (lambda folder: 7, r"expected a path or bytes, not int"),
    ],
)
async def test_a_picture_that_cannot_be_sent(wire: Wire, tmp_path: Path, make: Callable[[Path], Any], why: str) -> None:
    (tmp_path / "empty.png").touch()
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(3_000_000)
    with pytest.raises(ConfigError, match=f"image: .*{why}.*Nothing was sent"):
        await wire.pod.users.set_avatar(7, make(tmp_path))
    assert wire.requests == []


async def test_ten_thousand_users_by_the_hundred(wire: Wire) -> None:
    known = {f"user{n}@acme.test": n for n in range(0, 10_000, 2)}

    def answer(request: SentRequest) -> Response:
        emails = parse_qs(request.query)["email"][0].split(",")
        users = [{"id": known[e.lower()], "emailAddress": e.lower()} for e in emails if e.lower() in known]
        errors = [{"error": "not found", "email": e} for e in emails if e.lower() not in known]
        return make_response(200, json={"users": users, "errors": errors})

    wire.answers(answer)
    asked = [f"User{n}@Acme.test" for n in range(10_000)]
    result = await wire.pod.users.get_many(emails=asked, concurrency=16)
    assert sorted(user.id or 0 for user in result.found) == list(range(0, 10_000, 2))
    assert result.missing == [f"User{n}@Acme.test" for n in range(1, 10_000, 2)]
    assert len(wire.requests) == 100
    sizes = [len(parse_qs(request.query)["email"][0].split(",")) for request in wire.requests]
    assert set(sizes) == {100}


@pytest.mark.parametrize(
    ("keys", "query", "missing"),
    [
        ({"uids": [1, 3, 1, 2]}, {"uid": "1,3,2"}, [3]),
        ({"emails": ["B@x.test", "c@x.test"], "active": True}, {"email": "B@x.test,c@x.test", "active": "true"}, [
            "c@x.test"]),
        ({"usernames": ["a", "c"]}, {"username": "a,c", "local": "true"}, ["c"]),
        ({"usernames": iter(["A"]), "local": True}, {"username": "A", "local": "true"}, []),
    ],
)  # fmt: skip
async def test_each_kind_of_key(wire: Wire, keys: Any, query: dict[str, str], missing: list[Any]) -> None:
    known = [
        {"id": 1, "emailAddress": "a@x.test", "username": "a"},
        {"id": 2, "emailAddress": "b@x.test", "username": "b"},
    ]
    wire.answers(directory(known))
    result = await wire.pod.users.get_many(**keys)
    assert result.missing == missing
    [(method, target, _)] = wire.sent
    assert method == "GET"
    assert urlsplit(target).path == "/pod/v3/users"
    assert dict(parse_qsl(urlsplit(target).query)) == query


async def test_an_address_that_comes_back_in_another_normal_form_is_found(wire: Wire) -> None:
    wire.answers({"users": [{"id": 1, "emailAddress": "jos\u00e9@x.test"}]})
    result = await wire.pod.users.get_many(emails=["Jose\u0301@x.test", "zoe@x.test"])
    assert result.missing == ["zoe@x.test"]


async def test_an_address_that_comes_back_with_its_domain_in_ascii_is_found(wire: Wire) -> None:
    wire.answers({"users": [{"id": 1, "emailAddress": "ann@xn--bcher-kva.example"}]})
    result = await wire.pod.users.get_many(emails=["ann@b\u00fccher.example", "ann@bucher.example"])
    assert result.missing == ["ann@bucher.example"]


async def test_what_comes_back_in_no_list_is_missing_too(wire: Wire) -> None:
    wire.answers({"users": [{"id": 2}]})
    result = await wire.pod.users.get_many(uids=[1, 2])
    assert result == FoundUsers([UserV2(id=2)], [1])


async def test_no_keys_send_nothing(wire: Wire) -> None:
    assert await wire.pod.users.get_many(emails=[]) == FoundUsers([], [])
    assert wire.requests == []


async def test_long_keys_make_shorter_urls(wire: Wire) -> None:
    wire.answers({"users": []})
    asked = [f"{'x' * 240}{n:03}@acme.test" for n in range(100)]
    result = await wire.pod.users.get_many(emails=asked)
    assert result.missing == asked
    assert len(wire.requests) == 5
    assert all(len(request.url) < 6200 for request in wire.requests)


async def test_a_request_that_fails_fails_the_look_up(wire: Wire) -> None:
    def answer(request: SentRequest) -> Response:
        broken = "uid=100%2C" in request.query
        return make_response(400, json={"code": 400, "message": "no"}) if broken else make_response(200, json={})

    wire.answers(answer)
    with pytest.raises(BadRequest):
        await wire.pod.users.get_many(uids=range(250))


# --- what must not be sent twice --------------------------------------------------------------------------------------


async def test_an_update_with_a_key_is_sent_once(wire: Wire) -> None:
    wire.answers({}, status=500)
    rotate = V2UserAttributes(current_key=V2UserKeyRequest(key="PEM", action="ROTATE"))
    with pytest.raises(OutcomeUnknown) as caught:
        await wire.pod.users.update(7, rotate)
    assert caught.value.operation == "v2_admin_user_uid_update_post"
    assert len(wire.requests) == 1


async def test_an_update_without_a_key_is_repeated(wire: Wire) -> None:
    wire.answers(make_response(500), make_response(500), {"userAttributes": {"title": "x"}})
    updated = await wire.pod.users.update(7, V2UserAttributes(title="x"))
    assert updated.user_attributes == V2UserAttributes(title="x")
    assert len(wire.requests) == 3
    wire.answers({}, status=500)
    with pytest.raises(ServerError):
        await wire.pod.users.update(7, title="x")
    assert len(wire.requests) == 3 + 4


# --- listings ---------------------------------------------------------------------------------------------------------


async def test_followers_go_on_from_cursor_to_cursor(wire: Wire) -> None:
    def answer(request: SentRequest) -> Response:
        after = dict(parse_qsl(request.query)).get("after")
        pages = {
            None: ([1, 2], {"cursors": {"before": "a", "after": "b"}}),
            "b": ([], {"cursors": {"before": "b", "after": "c"}}),
            "c": ([3], {"cursors": {"before": "c"}}),
        }
        ids, pagination = pages[after]
        kind = request.path.rsplit("/", 1)[1]
        return make_response(200, json={"count": 3, kind: ids, "pagination": pagination})

    wire.answers(answer)
    assert await wire.pod.users.list_followers(7).collect() == [1, 2, 3]
    assert await wire.pod.users.list_following(7, page_size=2).collect() == [1, 2, 3]
    assert [target for _, target, _ in wire.sent] == [
        "/pod/v1/user/7/followers?limit=100",
        "/pod/v1/user/7/followers?limit=100&after=b",
        "/pod/v1/user/7/followers?limit=100&after=c",
        "/pod/v1/user/7/following?limit=2",
        "/pod/v1/user/7/following?limit=2&after=b",
        "/pod/v1/user/7/following?limit=2&after=c",
    ]


async def test_search_reads_to_the_count(wire: Wire) -> None:
    def answer(request: SentRequest) -> Response:
        skip = int(dict(parse_qsl(request.query))["skip"])
        found = [{"id": n} for n in range(skip, min(skip + 20, 50))]
        return make_response(200, json={"count": 50, "users": found})

    wire.answers(answer)
    users = await wire.pod.users.search("x", page_size=100).collect()
    assert [user.id for user in users] == list(range(50))
    assert [request.json() for request in wire.requests] == [{"query": "x"}] * 3


@pytest.mark.symphony_sandbox(users=230, page_cap=100)
async def test_a_life_in_the_sandbox(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    users = pod.users
    created = await users.create(
        user_name="ada.new", email="Ada.New@acme.test", first_name="Ada", last_name="New", display_name="Ada New",
        roles=["INDIVIDUAL"],
    )  # fmt: skip
    assert created.user_system_info is not None
    uid = created.user_system_info.id
    assert uid is not None

    everybody = await users.list(page_size=150).unique().collect()
    assert len(everybody) == len(list(symphony_sandbox.state.users()))
    assert uid in {user.user_system_info and user.user_system_info.id for user in everybody}
    assert len(await users.list_details().collect()) == len(everybody)

    found = await users.get(email="ada.new@acme.test")
    assert found is not None
    assert found.id == uid
    assert await users.get(username="nobody") is None
    many = await users.get_many(
        emails=[user.user_attributes.email_address or "" for user in everybody if user.user_attributes] + ["x@y.test"]
    )
    assert len(many.found) == len(everybody)
    assert many.missing == ["x@y.test"]

    await users.update(uid, title="Trader")
    await users.add_role(uid, "SUPER_ADMINISTRATOR")
    await users.update_features(uid, {"canCreatePublicRoom": True})
    detail = await users.detail(uid)
    assert detail.user_attributes is not None
    assert detail.user_attributes.title == "Trader"
    assert set(detail.roles) == {Role.INDIVIDUAL, Role.SUPER_ADMINISTRATOR}
    assert ("canCreatePublicRoom", True) in [(f.entitlment, f.enabled) for f in await users.list_features(uid)]

    await users.disable(uid)
    assert (await users.get_status(uid)).status == "DISABLED"
    assert [u.user_system_info.id for u in await users.find(status="DISABLED").collect() if u.user_system_info] == [uid]
    await users.enable(uid)
    await users.suspend(uid, reason="leave")
    assert (await users.get_status(uid)).suspended
    await users.unsuspend(uid)
    assert not (await users.get_status(uid)).suspended


async def test_a_listing_goes_on_over_a_user_of_whom_parts_are_missing(wire: Wire) -> None:
    whole = {"userAttributes": {"userName": "anna"}, "userSystemInfo": {"id": 1}, "roles": []}
    nobody, lacking = {"userSystemInfo": {}}, {"userAttributes": {"userName": "berta"}}
    wire.answers([whole, lacking, nobody, {**whole, "userSystemInfo": {"id": 4}}], [])
    users = await wire.pod.users.list().unique().collect()
    assert [getattr(user, "user_attributes", None) is not None for user in users] == [True, True, False, True]
    assert users[3].user_system_info.id == 4
    with pytest.raises(MissingField, match="this V3UserDetail has no user_system_info"):
        _ = users[1].user_system_info
    with pytest.raises(MissingField, match="this UserSystemInfo has no id"):
        _ = users[2].user_system_info.id


@pytest.mark.parametrize("method", ["follow", "unfollow"])
async def test_a_user_and_followers_in_the_other_order_are_refused(wire: Wire, method: str) -> None:
    with pytest.raises(ConfigError, match=r"the user is \[1, 2\] and the followers 7: the user comes first"):
        await getattr(wire.pod.users, method)([1, 2], 7)
    assert wire.sent == []


async def test_a_search_that_finds_nobody_has_a_page(wire: Wire) -> None:
    wire.answers(make_response(204))
    page = await wire.pod.users.search("nobody").page()
    assert (page.items, page.total) == ((), None)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("../avatars/acme/600/7/x.png", "/avatars/acme/600/7/x.png"),
        ("/avatars/acme/600/7/x.png?v=2", "/avatars/acme/600/7/x.png?v=2"),
        (f"{HOST}/avatars/x.png", "/avatars/x.png"),
    ],
)
async def test_the_largest_picture_is_downloaded_from_the_pod(wire: Wire, url: str, path: str) -> None:
    picture = make_response(200, content=b"\x89PNG", headers={"Content-Type": "image/png"})
    avatars = [{"size": "150", "url": "../small.png"}, {"size": "600", "url": url}, {"size": "50", "url": "../s.png"}]
    wire.answers(avatars, picture)
    assert await wire.pod.users.download_avatar(7) == b"\x89PNG"
    assert [(request.method, request.target) for request in wire.requests] == [
        ("GET", "/pod/v1/admin/user/7/avatar"),
        ("GET", path),
    ]
    assert (wire.requests[1].headers["Accept"], wire.requests[1].headers["sessionToken"]) == ("image/*", "pod-token")
    wire.answers(avatars, picture)
    await wire.pod.users.download_avatar(7, size="50")
    assert wire.requests[-1].target == "/s.png"
    wire.answers(avatars)
    assert await wire.pod.users.download_avatar(7, size="75") is None


@pytest.mark.parametrize(
    "url", ["https://elsewhere.test/x.png", "//elsewhere.test/x.png", "http://acme.symphony.test/x"]
)
async def test_no_token_goes_to_another_server_for_a_picture(wire: Wire, url: str) -> None:
    wire.answers([{"size": "600", "url": url}])
    with pytest.raises(ConfigError, match="the picture is at another server"):
        await wire.pod.users.download_avatar(7)
    assert len(wire.requests) == 1
