"""What generated code stands on: what it costs to import, and what its values can be used for."""

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from aiosymphony.errors import ConfigError, DecodeError, MissingField
from aiosymphony.wire.encoding import json_body, path_segment, query_string
from aiosymphony.wire.models import NO_EXTRA, TextInt
from aiosymphony_api.connect.models import Company, CompanyState
from aiosymphony_api.login.models import Token
from aiosymphony_api.pod import OPERATIONS
from aiosymphony_api.pod.models import (
    Password,
    UserSystemInfo,
    UserV2,
    V2UserAttributes,
    V2UserCreate,
    V2UserDetail,
)

ROOT = Path(__file__).parents[2]


def modules_after(code: str) -> set[str]:
    """The modules of generated code that are loaded once some code has run in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(*[name for name in sys.modules if name.startswith('aiosymphony_api')])"
    path = f"{ROOT / 'src'}:{ROOT / 'generated'}"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_operations_are_counted_and_listed_without_importing_them() -> None:
    package = {"aiosymphony_api", "aiosymphony_api.pod"}
    assert modules_after("import aiosymphony_api.pod as p; len(p.OPERATIONS); list(p.OPERATIONS)") == package
    assert modules_after("import aiosymphony_api.pod as p; 'v2_user_get' in p.OPERATIONS; dir(p)") == package


def test_one_operation_brings_only_the_models_it_needs() -> None:
    loaded = modules_after("import aiosymphony_api.pod as p; p.OPERATIONS['v2_user_get']")
    operations = {name for name in loaded if name.startswith("aiosymphony_api.pod.api.") and name.count(".") == 4}
    assert operations == {"aiosymphony_api.pod.api.users.v2_user_get"}
    models = {name.split(".")[-1] for name in loaded if name.startswith("aiosymphony_api.pod.models.")}
    assert models == {"user_v2", "user_v2_account_type", "avatar"}


def test_models_are_values() -> None:
    company = Company.from_dict({"name": "Acme", "state": "NEW_STATE", "more": {"a": None}, "id": None})
    for other in (copy.copy(company), copy.deepcopy(company), pickle.loads(pickle.dumps(company))):
        assert other == company
        assert other is not company
        assert other.to_dict() == company.to_dict()
    whole = Company.from_dict({"id": "1", "name": "Acme", "vanityName": "acme", "emailDomains": [], "state": "STARTED"})
    assert attrs.evolve(whole, name="Other") != whole
    assert company != object()
    with pytest.raises(TypeError):
        hash(company)
    with pytest.raises(TypeError):
        Company("positional")  # type: ignore[misc]
    with pytest.raises(AttributeError):
        company.nmae = "typo"  # type: ignore[attr-defined]
    empty = pickle.loads(pickle.dumps(UserV2(id=1)))
    assert empty.additional_properties is NO_EXTRA


def test_a_field_that_is_missing_is_met_when_it_is_read() -> None:
    read = V2UserDetail.from_dict({"userAttributes": {"userName": "anna"}, "userSystemInfo": None})
    assert read.user_attributes.user_name == "anna"
    with pytest.raises(
        MissingField, match=r"^this V2UserDetail has no user_system_info: the server has left it out$"
    ) as caught:
        _ = read.user_system_info
    assert (caught.value.model, caught.value.field) == ("V2UserDetail", "user_system_info")
    assert getattr(read, "user_system_info", None) is None
    assert not hasattr(read, "user_system_info")
    assert read.to_dict() == {"userAttributes": {"userName": "anna"}, "userSystemInfo": None}
    assert repr(read).startswith("V2UserDetail(user_attributes=V2UserAttributes(user_name='anna')")
    assert read != V2UserDetail.from_dict({"userSystemInfo": {}})
    made = V2UserDetail(user_attributes=V2UserAttributes(user_name="anna"))
    assert made == V2UserDetail.from_dict({"userAttributes": {"userName": "anna"}})
    with pytest.raises(MissingField):
        _ = made.user_system_info
    made.user_system_info = UserSystemInfo(id=7)
    assert made.to_dict()["userSystemInfo"] == {"id": 7}


def test_a_name_that_no_model_has_is_no_missing_field() -> None:
    with pytest.raises(AttributeError, match="'UserV2' object has no attribute 'nmae'") as caught:
        _ = UserV2().nmae  # type: ignore[attr-defined]
    assert not isinstance(caught.value, MissingField)


def test_open_enumerations() -> None:
    new = CompanyState("NEW_STATE")
    assert (new, new.is_known, CompanyState.COMPLETED.is_known) == ("NEW_STATE", False, True)
    assert {CompanyState.COMPLETED: 1}["COMPLETED"] == 1
    assert pickle.loads(pickle.dumps(new)) == new
    assert copy.deepcopy(new) == new
    assert orjson.dumps([new, CompanyState.COMPLETED]) == b'["NEW_STATE","COMPLETED"]'
    assert "NEW_STATE" not in CompanyState.__members__
    with pytest.raises(ValueError, match="7"):
        CompanyState(7)


def test_numbers_that_came_as_text() -> None:
    user = UserV2.from_dict({"id": "007"})
    assert user.id == 7
    assert isinstance(user.id, TextInt)
    assert pickle.loads(pickle.dumps(user)).to_dict() == copy.deepcopy(user).to_dict() == {"id": "007"}
    for odd in ("", "-", "1.5", "9" * 5000, "\u0663", " 1", "0x1", True, 1.5, [1]):
        assert UserV2.from_dict({"id": odd}).to_dict() == {"id": odd}


def test_reprs_show_no_secret() -> None:
    more = {"refreshToken": "canary", "all": [{"token": "canary"}, [{"secret": "canary"}]]}
    token = Token.from_dict({"name": "sessionToken", "token": "canary", **more})
    assert "canary" not in repr(token)
    assert "sessionToken" in repr(token)
    password = Password(h_salt="canary", h_password="canary", kh_salt="canary", kh_password="canary")
    for holder in (password, V2UserCreate(password=password), Password.from_dict({"newPassword": "canary"})):
        assert "canary" not in repr(holder)
        assert "***" in repr(holder)
    request = OPERATIONS["v2_user_get"].build(email="canary@b.c")
    assert "canary" not in repr(request)


def test_errors_show_no_value() -> None:
    parse = OPERATIONS["v2_user_get"].parse
    with pytest.raises(DecodeError) as caught:
        parse(200, {}, b'{"avatars": [{"url": "canary"}, "canary"]}')
    assert "canary" not in str(caught.value)
    assert caught.value.path == "$.avatars[1]"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", [None, 1.5j, b"x", object()])
def test_arguments_that_are_no_text_are_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^uid: "):
        path_segment("uid", value)
    with pytest.raises(ConfigError, match=r"^uid: "):
        query_string(("uid", [value]))


def test_bodies_that_are_no_json_are_refused() -> None:
    for value in ({"a": object()}, {"a": datetime.now(UTC)}, {"a": "\ud800"}):
        with pytest.raises(ConfigError, match=r"^body\.a: "):
            json_body(value)
    with pytest.raises(ConfigError, match=r"^body: .*key"):
        json_body({1: 2})
    with pytest.raises(ConfigError, match="surrogate"):
        path_segment("name", "\ud800")
