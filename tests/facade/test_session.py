"""pod.session."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiosymphony import AuthError, ConfigError, PodClient, StaticToken
from aiosymphony.sandbox import Sandbox

from .wire import Wire, sent


async def test_what_is_sent(wire: Wire) -> None:
    wire.answers({"id": 7, "username": "bot"})
    assert (await wire.pod.session.info()).username == "bot"
    wire.answers({"manifest": "{}"})
    assert (await wire.pod.session.get_manifest()).manifest == "{}"
    await wire.pod.session.set_manifest('{"a": 1}')
    assert wire.sent == [
        sent("GET", "/pod/v2/sessioninfo"),
        sent("GET", "/pod/v1/user/manifest/own"),
        sent("POST", "/pod/v1/user/manifest/own", {"manifest": '{"a": 1}'}),
    ]


async def test_who_am_i(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    assert (await pod.session.info()).username == symphony_sandbox.bot.username
    await pod.session.set_manifest('{"name": "Bot"}')
    assert (await pod.session.get_manifest()).manifest == '{"name": "Bot"}'


async def test_a_bad_token(symphony_sandbox: Sandbox) -> None:
    async with PodClient(symphony_sandbox.url, StaticToken("wrong")) as pod:
        with pytest.raises(AuthError):
            await pod.session.info()


async def test_a_manifest_from_a_file(wire: Wire, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text('\ufeff{"name": "Zoë"}', encoding="utf-8")
    wire.answers({"manifest": ""})
    await wire.pod.session.set_manifest(file)
    assert wire.sent == [sent("POST", "/pod/v1/user/manifest/own", {"manifest": '{"name": "Zoë"}'})]
    file.write_text("name: Zoë", encoding="utf-8")
    for bad, why in ((file, "invalid literal"), (tmp_path / "none.json", "No such file or directory")):
        with pytest.raises(ConfigError, match=f"manifest: the file .* cannot be read: {why}.* Nothing was sent"):
            await wire.pod.session.set_manifest(bad)
    assert len(wire.sent) == 1
