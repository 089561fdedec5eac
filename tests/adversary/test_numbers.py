"""Numbers that JSON has and 64 bits have not, and numbers that JSON has not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.cli.call import read_arguments
from aiosymphony.errors import BadRequest, ConfigError
from aiosymphony.wire.encoding import header_fields, json_body, json_text, path_segment, query_string
from aiosymphony.wire.responses import error_from_response
from aiosymphony_api.connect.api.users import api_v2_companies_company_id_users_post
from aiosymphony_api.connect.models import User
from aiosymphony_api.pod.api.streams import v1_im_create_post
from aiosymphony_api.pod.api.user_administration import v2_admin_user_create_post, v2_admin_user_uid_update_post
from aiosymphony_api.pod.api.users import v2_user_get
from aiosymphony_api.pod.models import FollowersList, UserV2, V2UserAttributes, V2UserCreate
from tests.faults.clients import OPEN_READ, Clients
from tests.faults.server import FaultServer, reply

EDGES = [2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, 10**25 + 1, -(10**300) - 7]
FLOATS = [1.5, 1e20, -1e19, 1.8446744073709552e19, 1e308, 0.0]


@pytest.mark.parametrize("number", EDGES)
@pytest.mark.parametrize(
    "answer",
    [
        '{"id": %d}',
        '{"newField": %d}',
        '{"newField": {"in": [{"it": [1, %d]}]}, "displayName": "x"}',
        '{"userMetadata": {"seen": %d, "none": null}}',
        '{"id": null, "accountType": %d}',
        '{"avatars": [{"size": "small", "newField": %d}]}',
        '{"id": %d, "weight": 1e20, "height": 2.5}',
    ],
)
def test_an_integer_of_any_size_is_read_and_written_to_the_digit(number: int, answer: str) -> None:
    content = (answer % number).encode()
    user = v2_user_get.parse(200, {}, content)
    assert user is not None
    written = json_body(user)
    assert json.loads(written) == json.loads(content)
    assert str(number).encode() in written
    assert v2_user_get.parse(200, {}, written) == user


async def test_over_a_real_connection(server: FaultServer, clients: Clients) -> None:
    server.on("GET", "/pod/v2/user", then=reply(200, b'{"id": 18446744073709551617}'))
    request = v2_user_get.build(uid=1)
    request.operation = attrs.evolve(v2_user_get.OPERATION, auth=())
    user = await clients.session().execute(request)
    assert user is not None
    assert (user.id, type(user.id)) == (2**64 + 1, int)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.sampled_from(FLOATS) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4).map("new".__add__), JSON, max_size=3), st.integers(-(10**30), 10**30), JSON)
def test_what_no_document_names_survives_whatever_its_numbers(more: dict[str, Any], uid: int, free: Any) -> None:
    sent = {"id": uid, "userMetadata": {"free": free}, **more}
    content = json.dumps(sent).encode()
    user = v2_user_get.parse(200, {}, content)
    assert user is not None
    assert json.loads(json_body(user)) == sent
    assert repr(json.loads(json_body(user)).get("userMetadata")) == repr(sent["userMetadata"])  # 1 is not 1.0
    assert UserV2.from_dict(sent).to_dict() == user.to_dict()


@pytest.mark.parametrize("number", EDGES)
def test_lists_of_integers(number: int) -> None:
    followers = FollowersList.from_dict({"followers": [1, number, "7"]})
    assert json_body(followers) == b'{"followers":[1,%d,"7"]}' % number
    assert query_string(("uid", [1, number]), ("limit", number)) == f"uid=1&uid={number}&limit={number}"
    assert path_segment("uid", number) == str(number)


def test_the_code_and_details_of_an_error_are_kept_to_the_digit() -> None:
    content = b'{"code":%d,"message":"m","at":%d,"it":1e20}' % (10**25 + 1, 10**25 + 3)
    error = error_from_response(OPEN_READ, 400, {}, content)
    assert isinstance(error, BadRequest)
    assert (error.code, error.details) == (10**25 + 1, {"at": 10**25 + 3, "it": 1e20})
    assert type(error.details["it"]) is float


def test_a_body_that_is_typed_is_taken_to_the_digit() -> None:
    text = f'{{"userAttributes": {{"userMetadata": {{"a": {2**64}}}}}, "new": [1e20, {10**25 + 1}]}}'
    operation = v2_admin_user_create_post.OPERATION
    request = operation.build(**read_arguments(operation, (), text))
    assert json.loads(request.body or b"") == json.loads(text)
    arguments = read_arguments(v1_im_create_post.OPERATION, (), f"[{2**64}]")
    assert v1_im_create_post.build(**arguments).body == b"[%d]" % (2**64)


NOT_FINITE = [math.nan, math.inf, -math.inf]

Build = Callable[[Any], object]

BUILDS: list[tuple[Build, str]] = [
    (lambda n: v2_admin_user_uid_update_post.build(1, body=V2UserAttributes(title=n)), "body.title: "),
    (
        lambda n: v2_admin_user_create_post.build(
            body=V2UserCreate(user_attributes=V2UserAttributes(additional_properties={"x": [1, {"y": n}]}))
        ),
        "body.userAttributes.x[1].y: ",
    ),
    (
        lambda n: v2_admin_user_uid_update_post.build(1, body=V2UserAttributes(user_metadata={"a": n})),
        "body.userMetadata.a: ",
    ),
    (lambda n: api_v2_companies_company_id_users_post.build(
        "c1", body=[User(email="a", first_name="b", last_name="c"), User(email="a", first_name="b", last_name=n)]
    ), "body[1].lastName: "),
    (lambda n: json_body([{"email": "a"}, {"email": n}]), "body[1].email: "),
    (lambda n: json_text("where", {"at": n}), "where.at: "),
    (lambda n: v2_user_get.build(uid=n), "uid: "),
    (lambda n: query_string(("limit", [1, n])), "limit: "),
    (lambda n: path_segment("uid", n), "uid: "),
    (lambda n: header_fields(("X-Number", n)), "X-Number: "),
]  # fmt: skip


@pytest.mark.parametrize("number", NOT_FINITE)
@pytest.mark.parametrize(("build", "names"), BUILDS, ids=[names for _, names in BUILDS])
def test_what_is_no_number_is_refused_with_its_field(build: Build, names: str, number: float) -> None:
    with pytest.raises(ConfigError, match=r"is no number that can be sent\. Nothing was sent\.") as caught:
        build(number)
    assert names in str(caught.value)
    assert f"{number}" in str(caught.value)
    build(1)


def test_a_null_that_is_meant_is_sent() -> None:
    user = V2UserAttributes.from_dict({"title": None, "userMetadata": {"none": None, "text": "null"}})
    assert json.loads(json_body(user)) == {"title": None, "userMetadata": {"none": None, "text": "null"}}
    assert json_body({"a": None, "b": [None]}) == b'{"a":null,"b":[null]}'


@pytest.mark.parametrize("write", [
    lambda n: json_body({"a": n}), lambda n: path_segment("a", n), lambda n: query_string(("a", n)),
])  # fmt: skip
def test_an_integer_that_python_will_not_write_is_refused(write: Build) -> None:
    with pytest.raises(ConfigError, match=r"a: an integer of thousands of digits cannot be sent"):
        write(10**5000)
