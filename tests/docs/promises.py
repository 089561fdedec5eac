"""The sentences of the documents that promise something, and the tests that keep them.

``promises.toml`` names, for each sentence and each row of a table, the tests that fail if it is not true; a sentence
that promises nothing has ``"introduction"`` or ``"for the reader"`` in their place. ``python -m tests.docs.promises``
prints what is missing there, in the form in which it is written.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("reliability", "security", "provisioning", "columns", "files")
NO_PROMISE = ("introduction", "for the reader")

_FENCE = re.compile(r"^(?:<!--[^\n]*-->\n)?```.*?^```$", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])(?:\*\*)?\s+(?=[A-Z`*\[])")
_ITEM = re.compile(r"^(?:[*-]|\d+\.)\s+", re.MULTILINE)


def sentences(markdown: str) -> list[str]:
    """Every sentence and every row of a table, each on one line; no headings, no code, no heads of tables."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", _FENCE.sub("\n\n", markdown)):
        lines = block.strip().splitlines()
        if not lines or lines[0].startswith("#"):
            continue
        if lines[0].startswith("|"):
            found.extend(" | ".join(cell.strip() for cell in line.strip().strip("|").split("|")) for line in lines[2:])
            continue
        for item in filter(None, _ITEM.split(block.strip())):
            found.extend(_SENTENCE.split(" ".join(item.split())))
    return found


@cache
def promised(document: str) -> list[str]:
    """What a document of ``docs/`` says."""
    return sentences((ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8"))


@cache
def kept() -> dict[str, dict[str, list[str] | str]]:
    """The tests of each sentence, by document."""
    return tomllib.loads((Path(__file__).parent / "promises.toml").read_text(encoding="utf-8"))


@cache
def names_in(file: str) -> frozenset[str]:
    """The functions of a test file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions)


if __name__ == "__main__":
    for document in DOCUMENTS:
        print(f"[{document}]")
        for sentence in promised(document):
            if sentence not in kept().get(document, {}):
                print(f"{json.dumps(sentence, ensure_ascii=False)} = []")
