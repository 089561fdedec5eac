"""Calls every operation of a generated package over a socket, and compares what arrives with the document as published.

Nothing here uses the code of the generator: the document is read anew, and what a request must look like is worked out
from OpenAPI's rules. The answer is a sample made of the document's schema, and is read into models and written again.
"""

from __future__ import annotations

import asyncio
import email
import inspect
import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Self, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from aiosymphony.wire.encoding import to_json
from aiosymphony.wire.models import Model
from aiosymphony.wire.operation import Operation, Request

T = TypeVar("T")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DEEPEST = 4
TEXTS = {
    "date-time": "2026-11-27T08:30:00Z", "date": "2026-11-27", "time": "08:30:00Z", "uri": "https://acme.test/a?b=c",
    "uuid": "9b2c6d0e-7a53-4f6e-8f57-3f0f6f2a5d11", "email": "ada@acme.test", "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
}  # fmt: skip


class NoSample(Exception):
    """A schema for which no value is known: a pattern, a recursion that is required, two types at once."""


class Described:
    """A document, Swagger 2.0 or OpenAPI 3, as far as requests and answers need it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.is_swagger = "swagger" in document

    def resolve(self, value: Any) -> Any:
        for _ in range(20):
            if not isinstance(value, dict) or "$ref" not in value:
                return value
            found: Any = self.document
            for part in value["$ref"][2:].split("/"):
                key = unquote(part).replace("~1", "/").replace("~0", "~")
                found = found[int(key)] if isinstance(found, list) else found[key]
            value = found
        raise NoSample("a reference to itself")

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        for path, stated in self.document["paths"].items():
            item = self.resolve(stated)
            for method in METHODS:
                if method in item:
                    yield path, method, item, item[method]

    def base(self, item: dict[str, Any], operation: dict[str, Any]) -> str:
        if self.is_swagger:
            return str(self.document.get("basePath") or "").rstrip("/")
        servers = operation.get("servers") or item.get("servers") or self.document.get("servers") or [{"url": ""}]
        url = str(servers[0]["url"])
        for name, variable in (servers[0].get("variables") or {}).items():
            url = url.replace(f"{{{name}}}", str(variable["default"]))
        return urlsplit(url if "//" in url or url[:1] in ("", "/") else f"https://{url}").path.rstrip("/")

    def parameters(self, item: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
        stated = map(self.resolve, [*(item.get("parameters") or []), *(operation.get("parameters") or [])])
        return list({(each["in"], each["name"]): each for each in stated}.values())

    def body(self, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> dict[str, Any]:
        """The schemas of the body by media type."""
        if not self.is_swagger:
            content = (self.resolve(operation.get("requestBody")) or {}).get("content") or {}
            return {media.split(";")[0]: each.get("schema", {}) for media, each in content.items()}
        takes = operation.get("consumes") or self.document.get("consumes") or ["application/json"]
        fields = {each["name"]: each for each in parameters if each["in"] == "formData"}
        whole = next((each["schema"] for each in parameters if each["in"] == "body"), None)
        form = {"type": "object", "properties": fields, "required": [n for n, f in fields.items() if f.get("required")]}
        return dict.fromkeys(takes, form if fields else whole) if fields or whole is not None else {}

    def answer(self, operation: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
        """Status, media type and schema of the success that is answered; no media type for an empty answer."""
        good = sorted(status for status in map(str, operation["responses"]) if re.fullmatch("2..", status))
        if not good:
            return 200, "", {}
        responses = {str(status): each for status, each in operation["responses"].items()}
        response = self.resolve(responses[good[0]])
        status = int(good[0].replace("X", "0").replace("x", "0"))
        if self.is_swagger:
            makes = operation.get("produces") or self.document.get("produces") or ["application/json"]
            content = {makes[0]: {"schema": response["schema"]}} if "schema" in response else {}
        else:
            content = response.get("content") or {}
        media = next((each for each in content if is_json(each)), next(iter(content), ""))
        return status, media, content[media].get("schema", {}) if media else {}

    # --- samples ---

    def merged(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """A schema with the parts of ``allOf``, and the first of several alternatives."""
        schema = self.resolve(schema)
        if not isinstance(schema, dict):
            return {}
        if depth > 12:
            raise NoSample("a schema that is part of itself")
        result = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf", "anyOf")}
        parts = list(schema.get("allOf") or [])
        choices = [
            each for each in schema.get("oneOf") or schema.get("anyOf") or []
            if {"properties", "$ref", "type", "enum", "allOf", "oneOf", "anyOf", "items", "const"} & each.keys()
            and each.get("type") != "null"
        ]  # fmt: skip
        parts += choices[:1] if "properties" not in schema else []
        for part in (self.merged(each, depth + 1) for each in parts):
            for key, value in part.items():
                if key == "properties":
                    result[key] = {**value, **result.get(key, {})}
                elif key == "required" and isinstance(value, list):
                    result[key] = [*result.get(key, []), *value]
                else:
                    result.setdefault(key, value)
        return result

    def sample(self, schema: Any, depth: int = 0, *, written: bool = False) -> Any:
        """A value of a schema; ``written`` for one that is sent, which holds nothing that servers alone fill in."""
        flat = self.merged(schema)
        values = [value for value in flat.get("enum") or [flat.get("const")] if value is not None]
        if values:
            return values[0]
        stated = flat.get("type")
        kind = next((each for each in stated if each != "null"), None) if isinstance(stated, list) else stated
        if kind == "object" or (kind is None and "properties" in flat):
            return self._object(flat, depth, written=written)
        if kind == "array" or (kind is None and isinstance(flat.get("items"), dict)):
            if depth > DEEPEST and not flat.get("minItems"):
                return []
            return [self.sample(flat.get("items", {}), depth + 1, written=written)] * max(1, flat.get("minItems", 1))
        if kind in ("string", "file"):
            return self._text(flat)
        low = flat.get("minimum", flat.get("exclusiveMinimum", 0))
        low = 0 if isinstance(low, bool) else low
        number = min(max(7, low + 1), flat.get("maximum", low + 7))
        return {"integer": int(number), "number": float(number), "boolean": True}.get(str(kind), "anything")

    def _object(self, flat: dict[str, Any], depth: int, *, written: bool) -> dict[str, Any]:
        result = {}
        required = flat.get("required") if isinstance(flat.get("required"), list) else []
        for name, schema in (flat.get("properties") or {}).items():
            if depth > DEEPEST and name not in (required or []):
                continue
            if depth > 3 * DEEPEST:
                raise NoSample("a recursion that is required")
            if written and (self.resolve(schema) or {}).get("readOnly"):
                continue
            result[name] = self.sample(schema, depth + 1, written=written)
        free = flat.get("additionalProperties")
        if not result and isinstance(free, dict) and free and depth <= DEEPEST:
            result["key"] = self.sample(free, depth + 1, written=written)
        return result

    def _text(self, flat: dict[str, Any]) -> Any:
        if flat.get("format") == "binary" or flat.get("type") == "file":
            return b"\x00\xffcontent"
        value = TEXTS.get(flat.get("format", ""), "a b/ü&=?")
        if "pattern" in flat and not re.search(flat["pattern"].replace(r"\p{", "p{"), value):
            found = next(
                (each for each in ("7", "a1b2c3d4", "AC" + "0a" * 16, "abc", "A") if re.search(flat["pattern"], each)),
                None,
            )
            value = found if found is not None else str(flat.get("example", value))
        low, high = flat.get("minLength", 0), flat.get("maxLength", 1000)
        return (value * (low // max(len(value), 1) + 1))[: max(low, len(value))][:high]


def is_json(media: str) -> bool:
    kind = media.split(";", maxsplit=1)[0].strip()
    return kind in ("application/json", "*/*", "application/*", "text/json") or kind.endswith("+json")


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def query_pairs(parameter: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    """How a value stands in a query, by the rules of Swagger 2.0 and OpenAPI 3."""
    name = parameter["name"]
    if "content" in parameter:
        return [(name, value)]
    style, collection = parameter.get("style", "form"), parameter.get("collectionFormat")
    explode = parameter.get("explode", style == "form") if "schema" in parameter else collection == "multi"
    if isinstance(value, dict):
        return deep_pairs(name, value) if style == "deepObject" else [(key, text(each)) for key, each in value.items()]
    if not isinstance(value, list):
        return [(name, text(value))]
    if style == "deepObject" or explode:
        return [(name, text(each)) for each in value]
    between = {"spaceDelimited": " ", "pipeDelimited": "|", "ssv": " ", "pipes": "|"}.get(collection or style, ",")
    return [(name, between.join(map(text, value)))]


def deep_pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, each in value.items() for pair in deep_pairs(f"{name}[{key}]", each)]
    if isinstance(value, list):
        return [pair for each in value for pair in deep_pairs(name, each)]
    return [(name, text(value))]


def argument_of(wire: str, names: list[str], taken: set[str]) -> str:
    """The argument that stands for a parameter: the same letters, whatever the case and what stands between them."""

    def squeeze(name: str) -> str:
        return re.sub("[^a-z0-9]", "", name.lower())

    wanted = squeeze(wire)
    exact = [name for name in names if squeeze(name) == wanted and name not in taken]
    near = [name for name in names if re.sub(r"\d+$|^parameter", "", squeeze(name)) == wanted and name not in taken]
    if not exact and not near:
        raise NoSample(f"no argument is called like {wire}")
    return (exact or near)[0]


def typed(hint: Any, value: Any) -> Any:
    """JSON as the argument that a type hint asks for."""
    if get_origin(hint) is list and isinstance(value, list):
        return [typed(get_args(hint)[0], item) for item in value]
    if get_origin(hint) is dict and isinstance(value, dict):
        return {key: typed(get_args(hint)[1], item) for key, item in value.items()}
    for choice in get_args(hint) or (hint,):
        if get_origin(choice) in (list, dict) and isinstance(value, get_origin(choice)):
            return typed(choice, value)
        if isinstance(choice, type) and issubclass(choice, Model) and isinstance(value, dict):
            return choice.from_dict(value)  # type: ignore[attr-defined]
    return value


class Socket:
    """A server that keeps the last request and gives one answer, and a caller that sends to it over a real socket."""

    def __init__(self) -> None:
        self.arrived: tuple[str, str, Any, bytes] | None = None
        self.answer: tuple[int, str, bytes] = (200, "", b"")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.arrived = (request.method, request.raw_path, request.headers, await request.read())
        status, media, content = self.answer
        headers = {"Content-Type": media} if media else {}
        return web.Response(status=status, body=content, headers=headers)

    async def __aenter__(self) -> Self:
        self._server = web.ServerRunner(web.Server(self.handle))
        await self._server.setup()
        site = web.TCPSite(self._server, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._server.addresses[0][1]}"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._server.cleanup()

    async def execute(self, request: Request[T], /) -> T:
        headers = dict(request.headers or {})
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        url = URL(self.url + request.target, encoded=True)
        skip = ("Content-Type",)
        async with self._session.request(
            request.operation.method, url, headers=headers, data=request.body, skip_auto_headers=skip
        ) as response:
            return request.operation.parse(response.status, response.headers, await response.read())


class Trip:
    """One operation: what is sent, what must arrive, and what is answered."""

    def __init__(
        self,
        described: Described,
        operation: Operation[..., Any],
        path: str,
        item: dict[str, Any],
        source: dict[str, Any],
    ) -> None:
        self.operation = operation
        self.path = described.base(item, source) + path.partition("#")[0]
        parameters = described.parameters(item, source)
        hints = get_type_hints(operation.build)
        names = [name for name in inspect.signature(operation.build).parameters if name != "body"]
        self.arguments: dict[str, Any] = {}
        self.in_path: dict[str, str] = {}
        self.query: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        for parameter in parameters:
            where, name = parameter["in"], parameter["name"]
            if where in ("body", "formData", "cookie") or (where == "header" and not self._has(name, names)):
                continue
            content = parameter.get("content")
            schema = next(iter(content.values()))["schema"] if content else parameter.get("schema", parameter)
            value = described.sample(schema, DEEPEST if where == "query" else 0, written=True)
            if where == "header":
                value = "a-1" if isinstance(value, str) and described.merged(schema).get("enum") is None else value
            argument = argument_of(name, names, set(self.arguments))
            self.arguments[argument] = typed(hints[argument], value)
            plain = ",".join(map(text, value)) if isinstance(value, list) else text(value)
            if where == "path":
                self.in_path[name] = plain
            elif where == "header":
                self.headers[name] = plain
            else:
                self.query += [(name, json.dumps(value))] if content else query_pairs(parameter, value)
        for name in re.findall("{([^{}]*)}", path.partition("#")[0]):
            if name not in self.in_path:  # nobody declares it
                self.arguments[argument_of(name, names, set(self.arguments))] = self.in_path[name] = "a/b"
        self.bodies = described.body(source, parameters)
        self.body: Any = None
        if self.bodies and "body" in hints:
            built = min(self.bodies, key=lambda media: RANKS.index(rank_of(media)))
            self.body = described.sample(self.bodies[built], written=True)
            if rank_of(built) == "bytes":
                self.body = b"\x00\xffcontent"
            elif rank_of(built) == "text":
                self.body = "some text"
            self.arguments["body"] = typed(hints["body"], self.body)
        self.status, self.media, schema = described.answer(source)
        self.expected: Any = None
        if self.media and self.status != 204:
            binary = (
                described.merged(schema).get("format") == "binary" or described.merged(schema).get("type") == "file"
            )
            if is_json(self.media) and not binary:
                self.expected = described.sample(schema)
                self.content = as_json(self.expected).encode()
                self.expected = json.loads(self.content)
            else:
                self.content = b"some content"
                self.expected = "some content" if self.media.startswith("text/") and not binary else self.content
        else:
            self.content = b""
        self.is_json = bool(self.media) and is_json(self.media)

    @staticmethod
    def _has(name: str, names: list[str]) -> bool:
        try:
            argument_of(name, names, set())
        except NoSample:
            return False
        return True

    async def make(self, socket: Socket) -> None:
        """Send it and compare; AssertionError for what differs."""
        socket.arrived, socket.answer = None, (self.status, self.media, self.content)
        module = import_module(self.operation.build.__module__)
        result = await module.call(socket, **self.arguments)
        assert socket.arrived is not None
        method, target, headers, body = socket.arrived
        assert method == self.operation.method
        raw, _, query = target.partition("?")
        wanted = re.sub("{([^{}]*)}", lambda found: "\0" + found[1] + "\0", self.path)
        parts = wanted.split("\0")
        found = re.fullmatch("".join("([^/]+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts)), raw)
        assert found, f"path {raw}, not {self.path}"
        for sent, name in zip(found.groups(), parts[1::2], strict=True):
            assert unquote(sent) == self.in_path[name], name
        assert sorted(parse_qsl(query, keep_blank_values=True)) == sorted(self.query), "query"
        for name, value in self.headers.items():
            assert headers[name] == value, name
        self._check_body(headers, body)
        if self.method_reads:
            assert to_json(result) == self.expected or self.media == "", "answer"

    @property
    def method_reads(self) -> bool:
        return self.operation.method != "HEAD"

    def _check_body(self, headers: Any, body: bytes) -> None:
        if self.body is None:
            return
        kind = headers["Content-Type"].split(";")[0]
        assert kind in {*self.bodies, "application/json"}, f"the document takes no {kind}"
        if is_json(kind):
            assert json.loads(body) == json.loads(json.dumps(self.body, default=lambda raw: raw.decode("latin-1"))), (
                "body"
            )
        elif kind == "application/x-www-form-urlencoded":
            pairs = [pair for name, value in self.body.items() for pair in deep_pairs(name, value)]
            assert sorted(parse_qsl(body.decode(), keep_blank_values=True)) == sorted(pairs), "form"
        elif kind == "multipart/form-data":
            self._check_parts(headers["Content-Type"], body)
        else:
            assert body == (self.body.encode() if isinstance(self.body, str) else self.body), "body"

    def _check_parts(self, content_type: str, body: bytes) -> None:
        message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts: dict[str, list[bytes]] = {}
        for part in message.get_payload():
            name = part.get_param("name", header="Content-Disposition")  # type: ignore[union-attr]
            parts.setdefault(str(name), []).append(part.get_payload(decode=True))  # type: ignore[union-attr,arg-type]
        assert parts.keys() == self.body.keys(), "parts"
        for name, value in self.body.items():
            nested = isinstance(value, list) and any(isinstance(each, dict) for each in value)
            values = value if isinstance(value, list) and not nested else [value]
            for sent, each in zip(parts[name], values, strict=True):
                if isinstance(each, bytes):
                    assert sent == each, name
                elif isinstance(each, dict | list):
                    assert json.loads(sent) == each, name
                else:
                    assert sent.decode() == text(each), name


def as_json(value: Any) -> str:
    return json.dumps(value, default=lambda raw: raw.decode("latin-1"))


def rank_of(media: str) -> str:
    if is_json(media):
        return "json"
    if media == "application/x-www-form-urlencoded":
        return "form"
    return "multipart" if media == "multipart/form-data" else "text" if media.startswith("text/") else "bytes"


RANKS = ("json", "form", "multipart", "text", "bytes")


async def make_all(folder: Path, document: dict[str, Any]) -> tuple[int, int, list[str]]:
    """Call every operation; how many went round, how many there are, and a line for each that did not."""
    sys.path.insert(0, str(folder.parent))
    package = import_module(folder.name)
    described = Described(document)
    known: dict[tuple[str, str], list[Operation[..., Any]]] = {}
    for operation in package.OPERATIONS.values():
        known.setdefault((operation.method, operation.path), []).append(operation)
    went, failed, total = 0, [], 0
    async with Socket() as socket:
        for path, method, item, source in described.operations():
            total += 1
            key = (method.upper(), described.base(item, source) + path.partition("#")[0].partition("?")[0])
            try:
                trip = Trip(described, known[key].pop(0), path.partition("?")[0], item, source)
                await trip.make(socket)
                went += 1
            except Exception as error:  # noqa: BLE001 - told
                failed.append(f"{method.upper()} {path}: {type(error).__name__}: {str(error)[:200]}")
    return went, total, failed


def read(path: Path) -> dict[str, Any]:
    content = path.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(content) if path.suffix == ".json" else yaml.load(content, yaml.CSafeLoader)
    return found


if __name__ == "__main__":
    went, total, failed = asyncio.run(make_all(Path(sys.argv[1]), read(Path(sys.argv[2]))))
    print(json.dumps({"went": went, "total": total, "failed": failed}))
