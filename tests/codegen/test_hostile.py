"""A document is data: whatever stands in it, generating from it and importing the result runs none of it."""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codegen.document import generate_from

# What ends a docstring, a string, an f-string, a comment, a line or a template, and then runs.
PAYLOADS = [
    '"""\nopen("pwned", "w")\n"""',
    "'''\nopen('pwned', 'w')\n'''",
    '"); open("pwned", "w"); ("',
    "'); open('pwned', 'w'); ('",
    '{open("pwned", "w")}',
    "{{ open('pwned', 'w') }}{% set x = cycler.__init__.__globals__.os.system('touch pwned') %}{# #}",
    '\\"""; open("pwned", "w")  # \\',
    "\\",
    '"',
    'ends with a quote"',
    "\nimport os; os.system('touch pwned')\n",
    "\r\x0b\x0c\x1c\x85\u2028\u2029 open('pwned', 'w')",
    "\\N{BULLET}\\x22\\u0022\\U00000022\\",
    "\u202eabc\u2066",
    "# noqa\n# type: ignore",
    "${touch pwned}`touch pwned`$(touch pwned)",
    "a" * 300 + "\\" * 101 + "\\Ugh",
]


def hostile(payload: str) -> dict[str, Any]:
    text = {"type": "string", "description": payload, "default": payload, "title": payload, "example": payload}
    safe_path = payload.translate({ord(c): "_" for c in "{}/?#:"})
    return {
        "openapi": "3.1.0",
        "info": {"title": payload, "version": payload, "description": payload},
        "servers": [{"url": "https://acme.test/base"}],
        "tags": [{"name": payload, "description": payload}],
        "paths": {
            f"/v1/{safe_path}/{{a{safe_path}}}": {
                "post": {
                    "operationId": payload,
                    "summary": payload,
                    "description": payload,
                    "tags": [payload],
                    "parameters": [
                        {
                            "name": f"a{safe_path}",
                            "in": "path",
                            "required": True,
                            "description": payload,
                            "schema": text,
                        },
                        {"name": payload, "in": "query", "description": payload, "schema": text},
                        {"name": f"b{payload}", "in": "query", "schema": {"enum": ["x", payload], "default": payload}},
                        {"name": f"X-{payload}", "in": "header", "description": payload, "schema": text},
                    ],
                    "requestBody": {
                        "description": payload,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "responses": {
                        "200": {
                            "description": payload,
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                        }
                    },
                }
            }
        },
        "components": {
            "schemas": {
                "Thing": {
                    "type": "object",
                    "title": payload,
                    "description": payload,
                    "properties": {
                        payload: text,
                        f"c{payload}": {"type": "string", "enum": [payload, "y"], "description": payload},
                        "sole": {"const": payload, "title": payload},
                        "one": {
                            "oneOf": [{"$ref": "#/components/schemas/Mark"}, {"$ref": "#/components/schemas/Other"}],
                            "discriminator": {
                                "propertyName": payload,
                                "mapping": {payload: "#/components/schemas/Mark", "o": "#/components/schemas/Other"},
                            },
                        },
                    },
                },
                "Mark": {"type": "object", "properties": {payload: text}},
                "Other": {"type": "object", "properties": {payload: text, "other": {"type": "integer"}}},
            }
        },
    }


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_of_it_runs_and_nothing_of_it_is_lost(
    payload: str,
    written: Callable[..., Path],
    imported: Callable[[Path], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    generate_from(written(hostile(payload)), api="hostile_api", out=tmp_path / "out")
    package = imported(tmp_path / "out/hostile_api")
    for path in sorted(Path(tmp_path / "out/hostile_api").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        called = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
        assert not called & {"open", "os.system", "__import__", "eval", "exec"}, path
        import_module(".".join(path.relative_to(tmp_path / "out").with_suffix("").parts).removesuffix(".__init__"))
    assert not (tmp_path / "pwned").exists()

    (operation,) = package.OPERATIONS.values()
    document = hostile(payload)
    (path_template,) = document["paths"]
    assert operation.path == f"/base{path_template}"
    assert operation.tag == payload.strip()
    sample = {payload: "1", f"c{payload}": payload, "sole": payload, "one": {payload: payload, "more": None}}
    read = operation.parse(200, {}, __import__("orjson").dumps(sample))
    assert read.to_dict() == sample
    assert not read.additional_properties, "a field was not recognised by its name"
    assert type(read.one).__name__ == "Mark"
    request = operation.build("v")
    assert request.path.startswith("/base/v1/")
    assert request.path.endswith("/v")
