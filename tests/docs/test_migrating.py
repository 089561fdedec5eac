"""The page for users of symphony-bdk-python: each line of its table runs, and none of their methods is left out."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest

from aiosymphony import ConfigError, OnBehalfOf, PodClient, RsaAuth, StaticToken, tenant_of
from aiosymphony.paging import Pager
from aiosymphony.sandbox import Sandbox
from aiosymphony.sandbox.auth import server_key
from aiosymphony.sandbox.state import Connection
from aiosymphony_api.pod.models import ApplicationDetail, UserAppEntitlement
from aiosymphony_api.profile_manager.models import GroupOwner, GroupUpdate

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)\(\)\.(\w+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
SWAPS = re.findall(r"^\| `(\w+)\((.+)\)` \| `(\w+)\.(\w+)\((.+)\)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
AGENT = re.search(r"The others are the Agent's.*", PAGE, re.DOTALL)


async def answer_of(code: str, names: Mapping[str, Any]) -> Any:
    result = eval(compile(code, "migrating.md", "eval"), dict(names))
    if isinstance(result, Pager):
        return await result.collect(limit=100)
    assert inspect.isawaitable(result), code
    return await result


@pytest.mark.symphony_sandbox(users=4, external_users=3)
async def test_every_line_of_the_table_runs(
    symphony_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("avatar.png").write_bytes(b"picture")
    Path("manifest.json").write_text('{"name": "Desk"}')
    state, bot = symphony_sandbox.state, symphony_sandbox.bot
    _, first, second, *_ = [user for user in state.users() if not user.external]
    external, asking, unwanted = [user.id for user in state.db.users if user.external]
    me = state.user(username=bot.username)
    assert me is not None
    for sender in (asking, unwanted):
        state.db.connections.put(Connection(sender=sender, receiver=me.id, first_requested=1))
    app = OnBehalfOf(symphony_sandbox.app.username, symphony_sandbox.app.private_key)
    async with PodClient(symphony_sandbox.url, RsaAuth(bot.username, bot.private_key), app=app) as pod:
        room = await pod.rooms.create(name="Room", description="A room")
        room_id = room.room_system_info.id
        im = await pod.streams.create_im([second.id])
        of_app = symphony_sandbox.app.username
        names: dict[str, Any] = {
            "pod": pod,
            "Path": Path,
            "tenant_of": tenant_of,
            "uid": first.id,
            "other": second.id,
            "email": first.email,
            "username": first.username,
            "external": external,
            "asking": asking,
            "unwanted": unwanted,
            "room_id": room_id,
            "im_id": im.id,
            "message_id": state.add_message(room_id, me.id).id,
            "disclaimer_id": (await pod.disclaimers.list())[0].id,
            "changed": ApplicationDetail(description="Deals"),
            "entitlements": [UserAppEntitlement(app_id="dealer", app_name="Dealer", listed=True, install=True)],
            "jwt_of_front_end": jwt.encode(
                {"aud": of_app, "exp": int(time.time()) + 60, "sub": "1"}, server_key(), algorithm="RS512"
            ),
            "new_group": GroupUpdate(type_="SDL", owner_type=GroupOwner.TENANT, owner_id=1, name="Desks"),
        }
        for service, method, code in ROWS:
            try:
                answer = await answer_of(code, names)
            except Exception as error:
                error.add_note(f"{service}().{method}: {code}")
                raise
            match method:
                case "create_presence_feed":
                    names["feed_id"] = answer
                case "insert_group":
                    names["group_id"] = answer.id
                case "update_avatar" if service == "groups":
                    names["etag"] = answer.e_tag
    assert symphony_sandbox.violations == []


def services_of_bdk() -> dict[str, type]:
    pytest.importorskip("symphony.bdk", reason="symphony-bdk-python is not installed")
    from symphony.bdk.core.auth.ext_app_authenticator import ExtensionAppAuthenticator
    from symphony.bdk.core.service.application.application_service import ApplicationService
    from symphony.bdk.core.service.connection.connection_service import ConnectionService
    from symphony.bdk.core.service.message.message_service import MessageService
    from symphony.bdk.core.service.presence.presence_service import PresenceService
    from symphony.bdk.core.service.session.session_service import SessionService
    from symphony.bdk.core.service.stream.stream_service import StreamService
    from symphony.bdk.core.service.user.user_service import UserService
    from symphony.bdk.ext.group import SymphonyGroupService

    return {
        "sessions": SessionService,
        "users": UserService,
        "streams": StreamService,
        "connections": ConnectionService,
        "presence": PresenceService,
        "applications": ApplicationService,
        "messages": MessageService,
        "app_authenticator": ExtensionAppAuthenticator,
        "groups": SymphonyGroupService,
    }


def test_no_method_of_theirs_is_left_out() -> None:
    theirs = {
        (service, name)
        for service, kind in services_of_bdk().items()
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    assert AGENT is not None
    of_agent = set(re.findall(r"`(\w+)`", AGENT.group()))
    assert {name for _, name in theirs - {(service, method) for service, method, _ in ROWS}} == of_agent
    assert {(service, method) for service, method, _ in ROWS} <= theirs


async def test_all_arguments_that_change_places_are_told(symphony_sandbox: Sandbox) -> None:
    """Of a method here, none that a call by place can give is what another place has in the BDK."""
    bot, app = symphony_sandbox.bot, symphony_sandbox.app
    named = {"uid": "user_id", "followers": "follower_ids", "group": "update_group", "etag": "if_match"}
    moved = set()
    async with PodClient(
        symphony_sandbox.url,
        RsaAuth(bot.username, bot.private_key),
        app=OnBehalfOf(app.username, app.private_key),
    ) as pod:
        for service, method, code in ROWS:
            theirs = [*inspect.signature(getattr(services_of_bdk()[service], method)).parameters][1:]
            [called] = re.findall(r"^pod\.\w+(?:\(\))?\.\w+", code)
            parameters = inspect.signature(eval(called, {"pod": pod})).parameters.values()
            ours = [named.get(each.name, each.name) for each in parameters]
            by_place = [name for name, each in zip(ours, parameters, strict=True) if each.kind is not each.KEYWORD_ONLY]
            if any(name in ours and name != here for name, here in zip(theirs, by_place, strict=False)):
                moved.add((method, ", ".join(theirs)))
    assert moved == {(method, order) for method, order, *_ in SWAPS}


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap[0])
async def test_a_call_in_the_old_order_sends_nothing(swap: tuple[str, ...], symphony_sandbox: Sandbox) -> None:
    _, order, resource, method, _, error = swap
    given = {
        "user_id": 7,
        "room_id": "room",
        "follower_ids": [8, 9],
        "disclaimer_id": "1",
        "if_match": "etag",
        "group_id": "71811853191001",
        "update_group": GroupUpdate(type_="SDL", owner_type=GroupOwner.TENANT, owner_id=1, name="Desks"),
    }
    async with PodClient(symphony_sandbox.url, StaticToken("token")) as pod:
        with pytest.raises({"ConfigError": ConfigError, "TypeError": TypeError}[error]):
            await getattr(getattr(pod, resource), method)(*(given[name] for name in order.split(", ")))
    assert symphony_sandbox.stats.requests == 0
