"""Validation of requests and responses against the documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
from multidict import MultiMapping

from .documents import Operation, Parameter

__all__ = ["Invalid", "Validation", "single_values"]

_INTEGER = re.compile(r"[+-]?\d{1,19}\Z")
_BOOLEAN = {"true": True, "false": False}
# Values are left out of messages: a body may hold a password, and messages are logged.
_MASK = "the value"


class Invalid(ValueError):
    """A request or a response is not as documented; the text names the field."""


class Validation:
    """Validators of a set of operations, compiled at first use. The methods raise Invalid."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        documents = {operation.document.uri: operation.document for operation in operations}
        self._registry = jsonschema_rs.Registry(
            [
                (
                    uri,
                    {
                        "$schema": "https://json-schema.org/draft/2020-12/schema",
                        "components": {"schemas": document.schemas},
                    },
                )
                for uri, document in documents.items()
            ]
        )
        self._compiled: dict[Any, Any] = {}

    def parameters(self, operation: Operation, where: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Read the path or query parameters of a request into typed values. Unknown parameters are errors."""
        declared = {parameter.name: parameter for parameter in operation.parameters if parameter.where == where}
        values: dict[str, Any] = {}
        for name, text in given.items():
            parameter = declared.get(name)
            if parameter is None:
                wrong = f"unknown {where} parameter {name!r}"
                raise Invalid(wrong)
            value = _typed(parameter, text)
            if value is None:
                wrong = f"{where} parameter {name!r} is not of type {parameter.schema.get('type')}"
                raise Invalid(wrong)
            values[name] = value
        for name, parameter in declared.items():
            if parameter.required and name not in values:
                wrong = f"{where} parameter {name!r} is missing"
                raise Invalid(wrong)
        if values:
            schema = {"properties": {name: parameter.schema for name, parameter in declared.items()}}
            self._check((operation.id, where), schema, values, f"{where} parameter ")
        return values

    def body(self, operation: Operation, value: Any) -> None:
        """Check a request's parsed body."""
        if operation.body is not None:
            self._check((operation.id, "body"), operation.body, value, "")

    def answer(self, operation: Operation, status: int, value: Any) -> None:
        """Check a response of the sandbox; an undocumented status is an error."""
        if str(status) not in operation.responses:
            wrong = "the status is not documented"
            raise Invalid(wrong)
        schema = operation.responses[str(status)]
        if schema is not None:
            self._check((operation.id, status), schema, value, "")
        elif value is not None:
            wrong = "the status has no body"
            raise Invalid(wrong)

    def _check(self, key: Any, schema: dict[str, Any], value: Any, prefix: str) -> None:
        validator = self._compiled.get(key)
        if validator is None:
            validator = jsonschema_rs.Draft202012Validator(schema, registry=self._registry, mask=_MASK)
            self._compiled[key] = validator
        if validator.is_valid(value):
            return
        error = next(iter(validator.iter_errors(value)))
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        wrong = f"{prefix}{place.removeprefix('.') or 'request'}: {error.message}"
        raise Invalid(wrong)


def _typed(parameter: Parameter, text: str) -> Any:
    kind = parameter.schema.get("type")
    if kind == "integer":
        return int(text) if _INTEGER.match(text) else None
    if kind == "boolean":
        return _BOOLEAN.get(text.lower())
    if kind == "array":
        return text.split(",")
    enum = parameter.schema.get("enum")
    # Older documents write the same values in lower case.
    return text.upper() if enum and text not in enum and text.upper() in enum else text


def single_values(query: MultiMapping[str]) -> dict[str, str]:
    """A query as a dict. The values of a repeated parameter are joined with commas."""
    if not query:
        return {}
    values: dict[str, str] = {}
    for name, value in query.items():
        values[name] = f"{values[name]},{value}" if name in values else value
    return values
