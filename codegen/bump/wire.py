"""What an operation is on the wire: two documents that say it in other words, or with other names, are equal here."""

from __future__ import annotations

from typing import Any

from aiosymphony.apidiff.facts import facts_of_parameter
from aiosymphony.apidiff.surface import TRANSPORT_HEADERS, token_of, ways_in

from ..references import References
from .blocks import Json

_WORDS = {"description", "title", "example", "examples", "externalDocs", "xml", "summary", "default", "deprecated"}
"""Defaults are among them: documents in ``specs/`` state them in words, as clients would send them."""


class Wire:
    """The wire forms of a document's operations.

    Args:
        document: An OpenAPI 3.0 document.
    """

    def __init__(self, document: Json) -> None:
        self._document = document
        self._references = References(document)

    def operation(self, path: str, method: str) -> Json:
        """The wire form of an operation: equal for two operations exactly if callers cannot tell them apart."""
        item = self._document["paths"][path]
        operation = item[method]
        parameters = self._parameters(item, operation)
        body = self._references.follow(operation.get("requestBody") or {}, "")
        answers = {
            status: self._references.follow(answer, "") for status, answer in operation.get("responses", {}).items()
        }
        headers = [name for place, name in parameters if place == "header"]
        return {
            "base": base_path(self._document, path, method),
            "tokens": sorted(map(sorted, ways_in(self._document, operation, headers))),
            "deprecated": operation.get("deprecated") is True,
            "parameters": {
                f"{place} {name}": self._parameter(parameter)
                for (place, name), parameter in sorted(parameters.items())
                if not is_sent_by_the_session(parameter)
            },
            "body": {"required": body.get("required") is True, "content": self._content(body)} if body else None,
            "results": {status: self._content(answer) for status, answer in answers.items() if status[0] in "23"},
            "errors": sorted(status for status in answers if status[0] not in "23"),
        }

    def schema(self, schema: Any, inside: tuple[str, ...] = ()) -> Any:
        """The wire form of a schema, with what it refers to written out."""
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in inside:
                return {"again": len(inside) - inside.index(reference)}
            return self.schema(self._references.resolve(reference, ""), (*inside, reference))
        form: Json = {}
        for key, value in schema.items():
            if key in _WORDS or key.startswith("x-"):
                continue
            if key == "properties":
                form[key] = {name: self.schema(value[name], inside) for name in sorted(value)}
            elif key in ("allOf", "oneOf", "anyOf"):
                form[key] = [self.schema(part, inside) for part in value]
            elif key in ("items", "not", "additionalProperties"):
                form[key] = self.schema(value, inside)
            else:
                form[key] = sorted(value) if key == "required" else value
        wrapped = form.get("allOf", ())
        if len(wrapped) == 1 and len(form) == 1:  # a reference with a description of its own
            return wrapped[0]
        if form.get("properties") and "type" not in form:
            form["type"] = "object"
        if form.get("additionalProperties") is True:
            del form["additionalProperties"]
        return form

    def _parameters(self, item: Json, operation: Json) -> dict[tuple[str, str], Json]:
        found = {}
        for holder in (item, operation):
            for each in holder.get("parameters", ()):
                parameter = self._references.follow(each, "")
                found[parameter["in"], parameter["name"]] = parameter
        return found

    def _parameter(self, parameter: Json) -> Json:
        form = self.schema(parameter.get("schema", {}))
        if "content" in parameter:
            return {"content": self._content(parameter), "required": parameter.get("required") is True}
        required = parameter["in"] == "path" or parameter.get("required") is True
        return {"schema": form, "required": required, **facts_of_parameter({**parameter, "schema": form}, form)}

    def _content(self, holder: Json) -> Json:
        return {media: self.schema(each.get("schema", {})) for media, each in sorted(holder.get("content", {}).items())}


def is_sent_by_the_session(parameter: Json) -> bool:
    """Whether a parameter is a token or a header of the transport, which callers never pass."""
    name = str(parameter["name"])
    return parameter["in"] == "header" and (token_of(name) is not None or name.lower() in TRANSPORT_HEADERS)


def base_path(document: Json, path: str, method: str) -> str:
    """What the URL of an operation begins with, after the host."""
    item = document["paths"][path]
    for holder in (item[method], item, document):
        for server in holder.get("servers", ())[:1]:
            url = str(server["url"])
            rest = url.partition("://")[2] if "://" in url else url
            return ("/" + rest.partition("/")[2]).rstrip("/")
    return ""
