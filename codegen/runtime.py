"""What generated code imports from aiosymphony, stated once: templates write these imports, and names avoid them."""

from __future__ import annotations

from collections.abc import Iterator

_DECODERS = ("array", "decode_int", "decode_ints", "decode_union", "mapping", "plain")
_ENCODERS = ("encode_int", "encode_ints", "to_json")

#: Names by module, for each kind of generated module. Formatting removes those that a module does not use.
IMPORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "operation": {
        "aiosymphony.wire.decoding": (*_DECODERS, "read", "read_optional"),
        "aiosymphony.wire.encoding": (
            *_ENCODERS, "cookies", "deep_object", "exploded", "form_body", "header_fields", "id_segment", "joined",
            "json_body", "json_text", "multipart_body", "path_segment", "query_string", "with_safe_ids",
        ),
        "aiosymphony.wire.operation": ("Caller", "Operation", "Request"),
        "aiosymphony.wire.responses": ("error_from_response",),
    },
    "model": {
        "aiosymphony.wire.decoding": (*_DECODERS, "Variant", "extra", "read_dict"),
        "aiosymphony.wire.encoding": _ENCODERS,
        "aiosymphony.wire.models": ("ABSENT", "NO_EXTRA", "Model", "drop_absent", "know_types"),
    },
    "enum": {
        "aiosymphony.wire.decoding": ("decode_int", "plain"),
        "aiosymphony.wire.models": ("OpenIntEnum", "OpenStrEnum"),
    },
    "package": {"aiosymphony.wire.operation": ("Operations",)},
    # Under a name that no operation, tag or model has: these packages hold theirs.
    "lazy": {"aiosymphony._lazy": ("lazy as _lazy",)},
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
