"""What generated code imports from aiosymphony, stated once: templates write these imports, and names avoid them."""

from __future__ import annotations

from collections.abc import Iterator

_CODECS = (
    "array", "decode_int", "decode_ints", "decode_union", "encode_int", "encode_ints", "mapping", "plain", "to_json",
)  # fmt: skip

#: Names by module, for each kind of generated module. Formatting removes those that a module does not use.
IMPORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "operation": {
        "aiosymphony.errors": ("error_from_response",),
        "aiosymphony.operation": (
            *_CODECS, "Caller", "Operation", "Request", "cookies", "deep_object", "exploded", "form_body",
            "header_fields", "id_segment", "joined", "json_body", "json_text", "multipart_body", "path_segment",
            "query_string", "read", "read_optional", "with_safe_ids",
        ),
    },
    "model": {"aiosymphony.operation": (*_CODECS, "NO_EXTRA", "Model", "Variant", "extra", "know_types", "read_dict")},
    "enum": {"aiosymphony.operation": ("OpenIntEnum", "OpenStrEnum", "decode_int", "plain")},
    "package": {"aiosymphony.operation": ("Operations",)},
}  # fmt: skip

#: The variables of comprehensions in generated code, from the outermost inwards.
LOOP_VARIABLES = "ijklm"


def _imported(*kinds: str) -> Iterator[str]:
    for kind in kinds:
        for names in IMPORTS[kind].values():
            yield from names


#: Names that no generated class can have.
RESERVED_CLASSES = frozenset(
    {*filter(lambda name: name[0].isupper(), _imported(*IMPORTS)), "Any", "Coroutine", "Mapping"}
)

#: Modules that no class can have: its reader, ``decode_<module>``, would hide one that is imported.
RESERVED_MODULES = frozenset(
    name.removeprefix("decode_") for name in _imported("operation", "model") if name.startswith("decode_")
)

#: Names that no field of a model can have.
RESERVED_FIELDS = frozenset({"additional_properties", "from_dict", "to_dict"})

#: Names that no argument of an operation can have: the functions that take it use them for something else.
RESERVED_ARGUMENTS = frozenset(
    {*_imported("operation"), *LOOP_VARIABLES}
    | {"body", "build", "call", "caller", "content", "content_type", "key", "parse"}
)
