"""pod.entitlements."""

from __future__ import annotations

import pytest

from aiosymphony import PodClient
from aiosymphony.sandbox import Sandbox
from aiosymphony_api.pod.models import (
    ApplicationDetail,
    ApplicationInfo,
    PodAppEntitlement,
    UserAppEntitlement,
    UserAppEntitlementPatch,
    UserAppEntitlementPatchInstall,
    UserAppEntitlementPatchListed,
)

DEALER = PodAppEntitlement(app_id="dealer", app_name="Dealer", enable=True, listed=True, install=False)


@pytest.fixture
async def user_id(pod: PodClient, symphony_sandbox: Sandbox) -> int:
    """A user of a pod with one application."""
    await pod.applications.create(ApplicationDetail(application_info=ApplicationInfo(app_id="dealer", name="Dealer")))
    return symphony_sandbox.state.add_user({"userName": "ann", "emailAddress": "ann@sandbox.example"}).id


async def test_of_the_pod(pod: PodClient, user_id: int) -> None:
    assert user_id
    assert await pod.entitlements.list() == [DEALER]

    installed = PodAppEntitlement(app_id="dealer", app_name="Dealer", enable=True, listed=True, install=True)
    assert await pod.entitlements.update(iter([installed])) == [installed]
    assert await pod.entitlements.list() == [installed]


async def test_of_a_user(pod: PodClient, user_id: int) -> None:
    (inherited,) = await pod.entitlements.list_for_user(user_id)
    assert (inherited.app_id, inherited.listed, inherited.install) == ("dealer", True, False)

    mine = UserAppEntitlement(app_id="dealer", app_name="Dealer", listed=False, install=True)
    assert await pod.entitlements.update_for_user(user_id, iter([mine])) == [mine]

    patch = UserAppEntitlementPatch(
        app_id="dealer", listed=UserAppEntitlementPatchListed.REMOVE, install=UserAppEntitlementPatchInstall.KEEP
    )
    (patched,) = await pod.entitlements.patch_for_user(user_id, iter([patch]))
    assert (patched.listed, patched.install) == (True, True)
    assert await pod.entitlements.list_for_user(user_id) == [patched]


async def test_one_application_by_keywords(pod: PodClient, user_id: int) -> None:
    [of_pod] = await pod.entitlements.set("dealer", name="Dealer", enable=True, listed=False, install=True)
    assert (of_pod.listed, of_pod.install) == (False, True)
    [of_user] = await pod.entitlements.set_for_user(user_id, "dealer", listed=True)
    assert (of_user.listed, of_user.install) == (True, True)
    [of_user] = await pod.entitlements.set_for_user(user_id, "dealer", install=False)
    assert (of_user.listed, of_user.install) == (True, False)
