"""A small document that uses every feature becomes exactly what is in ``golden/expected``, and that works.

After a wanted change, read the difference that this makes:
``./codegen.sh --spec tests/codegen/golden/document.yaml --api golden --out tests/codegen/golden/expected``
"""

import json
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiosymphony.errors import ConfigError, DecodeError
from aiosymphony.wire.models import TextInt
from codegen.document import generate_from
from codegen.files import differences

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden(imported: Callable[[Path], ModuleType]) -> ModuleType:
    return imported(GOLDEN / "expected/golden")


def operation(name: str) -> Any:
    return import_module("golden").OPERATIONS[name]


def test_the_output_is_the_expected_one(tmp_path: Path) -> None:
    report, _ = generate_from(GOLDEN / "document.yaml", api="golden", out=tmp_path)
    assert differences(GOLDEN / "expected", tmp_path) == []
    assert (report.operations, report.parameters, report.arguments, report.schemas) == (10, 20, 17, 14)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_output_does_not_depend_on_hash_seeds(tmp_path: Path, seed: str, run: Callable[..., Any]) -> None:
    done = run("--spec", GOLDEN / "document.yaml", "--api", "golden", "--out", tmp_path, PYTHONHASHSEED=seed)
    assert done.returncode == 0, done.stderr
    assert differences(GOLDEN / "expected", tmp_path) == []


def test_notes_name_what_has_no_place_in_the_output(tmp_path: Path) -> None:
    report, _ = generate_from(GOLDEN / "document.yaml", api="golden", out=tmp_path)
    notes = "\n".join(report.notes)
    for wanted in ("requires 'missing'", "the header Accept", "recursion through Tree", "filed under the first of"):
        assert wanted in notes


def test_parameters_are_written_in_their_styles(golden: ModuleType) -> None:
    models = import_module("golden.models")
    request = operation("v1_things_thing_id_parts_part_get").build(
        7,
        "a/b ü",
        since="2024-01-02T03:04:05Z",
        verbose=False,
        kind=models.Kind.SMALL,
        ids=[1, TextInt("2")],
        names=["x", "y,z"],
        words=["p", "q"],
        filter_=models.V1ThingsThingIdPartsPartGetFilter(colour="red", sizes=[1, 2]),
        page=models.V1ThingsThingIdPartsPartGetPage(limit=5, from_="c"),
        where={"k": "v"},
        body_="b",
        x_trace_id="trace",
        x_numbers=[3, 4],
        flavour="sweet&sour",
    )
    assert request.path == "/golden/v1/things/7/parts/a%2Fb%20%C3%BC"
    assert parse_qsl(request.query) == [
        ("since", "2024-01-02T03:04:05Z"),
        ("verbose", "false"),
        ("kind", "SMALL"),
        ("ids", "1"),
        ("ids", "2"),
        ("names", "x,y,z"),
        ("words", "p|q"),
        ("filter[colour]", "red"),
        ("filter[sizes]", "1"),
        ("filter[sizes]", "2"),
        ("limit", "5"),
        ("from", "c"),
        ("where", '{"k":"v"}'),
        ("body", "b"),
    ]
    assert request.headers == {"X-Trace-Id": "trace", "X-Numbers": "3,4", "Cookie": "flavour=sweet%26sour"}
    assert (request.body, request.content_type) == (None, None)
    assert operation("v1_things_thing_id_parts_part_get").auth == ("sessionToken",)
    assert operation("v1_things_get").auth == ()


def test_arguments_left_out_leave_no_trace(golden: ModuleType) -> None:
    request = operation("v1_things_thing_id_parts_part_get").build(7, "p", since="now")
    assert request.query == "since=now"
    assert not request.headers
    request = operation("v1_things_post").build()
    assert (request.query, request.headers, request.body, request.content_type) == ("", None, None, None)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_path_values_that_name_another_resource_are_refused(golden: ModuleType, value: str) -> None:
    with pytest.raises(ConfigError, match=r"^part: "):
        operation("v1_things_thing_id_parts_part_get").build(7, value, since="now")


def test_headers_cannot_be_split(golden: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"^X-Trace-Id: "):
        operation("v1_things_thing_id_parts_part_get").build(7, "p", since="now", x_trace_id="a\r\nsessionToken: b")


def test_forms_and_files(golden: ModuleType) -> None:
    models = import_module("golden.models")
    form = operation("v1_form_post").build(body=models.V1FormPostBody(name="a b", nested={"x": 1}, many=["p", "q"]))
    assert form.content_type == "application/x-www-form-urlencoded"
    assert parse_qsl(form.body.decode()) == [("name", "a b"), ("nested[x]", "1"), ("many", "p"), ("many", "q")]

    body = models.V1FilePostBody(file=b"\x00\r\n--\xff", note="ü", part=models.Part(name="n"))
    upload = operation("v1_file_post").build(body=body)
    assert upload.body == operation("v1_file_post").build(body=body).body
    message = message_from_bytes(b"Content-Type: " + upload.content_type.encode() + b"\r\n\r\n" + upload.body)
    parts: dict[Any, Message] = {
        part.get_param("name", header="Content-Disposition"): part
        for part in message.get_payload()
        if isinstance(part, Message)
    }
    assert parts["file"].get_payload(decode=True) == b"\x00\r\n--\xff"
    assert parts["file"].get_filename() == "file"
    assert parts["note"].get_payload(decode=True) == "ü".encode()
    assert parts["part"].get_content_type() == "application/json"
    assert json.loads(parts["part"].get_payload(decode=True)) == {"name": "n"}

    assert operation("v1_file_put").build(body=b"\xff").body == b"\xff"
    assert operation("v1_file_patch").build(body="ü").body == "ü".encode()


def test_results(golden: ModuleType) -> None:
    models = import_module("golden.models")
    shapes = operation("v1_shapes_post").parse
    assert shapes(200, {}, b'{"shape": "round", "side": 1}') == models.Circle(
        shape="round", additional_properties={"side": 1}
    )
    assert shapes(200, {}, b'{"shape": "edged"}') == models.Square(shape="edged")
    assert shapes(200, {}, b'{"shape": "new", "side": 2}') == models.Square(shape="new", side=2)
    assert shapes(200, {}, b'[{"name": "n"}]') == [models.Thing.from_dict({"name": "n"})]
    assert shapes(200, {}, b'"SMALL"') is models.Kind.SMALL
    assert shapes(200, {}, b"null") is None
    assert shapes(201, {}, b"\xff text") == "\ufffd text"
    assert shapes(202, {}, b"\xff") == b"\xff"
    things = operation("v1_things_get").parse
    assert things(206, {}, b"[]") == []
    assert things(207, {}, b'{"a": 1}') == {"a": 1}
    with pytest.raises(DecodeError) as caught:
        things(200, {}, b'[{}, {"byName": {"x y": 3}}]')
    assert caught.value.path == "$[1].byName['x y']"
    assert operation("v1_things_post").parse(299, {}, b"[1]") == [1]
    assert operation("v1_things_patch").parse(200, {}, b"whatever") is None
    assert operation("v1_things_thing_id_parts_part_put").parse(304, {}, b"") is None
    assert operation("v1_file_post").parse(200, {}, b"3") == 3
    assert operation("v1_form_post").parse(200, {}, b'{"a": [null]}') == {"a": [None]}


def test_enumerations_keep_their_values(golden: ModuleType) -> None:
    kind = import_module("golden.models").Kind
    assert {member.name: member.value for member in kind} == {
        "SMALL": "SMALL",
        "SMALL_2": "small",
        "VALUE_1ST": "1st",
        "EMPTY": "",
        "VALUE": "+",
        "TWO_WORDS": "two words",
        "MRO_2": "MRO",
        "QUOTE_AND_NEWLINE": 'quote"and\nnewline',
    }
