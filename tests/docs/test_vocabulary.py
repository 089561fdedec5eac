"""Words that were retired for better ones stay retired, in code, tests, messages and documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "codegen", "tests", "benchmarks", "docs", "examples")
ENDINGS = {".py", ".md", ".toml", ".jinja", ".sql"}

# The word, as a pattern that nothing else matches, and what to write instead. `docs/architecture.md` has the glossary.
RETIRED = {
    r"\bintend(s|ed|ing)?\b|\bINTENT\b": "mark_in_flight, IN_FLIGHT",
    r"\bAMBIGUOUS\b|\bUnclear\b|\b[Dd]oubtful\b": "outcome unknown; in doubt, of a row",
    r"--take\b|\bmax_take\b": "--max-shards, max_shards",
    r"\bboth\(\)": "checked_rows()",
    r"\brow\.(row|n)\b": "row.values, row.number",
    r"\babout_same_as\b|\.own\(|\.again\(": "attach_request, copy_request_from, copy",
    r"\berror\.items\b": "error.items_seen",
    r"\b(?<!test_)(echo|grants)\.py\b": "resource.py, auth/base.py",
    r"\bsite=|\btoken_site\b": "token_namespace",
    r"\baiosymphony/bulk\.py\b|\bfrom aiosymphony\.bulk import\b": "_bulk.py, aiosymphony.bulk()",
    r"\b[Pp]atien(t|ce|tly)\b|\bPatient\w+": "give_up_after, retrying, timeout",
    r"\b(un)?settled\b": "finished; resolved",
    r"\buntaken\b|\bforget_taken\b|\bactual\.take\(": "unclaimed, reset_claims, claim",
    r"\bdef observe\b|\.observe\(": "read_actual",
    r"\bclass Do\b|\bimport Do\b|\bDo\.[A-Z_]+\b": "ActionKind",
    r"\.said\b": "server_message",
    r"\bclass Refused\b|\bRefused\(": "JobRefused, Rejection or Verdict.REFUSED, each with one meaning",
    r"\berror\.exit_code\b": "exit_code_of(error), of the command line",
    r"\bas wanted\b|\bwhat was wanted\b": "already correct; what the file asks for",
    r"\buntouched\b": "not started",
    r"\beverybody is there\b": "Nothing to do: all users match the file.",
    r"\bgone on with\b": "resumed",
    r"\bcould be had\b|\bis had by\b": "timed out connecting to; returned by",
    r"\bonce drains\b": "Ctrl-C once: finish requests in flight. Twice: stop now.",
}


def lines() -> Iterator[tuple[str, str]]:
    """Every line of what is written by hand, with its place."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS]
    for path in [*files, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "codegen.sh"]:
        if path != Path(__file__):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield f"{path.relative_to(ROOT)}:{number}", line


LINES = tuple(lines())


@pytest.mark.parametrize(("word", "instead"), RETIRED.items(), ids=[*RETIRED.values()])
def test_a_retired_word_does_not_come_back(word: str, instead: str) -> None:
    pattern = re.compile(word)
    assert [f"{place}: {line.strip()}" for place, line in LINES if pattern.search(line)] == [], f"write: {instead}"


@pytest.mark.parametrize(
    "line",
    [
        "await store.mark_in_flight(rows)  # IN_FLIGHT",
        'tests/facade/test_echo.py, "a bulk run", _bulk.py',
        "from ._bulk import bulk",
        "settle=30.0",
        "with open_store() as store:",
    ],
)
def test_what_is_not_retired_passes(line: str) -> None:
    assert not any(re.search(word, line) for word in RETIRED)
