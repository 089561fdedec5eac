"""The system: roles, features, URL schemes, file extensions, languages and single sign-on."""

from __future__ import annotations

from typing import Any

from ..handlers import NO_CONTENT, Call, HttpError, reads, success, writes
from .roles import FEATURES, ROLES


@reads("v1_admin_system_roles_list_get")
def list_roles(_call: Call) -> Any:
    """Every role."""
    return [
        {"id": role, "name": role.replace("_", " ").title(), "userTypes": list(kinds), "optionalActions": []}
        for role, kinds in ROLES.items()
    ]


@reads("v1_admin_system_features_list_get")
def list_features(_call: Call) -> Any:
    """Every feature entitlement."""
    return list(FEATURES)


@reads("v1_admin_system_protocols_list_get")
def list_protocols_v1(call: Call) -> Any:
    """All URL schemes that are allowed in messages."""
    return [row["scheme"] for row in call.db.protocols]


@reads("v2_system_protocols_get")
def list_protocols(call: Call) -> Any:
    """A page of the URL schemes that are allowed in messages."""
    return [row["scheme"] for row in call.db.protocols.slice(*call.window(100, 1000))]


@writes("v1_admin_system_protocols_post")
def add_protocol(call: Call) -> Any:
    """Allow a URL scheme."""
    if call.body["scheme"] in call.db.protocols:
        raise HttpError(400, f"scheme {call.body['scheme']!r} exists")
    call.db.protocols.put(call.body)
    return call.body


@writes("v1_admin_system_protocols_scheme_delete")
def remove_protocol(call: Call) -> Any:
    """Stop allowing a URL scheme."""
    if call.path["scheme"] not in call.db.protocols:
        raise HttpError(400, f"scheme {call.path['scheme']!r} does not exist")
    call.db.protocols.remove(call.path["scheme"])
    return NO_CONTENT


@reads("v1_files_allowed_types_get")
def allowed_types(call: Call) -> Any:
    """The file extensions that may be sent."""
    return [f".{row['extension']}" for row in call.db.extensions]


@reads("file_ext_v1_allowed_extensions_get")
def list_extensions(call: Call) -> Any:
    """A page of the file extensions and where they may be sent."""
    page, pagination = call.cursor_page(call.db.extensions.rows)
    return {"data": page, "paging": pagination}


@writes("file_ext_v1_allowed_extensions_extension_put")
def set_extension(call: Call) -> Any:
    """Allow a file extension."""
    if call.body["extension"] != call.path["extension"]:
        raise HttpError(400, "extension differs between path and body")
    row = {"source": "CUSTOMER", **call.body}
    call.db.extensions.put(row)
    return row


@writes("file_ext_v1_allowed_extensions_extension_delete")
def remove_extension(call: Call) -> Any:
    """Stop allowing a file extension."""
    if call.path["extension"] not in call.db.extensions:
        raise HttpError(400, f"extension {call.path['extension']!r} does not exist")
    call.db.extensions.remove(call.path["extension"])
    return NO_CONTENT


@reads("v1_languages_get")
def languages(_call: Call) -> Any:
    """The languages of the pod."""
    return {"languages": ["en-US", "fr-FR", "ja-JP"]}


@reads("v1_admin_sso_configuration_get")
def get_sso(call: Call) -> Any:
    """The configuration of single sign-on; 404 if there is none."""
    row = call.db.settings.get("sso")
    if row is None:
        raise HttpError(404, "single sign-on is not configured")
    return row[1]


@writes("v1_admin_sso_configuration_post")
def set_sso(call: Call) -> Any:
    """Replace the configuration of single sign-on."""
    call.db.settings.put(("sso", call.body))
    return success("OK")


@writes("v1_admin_sso_configuration_patch")
def patch_sso(call: Call) -> Any:
    """Change the configuration of single sign-on."""
    row = call.db.settings.get("sso")
    call.db.settings.put(("sso", {**(row[1] if row else {}), **call.body}))
    return success("OK")
