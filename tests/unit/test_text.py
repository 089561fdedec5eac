"""When two texts are the same key."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.text import clean_text, counted, fold, same_text, skeleton, spellings, stray_character

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
        ("Ann@M\u00fcnchen.example", "ann@xn--mnchen-3ya.example"),
        ("ann@MU\u0308NCHEN.example", "ann@XN--Mnchen-3YA.example"),
        ("jos\u00e9@b\u00fccher\u3002example", "JOSE\u0301@xn--bcher-kva.example"),  # the full stop of East Asia
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
        ("ann@stra\u00dfe.example", "ann@strasse.example"),  # two domains since 2010
        ("ann@\u0430cme.test", "ann@acme.test"),  # a Cyrillic letter
        ("ann@m\u00fcnchen.example", "ann@munchen.example"),
        ("ann\u200b@acme.test", "ann@acme.test"),
        (7, "07"),
        (None, "None"),
    ],
)
def test_another_key(one: object, other: object) -> None:
    assert not same_text(one, other)


@given(st.text(), st.sampled_from(["m\u00fcnchen.example", "\u4f8b\u3048.example", "b\u00fccher.xn--p1ai"]))
def test_a_domain_is_one_in_letters_and_in_ascii(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assert {fold(each) for each in spellings(address)} == {fold(address)}
    assert len(spellings(address)) == 2


# Letters and marks of which folding, mapping and composing make different things, depending on which is done first.
odd = st.text(
    st.sampled_from("abX.-@\u00df\u03c2\u03a3\u0130\u0131\u00c5\u00e9\u3002\u0301\u0345\u1e9e\ufb01\u10b5\u200b\u00ad")
)


@given(odd, st.sampled_from(FORMS))
def test_folding_an_address_is_stable_whatever_its_domain(domain: str, form: Literal["NFC", "NFD"]) -> None:
    folded = fold(f"a@{domain}")
    assert fold(folded) == fold(unicodedata.normalize(form, f"a@{domain}")) == folded


@pytest.mark.parametrize("domain", ["a" * 300 + "\u00fc", "\u00fc_x.example", "-\u00fc", "\u00fc..example", "\u00fc"])
def test_what_is_no_domain_is_text(domain: str) -> None:
    assert same_text(f"ann@{domain}", f"ANN@{domain.upper()}")


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\u00ad", "U+00AD SOFT HYPHEN"),
        ("\u2060", "U+2060 WORD JOINER"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\u200d", "U+200D ZERO WIDTH JOINER"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u00a0", "U+00A0 NO-BREAK SPACE"),
        ("\ufe0f", "U+FE0F VARIATION SELECTOR-16"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("\ue000", "U+E000 (a character without a name)"),
        ("\U000e0041", "U+E0041 TAG LATIN CAPITAL LETTER A"),
    ],
)
def test_what_nobody_sees_is_named_and_no_part_of_what_was_meant(letter: str, name: str) -> None:
    key = f"an{letter}n@acme.test"
    assert stray_character(key) == name
    assert not same_text(key, "ann@acme.test")
    assert skeleton(key) == skeleton(" 'Ann@acme.test") == skeleton("ann@acme.test") == fold("ann@acme.test")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("No such user.\n\n  Ask\r\nyour admin", "No such user. Ask your admin"),
        # No code becomes another one.
        ("40102\n", "40102 "),
        ("a\tb\x1b[31m", "a\\tb\\x1b[31m"),
        ("a  b", "a  b"),
    ],
)
def test_text_from_outside_is_shown_in_one_line_without_a_trace_of_others(text: str, shown: str) -> None:
    assert clean_text(text) == shown


def test_what_is_counted_is_one_or_many() -> None:
    assert counted(0, "row") == "0 rows"
    assert counted(1, "row") == "1 row"
    assert counted(2000, "row") == "2,000 rows"
    assert (counted(1, "company", "companies"), counted(2, "company", "companies")) == ("1 company", "2 companies")


def test_letters_of_all_scripts_are_no_strays() -> None:
    for key in (
        "jos\u00e9 m\u00fcller@acme.test",
        "\u5c71\u7530@\u4f8b\u3048.example",
        "\u0906\u0930\u0924\u0940",
        "a b",
    ):
        assert stray_character(key) == ""
        assert skeleton(key) == fold(key)
    assert stray_character("h\ufffdns") == "U+FFFD REPLACEMENT CHARACTER"
