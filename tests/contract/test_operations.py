"""Every operation, against its document: what it puts on the wire, and what it makes of the answers."""

import asyncio
import base64
import inspect
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import jsonschema_rs
import orjson
import pytest
import respx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiosymphony.errors import ApiError, DecodeError, SymphonyError
from aiosymphony.transport.httpx import HttpxTransport
from aiosymphony.wire.models import Model, TextInt
from aiosymphony.wire.operation import Operation, Request

from .samples import METHODS, PAGED_BY, SPECS, Samples, apis, document

T = TypeVar("T")

HOST = "https://acme.symphony.test"
BASE64 = st.binary(min_size=1, max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
FEW = settings(
    max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@dataclass(frozen=True, eq=False)
class Documented:
    """One operation as its document describes it, with parameters and responses resolved."""

    package: str
    api: str
    id: str
    method: str
    path: str
    source: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]

    @property
    def base(self) -> str:
        item = document(self.package)["paths"][self.path]
        servers = self.source.get("servers") or item.get("servers") or document(self.package)["servers"]
        return urlsplit(servers[0]["url"]).path.rstrip("/")

    @property
    def operation(self) -> Operation[..., Any]:
        operations: Any = import_module(f"aiosymphony_api.{self.package}").OPERATIONS
        found: Operation[..., Any] = operations[self.id]
        return found

    def __str__(self) -> str:
        return f"{self.package}-{self.id}"


@cache
def documented(package: str) -> list[Documented]:
    source = document(package)
    resolve = Samples(source).resolve
    api = next(api["api"] for api in apis() if api["package"] == package)
    found = []
    for path, item in source["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                parameters = {
                    (p["in"], p["name"]): p
                    for p in map(resolve, [*item.get("parameters", []), *operation.get("parameters", [])])
                }
                found.append(
                    Documented(
                        package, api, operation["operationId"], method, path, operation, tuple(parameters.values())
                    )
                )
    return found


@cache
def table(path: str) -> dict[str, Any]:
    return tomllib.loads((SPECS / path).read_text(encoding="utf-8"))


def facts_of(documented: Documented) -> dict[str, Any]:
    """The reviewed facts about an operation."""
    path = next(api["operations"] for api in apis() if api["package"] == documented.package)
    facts: dict[str, Any] = table(path).get(documented.id, {})
    return facts


def every_operation() -> list[Any]:
    return [pytest.param(each, id=str(each)) for api in apis() for each in documented(api["package"])]


class Recorder:
    """A caller that sends through httpx and hands the answer to the operation's parser."""

    def __init__(self, transport: HttpxTransport) -> None:
        self.transport = transport

    async def execute(self, request: Request[T], /) -> T:
        operation = request.operation
        headers = dict(request.headers or {})
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        url = f"{HOST}{request.path}" + (f"?{request.query}" if request.query else "")
        answer = await self.transport.send(operation.method, url, headers, request.body, timeout=5)
        return operation.parse(answer.status, answer.headers, answer.content)


def send(documented: Documented, arguments: dict[str, Any], answer: httpx.Response) -> tuple[httpx.Request, Any]:
    """Call an operation; returns the request that httpx sent and the result, or the error in its place."""

    async def run() -> tuple[httpx.Request, Any]:
        router = respx.Router()
        route = router.route(host="acme.symphony.test").mock(return_value=answer)
        async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as client:
            module = import_module(documented.operation.build.__module__)
            result: Any
            try:
                result = await module.call(Recorder(HttpxTransport(client)), **arguments)
            except SymphonyError as error:
                result = error
        assert route.call_count == 1
        sent: httpx.Request = route.calls.last.request
        return sent, result

    return asyncio.run(run())


def plain(value: Any) -> Any:
    """A result as JSON."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, TextInt):
        return value.text
    return [plain(item) for item in value] if isinstance(value, list) else value


def typed(hint: Any, value: Any) -> Any:
    """JSON as the argument that a type hint asks for."""
    if get_origin(hint) is list:
        return [typed(get_args(hint)[0], item) for item in value]
    for choice in get_args(hint) or (hint,):
        if isinstance(choice, type) and issubclass(choice, Model):
            return choice.from_dict(value)  # type: ignore[attr-defined]
    return value


def python_name(wire: str, names: list[str]) -> str:
    """The argument that stands for a parameter: the same letters, whatever the case and the underscores."""

    def squeeze(name: str) -> str:
        return re.sub("[^a-z0-9]", "", name.lower())

    (found,) = [name for name in names if squeeze(name) == squeeze(wire)]
    return found


def validator(documented: Documented, schema: dict[str, Any]) -> jsonschema_rs.Draft4Validator:
    components = document(documented.package).get("components", {})
    return jsonschema_rs.Draft4Validator({"allOf": [schema], "components": components})


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def succeeds(status: str) -> bool:
    return status.startswith("2") or status == "304"


def responses(documented: Documented) -> dict[str, dict[str, Any]]:
    resolve = Samples(document(documented.package)).resolve
    return {status: resolve(response) for status, response in documented.source["responses"].items()}


def sample_answer(documented: Documented, *, tolerant: bool = False) -> st.SearchStrategy[tuple[httpx.Response, Any]]:
    """An answer that the document promises, and the JSON in it."""
    samples = Samples(document(documented.package), tolerant=tolerant)
    choices: list[st.SearchStrategy[tuple[httpx.Response, Any]]] = []
    for status, response in responses(documented).items():
        if not succeeds(status):
            continue
        content = response.get("content")
        if content is None:
            choices.append(st.just((httpx.Response(int(status)), None)))
            continue
        values = samples.of(content["application/json"].get("schema", {}))
        choices.append(
            values.map(
                lambda value, status=status: (
                    httpx.Response(
                        int(status), content=orjson.dumps(value), headers={"Content-Type": "application/json"}
                    ),
                    value,
                )
            )
        )
    return st.one_of(choices)


@st.composite
def sample_arguments(draw: st.DrawFn, documented: Documented) -> tuple[dict[str, Any], dict[tuple[str, str], Any], Any]:
    """Arguments of an operation; with them the wire's values by place and name, and the body's JSON."""
    samples = Samples(document(documented.package))
    build = documented.operation.build
    names = list(inspect.signature(build).parameters)
    ids = facts_of(documented).get("ids", ())
    arguments: dict[str, Any] = {}
    wire: dict[tuple[str, str], Any] = {}
    for parameter in documented.parameters:
        if not parameter.get("required") and draw(st.booleans()):
            continue
        values = samples.of(parameter["schema"])
        if parameter["in"] == "path" and parameter["schema"]["type"] == "string":
            values = values.filter(lambda value: value not in ("", ".", ".."))
        if parameter["name"] in ids:
            values = BASE64
        if parameter["in"] == "header":
            values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
        value = draw(values)
        arguments[python_name(parameter["name"], names)] = value
        wire[parameter["in"], parameter["name"]] = value
    body = None
    if "requestBody" in documented.source:
        request_body = samples.resolve(documented.source["requestBody"])
        if request_body.get("required") or draw(st.booleans()):
            body = draw(samples.of(request_body["content"]["application/json"]["schema"]))
            for name in [name.removeprefix("body.") for name in ids if name.startswith("body.")]:
                if name in body:
                    body[name] = draw(st.lists(BASE64) if isinstance(body[name], list) else BASE64)
            arguments["body"] = typed(get_type_hints(build)["body"], body)
    return arguments, wire, body


@pytest.mark.parametrize("documented", every_operation())
def test_the_request_is_the_one_documented(documented: Documented) -> None:
    @FEW
    @given(sample_arguments(documented), sample_answer(documented))
    def check(
        drawn: tuple[dict[str, Any], dict[tuple[str, str], Any], Any], answered: tuple[httpx.Response, Any]
    ) -> None:
        arguments, wire, body = drawn
        answer, expected = answered
        sent, result = send(documented, arguments, answer)

        assert sent.method == documented.method.upper()
        path, _, query = sent.url.raw_path.decode("ascii").partition("?")
        wanted = [
            text(wire["path", segment[1:-1]]) if segment.startswith("{") else segment
            for segment in (documented.base + documented.path).split("/")
        ]
        assert [unquote(segment) for segment in path.split("/")] == wanted
        assert sorted(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))) == sorted(
            (name, text(value)) for (where, name), value in wire.items() if where == "query"
        )
        for (where, name), value in wire.items():
            if where == "header":
                assert sent.headers[name] == text(value)
        if body is None:
            assert sent.content == b""
            assert "Content-Type" not in sent.headers
        else:
            assert orjson.loads(sent.content) == body
            assert sent.headers["Content-Type"] == "application/json"
            resolve = Samples(document(documented.package)).resolve
            schema = resolve(documented.source["requestBody"])["content"]["application/json"]["schema"]
            validator(documented, schema).validate(orjson.loads(sent.content))
        assert plain(result) == expected

    check()


@pytest.mark.parametrize("documented", every_operation())
def test_answers_of_other_servers_are_read_and_kept(documented: Documented) -> None:
    @FEW
    @given(sample_answer(documented, tolerant=True))
    def check(answered: tuple[httpx.Response, Any]) -> None:
        answer, expected = answered
        result = documented.operation.parse(answer.status_code, answer.headers, answer.content)
        assert orjson.dumps(plain(result), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
            expected, option=orjson.OPT_SORT_KEYS
        )

    check()


@pytest.mark.parametrize("documented", every_operation())
def test_errors_are_raised(documented: Documented) -> None:
    parse = documented.operation.parse
    known = responses(documented)
    errors = [int(status) for status in known if not succeeds(status)]
    assert errors or documented.package == "connect"
    for status in {*errors, 404, 429, 500, 502, 599}:
        with pytest.raises(ApiError) as caught:
            parse(status, {}, b'{"code": 7, "message": "no"}')
        assert caught.value.status == status
        assert caught.value.operation == documented.id
    undocumented = next(status for status in (218, 200) if str(status) not in known)
    with pytest.raises(DecodeError):
        parse(undocumented, {}, b"{}")
    for status, response in known.items():
        if succeeds(status) and "content" in response:
            for garbage in (b"", b"<html>", b'{"a": ', b"7"):
                if garbage == b"7" and _takes_anything(documented, response):
                    continue
                with pytest.raises(DecodeError) as undecodable:
                    parse(int(status), {}, garbage)
                assert undecodable.value.path == "$"
                assert undecodable.value.status == int(status)


def _takes_anything(documented: Documented, response: dict[str, Any]) -> bool:
    """Whether an answer of the wrong kind does no harm: scalars and lists of scalars are passed on as they come."""
    schema = Samples(document(documented.package)).resolve(response["content"]["application/json"].get("schema", {}))
    if schema.get("type") == "array":
        items = Samples(document(documented.package)).resolve(schema["items"])
        return items.get("type") in ("string", "boolean", "number")
    return "properties" not in schema and "allOf" not in schema and schema.get("type") != "object"


@pytest.mark.parametrize("documented", every_operation())
def test_the_facts_are_those_of_the_document_and_the_table(documented: Documented) -> None:
    operation = documented.operation
    source = documented.source
    facts = facts_of(documented)
    security = source.get("security", document(documented.package).get("security", []))
    assert operation.id == documented.id
    assert operation.api == documented.api
    assert operation.method == documented.method.upper()
    assert operation.path == documented.base + documented.path
    assert operation.tag == source["tags"][0]
    assert operation.deprecated == source.get("deprecated", False)
    assert operation.idempotent == facts.get("idempotent", False)
    assert operation.kind == facts["kind"]
    assert operation.reads == (facts["kind"] == "read")
    paging = facts.get("paging")
    query = {parameter["name"] for parameter in documented.parameters if parameter["in"] == "query"}
    assert operation.paging == (paging if query >= PAGED_BY.get(paging, set()) else None)
    ways = sorted((way for way in security if way), key=len) or [{}]
    assert [set(way) for way in (operation.auth, *operation.other_auth)] == [set(way) for way in ways]
    doc = inspect.getdoc(import_module(operation.build.__module__)) or ""
    assert source["summary"] in doc
    assert ("Deprecated." in doc) == operation.deprecated


@pytest.mark.parametrize("package", [api["package"] for api in apis()])
def test_operations_are_all_there_and_imported_when_asked_for(package: str) -> None:
    operations = import_module(f"aiosymphony_api.{package}").OPERATIONS
    assert list(operations) == [each.id for each in documented(package)]
    assert len(operations) == len(documented(package))
    assert "no_such_operation" not in operations
    with pytest.raises(KeyError):
        operations["no_such_operation"]
