"""Why rows are not done: one cause for one reason, nobody's data in its headline, and bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiosymphony.provisioning.journal.base import JobRow
from aiosymphony.provisioning.journal.states import State
from aiosymphony.provisioning.reports.causes import CAUSES, OTHER, Causes, pattern_of


def a_row(
    message: str,
    values: Mapping[str, Any] | None = None,
    *,
    number: int = 1,
    code: str = "400",
    state: State = "FAILED",
    user_id: str | None = None,
) -> JobRow:
    values = {"email": "ann.lee@acme.com", "firstName": "Ann", "lastName": "Lee"} if values is None else dict(values)
    label = str(values.get("email", ""))
    return JobRow(number, 0, number + 1, label, "create", state, 0, 1, user_id, 1.0, 2.0, code, message, (), values)


def test_a_thousand_addresses_are_one_cause_with_a_count_and_examples() -> None:
    causes = Causes()
    for number in range(1, 1001):
        address = f"person{number}@acme.com"
        causes.add(a_row(f"the e-mail address {address} has an account elsewhere", {"email": address}, number=number))
    (cause,) = causes.sorted()
    assert (cause.count, cause.message) == (1000, "the e-mail address … has an account elsewhere")
    assert cause.headline == "failed 400: the e-mail address … has an account elsewhere"
    assert len(cause.rows) == 200
    assert cause.rows[1] == (
        3,
        "person2@acme.com",
        None,
        "the e-mail address person2@acme.com has an account elsewhere",
    )


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("Ann Lee exists", "… exists"),
        ("user LEE, ann of Sales & Trading", "user … of …"),
        ("ANN.LEE@ACME.COM is taken by bob@other.org", "… is taken by …"),
        ("ann.lee%40acme.com is taken", "… is taken"),
        ("(jo@x.org): taken", "(…): taken"),
        ("o'neill@x.org: taken", "…: taken"),
        ("email='jo@x.org' is taken", "email=… is taken"),
        ("user 347583113331 exists", "user … exists"),
        ("trace e3b0c442-98fc-1c14-9afb-f4c8996fb924 lost", "trace … lost"),
        ("id kjhgfdsaqwertzuiopyxcvb is another's", "id … is another's"),
        ("is also that of line 3, 7, 12 and more", "is also that of line … and more"),
        ("email: 'x y' is no address", "email: … is no address"),
        ("email: “x y”, «z» or `q` is none", "email: … or … is none"),
        ("can't do what doesn't fit", "can't do what doesn't fit"),
        ("at 2026-11-26T05:43:21.123Z", "at …"),
        ("role ADMIN is unknown", "role … is unknown"),
        # What says why stays.
        ("answered 504 Gateway Timeout", "answered 504 Gateway Timeout"),
        ("role: answered 400 Bad Request: no", "role: answered 400 Bad Request: no"),
        (
            "differs in title, which the Connect API cannot change",
            "differs in title, which the Connect API cannot change",
        ),
        ("", ""),
    ],
)
def test_a_pattern_holds_what_says_why_and_nothing_of_the_row(message: str, pattern: str) -> None:
    values = {
        "email": "ann.lee@acme.com",
        "firstName": "Ann",
        "lastName": "Lee",
        "department": "Sales & Trading",
        "roles": ["ADMIN"],
        "active": True,
    }
    assert pattern_of(a_row(message, values)) == pattern


def test_the_id_of_a_row_is_no_part_of_its_cause() -> None:
    assert pattern_of(a_row("user abcdef is gone", user_id="abcdef")) == "user … is gone"


def test_messages_that_are_cut_off_behind_values_of_any_length_are_one_cause() -> None:
    names = ["Bo", "Alexandrina Victoria", "Jean Baptiste Emmanuel"]
    long = "the name {} is not what this server takes for a name " + "and so on, word by word, " * 40
    patterns = {pattern_of(a_row(long.format(name)[:500], {"displayName": name})) for name in names}
    assert len(patterns) == 1
    assert patterns.pop().startswith("the name … is not what this server takes")


_TEXT = st.text(alphabet="abAB1@.-_ '\"…ßΣσςİéE%40,“”", min_size=0, max_size=12)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["email", "firstName", "title", "company"]), _TEXT),
            st.lists(_TEXT, max_size=3),
            st.lists(st.one_of(st.integers(0, 6), _TEXT), max_size=8),
        ),
        max_size=6,
    )
)
# What is left out may bring the ends of another cell together.
@example([({"title": "bbbb", "company": "aaaa…cc"}, [], ["aaaabbbbcc"])])
def test_80_no_headline_holds_any_cell_of_its_rows(
    people: list[tuple[dict[str, str], list[str], list[int | str]]],
) -> None:
    for number, (values, roles, parts) in enumerate(people):
        cells = [*values.values(), *roles]
        message = "".join(part if isinstance(part, str) else [*cells, ""][part % (len(cells) + 1)] for part in parts)
        row = a_row(message, {**values, "roles": roles}, number=number)
        causes = Causes()
        causes.add(row)
        (cause,) = causes.sorted()
        assert not [cell for cell in cells if len(cell) >= 4 and cell in cause.message]


def test_causes_and_their_examples_are_bounded_and_every_row_is_counted() -> None:
    causes = Causes()
    letters = "abcdefghijklmnopqrst"
    for number in range(8000):
        word = "".join(letters[number // 20**place % 20] for place in range(4))
        for code in ("40001", word):
            causes.add(a_row(f"refused by {word}", {"email": ""}, number=number, code=code))
    found = causes.sorted()
    assert len(found) <= 2 * CAUSES + 3
    assert sum(cause.count for cause in found) == 16_000
    assert sum(len(cause.rows) for cause in found) <= 2000 + 5 * (2 * CAUSES + 3)
    # What is not told apart any more keeps its code, as long as there are not too many of these either.
    others = {cause.code: cause.count for cause in found if cause.message == OTHER}
    assert others["40001"] == 8000 - CAUSES // 2
    assert others[""] > 7000


def test_the_same_words_with_other_codes_or_states_are_other_causes() -> None:
    causes = Causes()
    states: tuple[State, ...] = ("FAILED", "CONFLICT", "UNKNOWN")
    for state in states:
        for code in ("40001", "40002"):
            causes.add(a_row("no", code=code, state=state))
    assert {(cause.state, cause.code) for cause in causes.sorted()} == {
        (state, code) for state in states for code in ("40001", "40002")
    }
