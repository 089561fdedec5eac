"""Turns an OpenAPI 3 document into the plain form that the generator and the templates read.

The plain form has one way to say each thing: every object with properties and every enumeration is a named component,
everything else is where it is used; parameters, bodies and responses are resolved; names are final. Facts that the
generator cannot carry to the templates go beside the document: which header is a token, how a list is written, what a
name is on the wire.

Nothing is dropped silently: what cannot be expressed is refused with its place, and what is not used is noted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .facts import Counts, Normalised, Reviewed
from .names_lock import NamesLock
from .operations import Operations
from .parents import without_circles
from .problem import pointer
from .references import References
from .schemas import Schemas


def normalise(
    document: dict[str, Any],
    *,
    api: str,
    reviewed: Mapping[str, Reviewed] | None = None,
    present: Mapping[str, Collection[str]] | None = None,
    names: NamesLock | None = None,
) -> Normalised:
    """Bring an OpenAPI 3 document into plain form.

    Args:
        document: A valid OpenAPI 3.0 or 3.1 document.
        api: Which host serves it; goes into every operation.
        reviewed: Reviewed facts by operation id.
        present: Properties that answers always have, by the schema's name; what a document lacks of them is passed
            over, as a table is for all versions of an API.
        names: What had a name before; gets the names of this generation.

    Raises:
        CodegenError: Something in the document cannot be expressed; says where.
    """
    names = NamesLock() if names is None else names
    document = without_circles(document)
    found = _normalised(document, api, reviewed or {}, present or {}, names)
    return _normalised(document, api, reviewed or {}, present or {}, names) if names.adopt() else found


def _normalised(
    document: dict[str, Any],
    api: str,
    reviewed: Mapping[str, Reviewed],
    present: Mapping[str, Collection[str]],
    names: NamesLock,
) -> Normalised:
    notes: list[str] = []
    references = References(document)
    schemas = Schemas(references, notes, names, present)
    classes = schemas.read_components()
    operations = Operations(references, schemas, notes, names, api=api, reviewed=reviewed)
    operations.read()
    if document.get("webhooks"):
        notes.append(f"{pointer('webhooks')}: a server's calls are no part of a client; not generated")
    title, version = (str(document["info"].get(key, "")) for key in ("title", "version"))
    return Normalised(
        document={
            "openapi": "3.0.3",
            "info": {"title": title, "version": version},
            "paths": operations.paths,
            "components": {"schemas": schemas.components},
        },
        title=title,
        version=version,
        operations=operations.facts,
        classes=schemas.facts(),
        counts=Counts(
            operations=len(operations.facts),
            parameters=operations.parameters,
            schemas=len(references.schemas),
            classes=classes,
        ),
        notes=notes,
    )
