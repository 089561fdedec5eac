"""pod.applications."""

from __future__ import annotations

import pytest

from aiosymphony import BadRequest, ConfigError, OutcomeUnknown, PodClient
from aiosymphony.sandbox import Faults, Sandbox
from aiosymphony_api.pod.models import ApplicationDetail, ApplicationInfo

from .wire import Wire, sent

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


async def test_an_application_from_keywords(wire: Wire) -> None:
    wire.answers({"applicationInfo": {"appId": "dealer"}})
    made = await wire.pod.applications.create(
        app_id="dealer", name="Dealer", app_url="https://a.test", permissions=["ACT_AS_USER"], public_key="PEM"
    )
    assert made.application_info.app_id == "dealer"
    body = {
        "applicationInfo": {"appId": "dealer", "name": "Dealer", "appUrl": "https://a.test"},
        "permissions": ["ACT_AS_USER"],
        "authenticationKeys": {"current": {"action": "SAVE", "key": "PEM"}},
    }
    assert wire.sent == [sent("POST", "/pod/v1/admin/app/create", body)]


async def test_an_application_needs_a_model_or_keywords_and_not_both(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="needs app_id and name, or an ApplicationDetail"):
        await wire.pod.applications.create(app_id="dealer")
    with pytest.raises(ConfigError, match="not both"):
        await wire.pod.applications.create(ApplicationDetail(), name="Dealer")
    assert wire.sent == []
