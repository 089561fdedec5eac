"""Case 72: Agents that demand the key manager's token, Agents that have no key manager, and accounts without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from aiosymphony import AuthError, OnBehalfOf, PodClient, RsaAuth, StaticToken
from tests.faults.clock import LoopClock
from tests.faults.server import Exchange, FaultServer, close, reply, token

TRAIL = "/agent/v1/audittrail/privilegeduser"
INFO = "/pod/v2/sessioninfo"
LOGIN = "/login/pubkey/authenticate"
KEY_LOGIN = "/relay/pubkey/authenticate"


class Agent:
    """Takes live session tokens, and demands a live token of the key manager if told so."""

    def __init__(self, pod: FaultServer, key_manager: FaultServer) -> None:
        self.pod = pod
        self.key_manager = key_manager
        self.demands_key_manager = True
        pod.on("GET", TRAIL, then=self.answer)
        pod.on("GET", INFO, then=reply(200, {"id": 7}))

    async def answer(self, exchange: Exchange) -> None:
        headers = exchange.request.headers
        good = self.pod._is_valid(headers.get("sessiontoken", ""))
        if self.demands_key_manager:
            good = good and self.key_manager._is_valid(headers.get("keymanagertoken", ""))
        answer = {"items": [{"action": "A"}], "pagination": {"cursors": {}}}
        await reply(200 if good else 401, answer if good else {"code": 401, "message": "Invalid session"})(exchange)

    @property
    def requests(self) -> list[bool]:
        """Whether each request had the key manager's token."""
        return ["keymanagertoken" in seen.headers for seen in self.pod.seen("GET", TRAIL)]


@pytest.fixture
def agent(server: FaultServer, other: FaultServer) -> Agent:
    return Agent(server, other)


@pytest.fixture
async def pod(server: FaultServer, other: FaultServer, pem: str) -> AsyncIterator[PodClient]:
    async with PodClient(server.url, RsaAuth("bot", pem), key_manager_url=other.url) as pod:
        yield pod


async def read(pod: PodClient) -> None:
    assert [action.action for action in await pod.audit_trail.list(0).collect()] == ["A"]


async def test_case_72_an_agent_that_demands_the_key_manager_costs_one_more_request_once(
    pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    for _ in range(5):
        await read(pod)
    assert agent.requests == [False, True, True, True, True, True]
    assert server.logins[LOGIN] == 1
    assert other.logins[KEY_LOGIN] == 1
    await read(pod.with_options(timeout=5.0))  # what is known of the Agent is known to copies
    assert agent.requests[-1]


async def test_case_72_each_host_sees_its_own_tokens_alone(
    pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    """The pod and the key manager each get no token of the other's; the Agent, which demands both, gets both."""
    await read(pod)
    assert (await pod.session.info()).id == 7
    server.expire()
    other.expire()
    await read(pod)
    seen = [*server.seen("POST", LOGIN), *server.seen("GET", INFO)]
    assert len(seen) == 3
    assert not any("keymanagertoken" in each.headers for each in seen)
    assert other.total == other.logins[KEY_LOGIN] == 2
    assert not any("sessiontoken" in each.headers for each in other.requests)


async def test_case_72_an_agent_that_does_without_never_causes_a_key_managers_login(
    pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    agent.demands_key_manager = False
    for _ in range(3):
        await read(pod)
    server.expire()
    await read(pod)
    assert agent.requests == [False] * 5
    assert server.logins[LOGIN] == 2
    assert other.total == 0


@pytest.mark.parametrize("answer", [close(), reply(404, ""), reply(401, {}), reply(503, {})])
async def test_case_72_a_stale_session_where_there_is_no_key_manager_is_renewed(
    answer: Callable[[Exchange], None], pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    """The first call of all: nothing is known of the Agent yet, and the token has just been revoked."""
    agent.demands_key_manager = False
    other.on("POST", KEY_LOGIN, then=answer)
    assert (await pod.session.info()).id == 7
    server.expire()
    await read(pod)
    await read(pod)
    assert agent.requests == [False] * 3
    assert server.logins[LOGIN] == 2


async def test_case_72_a_stale_session_where_the_key_manager_is_demanded_is_renewed(
    pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    assert (await pod.session.info()).id == 7
    server.expire()
    await read(pod)
    assert server.logins[LOGIN] == 2
    server.expire()
    other.expire()
    await read(pod)
    assert server.logins[LOGIN] == 3
    assert other.logins[KEY_LOGIN] == 2


async def test_case_72_an_agent_that_begins_to_demand_it_is_served(
    pod: PodClient, agent: Agent, other: FaultServer
) -> None:
    agent.demands_key_manager = False
    await read(pod)
    agent.demands_key_manager = True
    await read(pod)
    await read(pod)
    assert agent.requests[-2:] == [True, True]
    assert other.logins[KEY_LOGIN] == 1


async def test_case_72_a_session_that_is_refused_for_ever_ends_and_says_so(
    pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    server.on("GET", TRAIL, then=reply(401, {"code": 401, "message": "no"}))
    with pytest.raises(AuthError, match="issued a moment ago") as caught:
        await pod.audit_trail.list(0).collect()
    assert caught.value.status == 401
    assert agent.requests == [False, True, True]
    assert server.logins[LOGIN] == 2


async def test_case_72_a_key_manager_that_refuses_is_told_with_the_401(
    pod: PodClient, agent: Agent, other: FaultServer
) -> None:
    other.on("POST", KEY_LOGIN, then=reply(403, {"message": "no key for you"}))
    with pytest.raises(AuthError, match="sessionToken and keyManagerToken") as caught:
        await pod.audit_trail.list(0).collect()
    assert "no key for you" in str(caught.value)
    assert caught.value.status == 401
    assert agent.requests == [False, False]


async def test_case_72_accounts_without_such_a_token_are_told_what_is_needed(
    agent: Agent, server: FaultServer, other: FaultServer, pem: str
) -> None:
    async with PodClient(server.url, StaticToken(server.token(1)), key_manager_url=other.url) as pod:
        with pytest.raises(AuthError, match=r"sessionToken and keyManagerToken.*key_manager_token") as caught:
            await pod.audit_trail.list(0).collect()
    assert "a moment ago" not in str(caught.value)
    assert agent.requests == [False]
    server.on("POST", "/login/pubkey/app/user/5/authenticate", then=token())
    async with PodClient(server.url, OnBehalfOf("app", pem), key_manager_url=other.url) as app:
        with pytest.raises(AuthError, match=r"sessionToken and keyManagerToken.*acting for a user gives no"):
            await app.on_behalf_of(5).audit_trail.list(0).collect()
    assert other.total == 0


async def test_case_72_a_given_pair_of_tokens_serves(agent: Agent, server: FaultServer, other: FaultServer) -> None:
    given = StaticToken(server.token(1), key_manager_token=other.token(1))
    async with PodClient(server.url, given, key_manager_url=other.url) as pod:
        await read(pod)
        await read(pod)
    assert agent.requests == [False, True, True]


async def test_case_72_a_program_of_the_pod_alone_never_touches_the_key_manager(
    pod: PodClient, agent: Agent, server: FaultServer, other: FaultServer
) -> None:
    for _ in range(3):
        assert (await pod.session.info()).id == 7
        server.expire()
        server.check_tokens = True
    server.on("GET", INFO, then=reply(401, {}))
    with pytest.raises(AuthError):
        await pod.session.info()
    assert other.total == 0
    assert agent.requests == []


async def test_case_72_a_401_for_ever_ends_on_virtual_time(
    pod: PodClient, agent: Agent, server: FaultServer, clock: LoopClock
) -> None:
    """Which tokens are newer is told by time; where none passes, it must end all the same."""
    pod._session._clock = pod._session._router.clock = clock
    server.on("GET", TRAIL, then=reply(401, {}))
    with pytest.raises(AuthError):
        await pod.audit_trail.list(0).collect()
    assert len(agent.requests) <= 4
