"""Keys mean one person: what no key may hold, and two spellings of one key in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiosymphony.provisioning.desired import Desired
from tests.provisioning.test_35_36_plans import person, worker


def told(desired: Desired) -> list[str]:
    return [str(problem) for problem in desired.problems()]


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ("\u200bann@acme.com", "holds U+200B ZERO WIDTH SPACE"),
        ("ann\u200b@acme.com", "holds U+200B ZERO WIDTH SPACE"),
        ("an\u00adn@acme.com", "holds U+00AD SOFT HYPHEN"),
        ("ann\u2060@acme.com", "holds U+2060 WORD JOINER"),
        ("\ufeffann@acme.com", "holds U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\u202aann@acme.com", "holds U+202A LEFT-TO-RIGHT EMBEDDING"),
        ("ann\ufe0f@acme.com", "holds U+FE0F VARIATION SELECTOR-16"),
        ("\ue000ann@acme.com", "holds U+E000 (a character without a name)"),
        ("an\ufffd@acme.com", "holds U+FFFD REPLACEMENT CHARACTER"),
        ("ann\u00a0@acme.com", "holds U+00A0 NO-BREAK SPACE"),
        ("'ann@acme.com", "starts with an apostrophe"),
        ("\u2019ann@acme.com", "starts with an apostrophe"),
    ],
)
def test_75_what_nobody_sees_is_refused_in_a_key_by_name(spoilt: str, why: str) -> None:
    for records, kind, line, column in (
        ([person("bob"), {**person("ann"), "email": spoilt}], "connect", 2, "email"),
        ([{**worker("ann"), "emailAddress": spoilt}], "pod", 1, "emailAddress"),
        ([{**worker("ann"), "userName": spoilt}], "pod", 1, "userName"),
    ):
        desired = Desired.of(records, kind)
        assert [each.partition(" ")[2].startswith(f"{line}: {column} {why}") for each in told(desired)] == [True]
        assert desired.bad == 1


def test_the_same_characters_are_legitimate_in_names() -> None:
    names: dict[str, Any] = {
        "firstName": "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",
        "lastName": "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
    }
    desired = Desired.of([{**person("ann"), **names}, {**person("oneill"), "lastName": "O'Neill"}], "connect")
    first, second = (row.user for row in desired.rows())
    assert (first.first_name, first.last_name, second.last_name) == (*names.values(), "O'Neill")


def test_spellings_of_one_key_in_one_file_are_told_in_all_their_lines(tmp_path: Path) -> None:
    spellings = ["ann", "\u200bann", "ann\u200b", "an\u00adn", "ann\u2060", "\ufeffann", "'ann", "bob"]
    path = tmp_path / "people.csv"
    path.write_text("email,firstName,lastName\n" + "".join(f"{each}@acme.com,A,L\n" for each in spellings), "utf-8")
    desired = Desired.read(path, "connect")
    assert [row.user.label for row in desired.rows()] == ["bob@acme.com"]
    assert told(desired)[0] == "line 2: email is also that of line 3, 4, 5, 6, 7 and more"
    assert {problem.line for problem in desired.problems()} == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@m\u00fcnchen.example", "ANN@xn--mnchen-3ya.example"),
        ("ann@MU\u0308NCHEN.example", "ann@m\u00fcnchen.example"),
        ("jos\u00e9@acme.com", "JOSE\u0301@ACME.com"),
    ],
)
def test_a_domain_in_ascii_and_in_letters_is_one(one: str, other: str) -> None:
    records = [{**person("a"), "email": one}, person("b"), {**person("c"), "email": other}]
    assert told(Desired.of(records, "connect")) == [
        "line 1: email is also that of line 3",
        "line 3: email is also that of line 1",
    ]


def test_a_key_that_many_lines_share_takes_linear_time() -> None:
    desired = Desired.of([person("ann")] * 10_000, "connect")
    assert desired.bad == 10_000
    assert told(desired)[-1] == "line 10000: email is also that of line 1, 2, 3, 4, 5 and more"


def test_the_column_of_a_double_is_named_where_another_key_is_lacking() -> None:
    nameless = {name: value for name, value in worker("ann").items() if name != "userName"}
    assert told(Desired.of([worker("ann"), nameless], "pod")) == [
        "line 1: emailAddress is also that of line 2",
        "line 2: emailAddress is also that of line 1",
    ]
