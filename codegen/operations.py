"""Reads operations: their arguments, bodies, results and tokens, as facts and in plain form.

In plain form every argument is a query parameter, and every path is an operation's id. The place of an argument and its
name on the wire are facts: the generator has rules of its own for both and must not see them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from aiosymphony.apidiff.surface import METHODS, TRANSPORT_HEADERS, token_of, ways_in
from aiosymphony.apidiff.words import tag_of

from .facts import PAGING, Body, BodyKind, OperationFacts, Parameter, Result, ResultKind, Reviewed, Style
from .names_lock import NamesLock
from .naming import identifier, operation_id, pascal_case, stable_identifier, tag_name
from .problem import CodegenError, pointer
from .references import References
from .runtime import RESERVED_ARGUMENTS
from .schemas import Schemas
from .shapes import kind_of, text

# Of several media types, the one to send or read.
_BODY_RANK: tuple[BodyKind, ...] = ("json", "form", "multipart", "text", "bytes")
_RESULT_RANK: tuple[ResultKind, ...] = ("json", "text", "bytes")
_NEVER_WITH_CONTENT = ("204", "205", "304")  # by HTTP itself, whatever a document says
_DELIMITERS: dict[str, Style] = {"spaceDelimited": "space", "pipeDelimited": "pipe"}


class Operations:
    """The operations of one document.

    Attributes:
        facts: Facts about each operation, by its id. Empty until ``read``, as are the others.
        paths: The operations in plain form, for the generator.
        parameters: How many parameters the document has, tokens and headers of transports among them.
    """

    def __init__(
        self,
        references: References,
        schemas: Schemas,
        notes: list[str],
        names: NamesLock,
        *,
        api: str,
        reviewed: Mapping[str, Reviewed],
    ) -> None:
        self._names = names
        self.facts: dict[str, OperationFacts] = {}
        self.paths: dict[str, Any] = {}
        self.parameters = 0
        self._source = references.document
        self._references = references
        self._schemas = schemas
        self._notes = notes
        self._api = api
        self._reviewed = reviewed

    def read(self) -> None:
        """Read all operations.

        Raises:
            CodegenError: One holds what cannot be expressed; says where.
        """
        found = list(self._each())
        ids = self._names.distinct(
            "operation",
            [f"{method} {path}" for path, method, _, _ in found],
            lambda text: operation_id(text.split(" ", 1)[1], text.split(" ", 1)[0]),
        )
        for path, method, item, operation in found:
            wanted = operation_id(path, method)
            name = ids[f"{method} {path}"]
            if name != wanted:
                self._notes.append(f"{pointer('paths', path, method)}: the id {wanted} is taken; it is {name}")
            self.facts[name], plain = self._operation(path, method, item, operation, name)
            self.paths[f"/{name}"] = {method: plain}

    def _each(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        for path, item in self._source["paths"].items():
            item = self._references.follow(item, pointer("paths", path))
            for method in METHODS:
                if method in item:
                    yield path, method, item, item[method]

    def _operation(
        self, path: str, method: str, item: dict[str, Any], operation: dict[str, Any], name: str
    ) -> tuple[OperationFacts, dict[str, Any]]:
        place = pointer("paths", path, method)
        path, hash_sign, _ = path.partition("#")
        if hash_sign:
            self._notes.append(f"{place}: has a fragment in its path, which is not sent; it is part of the id alone")
        if operation.get("callbacks"):
            self._notes.append(f"{place}/callbacks: a server's calls are no part of a client; not generated")
        tags = [text(tag) for tag in operation.get("tags") or []] or [tag_of(path, operation)]
        if len(tags) > 1:
            self._notes.append(f"{place}/tags: filed under the first of {', '.join(tags)}")
        hint = pascal_case(name)
        arguments, tokens = self._arguments(path, item, operation, place, hint)
        parameters = tuple(parameter for parameter, _ in arguments)
        auth, *other_auth = ways_in(self._source, operation, tokens)
        known = (self._source.get("components") or {}).get("securitySchemes") or {}
        for name_of_scheme in sorted({*auth, *(each for way in other_auth for each in way)} - {*known, *tokens}):
            self._notes.append(f"{place}/security: the document does not define {name_of_scheme!r}")
        full = self._base_path(item, operation, place) + path
        parts = _path_parts(full, {p.wire: p.python for p in parameters if p.place == "path"}, place)
        body, plain_body = self._body(operation, place, hint)
        results, plain_responses = self._results(operation, place, hint)
        facts = OperationFacts(
            id=name,
            api=self._api,
            method=method.upper(),
            path=full,
            path_parts=parts,
            tag=tags[0],
            tag_module=tag_name(tags[0]),
            auth=auth,
            other_auth=tuple(other_auth),
            reviewed=self._reviewed_of(name, parameters, place),
            deprecated=operation.get("deprecated") is True,
            summary=text(operation.get("summary")),
            description=text(operation.get("description")),
            parameters=parameters,
            body=body,
            results=results,
        )
        plain: dict[str, Any] = {"operationId": name, "tags": [facts.tag_module], "responses": plain_responses}
        if arguments:
            plain["parameters"] = [
                {"name": parameter.key, "in": "query", "required": parameter.required, "schema": schema}
                for parameter, schema in arguments
            ]
        if plain_body is not None:
            plain["requestBody"] = plain_body
        return facts, plain

    def _reviewed_of(self, name: str, parameters: tuple[Parameter, ...], place: str) -> Reviewed:
        """The reviewed facts about an operation, without those that do not apply to this version."""
        reviewed = self._reviewed.get(name, Reviewed())
        if reviewed.paging is None:
            return reviewed
        if reviewed.paging not in PAGING:
            raise CodegenError(
                f"{place}: paging", f"there is no {reviewed.paging!r}", f"Use one of {', '.join(PAGING)}."
            )
        missing = PAGING[reviewed.paging] - {parameter.wire for parameter in parameters if parameter.place == "query"}
        if not missing:
            return reviewed
        self._notes.append(f"{place}: has no {', '.join(sorted(missing))}; not paged by {reviewed.paging}")
        return replace(reviewed, paging=None)

    def _base_path(self, item: dict[str, Any], operation: dict[str, Any], place: str) -> str:
        for holder in (operation, item, self._source):
            if holder.get("servers"):
                server = holder["servers"][0]
                url = server.get("url", "")
                for variable, value in (server.get("variables") or {}).items():
                    url = url.replace(f"{{{variable}}}", str(value.get("default", "")))
                host = url.split("/", 1)[0]
                if "." in host and ":" not in host and "{" not in host:
                    self._note_once(f"{pointer('servers')}: {url} has no scheme; {host} is taken for a host")
                    url = f"https://{url}"
                base = urlsplit(url).path.rstrip("/")
                if "{" in base:
                    raise CodegenError(f"{place}: server", f"the base path {base!r} holds a variable without a default")
                return base if base.startswith("/") or not base else f"/{base}"
        return ""

    def _note_once(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    # --- arguments ---

    def _arguments(
        self, path: str, item: dict[str, Any], operation: dict[str, Any], place: str, hint: str
    ) -> tuple[list[tuple[Parameter, dict[str, Any]]], list[str]]:
        """The arguments of an operation with their schemas, and the tokens that its document has as parameters."""
        resolved: dict[tuple[Any, str], tuple[dict[str, Any], str]] = {}
        for holder, above in ((item, place.rpartition("/")[0]), (operation, place)):
            for index, parameter in enumerate(holder.get("parameters") or []):
                below = f"{above}/parameters/{index}"
                parameter = self._references.follow(parameter, below)
                resolved[parameter["in"], parameter["name"]] = (parameter, below)
        self.parameters += len(resolved)
        tokens = []
        wanted = []
        for (where, wire), (parameter, below) in resolved.items():
            if where == "header" and token_of(wire):
                tokens.append(wire)
            elif where == "header" and wire.lower() in TRANSPORT_HEADERS:
                self._notes.append(f"{below}: the header {wire} is set by the transport; no argument")
            else:
                wanted.append((where, wire, parameter, below))
        names = self._names.distinct(
            f"argument {hint}",
            [f"{where} {wire}" for where, wire, _, _ in wanted],
            lambda text: identifier(text.split(" ", 1)[1], "parameter_", RESERVED_ARGUMENTS),
            spelled=lambda text: text.split(" ", 1)[1],
        )
        found = []
        for number, (where, wire, parameter, below) in enumerate(wanted, start=1):
            python = names[f"{where} {wire}"]
            schema, style = self._style(parameter, where, below)
            plain = self._schemas.plain(schema, f"{below}/schema", f"{hint}{pascal_case(wire)}")
            argument = Parameter(
                place=where,
                wire=wire,
                python=python,
                key=python if stable_identifier(python) else f"parameter_{number}",
                required=where == "path" or parameter.get("required") is True,
                description=text(parameter.get("description")) or self._schemas.words(schema, below).description,
                style=style,
            )
            found.append((argument, plain))
        order = re.findall(r"{([^{}]*)}", path)
        declared = {argument.wire for argument, _ in found if argument.place == "path"}
        if set(order) != declared:
            missing = ", ".join(sorted(set(order) ^ declared))
            raise CodegenError(
                pointer("paths", path),
                f"path and path parameters differ in: {missing}",
                "Declare the parameter, or remove it, with a fix.",
            )
        # As in a signature: those of the path in its order, then the required ones, then the others.
        found.sort(key=lambda each: not each[0].required)
        found.sort(key=lambda each: order.index(each[0].wire) if each[0].place == "path" else len(order))
        return found, tokens

    def _style(self, parameter: dict[str, Any], where: str, place: str) -> tuple[Any, Style]:
        """The schema of a parameter and how its value is written."""
        if parameter.get("content"):
            kind, media = next(iter(parameter["content"].items()))
            if not _is_json(kind):
                raise CodegenError(f"{place}/content", f"a parameter written as {kind}", "Only JSON can be; use a fix.")
            return media.get("schema", {}), "json"
        schema = parameter.get("schema", {})
        style = parameter.get("style") or ("form" if where in ("query", "cookie") else "simple")
        explode = parameter.get("explode", style == "form")
        shape = kind_of(self._schemas.flatten(schema, place))
        if style == "deepObject":
            return schema, "deep"
        if shape == "object":
            if style == "form" and explode:
                return schema, "fields"
            raise CodegenError(
                place, f"an object written in the style {style}", "Use form with explode, or deepObject."
            )
        if style in ("matrix", "label"):
            raise CodegenError(place, f"a path parameter in the style {style}", "Only the style simple can be written.")
        if shape != "array" or (style == "form" and explode):
            return schema, "plain"
        return schema, _DELIMITERS.get(style, "comma")

    # --- bodies and results ---

    def _body(self, operation: dict[str, Any], place: str, hint: str) -> tuple[Body | None, dict[str, Any] | None]:
        """The body, and its plain form unless it is bytes."""
        body = self._references.follow(operation.get("requestBody"), f"{place}/requestBody")
        content = (body or {}).get("content") or {}
        if not content:
            return None, None
        kinds: dict[str, BodyKind] = {media: _body_kind(media) for media in content}
        media = min(content, key=lambda each: _BODY_RANK.index(kinds[each]))
        if len(content) > 1:
            others = ", ".join(each for each in content if each != media)
            self._notes.append(f"{place}/requestBody: sent as {media}; not as {others}")
        schema = content[media].get("schema", {})
        below = f"{place}/requestBody/content/{media.replace('/', '~1')}/schema"
        facts = Body(
            kind=kinds[media],
            content_type="application/json" if media == "*/*" else media,
            required=body.get("required") is True,
            description=text(body.get("description")) or self._schemas.words(schema, below).description,
        )
        if facts.kind == "bytes":
            return facts, None
        stated = kind_of(self._schemas.flatten(schema, below))
        if facts.kind in ("form", "multipart") and stated not in ("object", None):
            raise CodegenError(
                below, f"{media} is made of named fields, not of one {stated}", "Make it an object, with a fix."
            )
        shape = {"type": "string"} if facts.kind == "text" else self._schemas.plain(schema, below, f"{hint}Body")
        return facts, {"required": facts.required, "content": {"application/json": {"schema": shape}}}

    def _results(self, operation: dict[str, Any], place: str, hint: str) -> tuple[tuple[Result, ...], dict[str, Any]]:
        """The success answers and how they are read; the runtime reads error answers."""
        results = []
        plain: dict[str, Any] = {}
        good = self._successes(operation, place)
        for status, response in sorted(good.items(), key=lambda each: ("X" in each[0], each[0])):
            content = response.get("content") or {}
            kinds: dict[str, ResultKind] = {
                media: "bytes" if self._is_file(each, f"{place}/responses/{status}") else _result_kind(media)
                for media, each in content.items()
            }
            media = min(content, key=lambda each: _RESULT_RANK.index(kinds[each]), default="")
            empty = status in _NEVER_WITH_CONTENT or place.endswith("/head")
            if empty and content:
                self._notes.append(f"{place}/responses/{status}: such an answer has no content in HTTP; read as none")
            kind: ResultKind = "none" if empty else kinds.get(media, "none")
            if kind == "bytes" and "xml" in media:
                self._notes.append(f"{place}/responses/{status}: is {media}, which is not read; handed out as bytes")
            if len(content) > 1 and not empty:
                others = ", ".join(each for each in content if each != media)
                self._notes.append(f"{place}/responses/{status}: read as {media}; not as {others}")
            schema = content[media].get("schema", {}) if kind == "json" else {}
            results.append(
                Result(
                    status=status,
                    kind=kind,
                    description=text(response.get("description")),
                    nullable=self._schemas.may_be_null(schema, f"{place}/responses/{status}"),
                )
            )
            if kind == "json":
                own_hint = f"{hint}Response{'' if len(good) == 1 else status}"
                shape = self._schemas.plain(schema, f"{place}/responses/{status}", own_hint)
                plain[status] = {"description": "", "content": {"application/json": {"schema": shape}}}
        return tuple(results), plain

    def _is_file(self, media: dict[str, Any], place: str) -> bool:
        """Whether an answer is a file, whatever its media type says."""
        flat = self._schemas.flatten(media.get("schema", {}), place)
        return kind_of(flat) == "string" and flat.get("format") == "binary"

    def _successes(self, operation: dict[str, Any], place: str) -> dict[str, dict[str, Any]]:
        """The answers that count as success, by status."""
        responses: dict[str, dict[str, Any]] = {
            "default" if status == "default" else status.upper(): self._references.follow(
                response, f"{place}/responses/{status}"
            )
            for status, response in (operation.get("responses") or {}).items()
            if not status.startswith("x-")
        }
        good = {status: response for status, response in responses.items() if status[0] == "2" or status == "304"}
        if not any(status[0] == "2" for status in good):
            # A document that names no success means "default" by it, or nothing at all.
            self._notes.append(f"{place}/responses: names no success; every answer 2xx counts as one")
            default = responses.get("default", {})
            told = text(default.get("description")).lower()
            good["2XX"] = {} if "error" in told or "unexpected" in told else default
        return good


def _path_parts(path: str, names: dict[str, str], place: str) -> tuple[tuple[Literal["text", "argument"], str], ...]:
    """The path as literal text and arguments in turn."""
    if "?" in path:
        raise CodegenError(place, "a query in the path", "Make its parts query parameters, with a fix.")
    parts: list[tuple[Literal["text", "argument"], str]] = []
    for index, part in enumerate(re.split(r"{([^{}]*)}", path)):
        if index % 2:
            parts.append(("argument", names[part]))
        elif part:
            parts.append(("text", quote(part, safe="/:@!$&'()*+,;=-._~%")))
    return tuple(parts)


def _is_json(media: str) -> bool:
    kind = media.split(";", maxsplit=1)[0].strip().lower()
    return kind in ("application/json", "*/*", "application/*", "text/json") or kind.endswith("+json")


def _body_kind(media: str) -> BodyKind:
    kind = media.split(";", maxsplit=1)[0].strip().lower()
    if _is_json(media):
        return "json"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind == "multipart/form-data":
        return "multipart"
    return "text" if kind.startswith("text/") else "bytes"


def _result_kind(media: str) -> ResultKind:
    if _is_json(media):
        return "json"
    return "text" if media.lower().startswith("text/") else "bytes"
