"""Compares what callers see of two versions of an API.

A change is breaking if it would break a program that uses the generated code of the old version:

* An operation, argument, model, field or enumeration value was removed or has another type; an operation moved to
  another tag, so that its module moved.
* An alternative of tokens was removed: they no longer suffice.
* An argument or a body has become required, or a field of a model that is sent.
* A result or a field of an answer may be None now and could not before.

* A limit of what is sent has become tighter, or what is sent is the server's to fill in now.
* The base path has moved, and every URL with it.

Other changes leave programs as they are and alter what goes over the wire (``Change.wire``): another default of the
server, another place or style of an argument, another media type or host, a result under another status, another
discriminator.

Not breaking: optional additions; new values of an enumeration and new fields of answers, as readers are tolerant;
deprecation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .facts import changed_facts
from .surface import Field, Operation, Surface, pointer, read_surface
from .words import snake_case

V = TypeVar("V")


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        kind: What changed: ``server``, ``operation``, ``argument``, ``body``, ``result``, ``error``, ``token``,
            ``model``, ``field``, ``enum`` or ``value``; ``python`` for a name or type of generated code that no change
            of the document explains.
        what: How: ``added``, ``removed``, ``changed``, ``deprecated`` or ``restored``.
        where: The operation, model or enumeration, such as ``GET /v1/presence`` or ``UserV2``.
        name: Which part of it; empty if it is the whole.
        detail: What it was and is, in words.
        breaking: Whether callers have to change their programs.
        group: The tag of the operation; empty for models and enumerations.
        wire: Whether it alters what goes over the wire while programs stay.
        place: Where it is in the newer document, or in the older one if it is gone, as a JSON pointer; empty for what
            stands inside another schema.
        python: Whether a type-checker refuses programs written for the old version. Only ``codegen.sh --diff`` knows.
    """

    kind: str
    what: str
    where: str
    name: str = ""
    detail: str = ""
    breaking: bool = False
    group: str = ""
    wire: bool = False
    place: str = ""
    python: bool = False

    @property
    def severity(self) -> str:
        """``breaking``, ``wire`` or ``compatible``."""
        return "breaking" if self.breaking else "wire" if self.wire else "compatible"


@dataclass
class Diff:
    """All changes between two versions.

    Attributes:
        old: Title and version of the old document.
        new: Title and version of the new document.
        changes: The changes, breaking ones first.
        deprecated_before: Operations that are deprecated in both versions, for information.
    """

    old: str
    new: str
    changes: list[Change] = field(default_factory=list)
    deprecated_before: list[str] = field(default_factory=list)

    @property
    def breaking(self) -> list[Change]:
        """The changes that break callers."""
        return [change for change in self.changes if change.breaking]


def compare(old: dict[str, Any], new: dict[str, Any]) -> Diff:
    """Compare two documents, Swagger 2.0 or OpenAPI 3.

    Raises:
        ValueError: A document is neither Swagger 2.0 nor OpenAPI 3, or a reference in it leads nowhere.
    """
    before, after = read_surface(old), read_surface(new)
    changes = [*_servers(before, after), *_operations(before, after), *_models(before, after), *_enums(before, after)]
    places = before.places | after.places
    changes = [replace(each, place=each.place or places.get(each.where, "")) for each in changes]
    changes.sort(key=lambda change: not change.breaking)
    deprecated_before = [
        new.name
        for _, old, new in _pairs(before.operations, after.operations)
        if old is not None and new is not None and old.deprecated and new.deprecated
    ]
    old_name, new_name = (f"{version.title} {version.version}".strip() for version in (before, after))
    return Diff(old_name, new_name, changes, deprecated_before)


def _pairs(old: Mapping[Any, V], new: Mapping[Any, V]) -> Iterator[tuple[Any, V | None, V | None]]:
    for key in [*old, *(key for key in new if key not in old)]:
        yield key, old.get(key), new.get(key)


def _servers(before: Surface, after: Surface) -> Iterator[Change]:
    """Servers and base paths, one change for all operations that moved alike."""
    moved: dict[tuple[str, str, bool], list[Operation]] = {}
    for _, old, new in _pairs(before.operations, after.operations):
        if old is not None and new is not None:
            if old.base != new.base:
                moved.setdefault((old.base or "/", new.base or "/", True), []).append(new)
            if old.host != new.host and old.host and new.host:
                moved.setdefault((old.host, new.host, False), []).append(new)
    for (was, now, is_path), operations in moved.items():
        count = f"{len(operations)} operation{'s' if len(operations) != 1 else ''}"
        what = "the base path" if is_path else "the server"
        detail = f"{what} of {count} was {was}, is {now}"
        yield Change("server", "changed", "servers", detail=detail, breaking=is_path, wire=True, place="#/servers")


def _operations(before: Surface, after: Surface) -> Iterator[Change]:
    for _, old, new in _pairs(before.operations, after.operations):
        if old is None and new is not None:
            detail = "deprecated already" if new.deprecated else ""
            yield Change("operation", "added", new.name, detail=detail, group=new.tag, place=new.place)
        elif new is None and old is not None:
            yield Change("operation", "removed", old.name, breaking=True, group=old.tag, place=old.place)
        elif old is not None and new is not None:
            for change in _operation(old, new, before, after):
                yield replace(change, group=new.tag, place=change.place or new.place)


def _operation(old: Operation, new: Operation, before: Surface, after: Surface) -> Iterator[Change]:
    where = new.name
    if old.path != new.path:
        yield Change(
            "operation", "changed", where, detail=f"the path was {old.path}; arguments are renamed", breaking=True
        )
    if old.deprecated != new.deprecated:
        yield Change("operation", "deprecated" if new.deprecated else "restored", where)
    if snake_case(old.tag) != snake_case(new.tag):
        detail = f"moved from the tag {old.tag!r} to {new.tag!r}, and its module with it"
        yield Change("operation", "changed", where, detail=detail, breaking=True)
    if set(map(frozenset, old.auth)) != set(map(frozenset, new.auth)):
        # The tokens of each old alternative must still suffice.
        shut = [way for way in old.auth if not any(set(way) >= set(other) for other in new.auth)]
        detail = f"needs {_listed(new.auth)} instead of {_listed(old.auth)}"
        yield Change("token", "changed", where, detail=detail, breaking=bool(shut))
    for name, was, now in _pairs(old.arguments, new.arguments):
        yield from _part("argument", where, name, was, now, before, after, sent=True, received=False)
    if old.body or new.body:
        yield from _part("body", where, "", old.body, new.body, before, after, sent=True, received=False)
    for what, before_media, media in (("sends", old.media[0], new.media[0]), ("answers", old.media[1], new.media[1])):
        if before_media != media and before_media and media:
            detail = f"{what} {', '.join(sorted(media))} instead of {', '.join(sorted(before_media))}"
            yield Change("operation", "changed", where, detail=detail, wire=True)
    if old.result != new.result:
        wider = set(new.result) - set(old.result)
        detail = f"was {' | '.join(old.result) or 'None'}, is {' | '.join(new.result) or 'None'}"
        yield Change("result", "changed", where, detail=detail, breaking=bool(wider) or not new.result)
    yield from _answers(old, new)


def _answers(old: Operation, new: Operation) -> Iterator[Change]:
    """What answers say beside their types: under which status they come, and what errors look like."""
    where = new.name
    at = ("paths", new.path, new.method.lower(), "responses")
    if old.result == new.result and _statuses(old) != _statuses(new):
        detail = f"was {_told_statuses(old)}, is {_told_statuses(new)}"
        yield Change("result", "changed", where, detail=detail, wire=True, place=pointer(*at))
    for status, was, now in _pairs(old.answers, new.answers):
        if was is not None and now is not None and was.type == now.type:
            for each in changed_facts(was.facts, now.facts, sent=False):
                yield Change(
                    "result", "changed", where, status, each.detail, wire=each.wire, place=pointer(*at, status)
                )
    for status, shape, other in _pairs(old.errors, new.errors):
        if shape is not None and other is not None and shape != other:
            detail = f"was {shape}, is {other}"
            yield Change("error", "changed", where, status, detail, place=pointer(*at, status))


def _statuses(operation: Operation) -> dict[str, str]:
    return {status: each.type for status, each in operation.answers.items()}


def _told_statuses(operation: Operation) -> str:
    return ", ".join(f"{status} {kind}" for status, kind in sorted(_statuses(operation).items())) or "no result"


def _of_whole(kind: str, name: str, before: Surface, after: Surface, *, sent: bool) -> Iterator[Change]:
    """What the document says of a model or an enumeration as a whole."""
    for each in changed_facts(before.facts.get(name, {}), after.facts.get(name, {}), sent=sent):
        yield Change(kind, "changed", name, "", each.detail, each.breaking, wire=each.wire)


def _part(
    kind: str,
    where: str,
    name: str,
    old: Field | None,
    new: Field | None,
    before: Surface,
    after: Surface,
    *,
    sent: bool,
    received: bool,
) -> Iterator[Change]:
    """The changes of an argument, a body or a field. What breaks depends on whether it is sent or received."""
    if old is None and new is not None:
        required = new.required and sent
        told = f"{'required ' if new.required else ''}{new.type}"
        yield Change(kind, "added", where, name, told, required, place=new.place)
    elif new is None and old is not None:
        yield Change(kind, "removed", where, name, f"was {old.type}", breaking=True, place=old.place)
    elif old is not None and new is not None:
        if old.type != new.type:
            harmless = _harmless(old.type, new.type, before, after, sent=sent, received=received)
            yield Change(kind, "changed", where, name, f"was {old.type}, is {new.type}", not harmless, place=new.place)
        if old.required != new.required:
            detail = "required now" if new.required else "no longer required"
            breaking = sent if new.required else received
            yield Change(kind, "changed", where, name, detail, breaking, place=new.place)
        if old.deprecated != new.deprecated:
            yield Change(kind, "deprecated" if new.deprecated else "restored", where, name, place=new.place)
        if old.type == new.type:
            for each in changed_facts(old.facts, new.facts, sent=sent):
                yield Change(kind, "changed", where, name, each.detail, each.breaking, wire=each.wire, place=new.place)


def _harmless(old: str, new: str, before: Surface, after: Surface, *, sent: bool, received: bool) -> bool:
    """Whether a type may change like this: members of string enumerations are strings, and any value is one of Any."""
    if new == "Any":
        return True
    if new in after.enums and old == "str":
        return not sent
    return old in before.enums and new == "str" and not received


def _models(before: Surface, after: Surface) -> Iterator[Change]:
    for name, old, new in _pairs(before.models, after.models):
        if (old is None or new is None) and _goes_with_its_home(name, before, after):
            continue
        if old is None and new is not None:
            yield Change("model", "added", name)
        elif new is None and old is not None:
            yield Change("model", "removed", name, detail=_became(name, after), breaking=True)
        elif old is not None and new is not None:
            sent = name in before.sent or name in after.sent
            received = name in before.received or name in after.received
            yield from _of_whole("model", name, before, after, sent=sent)
            for wire, was, now in _pairs(old, new):
                yield from _part("field", name, wire, was, now, before, after, sent=sent, received=received)


def _enums(before: Surface, after: Surface) -> Iterator[Change]:
    for name, old, new in _pairs(before.enums, after.enums):
        if (old is None or new is None) and _goes_with_its_home(name, before, after):
            continue
        if old is None:
            yield Change("enum", "added", name)
        elif new is None:
            yield Change("enum", "removed", name, detail=_became(name, after), breaking=True)
        else:
            yield from _of_whole("enum", name, before, after, sent=name in before.sent or name in after.sent)
            for value in old:
                if value not in new:
                    yield Change("value", "removed", name, value, breaking=True)
            for value in new:
                if value not in old:
                    yield Change("value", "added", name, value)


def _goes_with_its_home(name: str, before: Surface, after: Surface) -> bool:
    """Whether a class inside a model or an operation was added or removed with it."""
    homes = [{*surface.models, *(each.name for each in surface.operations.values())} for surface in (before, after)]
    parts = re.split(r"([. ])", name)
    within = {"".join(parts[:end]) for end in range(1, len(parts), 2)} - {name}
    return any((home in homes[0]) != (home in homes[1]) for home in within)


def _became(name: str, after: Surface) -> str:
    if name in after.enums:
        return "an enumeration now"
    return "an object now" if name in after.models else ""


def _listed(ways: tuple[tuple[str, ...], ...]) -> str:
    return ", or ".join(" and ".join(way) or "no token" for way in ways)
