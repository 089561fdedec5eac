"""That each sentence of the documents which promise something is kept by a test, by name."""

from __future__ import annotations

import pytest

from .promises import DOCUMENTS, NO_PROMISE, kept, names_in, promised, sentences


def test_a_document_is_read_sentence_by_sentence() -> None:
    markdown = (
        "# Title\n\nOne thing\nholds. Another, too:\n\n* `x` is so. So is y.\n* z\n\n"
        "| a | b |\n|---|---|\n| c | d |\n\n```\nno\n```\n"
    )
    assert sentences(markdown) == ["One thing holds.", "Another, too:", "`x` is so.", "So is y.", "z", "c | d"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_sentence_has_its_tests(document: str) -> None:
    assert sorted(set(promised(document)) - set(kept()[document])) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_sentence_is_listed_that_is_gone(document: str) -> None:
    assert sorted(set(kept()[document]) - set(promised(document))) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_test_that_is_named_exists(document: str) -> None:
    missing = {
        sentence: names
        for sentence, names in kept()[document].items()
        if (names not in NO_PROMISE if isinstance(names, str) else not names or not all(map(_exists, names)))
    }
    assert missing == {}


def _exists(name: str) -> bool:
    file, _, test = name.partition("::")
    return test.startswith("test_") and test in names_in(file)
