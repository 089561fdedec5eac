"""How operations are named, listed, described and completed, and their pages."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import orjson
import pytest

from aiosymphony.cli.operations import APIS, describe, find, operation_named, operations
from aiosymphony.cli.pages import items_of
from aiosymphony.errors import ConfigError
from aiosymphony.sandbox import Sandbox
from aiosymphony.wire.models import Model

from .conftest import Run

SPECS = Path(__file__).parents[2] / "specs"
MAIN = "import sys; from aiosymphony.cli import main; sys.exit(main())"


def facade() -> dict[tuple[str, str], str]:
    """The methods of the facade by API and id, from the reviewed tables."""
    found = {}
    for api in ("pod", "connect", "agent", "users", "files", "profile_manager"):
        for name, facts in tomllib.loads((SPECS / api / "operations.toml").read_text(encoding="utf-8")).items():
            if facts.get("facade") and name in operations(api):
                found[api, name] = f"{'connect' if api == 'connect' else 'pod'}.{facts['facade']}"
    return found


def test_both_spellings_name_every_operation_of_the_facade() -> None:
    table = facade()
    assert len(table) > 130
    wrong = {}
    for (api, name), method in table.items():
        for spelling in (name, method, method.partition(".")[2]):
            try:
                got = find(api, spelling).id
            except ConfigError:
                got = "none"
            if got != name:
                wrong[api, spelling] = (name, got)
    assert wrong == {}


@pytest.mark.parametrize("api", APIS)
def test_every_operation_is_described_whole(api: str) -> None:
    for operation in operations(api).values():
        text = "\n".join(describe(operation))
        for name in inspect.signature(operation.build).parameters:
            assert (f"--param {name}=" if name != "body" else "--body") in text, operation


def test_every_field_of_a_body_is_described() -> None:
    text = "\n".join(describe(operation_named("users.set_status", None)))
    assert "  status: ENABLED|DISABLED" in text
    assert "  suspendedUntil: integer" in text
    assert "--param uid=integer  (path, required)" in text
    assert "--param if_match=text  (header, required)" in "\n".join(describe(find("profile_manager", "groups.update")))


def test_every_field_of_an_answer_is_described() -> None:
    text = "\n".join(describe(operation_named("users.get", None)))
    _, _, answer = text.partition("\n\nAnswer: UserV2\n")
    assert "  emailAddress: text\n      Email address, unique in the pod." in answer
    assert "    url: text\n        Address of the picture, relative to the pod." in answer
    assert "\n\nAnswer: [V3UserDetail, …]\n" in "\n".join(describe(operation_named("users.list", None)))


def test_the_items_of_every_paged_answer_are_found() -> None:
    for api in APIS:
        for operation in operations(api).values():
            if operation.paging is None:
                continue
            (kind,) = typing.get_args(typing.get_type_hints(operation.build)["return"])
            kinds = [each for each in typing.get_args(kind) or (kind,) if isinstance(each, type)]
            if any(typing.get_origin(each) is list for each in (kind, *typing.get_args(kind))):
                continue
            (model,) = [each for each in kinds if issubclass(each, Model)]
            lists = [
                name
                for name, hint in typing.get_type_hints(model).items()
                if "list[" in str(hint) and name not in ("faceted_match_count", "download_receipt_counts")
            ]
            assert len(lists) == 1, (operation, lists)
            made = object.__new__(model)
            setattr(made, lists[0], [1])
            assert items_of(made) == [1], operation


async def test_what_is_near_is_suggested(run: Run) -> None:
    assert "did you mean pod.users.get" in (await run("call", "users.gett")).err
    assert "did you mean v2_user_get" in (await run("call", "pod", "v2_user_gte")).err
    assert "--param" in (await run("call", "users.get", "--parm", "x=y")).err


async def test_a_list_of_operations(run: Run) -> None:
    every = await run("api", "list", "--json")
    assert len(every.json) == sum(len(operations(api)) for api in APIS)
    some = await run("api", "list", "pod", "room", "MEMBERS")
    assert "pod.rooms.list_members" in some.out
    assert "connect" not in some.out
    mistyped = await run("api", "list", "presense")
    assert (mistyped.code, mistyped.err.strip().rpartition("; ")[2]) == (1, "did you mean presence?")
    none = await run("api", "list", "zebra")
    assert (none.code, none.out) == (1, "")


@pytest.mark.symphony_sandbox(users=250)
@pytest.mark.usefixtures("credentials")
async def test_all_pages_and_a_note_where_there_are_more(run: Run, symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    one = await run("call", "users.list", "-p", "limit=100", "--json")
    assert len(one.json) == 100
    assert one.err == "aiosymphony: this is one page, and there may be more: --all reads every page\n"
    assert (await run("call", "users.list", "-p", "limit=100", "--json", "-q")).err == ""
    every = await run("call", "users.list", "--all", "--json")
    assert (every.code, every.err) == (0, "")
    assert len({user["userSystemInfo"]["id"] for user in every.json}) == len(list(symphony_sandbox.state.users()))

    saved = await run("call", "users.list", "--all", "-o", str(tmp_path / "users.json"))
    assert (saved.code, saved.out) == (0, "")
    assert (tmp_path / "users.json").stat().st_mode & 0o777 == 0o600
    for wrong in (("users.list", "--all", "-p", "skip=1"), ("users.get", "--all", "-p", "uid=1")):
        assert (await run("call", *wrong)).code == 64


@pytest.mark.symphony_sandbox(companies=1)
@pytest.mark.usefixtures("credentials")
async def test_a_file_that_cannot_be_written_is_refused_before_anything_is_sent(
    run: Run, symphony_sandbox: Sandbox, tmp_path: Path
) -> None:
    body = '{"name": "Desk", "description": "Orders"}'
    done = await run("call", "rooms.create", "--body", body, "--output", str(tmp_path / "none" / "room.json"))
    assert done.code == 64
    assert "Nothing was sent" in done.err
    assert sum(symphony_sandbox.stats.by_operation.values()) == 0


@pytest.mark.usefixtures("credentials")
@pytest.mark.symphony_sandbox(users=3)
async def test_names_of_parameters_may_have_dashes(run: Run) -> None:
    done = await run("call", "users.list", "-p", "include-features=true", "--json", "--quiet")
    assert done.code == 0


async def test_global_options_may_follow_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMPHONY_PROFILE", "")  # put back afterwards: the command sets it
    before = await run("--profile", "nowhere", "auth", "check", "pod")
    after = await run("auth", "check", "pod", "--profile", "nowhere")
    assert before.code == after.code == 64
    assert before.err == after.err
    assert "there is no profile nowhere" in after.err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("call users.get_st", "users.get_status"),
        ("call pod v1_admin_user_uid_st", "v1_admin_user_uid_status_get"),
        ("call pod users.get_status --param u", "uid="),
        ("auth check --profile ua", "uat"),
        ("provision sta", "status"),
    ],
)
def test_completion(tmp_path: Path, words: str, found: str) -> None:
    (tmp_path / ".symphony").mkdir()
    (tmp_path / ".symphony" / "uat.yaml").touch()
    line = f"aiosymphony {words}"
    environment = os.environ | {
        "HOME": str(tmp_path),
        "_AIOSYMPHONY_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run([sys.executable, "-c", MAIN], env=environment, capture_output=True, text=True, check=False)
    assert found in done.stdout.split(), done


@pytest.mark.symphony_sandbox(users=3)
async def test_the_command_that_a_plan_proposes_keeps_the_profile(
    run: Run, symphony_sandbox: Sandbox, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMPHONY_PROFILE", "")  # put back afterwards: the command sets it
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    host, _, port = symphony_sandbox.url.removeprefix("http://").partition(":")
    bot = {"username": symphony_sandbox.bot.username, "privateKey": {"path": str(key)}}
    (tmp_path / ".symphony").mkdir()
    profile = {"scheme": "http", "host": host, "port": int(port), "bot": bot}
    (tmp_path / ".symphony" / "uat.json").write_bytes(orjson.dumps(profile))
    Path("people.csv").write_text("emailAddress,firstName,lastName,displayName,userName\nz@acme.example,Z,Y,Z Y,z.y\n")
    for command in (("--profile", "uat", "provision", "plan"), ("provision", "plan", "--profile", "uat")):
        done = await run(*command, "people.csv", "--target", "pod")
        assert done.code == 0, done
        assert done.out.rstrip().endswith("--profile uat")
