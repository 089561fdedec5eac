"""pod.applications."""

from __future__ import annotations

import pytest

from aiosymphony import BadRequest, OutcomeUnknown, PodClient
from aiosymphony.sandbox import Faults, Sandbox
from aiosymphony_api.pod.models import ApplicationDetail, ApplicationInfo

APP = ApplicationDetail(
    application_info=ApplicationInfo(app_id="dealer", name="Dealer", publisher="Acme"), permissions=["SEND_MESSAGES"]
)


async def test_create_get_update_delete(pod: PodClient) -> None:
    assert await pod.applications.create(APP) == APP
    assert await pod.applications.get("dealer") == APP

    changed = ApplicationDetail(description="Deals", permissions=["SEND_MESSAGES", "ACT_AS_USER"])
    assert (await pod.applications.update("dealer", changed)).description == "Deals"
    got = await pod.applications.get("dealer")
    assert got.permissions == ["SEND_MESSAGES", "ACT_AS_USER"]
    assert got.application_info is not None
    assert got.application_info.name == "Dealer"

    await pod.applications.delete("dealer")
    with pytest.raises(BadRequest, match="does not exist"):
        await pod.applications.get("dealer")


async def test_a_create_in_doubt_is_not_sent_again(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    symphony_sandbox.faults = Faults(at={("v1_admin_app_create_post", 1): "503_after"})

    with pytest.raises(OutcomeUnknown):
        await pod.applications.create(APP)

    assert symphony_sandbox.stats.by_operation["v1_admin_app_create_post"] == 1
    assert await pod.applications.get("dealer") == APP
