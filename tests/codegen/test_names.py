"""Names that generated code uses itself: a document may have them too, and none hides what values are read with."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import orjson

from codegen.document import generate_from
from codegen.runtime import IMPORTS, LOOP_VARIABLES

IMPORTED = {name for modules in IMPORTS.values() for names in modules.values() for name in names}
# Classes that would bring a reader of the name of one that is imported: decode_int, decode_ints, decode_union.
READERS = {"Int", "Ints", "Union"}
NAMES = sorted(IMPORTED | READERS | {"Any", "Coroutine", "Mapping", "body", "build", "call", "parse", *LOOP_VARIABLES})


def document() -> dict[str, Any]:
    """Every name is a schema, read as one of two and by itself, and an argument."""
    numbers = {"type": "array", "items": {"type": "integer"}}
    schemas: dict[str, Any] = {name: {"type": "object", "properties": {"a": numbers}} for name in NAMES}
    schemas["Other"] = {"type": "object", "properties": {"b": {"type": "integer"}}}
    references = {name: {"$ref": f"#/components/schemas/{name}"} for name in schemas}
    for name in NAMES:
        union = {"oneOf": [references[name], references["Other"]]}
        properties = {"one": union, "first": references[name], "many": numbers}
        schemas[f"Of {name}"] = {"type": "object", "properties": properties}
    whole = {"type": "object", "properties": {name: {"$ref": f"#/components/schemas/Of {name}"} for name in NAMES}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Names", "version": "1"},
        "paths": {
            "/a": {
                "get": {
                    "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in NAMES],
                    "responses": {
                        "200": {"description": "x", "content": {"application/json": {"schema": whole}}},
                    },
                }
            }
        },
        "components": {"schemas": schemas},
    }


def test_documents_may_use_the_names_of_what_reads_them(
    written: Callable[..., Path], imported: Callable[[Path], ModuleType], tmp_path: Path
) -> None:
    generate_from(written(document()), api="names", out=tmp_path / "out")
    operation = imported(tmp_path / "out/names").OPERATIONS["a_get"]
    sample = {name: {"one": {"a": ["1", 2]}, "many": ["3"], "first": {"a": []}} for name in NAMES}
    read = operation.parse(200, {}, orjson.dumps(sample))
    assert read.to_dict() == sample
    for each in (getattr(read, name) for name in dir(read)):
        if hasattr(each, "many"):
            assert type(each.one) is type(each.first)
            assert (each.one.a, each.many) == ([1, 2], [3])
    assert len({type(getattr(getattr(read, name), "first", None)) for name in dir(read)}) == len(NAMES) + 1
    arguments = [name for name in operation.build.__annotations__ if name != "return"]
    request = operation.build(**dict(zip(arguments, NAMES, strict=True)))
    assert parse_qsl(request.query) == [(name, name) for name in NAMES]
