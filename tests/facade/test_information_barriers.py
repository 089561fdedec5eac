"""pod.information_barriers."""

from __future__ import annotations

import httpx
import pytest
import respx

from aiosymphony import DecodeError, NotFound, PodClient, StaticToken
from aiosymphony.pod.information_barriers import MemberResult
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.httpx import HttpxTransport

GROUP = "Z3JvdXAtYQ"


async def test_groups_and_policies(pod: PodClient) -> None:
    groups = await pod.information_barriers.list_groups()
    assert [(group.id, group.name) for group in groups] == [(GROUP, "Research"), ("Z3JvdXAtYg", "Trading")]
    (policy,) = await pod.information_barriers.list_policies()
    assert policy.groups == [group.id for group in groups]


@pytest.mark.symphony_sandbox(users=25, page_cap=10)
async def test_members(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    users = [user.id for user in symphony_sandbox.state.users()]

    added = await pod.information_barriers.add_members(GROUP, [*users, 42])
    assert added[:-1] == [MemberResult(user) for user in users]
    assert all(result.ok for result in added[:-1])
    assert added[-1] == MemberResult(42, "user 42 does not exist")
    assert not added[-1].ok

    assert await pod.information_barriers.list_members(GROUP + "==").collect() == users
    assert symphony_sandbox.stats.by_operation["v1_admin_group_gid_membership_list_get"] == 4

    removed = await pod.information_barriers.remove_members(GROUP, iter(users[5:]))
    assert removed == [MemberResult(user) for user in users[5:]]
    assert await pod.information_barriers.list_members(GROUP).collect() == users[:5]


async def test_an_unknown_group(pod: PodClient) -> None:
    with pytest.raises(NotFound):
        await pod.information_barriers.list_members("bm9uZQ").first()


async def test_results_that_do_not_fit_the_users() -> None:
    with respx.mock(base_url="https://acme.symphony.com") as server:
        server.post(f"/pod/v1/admin/group/{GROUP}/membership/add").mock(
            httpx.Response(200, json={"overallResult": "FAIL", "results": ["no such user"]})
        )
        pod = PodClient("https://acme.symphony.com", StaticToken("t"), transport=HttpxTransport())
        async with pod:
            with pytest.raises(DecodeError, match="1 results for 2 users") as caught:
                await pod.information_barriers.add_members(GROUP, [1, 2])
    assert caught.value.path == "$.results"
    assert caught.value.may_have_acted
