"""Generates a package from any one document, as vendors publish them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from .files import format_code, update
from .fixes import apply_fixes
from .naming import identifier
from .package import Report, make_package
from .problem import CodegenError
from .reading import read_document
from .swagger import convert
from .validation import validate

# What stands below these keys of a document is data, and names that its author chose.
_DATA = {"default", "enum", "example", "examples", "const"}
_NAMED = {"properties", "patternProperties", "schemas", "paths", "responses", "mapping", "headers", "parameters"}


def read_any(path: Path, fixes: Path | None = None) -> tuple[dict[str, Any], list[str]]:
    """Read a Swagger 2.0 or OpenAPI 3 document, apply a file of fixes, and return valid OpenAPI 3.

    Returns:
        The document, and a line for each fix.
    """
    document = read_document(path)
    done: list[str] = []
    if fixes is not None:
        document, done = apply_fixes(document, fixes)
    if "swagger" in document:
        if document["swagger"] != "2.0":
            raise CodegenError(str(path), f"is Swagger {document['swagger']}; 2.0, OpenAPI 3.0 and 3.1 can be read")
        document = convert(document)
    document = _without_empty_words(document)
    validate(document, str(path))
    return document, done


def _without_empty_words(value: Any, *, names: bool = False) -> Any:
    """A document without descriptions that were left empty; ``names`` where keys are names and not keywords."""
    if isinstance(value, dict):
        return {
            key: item if key in _DATA and not names else _without_empty_words(item, names=key in _NAMED and not names)
            for key, item in value.items()
            if names or item is not None or key not in ("description", "summary", "title")
        }
    return [_without_empty_words(item) for item in value] if isinstance(value, list) else value


def generate_from(path: Path, *, api: str, out: Path, fixes: Path | None = None) -> tuple[Report, list[str]]:
    """Generate the package ``out/api`` from a document.

    Returns:
        The report of the package, and a line for each fix.

    Raises:
        CodegenError: The document cannot be read, breaks OpenAPI's rules, or holds what generated code cannot express.
    """
    if identifier(api) != api:
        raise CodegenError(
            "--api", f"{api!r} cannot be a package name", f"Use lower case and underscores: {identifier(api)!r}."
        )
    document, done = read_any(path, fixes)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / api
        report = make_package(document, fresh, api=api)
        (fresh / "py.typed").write_text("", encoding="utf-8")
        format_code(fresh)
        (out / api).mkdir(parents=True, exist_ok=True)
        update(fresh, out / api)
    return report, done
