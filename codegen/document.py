"""Generates a package from any one document, as vendors publish them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .files import format_code, update
from .fixes import apply_fixes, duplicate_keys
from .intake import take_in
from .names_lock import FILE, NamesLock, names_text, read_names
from .naming import identifier
from .outside import check_references, with_files
from .package import Report, make_package
from .problem import CodegenError
from .reading import read_document
from .swagger import convert
from .validation import validate

# What stands below these keys of a document is data, and names that its author chose.
_DATA = {"default", "enum", "example", "examples", "const"}
_NAMED = {"properties", "patternProperties", "schemas", "paths", "responses", "mapping", "headers", "parameters"}


@dataclass(kw_only=True)
class Intake:
    """What became of a document on its way in.

    Attributes:
        document: Valid OpenAPI 3.
        published: The document as it is published, with its fixes.
        fixed: A line for each fix of a file of fixes.
        mended: A note for each flaw that changes nothing and was mended, with its place in the document as published.
    """

    document: dict[str, Any]
    published: dict[str, Any]
    fixed: list[str]
    mended: list[str]


def read_any(path: Path, fixes: Path | None = None, *, strict: bool = False, allow_files: Path | None = None) -> Intake:
    """Read a Swagger 2.0 or OpenAPI 3 document as it is published.

    Args:
        path: The document.
        fixes: An OpenAPI Overlay, applied first.
        strict: Refuse what would be mended.
        allow_files: The folder of files that it may refer to.

    Raises:
        CodegenError: It cannot be read, or what is wrong with it loses information; says where.
    """
    repair = None if fixes is None else duplicate_keys(fixes)
    mended: list[str] = []
    document = read_document(path, keep=repair, notes=mended)
    fixed: list[str] = []
    if fixes is not None:
        document, fixed = apply_fixes(document, fixes)
    if allow_files is not None:
        document, read = with_files(document, path, allow_files)
        fixed += read
    check_references(document, str(path))
    published = document
    if "swagger" in document:
        if str(document["swagger"]) != "2.0":
            raise CodegenError(str(path), f"is Swagger {document['swagger']}; 2.0, OpenAPI 3.0 and 3.1 can be read")
        document, notes = take_in(_without_empty_words(convert(document, mended)))
        mended += [_as_in_swagger(note) for note in notes]
    else:
        document, notes = take_in(_without_empty_words(document))
        mended += notes
    if strict and mended:
        listed = "\n    ".join(mended)
        raise CodegenError(
            str(path), f"has flaws that would be mended:\n    {listed}", "Mend them, or leave out --strict."
        )
    try:
        validate(document, str(path))
    except CodegenError as error:
        if not mended:
            raise
        listed = "\n    ".join(mended)
        raise CodegenError(error.place, error.what, f"{error.remedy}\n  These would be mended:\n    {listed}") from None
    return Intake(document=document, published=published, fixed=fixed, mended=mended)


def _as_in_swagger(note: str) -> str:
    """A note with the place in the Swagger 2.0 document instead of the converted one."""
    for kind, was in (("schemas", "definitions"), ("parameters", "parameters"), ("responses", "responses")):
        note = note.replace(f"#/components/{kind}/", f"#/{was}/")
    return note


def _without_empty_words(value: Any, *, names: bool = False) -> Any:
    """A document without descriptions that were left empty; ``names`` where keys are names and not keywords."""
    if isinstance(value, dict):
        return {
            key: item if key in _DATA and not names else _without_empty_words(item, names=key in _NAMED and not names)
            for key, item in value.items()
            if names or item is not None or key not in ("description", "summary", "title")
        }
    return [_without_empty_words(item) for item in value] if isinstance(value, list) else value


def generate_from(
    path: Path,
    *,
    api: str,
    out: Path,
    fixes: Path | None = None,
    strict: bool = False,
    allow_files: Path | None = None,
) -> tuple[Report, list[str]]:
    """Generate the package ``out/api`` from a document; the other arguments are those of :func:`read_any`.

    Returns:
        The report of the package, with a note for each flaw that was mended, and a line for each fix.

    Raises:
        CodegenError: The document cannot be read, breaks OpenAPI's rules, or holds what generated code cannot express.
    """
    if identifier(api) != api:
        raise CodegenError(
            "--api", f"{api!r} cannot be a package name", f"Use lower case and underscores: {identifier(api)!r}."
        )
    taken = read_any(path, fixes, strict=strict, allow_files=allow_files)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / api
        locked = out / api / FILE
        names = NamesLock(read_names(locked).get(api))
        report = make_package(taken.document, fresh, api=api, names=names)
        (fresh / FILE).write_text(names_text({api: names.chosen}), encoding="utf-8")
        report = replace(report, notes=[*taken.mended, *report.notes])
        (fresh / "py.typed").write_text("", encoding="utf-8")
        format_code(fresh)
        (out / api).mkdir(parents=True, exist_ok=True)
        update(fresh, out / api)
    return report, taken.fixed
