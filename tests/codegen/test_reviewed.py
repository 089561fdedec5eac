"""The tables in ``specs/``: facts are stated once for all versions of an API, each version takes what holds of it."""

from pathlib import Path
from typing import Any

import pytest

from aiosymphony_api import pod, pod_1_40
from codegen.apis import generate_all
from codegen.facts import Reviewed
from codegen.normalise import normalise
from codegen.problem import CodegenError


def document(*arguments: str) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": {"type": "integer"}} for name in arguments]
    operation = {"parameters": parameters, "responses": {"204": {"description": "x"}}}
    return {"openapi": "3.0.3", "info": {"title": "A", "version": "1"}, "paths": {"/a": {"get": operation}}}


@pytest.mark.parametrize(
    ("arguments", "paging", "missing"),
    [
        (("skip", "limit", "local"), "skip_limit", None),
        (("limit",), None, "has no skip; not paged by skip_limit"),
        ((), None, "has no limit, skip; not paged by skip_limit"),
    ],
)
def test_a_version_without_the_arguments_is_not_paged(
    arguments: tuple[str, ...], paging: str | None, missing: str | None
) -> None:
    reviewed = Reviewed(kind="read", idempotent=True, paging="skip_limit", family="search")
    plain = normalise(document(*arguments), api="pod", reviewed={"a_get": reviewed})
    expected = Reviewed(kind="read", idempotent=True, paging=paging, family="search")
    assert plain.operations["a_get"].reviewed == expected
    assert plain.notes == ([f"#/paths/~1a/get: {missing}"] if missing else [])


def test_a_way_of_paging_that_nobody_knows_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"#/paths/~1a/get: paging: there is no 'pages'\n  Use one of skip_limit, "):
        normalise(document("skip", "limit"), api="pod", reviewed={"a_get": Reviewed(paging="pages")})


def test_members_of_a_barrier_group_are_paged_since_there_are_skip_and_limit() -> None:
    name = "v1_admin_group_gid_membership_list_get"
    assert pod_1_40.OPERATIONS[name].paging is None
    assert pod.OPERATIONS[name].paging == "skip_limit"


@pytest.mark.parametrize(("entry", "other"), [("sha256", "sum"), ("current", "# current")])
def test_a_table_of_apis_toml_has_all_entries_and_no_other(entry: str, other: str, project: Path) -> None:
    path = project / "specs/apis.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(f"{entry} = ", f"{other} = "), encoding="utf-8")
    with pytest.raises(CodegenError, match=rf"apis.toml, table 1: lacks or has too much: {entry}"):
        generate_all(project, project / "generated")
