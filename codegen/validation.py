"""Checks a document against the OpenAPI specification of its version."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import jsonschema
import jsonschema_rs
from openapi_spec_validator.schemas.utils import get_schema_content

from .problem import CodegenError, pointer

_MOST_PROBLEMS: Final = 10


def validate(document: dict[str, Any], source: str) -> None:
    """Check a document.

    Args:
        document: The document; its references are taken for granted.
        source: The file that it was read from.

    Raises:
        CodegenError: It is not valid OpenAPI 3.0 or 3.1; says where, and why.
    """
    version = str(document.get("openapi", ""))
    if version[:3] not in ("3.0", "3.1"):
        raise CodegenError(source, f"is no OpenAPI 3.0 or 3.1 document (openapi: {version!r})")
    problems: list[str] = []
    if not _fast(version[:3]).is_valid(document):
        # The slow validator tells the place within what may be one of several.
        problems += [_told(error) for error in _slow(version[:3]).iter_errors(document)]
    if version.startswith("3.1"):
        problems += _schema_problems(document)
    if problems:
        distinct = list(dict.fromkeys(problems))
        more = f"\n    and {len(distinct) - _MOST_PROBLEMS} more" if len(distinct) > _MOST_PROBLEMS else ""
        raise CodegenError(
            source,
            "is not valid OpenAPI:\n    " + "\n    ".join(distinct[:_MOST_PROBLEMS]) + more,
            "Mend it, or give fixes for it.",
        )


@cache
def _fast(version: str) -> Any:
    kind = jsonschema_rs.Draft4Validator if version == "3.0" else jsonschema_rs.Draft202012Validator
    return kind(dict(get_schema_content(version)))


@cache
def _slow(version: str) -> Any:
    kind = jsonschema.Draft4Validator if version == "3.0" else jsonschema.Draft202012Validator
    return kind(dict(get_schema_content(version)))


@cache
def _schemas() -> tuple[Any, Any]:
    meta = jsonschema.Draft202012Validator.META_SCHEMA
    return jsonschema_rs.Draft202012Validator(meta), jsonschema.Draft202012Validator(meta)


def _schema_problems(document: dict[str, Any]) -> list[str]:
    """What is wrong with the schemas of a 3.1 document, whose specification leaves them to JSON Schema."""
    fast, slow = _schemas()
    found = []
    for schema, place in _schemas_of(document, ()):
        if not fast.is_valid(schema):
            found += [_told(error, place) for error in slow.iter_errors(schema)]
    return found


def _schemas_of(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    if isinstance(value, dict):
        for key, item in value.items():
            below = (*place, key)
            if key == "schema" or place == ("components", "schemas"):
                yield item, below
            elif key not in ("example", "examples"):
                yield from _schemas_of(item, below)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _schemas_of(item, (*place, index))


def _told(error: jsonschema.ValidationError, above: tuple[str | int, ...] = ()) -> str:
    """The place and the cause of an error: of several ways in which a part may be valid, the one that comes closest."""
    while error.context:
        # A reference is one of the ways everywhere, and what lacks a `$ref` was not meant as one.
        meant = [each for each in error.context if "'$ref' is a required" not in each.message]
        error = max(meant or error.context, key=lambda each: len(each.absolute_path))
    message = " ".join(error.message.split())
    shown = message if len(message) <= 200 else f"{message[:120]} … {message[-60:]}"
    return f"{pointer(*above, *error.absolute_path)}: {shown}"
