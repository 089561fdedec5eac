"""Case 56: users that an application may not act for cost it neither its token nor a login each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aiosymphony import AuthError, OnBehalfOf, PodClient, SymphonyError
from aiosymphony.auth.secrets import HeaderSecret
from aiosymphony.auth.store import StoredToken
from tests.faults.clients import attempt
from tests.faults.clock import LoopClock
from tests.faults.server import Exchange, FaultServer, reply, token

INFO = "/pod/v2/sessioninfo"
APP_LOGIN = "/login/pubkey/app/authenticate"


def user_login(user: int) -> str:
    return f"/login/pubkey/app/user/{user}/authenticate"


class Tenant:
    """Lets the application act for users below 100; its own token is good until it is revoked."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.good_app_tokens: set[str] = set()
        server.on("GET", INFO, then=reply(200, {"id": 7}))
        server.on("POST", APP_LOGIN, then=self.log_app_in)
        for user in range(1, 300):
            server.on("POST", user_login(user), then=self.log_user_in)

    async def log_app_in(self, exchange: Exchange) -> None:
        self.good_app_tokens.add(self.server.token(self.server.issued + 1))
        await token()(exchange)

    async def log_user_in(self, exchange: Exchange) -> None:
        user = int(exchange.request.path.split("/")[5])
        if user < 100 and exchange.request.token in self.good_app_tokens:
            await token()(exchange)
        else:
            await reply(401, {"code": 401, "message": "not for you"})(exchange)

    @property
    def app_logins(self) -> int:
        return self.server.logins[APP_LOGIN]

    def user_logins(self, user: int) -> int:
        return self.server.logins[user_login(user)]


@pytest.fixture
def tenant(server: FaultServer) -> Tenant:
    return Tenant(server)


@pytest.fixture
async def app(server: FaultServer, pem: str, clock: LoopClock) -> AsyncIterator[PodClient]:
    async with PodClient(server.url, OnBehalfOf("my-app", pem)) as app:
        # The client's own time is real; an hour is to pass here.
        app._session._clock = app._session._router.clock = clock
        yield app


class Endless:
    """A store that has another bad token of the application each time."""

    count = 0

    @asynccontextmanager
    async def exclusive(self, key: str) -> AsyncIterator[None]:
        yield

    async def load(self, key: str) -> StoredToken | None:
        self.count += 1
        return StoredToken(HeaderSecret(f"bad-{self.count}"), 1.0) if key.endswith("appToken") else None

    async def save(self, key: str, token: StoredToken) -> None:
        pass


async def refused(app: PodClient, user: int) -> AuthError:
    with pytest.raises(AuthError) as caught:
        await app.on_behalf_of(user).session.info()
    return caught.value


async def test_case_56_forty_refused_users_cost_one_login_of_the_application(app: PodClient, tenant: Tenant) -> None:
    for user in range(101, 141):
        await refused(app, user)
    assert tenant.app_logins == 1
    assert (await app.on_behalf_of(1).session.info()).id == 7
    assert tenant.app_logins == 1


async def test_case_56_forty_refused_users_at_once_cost_one_login_of_the_application(
    app: PodClient, tenant: Tenant
) -> None:
    outcomes = await asyncio.gather(*(attempt(app.on_behalf_of(user).session.info()) for user in range(81, 121)))
    assert [isinstance(outcome, AuthError) for outcome in outcomes] == [False] * 19 + [True] * 21
    assert tenant.app_logins == 1


async def test_case_56_an_old_token_is_doubted_once_a_minute_however_many_users_are_refused(
    app: PodClient, tenant: Tenant, clock: LoopClock
) -> None:
    assert (await app.on_behalf_of(1).session.info()).id == 7
    await clock.sleep(3600.0)
    for user in range(101, 141):
        await refused(app, user)
        await clock.sleep(1.0)
    assert tenant.app_logins == 2
    await clock.sleep(61.0)
    await refused(app, 141)
    assert tenant.app_logins == 3


async def test_case_56_a_refused_user_is_remembered_for_a_minute_and_told(
    app: PodClient, tenant: Tenant, clock: LoopClock
) -> None:
    for _ in range(5):
        error = await refused(app, 101)
        assert "may not act for this user" in str(error)
        assert error.status == 401
    assert tenant.user_logins(101) == 1
    await clock.sleep(61.0)
    await refused(app, 101)
    assert tenant.user_logins(101) > 1


async def test_case_56_an_application_token_that_was_revoked_is_renewed_and_no_user_fails(
    app: PodClient, tenant: Tenant, clock: LoopClock
) -> None:
    await asyncio.gather(*(app.on_behalf_of(user).session.info() for user in range(1, 21)))
    await clock.sleep(7200.0)
    tenant.good_app_tokens.clear()
    await asyncio.gather(*(app.on_behalf_of(user).session.info() for user in range(21, 41)))
    assert tenant.app_logins == 2


async def test_case_56_bad_tokens_without_end_in_a_store_end_a_login(
    tenant: Tenant, server: FaultServer, pem: str
) -> None:
    """Others put a new token of the application there each time, none of which is good."""
    async with PodClient(server.url, OnBehalfOf("my-app", pem), token_store=Endless()) as app:
        with pytest.raises(AuthError, match="may not act for this user"):
            await app.on_behalf_of(1).session.info()
    assert tenant.user_logins(1) <= 4


async def test_case_56_refused_users_while_the_login_is_down_take_the_good_token_from_nobody(
    app: PodClient, tenant: Tenant, server: FaultServer, clock: LoopClock
) -> None:
    assert (await app.on_behalf_of(1).session.info()).id == 7
    await clock.sleep(3600.0)
    server.on("POST", APP_LOGIN, then=reply(500, {"message": "down"}))
    for user in range(101, 104):
        with pytest.raises(SymphonyError):
            await app.on_behalf_of(user).session.info()
    assert (await app.on_behalf_of(2).session.info()).id == 7
    assert tenant.user_logins(2) == 1
