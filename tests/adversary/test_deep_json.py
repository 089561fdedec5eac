"""JSON that is nested hundreds of levels deep: an answer, an error, and what one sends oneself."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.cli.output import print_json, print_tree
from aiosymphony.errors import ApiError, BadRequest, ConfigError, DecodeError, JobError, OutcomeUnknown
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.wire.encoding import deep_object, json_body, json_text, to_json
from aiosymphony.wire.responses import error_from_response
from aiosymphony_api.pod.api.user_administration import v2_admin_user_create_post
from aiosymphony_api.pod.api.users import v2_user_get
from aiosymphony_api.pod.models import UserV2, V2UserAttributes, V2UserCreate
from tests.faults.clients import OPEN_CREATE, OPEN_READ, THING, Clients
from tests.faults.server import FaultServer, acts, reply


def nested(opening: str, inner: str, closing: str, levels: int) -> bytes:
    return (opening * levels + inner + closing * levels).encode()


DEEP = {
    "a null below 600 objects": nested('{"a":', "null", "}", 600),
    "a null below 600 arrays": nested("[", "null", "]", 600),
    "a null below both": nested('{"a":[', "null", "]}", 450),
    "a null below 1,020 objects": nested('{"a":', "null", "}", 1020),
    "more than a parser takes": nested("[", "null", "]", 5000),
}


@pytest.mark.parametrize("deep", DEEP)
async def test_case_49_a_read_is_a_decode_error(deep: str, server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(200, DEEP[deep]))
    with pytest.raises(DecodeError, match=r"levels deep|is not JSON") as caught:
        await clients.session().execute(OPEN_READ.build())
    assert (caught.value.path, caught.value.status) == ("$", 200)


@pytest.mark.parametrize("deep", DEEP)
async def test_case_49_a_create_is_outcome_unknown(deep: str, server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=acts(reply(201, DEEP[deep])))
    with pytest.raises(OutcomeUnknown) as caught:
        await clients.session().execute(OPEN_CREATE.build({"name": "x"}))
    assert isinstance(caught.value.__cause__, DecodeError)
    assert len(server.writes) == server.counts["POST", THING] == 1


BODIES = {
    "details": b'{"code":1,"message":"no","details":%s}' % nested("[", "", "]", 1000),
    "the message": b'{"code":1,"message":%s}' % nested("[", "", "]", 1000),
    "the code": b'{"message":"no","code":%s}' % nested('{"a":', "1", "}", 300),
    "the trace id": b'{"message":"no","X-Trace-Id":%s}' % nested("[", "", "]", 1000),
    "all of it": nested("[", "", "]", 1000),
}


@pytest.mark.parametrize("deep", BODIES)
async def test_case_49_an_error_with_a_body_of_a_thousand_brackets(
    deep: str, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=reply(400, BODIES[deep]))
    with pytest.raises(BadRequest) as caught:
        await clients.session().execute(OPEN_READ.build())
    error = caught.value
    error.redact("a-long-secret")
    assert (error.status, len(error.server_message) <= 2048, len(f"{error} {error!r} {error.details}") < 12_000) == (
        400,
        True,
        True,
    )
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_case_49_an_error_answer_is_read_to_twenty_levels_and_quoted_as_text_beyond() -> None:
    for deep, fits in ((nested("[", "7", "]", 19), True), (nested("[", "7", "]", 20), False)):
        content = b'{"code":1,"message":"no","details":%s}' % deep
        error = error_from_response(OPEN_READ, 400, {}, content)
        assert isinstance(error, BadRequest)
        assert error.details == ({"details": orjson.loads(deep)} if fits else {})
        assert error.server_message == ("no" if fits else content.decode())


def test_case_49_what_is_sent_may_have_254_levels() -> None:
    assert json_body(orjson.loads(nested("[", "7", "]", 254))) == nested("[", "7", "]", 254)
    with pytest.raises(ConfigError, match=r"nested more than 254 levels deep\. Nothing was sent"):
        json_body(orjson.loads(nested("[", "7", "]", 255)))


@given(
    st.sampled_from(["[", '{"a":', '{"code":1,"details":[', "[[", '{"message":']),
    st.integers(1, 1100),
    st.sampled_from(["null", "1", '"x"', ""]),
)
def test_case_49_no_depth_of_an_answer_gets_through(opening: str, levels: int, inner: str) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in reversed(opening))
    content = nested(opening, inner, closing, levels)
    assert isinstance(error_from_response(OPEN_READ, 404, {}, content), ApiError)
    for parse in (v2_user_get.parse, OPEN_READ.parse):
        try:
            answer = parse(200, {}, content)
        except DecodeError as error:
            assert error.path.startswith("$")  # noqa: PT017 - either is right
        else:
            assert repr(answer)
            if isinstance(answer, UserV2):
                assert UserV2.from_dict(answer.to_dict()) == answer
                assert len(json_body(answer)) <= len(content)


@pytest.mark.parametrize("field", ["nobodyKnows", "userMetadata", "id"])
def test_case_49_what_a_model_keeps_can_be_shown_compared_and_written(field: str) -> None:
    """The deepest that is read, and one level more."""
    for levels, inner in ((200, "1"), (200, "null")):
        content = b'{"%s":%s}' % (field.encode(), nested('{"a":', inner, "}", levels))
        user = v2_user_get.parse(200, {}, content)
        assert user == v2_user_get.parse(200, {}, content)
        assert json_body(user) == content
        assert pickle.loads(pickle.dumps(user)) == user
        with pytest.raises(DecodeError, match="more than 200 levels deep"):
            v2_user_get.parse(200, {}, b'{"%s":%s}' % (field.encode(), nested('{"a":', inner, "}", levels + 1)))


def test_case_49_a_text_that_came_as_a_thousand_arrays_is_shown_and_is_not_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    content = b'{"id": 7, "displayName": %s, "more": {"token": "canary"}}' % nested("[", "", "]", 1000)
    user = v2_user_get.parse(200, {}, content)
    assert user is not None
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%r of %s", user, [user])
    assert "UserV2(" in caplog.text
    assert "canary" not in caplog.text
    assert user != UserV2.from_dict({"id": 7})
    assert (user == v2_user_get.parse(200, {}, content)) in (True, False)  # not every Python can tell
    with pytest.raises(ConfigError, match=r"^body: holds itself, or is nested more than 254 levels deep. Nothing was"):
        json_body(user)


def test_case_49_a_job_and_the_command_line_say_what_they_cannot_keep_or_print(
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = v2_user_get.parse(200, {}, b'{"id": 7, "title": %s}' % nested("[", "", "]", 1000))
    assert user is not None
    with pytest.raises(DecodeError, match="the user 7 cannot be kept"):
        Actual.of("pod", [ActualUser("7", {"title": user.title}, True)])
    for show in (print_json, print_tree):
        with pytest.raises(DecodeError, match="the answer: holds itself, or is nested"):
            show(user)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("column", ["email", "active", "department"])
def test_case_49_a_cell_of_a_thousand_brackets_is_a_wrong_cell(column: str, tmp_path: Path) -> None:
    line = b'{"email":"a@b.c","firstName":"A","lastName":"B","%s":%s}' % (column.encode(), nested("[", "", "]", 1000))
    (tmp_path / "users.json").write_bytes(line)
    [problem] = Desired.read(tmp_path / "users.json", "connect").problems()
    assert (problem.line, problem.column) == (1, column)
    with pytest.raises(JobError, match="record 1 is not JSON"):
        Desired.of([orjson.loads(line)], "connect")


def cyclic_dict() -> Any:
    value: dict[str, Any] = {"n": 1}
    value |= {"one": value, "other": value}
    return value


def cyclic_list() -> Any:
    value: list[Any] = [1]
    value += [value, value]
    return value


def deep_list() -> Any:
    value: Any = 1
    for _ in range(3_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [cyclic_dict, cyclic_list, deep_list])
def test_case_49_what_has_no_end_is_refused_before_anything_is_sent(make: Callable[[], Any]) -> None:
    value = make()
    for write in (
        lambda: json_body(value),
        lambda: json_body([{"a": value}]),
        lambda: json_text("where", value),
        lambda: to_json(value),
        lambda: deep_object("where", value),
        lambda: v2_admin_user_create_post.build(
            body=V2UserCreate(user_attributes=V2UserAttributes(additional_properties={"x": value}))
        ),
    ):
        with pytest.raises(ConfigError, match=r"holds itself.*Nothing was sent"):
            write()
    with pytest.raises(DecodeError, match="holds itself, or is nested more than 254"):
        UserV2.from_dict({"id": 1, "more": value})


def test_case_49_a_model_that_holds_itself_can_be_shown() -> None:
    user = UserV2(id=1)
    user.additional_properties = {"self": user, "again": [user]}
    assert repr(user) == "UserV2(id=1, additional_properties={'self': …, 'again': […]})"
    with pytest.raises(ConfigError, match="holds itself"):
        json_body(user)
