"""Writes what a new operation needs beside its document: a method, a handler of the sandbox, and a test of each.

A method is whole but for its words; its name is a proposal. A handler answers 501 until somebody writes it, so that its
test, and the test that calls every operation, fail until then.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosymphony.apidiff.words import snake_case

from ..naming import identifier, operation_id, tag_name
from .blocks import Json
from .rules import TODO
from .tables import paging_of

_VERBS = {"get": "get", "put": "set", "patch": "update", "post": "create", "delete": "delete"}
_WORDS_THAT_ACT = {
    *(
        "add",
        "accept",
        "activate",
        "approve",
        "cancel",
        "clear",
        "create",
        "delete",
        "disable",
        "enable",
        "find",
        "follow",
        "get",
    ),
    *(
        "list",
        "read",
        "register",
        "reject",
        "remove",
        "restore",
        "search",
        "send",
        "set",
        "suspend",
        "unfollow",
        "update",
    ),
}
_FIRST_ID = 7


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where operations of a tag are served.

    Attributes:
        client: ``pod`` or ``connect``.
        resource: The resource, such as ``users``.
    """

    client: str
    resource: str

    @property
    def module(self) -> Path:
        """The module of the resource, in the project's folder."""
        return Path("src/aiosymphony") / self.client / f"{self.resource}.py"

    @property
    def test(self) -> Path:
        """The module of its tests."""
        name = self.resource if self.client == "pod" else f"{self.client}_{self.resource}"
        return Path("tests/facade") / f"test_{name}.py"


@dataclass(frozen=True, kw_only=True)
class New:
    """A new operation, with what its stubs are made of.

    Attributes:
        path: Its path in the document.
        method: Its method, in lower case.
        operation: The document's words about it.
        package: The generated package.
    """

    path: str
    method: str
    operation: Json
    package: str

    @property
    def id(self) -> str:
        return operation_id(self.path, self.method)

    @property
    def tag(self) -> str:
        return str(self.operation["tags"][0])


class NoSampleError(Exception):
    """A call of an operation needs a value that cannot be made up."""


def home_of(tag: str, client: str, tags: Mapping[str, str], facades: Mapping[str, str]) -> Home | None:
    """The resource that serves most of a tag's operations; None if it serves none yet.

    Args:
        tag: The tag.
        client: ``pod`` or ``connect``.
        tags: The tag of each operation, by id.
        facades: The method of each operation, as ``users.get``, by id.
    """
    found = Counter(facades[name].partition(".")[0] for name, of in tags.items() if of == tag and facades.get(name))
    return Home(client=client, resource=found.most_common(1)[0][0]) if found else None


def name_of_method(new: New, home: Home, taken: Collection[str], *, answers_a_list: bool) -> str:
    """A name for the method, made of the path's words, that nothing has yet."""
    parts = [part for part in new.path.strip("/").split("/") if not re.fullmatch(r"v\d+", part)]
    after = [index for index, part in enumerate(parts) if part.startswith("{")]
    words = parts[after[-1] + 1 :] if after else parts[:]
    words = [snake_case(word) for word in words or parts if not word.startswith("{")]
    words = [word for word in words if word != "admin"]
    verb = _VERBS.get(new.method, "send")
    if words and words[-1] in _WORDS_THAT_ACT:
        verb = words.pop()
    elif verb == "get" and (answers_a_list or paging_of(new.operation)):
        verb = "list"
    own = {home.resource, home.resource.removesuffix("s")}
    noun = "_".join(word for word in words if word not in own and word.removesuffix("s") not in own)
    name = f"{verb}_{noun}" if noun else verb
    for candidate in (name, f"admin_{name}", *(f"{name}_{number}" for number in range(2, 100))):
        if candidate not in taken:
            return candidate
    raise AssertionError(name)


def methods_of(source: str) -> list[str]:
    """The names of the public methods of a module's resource."""
    return [
        each.name
        for each in _resource(ast.parse(source)).body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and not each.name.startswith("_")
    ]


def with_method(source: str, new: New, home: Home, name: str, builder: str) -> str:
    """A resource's module with one more method.

    Args:
        source: The module.
        new: The operation.
        home: The resource.
        name: The name of the method.
        builder: The generated module of the operation.
    """
    build, parse = (_function(ast.parse(builder), each) for each in ("build", "parse"))
    result = ast.unparse(parse.returns) if parse.returns is not None else "None"
    thing = home.resource.removesuffix("s")
    positional = [
        (f"{thing}_id" if each.arg == "id" else each.arg, ast.unparse(each.annotation or ast.Constant(None)))
        for each in build.args.args
    ]
    keywords = []
    passed = [each for each, _ in positional]
    for argument, default in zip(build.args.kwonlyargs, build.args.kw_defaults, strict=True):
        annotation = ast.unparse(argument.annotation or ast.Constant(None))
        known = argument.arg
        keywords.append((known, annotation, "" if default is None else f" = {ast.unparse(default)}"))
        passed.append(f"{argument.arg}={known}")
    keywords.sort(key=lambda each: bool(each[2]))
    signature = ", ".join(
        [
            "self",
            *(f"{each}: {kind}" for each, kind in positional),
            *(["*"] if keywords else []),
            *(f"{each}: {kind}{default}" for each, kind, default in keywords),
        ]
    )
    sends = f"await self._session.execute({new.id}.build({', '.join(passed)}))"
    url = re.search(r'(?m)^    path="(.*)",$', builder)
    arguments = [each for each, _ in positional] + [each for each, _, _ in keywords]
    told = "".join(f"\n            {each}: {TODO}." for each in arguments)
    where = _resource(ast.parse(source))
    if "list" in methods_of(source):  # in such a class, `list` is that method
        signature, result = (re.sub(r"(?<![\w.])list\[", "builtins.list[", each) for each in (signature, result))
    method = (
        f"\n    async def {name}({signature}) -> {result}:\n"
        f'        """{TODO} (``{new.method.upper()} {url[1] if url else new.path}``).'
        + (f"\n\n        Args:{told}\n        " if arguments else "")
        + f'"""\n        {sends if result == "None" else f"return {sends}"}\n'
    )
    lines = source.splitlines(keepends=True)
    assert where.end_lineno is not None
    lines.insert(where.end_lineno, method)
    imports = [*_operation_import(new), *_model_imports(builder, new.package, method)]
    if "builtins." in method:
        imports.append("import builtins")
    if re.search(r"\bAny\b", method):
        imports.append("from typing import Any")
    return _with_imports("".join(lines), imports)


def with_handler(source: str, new: New, name: str) -> str:
    """A module of the sandbox with one more handler, which answers 501."""
    register = "reads" if new.method in ("get", "head") else "writes"
    handler = (
        f'\n\n@{register}("{new.id}")\ndef {name}(_call: Call) -> Any:\n    """{TODO}."""\n'
        f'    raise HttpError(501, "{new.id} is not in the sandbox yet")\n'
    )
    return _with_imports(
        source + handler, ["from typing import Any", f"from ..handlers import Call, HttpError, {register}"]
    )


def with_facade_test(source: str, new: New, home: Home, name: str, base: str, document: Json) -> str:
    """A test module with one more test: what the method puts on the wire, by the document.

    Raises:
        NoSampleError: A call needs a value that cannot be made up here.
    """
    arguments, target, body = _sample(new, document)
    imports = ["from .wire import Wire, sent"]
    models = re.findall(r"\b([A-Z]\w+)\(", arguments)
    if models:
        imports.append(f"from aiosymphony_api.{new.package}.models import {', '.join(models)}")
    answer = _answer(new, document)
    told = f", {body!r}" if body is not None else ""
    test = (
        f"\n\nasync def test_{name}_is_sent(wire: Wire) -> None:\n"
        f"    wire.answers({answer})\n"
        f"    await wire.{home.client}.{home.resource}.{name}({arguments})\n"
        f'    assert wire.sent == [sent("{new.method.upper()}", "{base}{target}"{told})]\n'
    )
    if "make_response" in answer:
        imports.append("from aiosymphony.testing import make_response")
    return _with_imports(source + test, imports)


def with_sandbox_test(source: str, new: New, area: str, alike: Collection[str], document: Json) -> str:
    """The tests that call every operation of the sandbox, with one more call, after the last one of its kin."""
    function = _function(ast.parse(source), area)
    values = "".join(
        f", {each['name']}={_value(each['schema'], document, each['name'], 1)!r}"
        for each in new.operation.get("parameters", ())
        if each["in"] == "path"
    )
    try:
        sent = _sample(new, document)[2]
    except NoSampleError:
        sent = {} if "requestBody" in new.operation else None
    body = "" if sent is None else f", {sent!r}"
    kin = [each for each in function.body if any(f"'{name}'" in ast.unparse(each) for name in alike)]
    line = (kin or function.body)[-1].end_lineno
    assert line is not None
    lines = source.splitlines(keepends=True)
    lines.insert(line, f'    await run("{new.id}"{body}{values})  # {TODO}\n')
    return "".join(lines)


def most_used(sources: Mapping[Path, str], ids: Iterable[str]) -> Path | None:
    """The module that names most of some operations; None if none does."""
    found = Counter({path: sum(f'"{name}"' in text for name in ids) for path, text in sources.items()})
    path, count = found.most_common(1)[0] if found else (None, 0)
    return path if count else None


def area_of(source: str, ids: Iterable[str]) -> str:
    """The function of the sandbox's tests that calls most of some operations."""
    tree = ast.parse(source)
    texts = {each.name: ast.unparse(each) for each in tree.body if isinstance(each, ast.AsyncFunctionDef)}
    areas = {name: text for name, text in texts.items() if not name.startswith("test_")}
    wanted = list(ids)
    return max(areas, key=lambda name: sum(f"'{each}'" in areas[name] for each in wanted))


# --- samples ---------------------------------------------------------------------------------------------------------


def _sample(new: New, document: Json) -> tuple[str, str, Any]:
    """Arguments for a call of the method, and the target and the body that it shall send.

    Raises:
        NoSampleError: It takes what cannot be made up here.
    """
    target, arguments, query = new.path, [], []
    for number, each in enumerate(new.operation.get("parameters", ())):
        if each["in"] != "path" and not each.get("required"):
            continue
        value = _value(each["schema"], document, each["name"], _FIRST_ID + number)
        if each["in"] not in ("path", "query") or isinstance(value, list | dict):
            raise NoSampleError
        if each["in"] == "path":
            target = target.replace(f"{{{each['name']}}}", str(value))
            arguments.append(repr(value))
        else:
            query.append(f"{each['name']}={str(value).lower() if isinstance(value, bool) else value}")
            arguments.append(f"{identifier(each['name'])}={value!r}")
    body: Any = None
    if "requestBody" in new.operation:
        told, body = _sample_body(new.operation["requestBody"], document)
        arguments.append(told)
    return ", ".join(arguments), target + (f"?{'&'.join(query)}" if query else ""), body


def _sample_body(stated: Json, document: Json) -> tuple[str, Any]:
    """An argument, and the JSON that it shall become."""
    content = stated.get("content", {})
    if set(content) != {"application/json"}:
        raise NoSampleError
    schema = content["application/json"].get("schema", {})
    if schema.get("type") == "array":
        return "body=[]", []
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    resolved = document["components"]["schemas"].get(name, {})
    if resolved.get("type") == "array":
        return "body=[]", []
    properties = resolved.get("properties", {})
    needed = resolved.get("required") or list(properties)[:1]
    if not needed or not set(needed) <= properties.keys():
        raise NoSampleError
    body = {each: _value(properties[each], document, each, _FIRST_ID) for each in needed}
    if any(isinstance(value, dict) or "enum" in _resolved(properties[each], document) for each, value in body.items()):
        raise NoSampleError
    return f"body={name}({', '.join(f'{identifier(each)}={value!r}' for each, value in body.items())})", body


def _resolved(schema: Json, document: Json) -> Json:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Json = document["components"]["schemas"].get(name, {}) if name else schema
    return found


def _value(schema: Json, document: Json, name: str, number: int) -> Any:
    schema = _resolved(schema, document)
    if "enum" in schema:
        return schema["enum"][0]
    values: dict[str, Any] = {"integer": number, "number": 0.5, "boolean": True, "array": [], "object": {}}
    return values.get(str(schema.get("type")), snake_case(name).replace("_", "-"))


def _answer(new: New, document: Json) -> str:
    good = sorted(each for each in new.operation["responses"].items() if each[0][0] in "23")
    status, answer = good[0] if good else ("200", {})
    if not status.isdecimal():
        raise NoSampleError
    content: Json = next(iter(answer.get("content", {}).values()), {})
    schema = content.get("schema")
    if schema is None:
        return f"make_response({status})"
    schema = _resolved(schema, document)
    return json.dumps([] if schema.get("type") == "array" else {})


# --- source ----------------------------------------------------------------------------------------------------------


def _resource(tree: ast.Module) -> ast.ClassDef:
    return next(
        each
        for each in tree.body
        if isinstance(each, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Resource" for base in each.bases)
    )


def _function(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    return next(
        each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name
    )


def _operation_import(new: New) -> list[str]:
    return [f"from aiosymphony_api.{new.package}.api.{tag_name(new.tag)} import {new.id}"]


def _model_imports(builder: str, package: str, method: str) -> list[str]:
    used = set(re.findall(r"\b[A-Z]\w+", method))
    names = {
        alias.name
        for each in ast.parse(builder).body
        if isinstance(each, ast.ImportFrom) and each.level and (each.module or "").startswith("models")
        for alias in each.names
        if alias.name in used
    }
    return [f"from aiosymphony_api.{package}.models import {', '.join(sorted(names))}"] if names else []


def _with_imports(source: str, imports: list[str]) -> str:
    """A module with more imports, after the first one; ruff sorts and joins them."""
    lines = source.splitlines(keepends=True)
    for each in ast.parse(source).body:
        if isinstance(each, ast.ImportFrom) and each.module == "__future__":
            assert each.end_lineno is not None
            lines.insert(each.end_lineno, "".join(f"{line}\n" for line in imports))
            return "".join(lines)
    raise AssertionError(source[:80])
