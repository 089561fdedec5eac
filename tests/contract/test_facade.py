"""The facade, against the tables in ``specs/`` and the documents: every method sends its operation, with all arguments.

The methods are found, not listed, and called with arguments made from their signatures; what matters is what reaches
the wire. What single methods do beyond that is in ``tests/facade``.
"""

from __future__ import annotations

import base64
import inspect
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, unquote

import attrs
import httpx
import orjson
import pytest
import respx

from aiosymphony import ConnectClient, PodClient, StaticToken
from aiosymphony.paging import Pager
from aiosymphony.transport.httpx import HttpxTransport
from aiosymphony.wire.models import Model

from .samples import SPECS, Samples, apis, document
from .test_operations import Documented, documented, succeeds, validator

CLIENTS: Mapping[str, type[PodClient | ConnectClient]] = {"pod": PodClient, "connect": ConnectClient}
PACKAGES = {
    "pod": ("pod", "agent", "users", "files", "profile_manager"),
    "connect": ("connect",),
}
HOST = "https://acme.symphony.test"
EXCHANGE = "/login/idm/tokens"

# Methods beside the one that the table names for an operation.
BESIDE = {
    ("pod", "users.enable"): "v1_admin_user_uid_status_update_post",
    ("pod", "users.disable"): "v1_admin_user_uid_status_update_post",
    ("pod", "users.unsuspend"): "v1_admin_user_user_id_suspension_update_put",
    ("pod", "users.remove_delegate"): "v1_admin_user_uid_delegates_update_post",
    ("pod", "rooms.activate"): "v1_room_id_set_active_post",
    ("pod", "rooms.deactivate"): "v1_room_id_set_active_post",
    ("connect", "companies.wait_until_completed"): "api_v2_companies_company_id_get",
    ("pod", "entitlements.set"): "v1_admin_app_entitlement_list_post",
    ("pod", "entitlements.set_for_user"): "v1_admin_user_uid_app_entitlement_list_patch",
    ("connect", "users.create_one"): "api_v2_companies_company_id_users_post",
    ("connect", "users.create_batch"): "api_v2_companies_company_id_users_post",
    ("connect", "users.create_objects"): "api_v2_companies_company_id_users_post",
    ("connect", "users.enable"): "api_v2_companies_company_id_users_user_id_patch",
    ("connect", "users.disable"): "api_v2_companies_company_id_users_user_id_patch",
}

# Methods that send nothing themselves, and give an object that does, or send what no document has; tested on their own.
OBJECTS = {
    ("pod", "users.download_avatar"),
    ("pod", "presence.feed"),
    ("connect", "directory.search"),
    ("connect", "directory.login_information"),
}

# Arguments that steer the client and are never sent.
UNSENT = {"concurrency", "batch_size", "timeout", "interval", "newest_first"}

# Values that a method or a document restricts beyond their type.
VALUES: dict[tuple[str, str], Any] = {
    ("companies.create", "vanity_name"): "vanity-name",
    ("connections.get", "user_id"): 77,
    ("connections.list", "status"): "accepted",
    ("rooms.search", "sort_order"): "RELEVANCE",
    ("streams.list", "types"): ["ROOM", "IM"],
    ("streams.list_for_user", "types"): ["ROOM", "IM"],
    ("users.find", "status"): "DISABLED",
    ("users.get_many", "local"): True,
    ("users.create", "account_type"): "SYSTEM",
    ("users.create_objects", "users"): [{"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"}],
}

# Where not all arguments go together: the calls to make instead, by the arguments left out.
LEAVE_OUT: dict[str, list[set[str]]] = {
    "users.get": [{"email", "username"}, {"uid", "username"}, {"uid", "email"}],
    "users.get_many": [{"emails", "usernames"}, {"uids", "usernames"}, {"uids", "emails"}],
}


@dataclass(frozen=True)
class Method:
    """A public method of a resource, and the operation it is to send."""

    client: str
    name: str
    function: Callable[..., Any]
    operation: Documented

    def __str__(self) -> str:
        return f"{self.client}.{self.name}"


def resources(client: str) -> dict[str, type]:
    """The resources of a client by name; their classes are what the properties promise."""
    found = {}
    for name, value in vars(CLIENTS[client]).items():
        if isinstance(value, cached_property):
            module = import_module(f"aiosymphony.{client}.{name}")
            found[name] = getattr(module, value.func.__annotations__["return"])
    return found


def public(resource: type) -> dict[str, Callable[..., Any]]:
    return {name: value for name, value in vars(resource).items() if inspect.isfunction(value) and name[0] != "_"}


@cache
def operations(client: str) -> dict[str, Documented]:
    return {each.id: each for package in PACKAGES[client] for each in documented(package)}


@cache
def promised(client: str) -> dict[str, str]:
    """Facade names and the operations they stand for, as the tables say."""
    names = {}
    for api in apis():
        if api["package"] in PACKAGES[client]:
            table = tomllib.loads((SPECS / api["operations"]).read_text(encoding="utf-8"))
            table.pop("present", None)  # says something of schemas
            names |= {entry["facade"]: name for name, entry in table.items() if entry["facade"]}
    return names


def every_method() -> Iterator[Any]:
    for client in CLIENTS:
        for resource, cls in resources(client).items():
            for name, function in public(cls).items():
                full = f"{resource}.{name}"
                operation = promised(client).get(full) or BESIDE.get((client, full))
                if operation is not None:
                    method = Method(client, full, function, operations(client)[operation])
                    yield pytest.param(method, id=str(method))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_facade_has_what_the_tables_name_and_no_more(client: str) -> None:
    there = {f"{resource}.{name}" for resource, cls in resources(client).items() for name in public(cls)}
    beside = {name for of, name in BESIDE.keys() | OBJECTS if of == client}
    assert there == promised(client).keys() | beside
    assert not promised(client).keys() & beside


@pytest.mark.parametrize("client", CLIENTS)
def test_every_current_operation_has_a_method(client: str) -> None:
    current = {name for name, each in operations(client).items() if not each.source.get("deprecated")}
    assert current
    assert set(promised(client).values()) == current


@pytest.mark.parametrize("method", [*every_method()])
async def test_the_method_sends_its_operation(method: Method) -> None:
    for arguments in calls(method):
        sent = await send(method, arguments)
        assert sent, arguments
        for request in sent:
            check_request(method.operation, request)
            check_order(method, request, arguments)
        on_the_wire = {leaf for request in sent for leaf in leaves_of_request(request)}
        for name, value in arguments.items():
            if name not in UNSENT:
                lost = {leaf for leaf in leaves(value) if leaf not in on_the_wire}
                assert not lost, f"{name} of {method} is not sent: {lost}"


# --- arguments --------------------------------------------------------------------------------------------------------


def calls(method: Method) -> Iterator[dict[str, Any]]:
    """The arguments of some calls: all of them, and those alone that must be."""
    parameters = dict(list(inspect.signature(method.function).parameters.items())[1:])
    hints = get_type_hints(method.function, localns=Names(method.client))
    counter = iter(range(1001, 9999))
    whole = {}
    for name, parameter in parameters.items():
        if name in UNSENT and parameter.default is not parameter.empty:
            continue
        if name == "page_size":
            whole[name] = 37
        else:
            whole[name] = VALUES.get((method.name, name)) or sample(hints[name], name, counter)
    bodies = [name for name in whole if parameters[name].default is None and is_model(hints[name])]
    if method.name in LEAVE_OUT:
        for left_out in LEAVE_OUT[method.name]:
            yield {name: value for name, value in whole.items() if name not in left_out}
    elif bodies:
        # A model, or what it is made of, argument by argument.
        needed = {name for name in whole if parameters[name].default is parameters[name].empty}
        yield {name: value for name, value in whole.items() if name not in bodies}
        yield {name: value for name, value in whole.items() if name in needed or name in bodies}
    else:
        yield whole
        yield {name: value for name, value in whole.items() if parameters[name].default is parameters[name].empty}


class Names(dict[str, Any]):
    """What annotations name that is imported for type-checkers alone: the models of a client's APIs."""

    def __init__(self, client: str) -> None:
        self._models = [import_module(f"aiosymphony_api.{package}.models") for package in PACKAGES[client]]

    def __missing__(self, name: str) -> Any:
        for models in self._models:
            if name in models.__all__:
                return getattr(models, name)
        if name == "Pager":
            return Pager
        raise KeyError(name)


def sample(hint: Any, name: str, counter: Iterator[int], depth: int = 0) -> Any:
    """A value of a type, unlike any other that this call makes."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        choices = [choice for choice in arguments if choice is not NoneType]
        # An enumeration's values are texts that the documents know.
        enums = [choice for choice in choices if isinstance(choice, type) and issubclass(choice, Enum)]
        return sample((enums or choices)[0], name, counter, depth)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]
    if isinstance(hint, type) and issubclass(hint, Model):
        hints = get_type_hints(hint)
        fields = [field.name for field in attrs.fields(hint) if field.name != "additional_properties"]
        filled = {f: sample(hints[f], f"{name}-{f}", counter, depth + 1) for f in fields if depth < 3}
        return hint(**filled)
    if hint is bool:
        return True
    if hint is int:
        return next(counter)
    if hint is float:
        return 0.5
    if hint is str and name.endswith(("_at", "-timestamp")):
        return "2026-01-02T03:04:05Z"
    if hint is str:
        return f"{name}-{next(counter)}"
    if hint is bytes:
        return f"{name} {next(counter)}".encode()
    if arguments and inspect.isclass(origin):
        if issubclass(origin, Mapping):
            key, value = arguments
            if value is Any:
                value = str
            return {sample(key, name, counter, depth): sample(value, name, counter, depth) for _ in range(2)}
        return [sample(arguments[0], name, counter, depth) for _ in range(2)]
    raise AssertionError(f"no sample of {hint!r}")


def is_model(hint: Any) -> bool:
    return any(isinstance(choice, type) and issubclass(choice, Model) for choice in get_args(hint) or (hint,))


# --- the wire ---------------------------------------------------------------------------------------------------------


async def send(method: Method, arguments: dict[str, Any]) -> list[httpx.Request]:
    """Call the method on a client whose server answers as the document says; returns what was sent."""
    router = respx.Router()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == EXCHANGE:
            assert request.headers["sessionToken"] == "token"
            scope = request.url.params["scope"]
            return httpx.Response(200, json={"access_token": f"token-of-{scope}", "expires_in": 300})
        return answer_to(method.operation, request)

    router.route(host="acme.symphony.test").mock(side_effect=answer)
    async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as http:
        transport = HttpxTransport(http)
        client: Any
        if method.client == "pod":
            client = PodClient(HOST, StaticToken("token"), transport=transport)
        else:
            client = ConnectClient(StaticToken("token"), base_url=HOST, transport=transport)
        async with client:
            resource, _, name = method.name.partition(".")
            assert type(getattr(client, resource)) is resources(method.client)[resource]
            result = getattr(getattr(client, resource), name)(**arguments)
            if isinstance(result, Pager):
                await result.first()
            else:
                await result
    return [call.request for call in router.calls if call.request.url.path != EXCHANGE]


def answer_to(operation: Documented, request: httpx.Request) -> httpx.Response:
    """The least that the document allows for an answer; creates get back what they asked for."""
    resolve = Samples(document(operation.package)).resolve
    status, response = next(
        (status, resolve(response))
        for status, response in sorted(operation.source["responses"].items())
        if succeeds(status)
    )
    content = response.get("content")
    if content is None:
        return httpx.Response(int(status))
    schema = content["application/json"]["schema"]
    body = orjson.loads(request.content) if request.content else None
    value = ANSWERS[operation.id](body) if operation.id in ANSWERS else least(resolve, schema)
    assert_valid(operation, schema, value)
    return httpx.Response(int(status), content=orjson.dumps(value), headers={"Content-Type": "application/json"})


COMPANY = {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.test"], "state": "COMPLETED"}

ANSWERS: dict[str, Callable[[Any], Any]] = {
    "api_v2_companies_company_id_get": lambda _: COMPANY,
    "api_v2_companies_company_id_users_post": lambda body: [{**user, "status": 201} for user in body],
    "api_v2_companies_post": lambda body: body,
    "v1_admin_app_create_post": lambda body: body,
    "v1_admin_group_gid_membership_add_post": lambda body: {"overallResult": "SUCCESS", "results": [""] * len(body)},
    "v1_admin_group_gid_membership_remove_post": lambda body: {"overallResult": "SUCCESS", "results": [""] * len(body)},
    "files_v1_file_id_get": lambda _: {"signedUrl": "https://storage.test/file"},
    "v1_connection_create_post": lambda body: body,
    "v1_groups_post": lambda body: {key: body[key] for key in ("type", "ownerType", "ownerId", "name")},
    "v1_presence_feed_create_post": lambda _: {"id": "feed"},
    "v2_admin_user_create_post": lambda body: {"userAttributes": body["userAttributes"]},
    "v3_room_create_post": lambda body: {"roomAttributes": body},
}


def least(resolve: Callable[[Any], Any], schema: dict[str, Any]) -> Any:
    """The least value of a schema: what is required, and nothing in it."""
    schema = resolve(schema)
    if "allOf" in schema:
        return {key: value for part in schema["allOf"] for key, value in least(resolve, part).items()}
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {name: least(resolve, schema["properties"][name]) for name in schema.get("required", [])}
    return {"array": [], "string": "text", "integer": 1, "number": 1.0, "boolean": False}[kind]


def check_request(operation: Documented, request: httpx.Request) -> None:
    """Method, path, query and body are those of the operation, by its document."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    template = operation.base + operation.path
    pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
    assert request.method == operation.method.upper()
    assert re.fullmatch(pattern, path), f"{path} is not {template}"
    asked = dict(parse_qsl(query, keep_blank_values=True))
    known = {parameter["name"] for parameter in operation.parameters if parameter["in"] == "query"}
    needed = {p["name"] for p in operation.parameters if p["in"] == "query" and p.get("required")}
    assert needed <= asked.keys() <= known
    described = operation.source.get("requestBody")
    if described is None:
        assert request.content == b""
    elif request.content or described.get("required"):
        schema = Samples(document(operation.package)).resolve(described)["content"]["application/json"]["schema"]
        assert_valid(operation, schema, orjson.loads(request.content))


def check_order(method: Method, request: httpx.Request, arguments: dict[str, Any]) -> None:
    """The arguments in the path stand in the order in which the method takes them: none is in another's place."""
    operation = method.operation
    path = request.url.raw_path.decode("ascii").partition("?")[0].split("/")
    template = (operation.base + operation.path).split("/")
    filled = [unquote(part).casefold() for part, name in zip(path, template, strict=True) if name.startswith("{")]
    defaults = {name: each.default for name, each in inspect.signature(method.function).parameters.items()}
    given = [str(value).casefold() for value in {**defaults, **arguments}.values()]
    assert [value for value in given if value in filled] == filled


def assert_valid(operation: Documented, schema: dict[str, Any], value: Any) -> None:
    # An AssertionError, as the transport takes a ValueError for its own.
    assert [str(error) for error in validator(operation, schema).iter_errors(value)] == []


def leaves_of_request(request: httpx.Request) -> Iterator[str]:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    yield from (unquote(part).casefold() for part in path.split("/"))
    for _, value in parse_qsl(query, keep_blank_values=True):
        yield from value.casefold().split(",")
    if "If-Match" in request.headers:
        yield request.headers["If-Match"].casefold()
    if request.content:
        yield from leaves(orjson.loads(request.content))


def leaves(value: Any) -> Iterator[str]:
    """The single values in an argument or a body, as they read in a request."""
    if isinstance(value, Model):
        yield from leaves(value.to_dict())
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key).casefold()
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, bytes):
        yield base64.b64encode(value).decode().casefold()
    else:
        yield str(value).casefold()
