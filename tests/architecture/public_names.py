"""The public names, with their signatures: ``public_names.txt`` keeps them, so that a review sees each change.

Public is what the packages below name in ``__all__``, what those classes have without an underscore, and the resources
of the clients. ``python -m tests.architecture.public_names`` writes the list anew; see docs/versioning.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("public_names.txt")
HEAD = "# Written by `python -m tests.architecture.public_names`; docs/versioning.md says what public means.\n"

PACKAGES = ("aiosymphony", "aiosymphony.apidiff", "aiosymphony.postgres", "aiosymphony.provisioning",
            "aiosymphony.sandbox", "aiosymphony.testing")  # fmt: skip
OTHERS = (
    "aiosymphony.codes.ConnectCode",
    "aiosymphony.connect.companies.Companies",
    "aiosymphony.connect.directory.Directory",
    "aiosymphony.connect.directory.DirectoryMatch",
    "aiosymphony.connect.users.NotCreated",
    "aiosymphony.connect.users.UserResult",
    "aiosymphony.connect.users.Users",
    "aiosymphony.paging.Page",
    "aiosymphony.pod.applications.Applications",
    "aiosymphony.pod.audit_trail.AuditTrail",
    "aiosymphony.pod.certificates.Certificates",
    "aiosymphony.pod.connections.Connections",
    "aiosymphony.pod.disclaimers.Disclaimers",
    "aiosymphony.pod.entitlements.Entitlements",
    "aiosymphony.pod.files.Files",
    "aiosymphony.pod.groups.Groups",
    "aiosymphony.pod.information_barriers.InformationBarriers",
    "aiosymphony.pod.messages.Messages",
    "aiosymphony.pod.presence.Presence",
    "aiosymphony.pod.rooms.Rooms",
    "aiosymphony.pod.session.CurrentSession",
    "aiosymphony.pod.streams.Streams",
    "aiosymphony.pod.system.System",
    "aiosymphony.pod.users.Users",
    "aiosymphony.provisioning.telemetry.JobTelemetry",
    "aiosymphony.telemetry.OpenTelemetryObserver",
    "aiosymphony.testing.sandbox.SandboxWithClients",
    "aiosymphony.transport.aiohttp.AiohttpTransport",
    "aiosymphony.transport.fast.FastTransport",
    "aiosymphony.transport.httpx.HttpxTransport",
)


def public() -> dict[str, griffe.Object | griffe.Alias]:
    """Every public object by the name under which it is imported, members after their class."""
    package = griffe.load("aiosymphony", search_paths=[ROOT / "src", ROOT / "generated"], resolve_aliases=True)
    roots: dict[str, griffe.Object | griffe.Alias] = {}
    for name in PACKAGES:
        module = package if name == "aiosymphony" else package[name.removeprefix("aiosymphony.")]
        for each in importlib.import_module(name).__all__:
            value = module[each]
            # A function and its module may share a name.
            roots[f"{name}.{each}"] = value[each] if value.is_module else value
    roots |= {name: package[name.removeprefix("aiosymphony.")] for name in OTHERS}
    found = {}
    classes = {value.canonical_path for value in roots.values() if value.is_class}
    for name, value in sorted(roots.items()):
        found[name] = value
        if value.is_class:
            found |= {f"{name}.{member.name}": member for member in _members(value, classes)}
    return found


def _members(value: griffe.Object | griffe.Alias, public: set[str]) -> Iterator[griffe.Object | griffe.Alias]:
    """The members of a class, with those inherited from classes that are not public themselves."""
    everything = value.all_members
    for name in sorted(everything):
        member = everything[name]
        owner = member.canonical_path.rpartition(".")[0]
        if owner != value.canonical_path and owner in public:
            continue
        # What a class body imports for its types is an alias that is not inherited.
        if not name.startswith("_") and not (member.is_alias and not member.inherited) and not member.is_class:
            yield member


def line_of(name: str, value: griffe.Object | griffe.Alias) -> str:
    """A name with what callers see of it: the signature of a function, the type of an attribute."""
    if value.is_function:
        return f"{name}({', '.join(_parameters(value))})"
    if value.is_class:
        constructor = value.all_members.get("__init__")
        if constructor is not None and constructor.is_function and constructor.path.startswith("aiosymphony."):
            return f"{name}({', '.join(_parameters(constructor))})"
        return name
    annotation = value.annotation
    return f"{name}: {annotation}" if annotation is not None else name


def _parameters(function: griffe.Object | griffe.Alias) -> Iterator[str]:
    star = False
    for parameter in function.parameters:
        if parameter.name in {"self", "cls"}:
            continue
        kind = parameter.kind
        if kind is griffe.ParameterKind.keyword_only and not star:
            star = True
            yield "*"
        star = star or kind is griffe.ParameterKind.var_positional
        mark = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(kind, "")
        text = f"{mark}{parameter.name}"
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None and not mark:
            text += f" = {parameter.default}"
        yield text


def lines() -> list[str]:
    """The list as it is now."""
    return [line_of(name, value) for name, value in public().items()]


if __name__ == "__main__":
    KEPT.write_text(HEAD + "\n".join(lines()) + "\n", encoding="utf-8")
    print(f"{KEPT.relative_to(ROOT)}: {len(lines())} names")
