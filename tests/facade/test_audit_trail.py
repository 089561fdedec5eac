"""pod.audit_trail, which the Agent serves."""

from __future__ import annotations

import time

import httpx
import pytest
import respx

from aiosymphony import PaginationError, PodClient, StaticToken
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.httpx import HttpxTransport


@pytest.mark.symphony_sandbox(page_cap=3)
async def test_every_action_in_the_window(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    start = int(time.time() * 1000)
    for scheme in ("aa", "bb", "cc", "dd", "ee", "ff", "gg"):
        await pod.system.add_protocol(scheme)
    end = int(time.time() * 1000)

    actions = await pod.audit_trail.list(start, end).collect()

    assert [action.action for action in actions] == ["V1_ADMIN_SYSTEM_PROTOCOLS_POST"] * 7
    assert {action.initiator_username for action in actions} == {symphony_sandbox.bot.username}
    assert symphony_sandbox.stats.by_operation["v1_audittrail_privilegeduser_get"] == 3
    assert await pod.audit_trail.list(start, end, initiator_id=1).collect() == []
    assert await pod.audit_trail.list(start - 2, start - 1).first() is None  # 204


async def test_what_is_sent() -> None:
    def page(items: list[dict[str, str]], **cursors: str) -> httpx.Response:
        return httpx.Response(200, json={"items": items, "pagination": {"cursors": cursors}})

    with respx.mock(base_url="https://agent.example") as server:
        route = server.get("/agent/v1/audittrail/privilegeduser").mock(
            side_effect=[
                page([{"action": "A", "room": "x"}], after="n1"),
                page([], after="n2"),
                page([{"action": "B"}]),
            ]
        )
        pod = PodClient(
            "https://acme.symphony.com", StaticToken("t"), agent_url="https://agent.example", transport=HttpxTransport()
        )
        async with pod:
            actions = await pod.audit_trail.list(7, 9, initiator_id=5, role="SUPER", page_size=2).collect()

    assert [action.action for action in actions] == ["A", "B"]
    assert actions[0].additional_properties == {"room": "x"}
    fixed = {"startTimestamp": "7", "endTimestamp": "9", "limit": "2", "initiatorId": "5", "role": "SUPER"}
    assert [dict(call.request.url.params) for call in route.calls] == [
        fixed,
        {**fixed, "after": "n1"},
        {**fixed, "after": "n2"},
    ]


async def test_an_answer_without_cursors_is_the_last_and_a_repeated_one_an_error() -> None:
    with respx.mock(base_url="https://acme.symphony.com") as server:
        route = server.get("/agent/v1/audittrail/privilegeduser")
        async with PodClient("https://acme.symphony.com", StaticToken("t"), transport=HttpxTransport()) as pod:
            for pagination in ({}, {"pagination": {}}, {"pagination": {"cursors": {}}}):
                route.mock(httpx.Response(200, json={"items": [{"action": "A"}], **pagination}))
                assert len(await pod.audit_trail.list(0).collect()) == 1

            route.mock(httpx.Response(200, json={"items": [{}], "pagination": {"cursors": {"after": "same"}}}))
            with pytest.raises(PaginationError, match="repeats a cursor") as caught:
                await pod.audit_trail.list(0).collect()
    assert caught.value.resume == {"limit": 500, "after": "same"}
