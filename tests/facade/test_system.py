"""pod.system."""

from __future__ import annotations

import pytest

from aiosymphony import BadRequest, NotFound, PodClient
from aiosymphony.sandbox import Sandbox
from aiosymphony_api.pod.models import FileExtension, FileExtensionSource, SsoConfiguration


async def test_features_roles_languages(pod: PodClient) -> None:
    assert "canCreatePublicRoom" in await pod.system.list_features()
    assert "USER_PROVISIONING" in [role.id for role in await pod.system.list_roles()]
    assert await pod.system.list_languages() == ["en-US", "fr-FR", "ja-JP"]


@pytest.mark.symphony_sandbox(page_cap=2)
async def test_protocols(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    before = await pod.system.admin_list_protocols()
    assert len(before) == 5
    assert await pod.system.list_protocols().collect() == before
    assert symphony_sandbox.stats.by_operation["v2_system_protocols_get"] == 4

    assert (await pod.system.add_protocol("skype")).scheme == "skype"
    assert await pod.system.list_protocols().collect() == [*before, "skype"]
    with pytest.raises(BadRequest, match="'skype' exists"):
        await pod.system.add_protocol("skype")

    await pod.system.remove_protocol("skype")
    assert await pod.system.admin_list_protocols() == before


@pytest.mark.symphony_sandbox(page_cap=3)
async def test_files(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    types = await pod.system.list_file_types()
    extensions = await pod.system.list_file_extensions().collect()
    assert [f".{item.extension}" for item in extensions] == types
    assert symphony_sandbox.stats.by_operation["file_ext_v1_allowed_extensions_get"] == 3  # 3 + 3 + 2

    allowed = await pod.system.allow_file_extension("parquet", internal=True, external=False)
    assert allowed == FileExtension(
        extension="parquet", scope_internal=True, scope_external=False, source=FileExtensionSource.CUSTOMER
    )
    assert await pod.system.list_file_types() == [*types, ".parquet"]

    await pod.system.disallow_file_extension("parquet")
    assert await pod.system.list_file_types() == types


async def test_single_sign_on(pod: PodClient) -> None:
    with pytest.raises(NotFound, match="not configured"):
        await pod.system.get_sso()

    await pod.system.set_sso(SsoConfiguration(sso_enabled=False, idp_entity_id="https://idp.example"))
    await pod.system.update_sso(SsoConfiguration(sso_enabled=True))
    assert await pod.system.get_sso() == SsoConfiguration(sso_enabled=True, idp_entity_id="https://idp.example")
    await pod.system.set_sso(SsoConfiguration(sso_enabled=True))
    assert await pod.system.get_sso() == SsoConfiguration(sso_enabled=True)
