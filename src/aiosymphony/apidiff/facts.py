"""What a document says of a value beyond its type, and what a change of it means to callers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_NARROWING: Final = ("pattern", "multipleOf")
_FLAGS: Final = ("uniqueItems", "readOnly", "writeOnly")
_WIDTHS: Final = ("int64", "int32")
_ON_THE_WIRE: Final = ("in", "style", "explode")
_STYLES: Final = {"csv": ("form", False), "multi": ("form", True), "ssv": ("spaceDelimited", False),
                  "pipes": ("pipeDelimited", False), "tsv": ("tabDelimited", False)}  # fmt: skip
_OF_SCHEMAS: Final = (*_LOWER, *_UPPER, *_NARROWING, *_FLAGS, "format", "default")
#: Where a fact of a value inside an array or a map stands: ``items maxLength``.
INSIDE: Final = ("items", "values")


@dataclass(frozen=True)
class Verdict:
    """What a changed fact means.

    Attributes:
        detail: What it was and is, in words.
        breaking: Whether callers have to change their programs.
        wire: Whether requests look otherwise, while programs stay.
    """

    detail: str
    breaking: bool = False
    wire: bool = False


def facts_of_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a schema that has no references at its top."""
    facts = {key: schema[key] for key in _OF_SCHEMAS if key in schema and not (key in _FLAGS and schema[key] is False)}
    for bound, key in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(facts.get(key), bool):  # OpenAPI 3.0 says of a bound that it is exclusive, 3.1 names another
            exclusive = facts.pop(key)
            if exclusive and bound in facts:
                facts[key] = facts.pop(bound)
    discriminator = schema.get("discriminator")
    if isinstance(discriminator, dict):
        facts["discriminator"] = discriminator.get("propertyName")
        facts["discriminator mapping"] = {
            str(value): str(target).rsplit("/", 1)[-1]
            for value, target in sorted((discriminator.get("mapping") or {}).items())
        } or None
    elif discriminator is not None:  # Swagger 2.0
        facts["discriminator"] = discriminator
    return facts


def facts_of_parameter(parameter: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """How a parameter is written: where it goes, and how several values are joined."""
    place = parameter.get("in")
    if schema.get("type") != "array":
        return {"in": place}
    if "schema" not in parameter and "content" not in parameter:  # Swagger 2.0
        style, explode = _STYLES.get(str(parameter.get("collectionFormat") or "csv"), ("form", False))
        return {"in": place, "style": style if place == "query" else "simple", "explode": explode}
    style = parameter.get("style") or ("form" if place in ("query", "cookie") else "simple")
    return {"in": place, "style": style, "explode": parameter.get("explode", style == "form")}


def changed_facts(old: Mapping[str, Any], new: Mapping[str, Any], *, sent: bool) -> Iterator[Verdict]:
    """A verdict for each fact that differs; ``sent`` for values that callers send."""
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was != now or isinstance(was, bool) != isinstance(now, bool):
            yield _verdict(key, was, now, sent=sent)


def _verdict(key: str, was: Any, now: Any, *, sent: bool) -> Verdict:
    told = f"{key} {_change(was, now)}"
    while key.startswith(INSIDE):
        key = key.split(" ", 1)[1]
    if key in _ON_THE_WIRE:
        # An argument of the path is positional, the others are named.
        return Verdict(told, breaking=key == "in" and "path" in (was, now), wire=True)
    if key.startswith("discriminator"):
        return Verdict(f"{told}: values are told apart otherwise", wire=True)
    if key == "format":
        return Verdict(told, breaking=sent and (was, now) == _WIDTHS)
    if key == "default":
        return Verdict(f"{told}: the server does otherwise where it is left out", wire=True)
    if key in _LOWER or key in _UPPER:
        tighter = now is not None and (was is None or (now > was if key in _LOWER else now < was))
        return Verdict(told, breaking=sent and tighter)
    if key in _NARROWING:
        return Verdict(told, breaking=sent and now is not None)
    if key in ("uniqueItems", "readOnly"):
        return Verdict(told, breaking=sent and now is True)
    return Verdict(told)


def _change(was: Any, now: Any) -> str:
    if was is None:
        return f"is {now!r} now"
    return f"was {was!r}, and is gone" if now is None else f"was {was!r}, is {now!r}"
