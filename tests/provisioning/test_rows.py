"""Which class of rows belongs to which kind of target."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from aiosymphony import ConfigError, JobError
from aiosymphony.provisioning import ConnectUser, PodUser
from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.plans.actions import Action
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.file import Plan
from aiosymphony.provisioning.rows.registry import user_class


def test_each_kind_has_its_class() -> None:
    assert user_class("connect") is ConnectUser
    assert user_class("pod") is PodUser


@pytest.mark.parametrize("kind", ["Pod", "podd", "", "connect "])
def test_a_kind_that_is_none_is_refused_and_those_that_are_are_named(kind: str) -> None:
    with pytest.raises(ConfigError, match=r"no kind of target .* one of connect, pod") as caught:
        Desired.of([{"email": "ada@acme.test", "firstName": "Ada", "lastName": "Lee"}], kind)  # type: ignore[arg-type]
    assert repr(kind) in str(caught.value)


def test_a_plan_for_a_kind_that_is_none_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    plan(Desired.of([], "pod"), Actual("pod")).save(path)
    header = orjson.loads(path.read_bytes())
    header["kind"] = "podd"
    path.write_bytes(orjson.dumps(header) + b"\n")
    with pytest.raises(JobError, match="not a plan, or a damaged one"):
        Plan.load(path)
    path.write_bytes(orjson.dumps({**header, "kind": "pod"}) + b"\n")
    assert Plan.load(path).kind == "pod"


def test_an_action_that_is_none_is_refused() -> None:
    assert Action.from_dict({"do": "skip", "line": 1, "label": "ada"}).do == "skip"
    with pytest.raises(ValueError, match="no action 'delete': it is one of create, update, enable"):
        Action.from_dict({"do": "delete", "line": 1, "label": "ada"})
