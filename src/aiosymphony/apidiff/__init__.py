"""What changed between two versions of an API's document, and whether it breaks callers of this SDK.

    diff = compare(load_document("old.yaml"), load_document("new.yaml"))
    print(to_markdown(diff))
    raise SystemExit(1 if diff.breaking else 0)

Documents are Swagger 2.0 or OpenAPI 3. Comparing needs nothing beyond the standard library, reading YAML needs PyYAML.
"""

from .accepted import FAIL_ON, fails, without_accepted
from .compare import Change, Diff, compare
from .load import load_document
from .render import to_html, to_json, to_markdown
from .rewrite import Difference, wire_differences

__all__ = [
    "FAIL_ON",
    "Change",
    "Diff",
    "Difference",
    "compare",
    "fails",
    "load_document",
    "to_html",
    "to_json",
    "to_markdown",
    "wire_differences",
    "without_accepted",
]
