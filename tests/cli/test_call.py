"""aiosymphony call."""

from __future__ import annotations

import inspect
import io
import sys
import types
import typing
from importlib import import_module
from pathlib import Path

import orjson
import pytest

from aiosymphony.cli.call import APIS, read_arguments
from aiosymphony.sandbox import Faults, Sandbox

from .conftest import Run

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.mark.symphony_sandbox(users=3)
async def test_an_answer_for_people_and_as_json(run: Run) -> None:
    arguments = ("call", "pod", "v2_user_get", "--param", "email=ada.abbott0@sandbox.example")
    shown, as_json = await run(*arguments), await run(*arguments, "--json")

    assert (shown.code, as_json.code) == (0, 0)
    assert as_json.out.count("\n") == 1
    assert as_json.json["username"] == "ada.abbott0"
    assert shown.out.count("\n") > 5
    assert shown.json == as_json.json
    assert shown.err == as_json.err == ""


async def test_an_empty_answer(run: Run) -> None:
    arguments = ("call", "pod", "v2_user_get", "-p", "email=nobody@sandbox.example")
    assert (await run(*arguments)).out == "nothing found: the answer is empty\n"
    assert (await run(*arguments, "--json")).json is None


@pytest.mark.symphony_sandbox(users=3, companies=1)
async def test_lists_numbers_and_other_apis(run: Run, symphony_sandbox: Sandbox) -> None:
    uid = next(user.id for user in symphony_sandbox.state.users() if user.username != symphony_sandbox.bot.username)

    page = await run("call", "pod", "v3_admin_user_list_get", "-p", "skip=1", "-p", "limit=2", "--json")
    assert len(page.json) == 2
    roles = await run("call", "pod", "v2_admin_user_uid_get", "-p", f"uid={uid}", "--json")
    assert roles.json["roles"] == ["INDIVIDUAL"]
    companies = await run("call", "connect", "api_v2_companies_get", "--json")
    assert [company["vanityName"] for company in companies.json] == ["company-1"]
    trail = await run("call", "agent", "v1_audittrail_privilegeduser_get", "-p", "start_timestamp=0", "--json")
    assert (trail.code, trail.json) == (0, None)
    older = await run("call", "pod_1_40", "v1_sessioninfo_get", "--json")
    assert older.code == 0
    assert symphony_sandbox.state.db.users.get(older.json["userId"]).username == symphony_sandbox.bot.username


async def test_a_body_inline_from_a_file_and_from_standard_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"scheme": "skype"}
    file = tmp_path / "body.json"
    file.write_bytes(orjson.dumps({"scheme": "zoom"}))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"scheme": "webex"}')))

    for given, scheme in ((orjson.dumps(body).decode(), "skype"), (f"@{file}", "zoom"), ("@-", "webex")):
        done = await run("call", "pod", "v1_admin_system_protocols_post", "--body", given, "--json")
        assert (done.code, done.json) == (0, {"scheme": scheme}), done.err


@pytest.mark.symphony_sandbox(users=2)
async def test_a_body_that_is_an_array(run: Run, symphony_sandbox: Sandbox) -> None:
    uids = [user.id for user in symphony_sandbox.state.users()]
    arguments = ("call", "pod", "v1_admin_group_gid_membership_add_post", "-p", "gid=Z3JvdXAtYQ", "--json")

    done = await run(*arguments, "--body", orjson.dumps(uids).decode())
    assert done.json == {"overallResult": "SUCCESS", "results": ["", "", ""]}


async def test_a_create_whose_outcome_is_unknown_ends_with_3(run: Run, symphony_sandbox: Sandbox) -> None:
    symphony_sandbox.faults = Faults(at={("v3_room_create_post", 1): "503_after"})

    done = await run(
        "call", "pod", "v3_room_create_post", "--body", '{"name":"Desk","description":"Trading"}', "--json"
    )

    assert done.code == 3
    assert done.json["exit_code"] == 3
    assert "look the result up before sending this again" in done.err
    assert symphony_sandbox.stats.by_operation["v3_room_create_post"] == 1


async def test_an_error_of_the_server_ends_with_1_in_one_sentence(run: Run) -> None:
    done = await run("call", "pod", "v2_admin_user_uid_get", "-p", "uid=42")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("aiosymphony: GET /pod/v2/admin/user/{uid}: answered 400")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pdo", "v2_user_get"], "no API 'pdo'"),
        (["pod", "v2_user_gte"], "did you mean v2_user_get"),
        (["pod", "xyz"], "no operation 'xyz'"),
        ([], "no operation is named"),
        (["pod"], "pod is an API: name an operation of it, too"),
        (["pod", "v2_user_get", "--parma", "a=b"], "--parma"),
        (["pod", "v2_user_get", "-p", "email"], "'email' is not NAME=VALUE"),
        (["pod", "v2_user_get", "-p", "mail=a"], "no parameter 'mail': it takes --param uid=int, --param email=str"),
        (["pod", "v2_user_get", "-p", "uid=many"], "uid: 'many' is not a whole number"),
        (["pod", "v2_user_get", "-p", "local=perhaps"], "local: 'perhaps' is not true or false"),
        (["pod", "v2_user_get", "-p", "uid=1", "-p", "uid=2"], "uid is given 2 times"),
        (["pod", "v2_user_get", "--body", "{}"], "takes no body"),
        (["pod", "v2_sessioninfo_get", "-p", "x=1"], "it takes no arguments"),
        (["pod", "v2_admin_user_uid_get"], "needs uid"),
        (["pod", "v2_admin_user_create_post"], "needs body: it takes --body V2UserCreate"),
        (["pod", "v2_admin_user_create_post", "--body", "{"], "--body is not JSON"),
        (["pod", "v2_admin_user_create_post", "--body", '{"roles": [NaN]}'], "--body is not JSON"),
        (
            ["pod", "v2_admin_user_create_post", "--body", "[" * 1000 + "]" * 1000],
            "--body is nested more than 254 levels deep",
        ),
        (
            ["pod", "v2_admin_user_create_post", "--body", '{"x":' * 300 + "1" + "}" * 300],
            "--body is nested more than 254 levels deep",
        ),
        (["pod", "v2_admin_user_create_post", "--body", "[]"], "is an array, and must be an object (V2UserCreate)"),
        (["pod", "v2_admin_user_create_post", "--body", '{"userAttributes": 5}'], "a number at $.userAttributes"),
        (["pod", "v2_admin_user_create_post", "--body", "@/no/such"], "'/no/such' cannot be read: No such file"),
        (
            ["pod", "v1_admin_group_gid_membership_add_post", "-p", "gid=a", "--body", "{}"],
            "must be an array of a whole",
        ),
        (["pod", "v1_admin_group_gid_membership_add_post", "-p", "gid=a", "--body", '["x"]'], "--body[0] is text"),
        (["connect", "api_v2_companies_get", "--username", "bot"], "leave out --config, --username and --private-key"),
        (["pod", "v1_im_id_info_get", "-p", "id=.."], "'..' cannot stand in a path"),
    ],
)
async def test_wrong_use_ends_with_64_and_sends_nothing(
    run: Run, symphony_sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    done = await run("call", *arguments)

    assert done.code == 64
    assert message in done.err
    assert done.err.startswith("aiosymphony: ")
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert symphony_sandbox.stats.requests == 0


@pytest.mark.parametrize("api", APIS)
def test_the_arguments_of_every_operation_can_be_typed(api: str) -> None:
    typed = 0
    for operation in import_module(f"aiosymphony_api.{api}").OPERATIONS.values():
        hints = typing.get_type_hints(operation.build)
        names = inspect.signature(operation.build).parameters
        params = [f"{name}={_sample(hints[name])}" for name in names if name != "body"]
        body = None
        if "body" in names:
            body = "[]" if typing.get_origin(_some(hints["body"])) is list else "{}"

        arguments = read_arguments(operation, params, body)

        assert set(arguments) == set(names)
        for name in names:
            kind = _some(hints[name])
            assert isinstance(arguments[name], typing.get_origin(kind) or kind), (operation.id, name)
        assert operation.build(**arguments).operation is operation
        typed += 1
    assert typed == len(import_module(f"aiosymphony_api.{api}").OPERATIONS) > 0


def _some(annotation: typing.Any) -> typing.Any:
    if isinstance(annotation, types.UnionType):
        return next(kind for kind in typing.get_args(annotation) if kind is not type(None))
    return annotation


def _sample(annotation: typing.Any) -> str:
    kind = _some(annotation)
    return {int: "7", bool: "true", str: "text"}.get(kind) or next(iter(kind)).value
