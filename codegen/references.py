"""Follows references (``$ref``) within one document."""

from __future__ import annotations

from typing import Any

from .problem import CodegenError, pointer

_COMPONENTS = "#/components/schemas/"

SCHEMAS = pointer("components", "schemas")


class References:
    """What the references of a document lead to.

    Attributes:
        document: The document.
        schemas: Its component schemas by name.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.schemas: dict[str, Any] = document.get("components", {}).get("schemas") or {}

    def resolve(self, reference: str, place: str) -> Any:
        """What a reference leads to.

        Raises:
            CodegenError: It leads to another document, or nowhere.
        """
        if not reference.startswith("#/"):
            raise CodegenError(
                place,
                f"refers to another document: {reference}",
                "Put what it refers to into this document (a fix can do that), or replace the reference.",
            )
        value: Any = self.document
        for part in reference[2:].split("/"):
            key = _unescaped(part)
            try:
                value = value[int(key)] if isinstance(value, list) else value[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise CodegenError(place, f"refers to {reference}, which is not there") from None
        return value

    def follow(self, value: Any, place: str) -> Any:
        """Follow references from a value until they end, as to a parameter, body, response or path item.

        Raises:
            CodegenError: A reference leads to another document, nowhere, or back to itself.
        """
        seen: list[str] = []
        while isinstance(value, dict) and "$ref" in value:
            if value["$ref"] in seen:
                raise CodegenError(place, f"refers to itself through {' -> '.join(seen)}")
            seen.append(value["$ref"])
            value = self.resolve(value["$ref"], place)
        return value

    def component(self, reference: str) -> str | None:
        """The name of the component schema that a reference means, None for any other reference."""
        if not reference.startswith(_COMPONENTS):
            return None
        name = _unescaped(reference[len(_COMPONENTS) :])
        return name if name in self.schemas else None


def reference_to(name: str) -> dict[str, Any]:
    """A reference to a component schema."""
    return {"$ref": f"{_COMPONENTS}{name}"}


def last_part(reference: str) -> str:
    """The last part of a reference: the name of the component that it means, if it means one."""
    return reference.rsplit("/", 1)[-1]


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
