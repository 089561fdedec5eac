"""Typed facts about operations and classes, which templates need and the generator does not give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: The arguments by which each way of paging asks for the next page.
PAGING = {
    "skip_limit": {"skip", "limit"},
    "current_page": {"currentPage", "pageSize"},
    "cursor": {"after", "before"},
    "last_user_id": {"lastUserId", "limit"},
    "last_group_id": {"lastGroupId", "limit"},
    "page": {"page", "pageSize"},
    "spring_page": {"page", "size"},
    "time_window": {"since", "to", "limit", "sortDir"},
    "offset_window": {"since", "to", "limit", "offset"},
}

Place = Literal["path", "query", "header", "cookie"]
Style = Literal["plain", "comma", "space", "pipe", "json", "deep", "fields"]
BodyKind = Literal["json", "form", "multipart", "text", "bytes"]
ResultKind = Literal["json", "text", "bytes", "none"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A property of a model.

    Attributes:
        wire: Its name in JSON.
        python: Its name in Python.
        description: The document's words.
        deprecated: Whether the document marks it so.
        present: Whether the reviewed facts say that answers always have it, although the document does not.
    """

    wire: str
    python: str
    description: str
    deprecated: bool
    present: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A class for objects.

    Attributes:
        description: The document's words.
        deprecated: Whether the document marks it so.
        fields: Its properties, by the name that the generator knows them by.
        in_union: Whether a value may be of this class or of another.
        marks: Values, by property, that tell this class from the others of a union.
    """

    description: str
    deprecated: bool
    fields: Mapping[str, Field]
    in_union: bool = False
    marks: Mapping[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EnumFacts:
    """A class for an enumeration.

    Attributes:
        description: The document's words.
        members: Name and value of each member.
    """

    description: str
    members: tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An argument of an operation that does not go into its body.

    Attributes:
        place: Where in the request it goes.
        wire: Its name there.
        python: Its name in Python.
        key: The name that the generator knows it by.
        required: Whether it must be given.
        description: The document's words.
        style: How its value is written.
    """

    place: Place
    wire: str
    python: str
    key: str
    required: bool
    description: str
    style: Style


@dataclass(frozen=True, kw_only=True)
class Body:
    """The body of a request.

    Attributes:
        kind: How it is written.
        content_type: Its media type.
        required: Whether it must be given.
        description: The document's words.
    """

    kind: BodyKind
    content_type: str
    required: bool
    description: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer of a success status.

    Attributes:
        status: The status, or ``2XX``.
        kind: How the answer is read.
        description: The document's words.
        nullable: Whether the answer may be null.
    """

    status: str
    kind: ResultKind
    description: str
    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """The reviewed facts about an operation, which no document has, from ``specs/*/operations.toml``.

    Attributes:
        kind: What it does: ``read``, ``put``, ``make``, ``end`` or ``take``.
        idempotent: Whether it may be repeated.
        paging: How the next page is asked for, one of ``PAGING``, in versions that have the arguments.
        family: The family of operations that share a limit.
        ids: Path parameters, and fields of the body as ``body.<name>``, that are ids in base64.
    """

    kind: str | None = None
    idempotent: bool = False
    paging: str | None = None
    family: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OperationFacts:
    """An operation.

    Attributes:
        id: Its id; unique within the API.
        api: Which host serves it.
        method: The HTTP method, upper case.
        path: The path from the host's root, with placeholders.
        path_parts: The same as literal text (``text``) and arguments (``argument``) in turn.
        tag: The tag that the document files it under.
        tag_module: The package for that tag.
        auth: The security schemes that it needs; of alternatives, the one with the fewest.
        other_auth: The other alternatives.
        reviewed: Its reviewed facts.
        deprecated: Whether the document marks it so.
        summary: The document's words, in short.
        description: The document's words.
        parameters: Its arguments, in the order of its signature.
        body: Its body, None for none.
        results: What it answers, by status.
    """

    id: str
    api: str
    method: str
    path: str
    path_parts: tuple[tuple[Literal["text", "argument"], str], ...]
    tag: str
    tag_module: str
    auth: tuple[str, ...]
    other_auth: tuple[tuple[str, ...], ...]
    reviewed: Reviewed
    deprecated: bool
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    results: tuple[Result, ...]

    def parameters_in(self, place: Place) -> list[Parameter]:
        """The arguments that go to one place."""
        return [parameter for parameter in self.parameters if parameter.place == place]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of a document's parts, and of its component schemas that are classes."""

    operations: int
    parameters: int
    schemas: int
    classes: int


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """A document in plain form, with the facts that templates need beside it.

    Attributes:
        document: The OpenAPI document for the generator.
        title: The API's title.
        version: The API's version as the document states it.
        operations: Facts about each operation, by operation id.
        classes: Facts about each class, by class name.
        counts: What was in the document.
        notes: What was renamed, left out, or is not expressed in types.
    """

    document: dict[str, Any]
    title: str
    version: str
    operations: Mapping[str, OperationFacts]
    classes: Mapping[str, ModelFacts | EnumFacts]
    counts: Counts
    notes: list[str]

    @property
    def tags(self) -> dict[str, str]:
        """The tag that each package of operations is for."""
        return {facts.tag_module: facts.tag for facts in self.operations.values()}
