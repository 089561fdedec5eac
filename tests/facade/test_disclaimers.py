"""pod.disclaimers."""

from __future__ import annotations

import pytest

from aiosymphony import BadRequest, PodClient
from aiosymphony.sandbox import Sandbox


async def test_assign_and_unassign(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    user = symphony_sandbox.state.add_user({"userName": "ann", "emailAddress": "ann@sandbox.example"})
    first, second = await pod.disclaimers.list()
    assert first.id is not None
    assert second.id is not None
    assert await pod.disclaimers.get(second.id) == second

    assert await pod.disclaimers.get_for_user(user.id) is None  # 204
    await pod.disclaimers.assign(first.id, user_id=user.id)
    await pod.disclaimers.assign(second.id, user_id=user.id)
    assert await pod.disclaimers.get_for_user(user.id) == second
    assert await pod.disclaimers.list_users(second.id) == [user.id]
    assert await pod.disclaimers.list_users(first.id) == []

    await pod.disclaimers.unassign(user_id=user.id)
    assert await pod.disclaimers.get_for_user(user.id) is None


async def test_an_unknown_one(pod: PodClient) -> None:
    with pytest.raises(BadRequest, match="'none' does not exist"):
        await pod.disclaimers.get("none")
