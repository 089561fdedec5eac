"""Case 34: JSON as programs write it."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from tests.provisioning.people_files import emails, problems, users, write

ANN = {"email": "ann@acme.com", "firstName": "Ann", "lastName": 'Lee {["\\'}
BOB = {"email": "bob@acme.com", "firstName": "Bob", "lastName": "Ray"}
PRETTY = "\n".join(orjson.dumps(each, option=orjson.OPT_INDENT_2).decode() for each in (ANN, BOB))


def as_one(value: object, *, pretty: bool) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else None).decode()


@pytest.mark.parametrize("name", ["people.json", "people.jsonl", "people.txt"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize(
    ("text", "lines", "told"),
    [
        (as_one(ANN, pretty=False) + "\n\n" + as_one(BOB, pretty=False) + "\n", [1, 3], "JSON Lines"),
        (as_one(ANN, pretty=False) + "\r\n" + as_one(BOB, pretty=False), [1, 2], "JSON Lines"),
        (as_one([ANN, BOB], pretty=False), [1, 1], "JSON array"),
        (as_one([ANN, BOB], pretty=True), [2, 7], "JSON array"),
        ("\n\n" + as_one([ANN, BOB], pretty=True) + "\n", [4, 9], "JSON array"),
        (PRETTY, [1, 6], "JSON objects"),
        (PRETTY.replace("\n", "\r\n"), [1, 6], "JSON objects"),
        (as_one({"@odata.context": "x", "n": 2, "value": [ANN, BOB]}, pretty=True), [5, 10], "JSON array value"),
        (as_one({"schemas": ["a"], "Resources": [ANN, BOB], "more": {"x": [1]}}, pretty=True), [6, 11],
         "JSON array Resources"),
    ],
)  # fmt: skip
def test_34_json_in_all_its_forms(tmp_path: Path, name: str, mark: str, text: str, lines: list[int], told: str) -> None:
    desired = Desired.read(write(tmp_path, mark + text, name), "connect")
    assert users(desired) == [(lines[0], ANN), (lines[1], BOB)]
    assert str(desired.read_as) == told


def test_34_one_line_with_one_array_of_objects_is_that_array_unless_it_is_json_lines(tmp_path: Path) -> None:
    text = as_one({"users": [ANN, BOB], "count": 2}, pretty=False)
    assert users(Desired.read(write(tmp_path, text, "people.json"), "connect")) == [(1, ANN), (1, BOB)]
    with pytest.raises(JobRefused, match="users"):
        Desired.read(write(tmp_path, text, "people.jsonl"), "connect")


def test_34_several_arrays_of_objects_are_named(tmp_path: Path) -> None:
    text = as_one({"users": [ANN], "groups": [{"name": "x"}]}, pretty=True)
    with pytest.raises(JobRefused, match="has several arrays of objects: keep one of 'users', 'groups'"):
        Desired.read(write(tmp_path, text, "people.json"), "connect")


def test_34_what_is_no_object_is_a_problem_of_its_line(tmp_path: Path) -> None:
    text = f'[\n{as_one(ANN, pretty=False)},\n7,\n"x",\n[1],\n{{"email": 1,}},\nnull,\n{as_one(BOB, pretty=False)}]'
    desired = Desired.read(write(tmp_path, text, "people.json"), "connect")
    assert emails(desired) == ["ann@acme.com", "bob@acme.com"]
    told = problems(desired)
    assert [each.split(":")[0] for each in told] == ["line 3", "line 4", "line 5", "line 6", "line 7"]
    assert told[0] == "line 3: is not a JSON object"
    assert told[3].startswith("line 6: is not JSON: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (as_one([ANN, BOB], pretty=True)[:-5], "is not JSON: it ends before all that was opened is closed"),
        ('[\n{"email": "ann}\n]', "is not JSON: line 2 has a text that is not closed"),
        ("[\n{}]]", "is not JSON: line 2 has a ] that closes nothing"),
        ("[{}}", "is not JSON: line 1 has a } that closes nothing"),
        ("[" * 5000, "is nested more than 1000 levels deep"),
        ("[]", "has no rows"),
        ("[\n]\n", "has no rows"),
        ("[" + " " * 3_000_000 + "{}]", "has more than 1048576 bytes that are no object"),
        ('[{"a": "' + "x" * 3_000_000 + '"}]', "has a text of more than 1048576 bytes"),
    ],
)
def test_34_json_that_cannot_be_divided_is_refused_in_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(JobRefused) as caught:
        Desired.read(write(tmp_path, text, "people.json"), "connect")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_34_an_object_that_is_too_long_stops_no_other(tmp_path: Path) -> None:
    long = ",".join(f'"k{at}": "{"x" * 1000}"' for at in range(3000))
    text = f"[\n{as_one(ANN, pretty=False)},\n{{{long}}},\n{as_one(BOB, pretty=False)}\n]"
    desired = Desired.read(write(tmp_path, text, "people.json"), "connect")
    assert (emails(desired), problems(desired)) == (
        ["ann@acme.com", "bob@acme.com"],
        ["line 3: is longer than 1048576 bytes"],
    )


def test_34_json_of_two_bytes_a_letter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobRefused, match="is UTF-16 or UTF-32, and JSON is UTF-8"):
        Desired.read(write(tmp_path, as_one([ANN], pretty=False).encode("utf-16"), "people.json"), "connect")


def test_34_gzip_is_unpacked_whatever_the_name_says(tmp_path: Path) -> None:
    text = as_one([ANN, BOB], pretty=True).encode()
    # Two members, and what a tape is filled up with.
    packed = gzip.compress(text[:50]) + gzip.compress(text[50:]) + b"\0" * 512
    for name in ("people.json.gz", "people.json", "people"):
        desired = Desired.read(write(tmp_path, packed, name), "connect")
        assert users(desired) == [(2, ANN), (7, BOB)]
        assert desired.name == name.removesuffix(".gz") or desired.name == name
