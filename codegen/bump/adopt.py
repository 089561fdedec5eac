"""Makes a document of ``specs/`` say what a published one says, and leaves alone what it says already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from aiosymphony.apidiff.surface import METHODS

from ..problem import CodegenError, pointer
from .blocks import Blocks, Json, operations_of
from .rules import TODO, Rules
from .wire import Wire, base_path

Operation = tuple[str, str]


@dataclass(kw_only=True)
class Adopted:
    """The new document, and what was done to the old one.

    Attributes:
        text: The document, as YAML.
        document: The same, read.
        added: Operations that it did not have, as path and method.
        removed: Operations that it has no more.
        changed: Operations that are otherwise on the wire.
        todo: Places that still need words.
        unsaid: What the published document says in numbers and our words do not, in sentences.
    """

    text: str
    document: Json
    added: list[Operation] = field(default_factory=list)
    removed: list[Operation] = field(default_factory=list)
    changed: list[Operation] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)


def adopt(text: str, published: Json, *, keep_words: bool = False) -> Adopted:
    """Bring a document up to a published one.

    Operations and schemas that are the same on the wire keep their text, their names and their words; what is new or
    otherwise is written by the rules of :mod:`.rules`.

    Args:
        text: The document in ``specs/``.
        published: The newer one: valid OpenAPI 3.0, with its fixes applied.
        keep_words: Whether its words are our own and may stay.

    Raises:
        CodegenError: The result would not be the published API on the wire, which is a fault of this code.
    """
    ours: Json = yaml.load(text, Loader=yaml.CSafeLoader)
    published = _with_our_base(ours, published)
    rules = Rules(ours, published, keep_words=keep_words)
    theirs = rules.document
    mine, wanted = operations_of(ours), operations_of(theirs)
    here, there = Wire(ours), Wire(theirs)
    forms = {each: there.operation(*each) for each in wanted}
    added = [each for each in wanted if each not in mine]
    removed = [each for each in mine if each not in wanted]
    changed = [each for each in wanted if each in mine and here.operation(*each) != forms[each]]
    taken = {*added, *changed}
    while True:
        result = _assembled(ours, theirs, taken, removed)
        found = Wire(result)
        wrong = {each for each in wanted if found.operation(*each) != forms[each]}
        if not wrong:
            break
        if wrong <= taken:
            listed = ", ".join(f"{method.upper()} {path}" for path, method in sorted(wrong))
            raise CodegenError(listed, "could not be written as it was published", "This is a fault of the bump.")
        taken |= wrong
    written = _written(text, ours, result, rules.tags)
    return Adopted(
        text=written,
        document=result,
        added=added,
        removed=removed,
        changed=changed,
        unsaid=rules.unsaid,
        todo=[place for place, value in _leaves(yaml.load(written, Loader=yaml.CSafeLoader)) if TODO in str(value)],
    )


def _with_our_base(ours: Json, published: Json) -> Json:
    """The published document under our server if the base path is the same: ours says which host it is."""
    any_of = [next(iter(operations_of(document)), None) for document in (ours, published)]
    if None in any_of or not published.get("servers"):
        return {**published, "servers": ours.get("servers", [])}
    empty: Json = {"paths": {"/": {"get": {}}}}
    bases = [base_path({**empty, "servers": each.get("servers", ())}, "/", "get") for each in (ours, published)]
    if bases[0] == bases[1] or not bases[1]:
        return {**published, "servers": ours.get("servers", [])}
    servers = [{**each, "url": str(each["url"]).removesuffix(bases[0]) + bases[1]} for each in ours["servers"]]
    return {**published, "servers": servers}


def _assembled(ours: Json, theirs: Json, taken: set[Operation], removed: list[Operation]) -> Json:
    """Our document with the operations that were taken over, and the schemas that all of them need."""
    paths: Json = {}
    both = {**operations_of(ours), **{each: theirs["paths"][each[0]][each[1]] for each in taken}}
    for (path, method), operation in sorted(both.items(), key=lambda each: (each[0][0], METHODS.index(each[0][1]))):
        if (path, method) not in removed:
            paths.setdefault(path, {})[method] = operation
    schemas: Json = {}
    from_theirs = reached((theirs["paths"][path][method] for path, method in taken), theirs)
    pools = (ours["components"].get("schemas", {}), theirs["components"]["schemas"])
    here, there = Wire(ours), Wire(theirs)
    for name in sorted({*pools[0], *pools[1]}):
        same = name in pools[0] and name in pools[1] and here.schema(pools[0][name]) == there.schema(pools[1][name])
        theirs_counts = name in pools[1] and (name not in pools[0] or (name in from_theirs and not same))
        schemas[name] = pools[1 if theirs_counts else 0][name]
    responses = dict(sorted({**theirs["components"]["responses"], **ours["components"].get("responses", {})}.items()))
    whole = {**ours, "servers": theirs.get("servers", []), "paths": paths,
             "components": {**ours["components"], "schemas": schemas, "responses": responses}}  # fmt: skip
    used = reached([paths], whole)
    whole["components"]["schemas"] = {name: each for name, each in schemas.items() if name in used}
    whole["components"]["responses"] = {name: each for name, each in responses.items() if f"responses/{name}" in used}
    whole["info"] = {**ours["info"], "version": str(theirs["info"]["version"])}
    return whole


def _written(text: str, ours: Json, result: Json, tags: dict[str, str]) -> str:
    blocks = Blocks(text)
    blocks.version(str(ours["info"]["version"]), str(result["info"]["version"]))
    for old, new in zip(ours.get("servers", ()), result.get("servers", ()), strict=False):
        if old != new:
            blocks.replace_in_line(str(old["url"]), str(new["url"]), under="servers")
    for tag, about in tags.items():
        blocks.put_tag(tag, about)
    before, after = operations_of(ours), operations_of(result)
    gone: dict[str, list[str]] = {}
    for path, method in before.keys() - after.keys():
        gone.setdefault(path, []).append(method)
    for path, methods in gone.items():
        if path not in result["paths"]:
            blocks.remove(("paths", path))
        else:
            for method in methods:
                blocks.remove(("paths", path, method))
    new_paths = [path for path in result["paths"] if path not in ours["paths"]]
    for path in new_paths:
        blocks.put(("paths", path), result["paths"][path])
    for (path, method), operation in after.items():
        if path not in new_paths and before.get((path, method)) != operation:
            blocks.put(("paths", path, method), operation)
    for kind in ("schemas", "responses"):
        old, new = (document["components"].get(kind, {}) for document in (ours, result))
        for name in old.keys() - new.keys():
            blocks.remove(("components", kind, name))
        for name, each in new.items():
            if old.get(name) != each:
                blocks.put(("components", kind, name), each)
    return blocks.text()


def reached(starts: Any, document: Json) -> set[str]:
    """The component schemas that parts of a document refer to, directly or not, and ``responses/`` of responses."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                kind, name = reference.rsplit("/", 2)[-2:]
                key = name if kind == "schemas" else f"{kind}/{name}"
                if key not in found:
                    found.add(key)
                    waiting.append(document["components"].get(kind, {}).get(name))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def _leaves(value: Any, *parts: str | int) -> Iterator[tuple[str, Any]]:
    """The texts, numbers and flags of a document, each with its place as a JSON pointer."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if below is None:
        yield pointer(*parts), value
        return
    for key, each in below:
        yield from _leaves(each, *parts, key)
