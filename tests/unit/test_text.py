"""When two texts are the same key."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.text import fold, same_text

FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(), st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_the_normal_form_does_not_matter(text: str, one: Literal["NFC", "NFD"], other: Literal["NFC", "NFD"]) -> None:
    assert fold(unicodedata.normalize(one, text)) == fold(unicodedata.normalize(other, text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Acme.test", " ada@acme.test\n"),
        ("jos\u00e9@acme.test", "JOSE\u0301@ACME.TEST"),
        ("\u1e0b\u0323@x.test", "\u1e0d\u0307@x.test"),  # the same two marks, put on in another order
        ("\u0390@x.test", "\u1fd3@x.test"),
        (7, "7"),
        (None, ""),
        ([], ""),
        ({"a": 1}, None),
    ],
)
def test_the_same_key(one: object, other: object) -> None:
    assert same_text(one, other)
    assert same_text(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@acme.test", "ada@acme.example"),
        ("jose@acme.test", "jos\u00e9@acme.test"),
        ("\ufb01ona@acme.test", "fiona@acme.test".replace("f", "\uff46")),  # looks alike: NFKC would make them one
        ("ada@acme.test", "a da@acme.test"),
        (7, "07"),
        (None, "None"),
    ],
)
def test_another_key(one: object, other: object) -> None:
    assert not same_text(one, other)
