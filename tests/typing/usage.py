"""What users write, as type-checkers see it. Never run: `make types` checks it with mypy --strict and pyright."""

import asyncio
from typing import assert_type

from aiosymphony import (
    BulkRun,
    CertificateAuth,
    ClientCredentials,
    ConnectClient,
    Failed,
    FileTokenStore,
    Limits,
    MissedChanges,
    Ok,
    OnBehalfOf,
    OutcomeUnknown,
    Pager,
    PodClient,
    PresenceFeed,
    RateLimited,
    RetryPolicy,
    RsaAuth,
    StaticToken,
    bulk,
)
from aiosymphony.testing import ScriptedTransport, SentRequest, make_response
from aiosymphony_api.connect.models import Company, User
from aiosymphony_api.pod.api.pod import v1_podcert_get
from aiosymphony_api.pod.api.user_administration import v2_admin_user_uid_get
from aiosymphony_api.pod.models import StreamTypeType, UserV2, V2Presence, V2UserDetail


async def a_bot() -> None:
    async with PodClient("https://acme.symphony.com", auth=RsaAuth("bot", "bot.pem"), limits=Limits(rate=100)) as pod:
        user = await pod.users.get(uid=1)
        assert_type(user, UserV2 | None)
        if user is not None:
            assert_type(user.display_name, str | None)
        detail = await pod.users.detail(1)
        assert_type(detail, V2UserDetail)
        assert_type(detail.user_system_info.id, int)
        assert_type((await pod.rooms.get("room")).room_system_info.id, str)
        assert_type([stream.stream_type.type_ async for stream in pod.streams.list()], list[StreamTypeType])
        quick = pod.with_options(timeout=5, retry=RetryPolicy(attempts=1))
        assert_type(quick, PodClient)


async def any_operation(pod: PodClient) -> None:
    assert_type(await pod.call(v2_admin_user_uid_get.OPERATION, 42), V2UserDetail)
    assert_type(await v2_admin_user_uid_get.call(pod, 42), V2UserDetail)
    await pod.call(v1_podcert_get.OPERATION)
    await pod.call(v2_admin_user_uid_get.OPERATION, "42")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def listings(connect: ConnectClient) -> None:
    pager = connect.users.list("company")
    assert_type(pager, Pager[User])
    async for user in pager:
        assert_type(user, User)
    assert_type(await pager.first(), User | None)
    assert_type(await pager.collect(limit=5), list[User])
    assert_type(await connect.companies.get("company"), Company)


async def presence(pod: PodClient) -> None:
    async with pod.presence.feed(max_wait=30) as feed:
        assert_type(feed, PresenceFeed)
        async for change in feed:
            if isinstance(change, MissedChanges):
                assert_type(change.since, int)
            else:
                assert_type(change, V2Presence)
                assert_type(change.user_id, int)


async def many(pod: PodClient) -> None:
    async def look_up(email: str) -> UserV2 | None:
        return await pod.users.get(email=email)

    async with bulk(["a@b.c"], look_up, concurrency=4, rate=10, ordered=True) as run:
        assert_type(run, BulkRun[str, UserV2 | None])
        async for outcome in run:
            match outcome:
                case Ok(email, found):
                    assert_type(email, str)
                    assert_type(found, UserV2 | None)
                case Failed(email, error):
                    assert_type(email, str)
                    assert_type(error, Exception | asyncio.CancelledError)


def constructors() -> None:
    PodClient("https://a.b", CertificateAuth("bot.pem"), session_auth_url="https://a.b:8444")
    PodClient("https://a.b", OnBehalfOf("app", "app.pem")).on_behalf_of(1)
    PodClient("https://a.b", StaticToken("token"), token_store=FileTokenStore("tokens.json"))
    ConnectClient(ClientCredentials("id", "secret"))


def errors(error: Exception) -> float | None:
    if isinstance(error, RateLimited):
        assert_type(error.retry_after, float | None)
        return error.retry_after
    if isinstance(error, OutcomeUnknown):
        assert_type(error.may_have_acted, bool)
    return None


async def a_test_of_a_bot() -> None:
    transport = ScriptedTransport({"id": 7}, make_response(404, json={"message": "no such user"}))
    async with PodClient("https://acme.symphony.test", StaticToken("token"), transport=transport) as pod:
        await pod.users.get(uid=7)
    assert_type(transport.requests, list[SentRequest])
    assert_type(transport.requests[0].body, bytes | None)
