"""Checks a document against the OpenAPI specification of its version."""

from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from .problem import CodegenError

_MOST_PROBLEMS = 10


def validate(document: dict[str, Any], source: str) -> None:
    """Check a document.

    Args:
        document: The document.
        source: The file that it was read from.

    Raises:
        CodegenError: It is not valid OpenAPI 3.0 or 3.1; says where.
    """
    version = str(document.get("openapi", ""))
    validator = {"3.0": OpenAPIV30SpecValidator, "3.1": OpenAPIV31SpecValidator}.get(version[:3])
    if validator is None:
        raise CodegenError(source, f"is no OpenAPI 3.0 or 3.1 document (openapi: {version!r})")
    problems = []
    try:
        for error in validator(document).iter_errors():
            where = "/".join(str(part) for part in getattr(error, "absolute_path", ()))
            told = " ".join(str(getattr(error, "message", error)).split())
            problems.append(f"#/{where}: {told if len(told) <= 200 else '…' + told[-200:]}")
            if len(problems) == _MOST_PROBLEMS:
                break
    except OpenAPIValidationError as error:
        problems.append(str(error))
    except RecursionError:
        problems.append("#/components/schemas: a schema is composed (allOf) of itself")
    if problems:
        raise CodegenError(
            source, "is not valid OpenAPI:\n    " + "\n    ".join(problems), "Mend it, or give fixes for it."
        )
