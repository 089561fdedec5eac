"""Administration of the pod besides users and rooms: certificates, apps, barriers, disclaimers, the system."""

from __future__ import annotations

import uuid
from typing import Any

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ..auth import is_public_key
from ..handlers import NO_CONTENT, Call, Refused, reads, success, writes
from ..state import Json, State, now_ms

# --- certificates ------------------------------------------------------------------------------------------------


def _common_name(name: x509.Name) -> str:
    values = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(values[0].value) if values else ""


def _names(name: x509.Name) -> list[Json]:
    return [{"name": entry.rfc4514_attribute_name, "value": str(entry.value)} for entry in name]


def _add_certificate(call: Call) -> Json:
    try:
        certificate = x509.load_pem_x509_certificate(call.body.get("pem", "").encode())
    except ValueError:
        raise Refused(400, "pem is no X.509 certificate") from None
    finger_print = certificate.fingerprint(hashes.SHA256()).hex()
    if finger_print in call.db.certificates:
        raise Refused(400, f"certificate {finger_print} exists")
    info: Json = {
        "fingerPrint": finger_print,
        "lastSeen": 0,
        "updatedAt": now_ms(),
        "updatedBy": call.caller.id,
        "commonName": _common_name(certificate.subject),
        "expiryDate": int(certificate.not_valid_after_utc.timestamp() * 1000),
    }
    issuer = certificate.issuer.rfc4514_string()
    if issuer == certificate.subject.rfc4514_string():
        info["issuerFingerPrint"] = finger_print
    else:
        for other in call.db.certificates:
            if other["subject"] == issuer:
                info["issuerFingerPrint"] = other["companyCertInfo"]["fingerPrint"]
    row = {
        "companyCertAttributes": call.body.get("attributes") or {},
        "companyCertInfo": info,
        "certInfo": [
            {"name": "subject", "attributes": _names(certificate.subject)},
            {"name": "issuer", "attributes": _names(certificate.issuer)},
        ],
        "subject": certificate.subject.rfc4514_string(),
    }
    call.db.certificates.put(row)
    return row


def _certificate(call: Call, finger_print: str) -> Json:
    row = call.db.certificates.get(finger_print)
    if row is None:
        raise Refused(400, f"certificate {finger_print!r} does not exist")
    return row


def _certificate_detail(row: Json) -> Json:
    return {name: row[name] for name in ("companyCertAttributes", "companyCertInfo", "certInfo")}


def _certificate_page(call: Call, rows: list[Json]) -> list[Json]:
    skip, limit = call.window(100, 1000)
    return [
        {name: row[name] for name in ("companyCertAttributes", "companyCertInfo")} for row in rows[skip : skip + limit]
    ]


def _type_of(row: Json) -> str | None:
    return (row["companyCertAttributes"].get("type") or {}).get("type")


@writes("v2_companycert_create_post")
def create_certificate(call: Call) -> Any:
    """A company certificate."""
    return _certificate_detail(_add_certificate(call))


@writes("v1_companycert_create_post")
def create_certificate_v1(call: Call) -> Any:
    """A company certificate; the answer says only that it was done."""
    _add_certificate(call)
    return success("OK")


@writes("v1_companycert_delete_post")
def delete_certificate(call: Call) -> Any:
    """A company certificate, deleted."""
    call.db.certificates.remove(_certificate(call, call.body.get("id", ""))["companyCertInfo"]["fingerPrint"])
    return success("OK")


@reads("v1_companycert_finger_print_get_get")
def get_certificate(call: Call) -> Any:
    """A company certificate."""
    return _certificate_detail(_certificate(call, call.path["fingerPrint"]))


@writes("v1_companycert_finger_print_update_post")
def update_certificate(call: Call) -> Any:
    """A company certificate with other attributes."""
    row = _certificate(call, call.path["fingerPrint"])
    attributes = {**row["companyCertAttributes"], **call.body}
    info = {**row["companyCertInfo"], "updatedAt": now_ms(), "updatedBy": call.caller.id}
    call.db.certificates.put({**row, "companyCertAttributes": attributes, "companyCertInfo": info})
    return success("OK")


@reads("v1_companycert_list_get")
def list_certificates(call: Call) -> Any:
    """A page of all company certificates."""
    return _certificate_page(call, list(call.db.certificates))


@reads("v1_companycert_podmanaged_list_get")
def list_pod_certificates(call: Call) -> Any:
    """A page of the certificates that the pod manages: those of its operations."""
    return _certificate_page(
        call, [row for row in call.db.certificates if (_type_of(row) or "").startswith("OPERATIONS")]
    )


@reads("v1_companycert_type_list_post")
def list_certificates_by_type(call: Call) -> Any:
    """A page of the certificates of these types."""
    types = {entry.get("type") for entry in call.body}
    return _certificate_page(call, [row for row in call.db.certificates if _type_of(row) in types])


@reads("v1_companycert_finger_print_issued_by_get")
def list_issued(call: Call) -> Any:
    """The certificates that one has issued."""
    issuer = call.path["fingerPrint"]
    _certificate(call, issuer)
    rows = [row for row in call.db.certificates if row["companyCertInfo"].get("issuerFingerPrint") == issuer]
    return _certificate_page(call, rows)


# --- apps and entitlements ---------------------------------------------------------------------------------------


def _app(call: Call) -> Json:
    row = call.db.apps.get(call.path["id"])
    if row is None:
        raise Refused(400, f"application {call.path['id']!r} does not exist")
    return row


def _checked_app(given: Json) -> Json:
    key = ((given.get("authenticationKeys") or {}).get("current") or {}).get("key")
    if key is not None and not is_public_key(key):
        raise Refused(400, "authenticationKeys.current.key is no RSA public key in PEM")
    return given


@writes("v1_admin_app_create_post")
def create_app(call: Call) -> Any:
    """A new application, which users then may be entitled to."""
    given = _checked_app(call.body)
    info = {"appId": f"app-{uuid.uuid4().hex[:12]}", **(given.get("applicationInfo") or {})}
    if not info.get("name"):
        raise Refused(400, "applicationInfo.name is missing")
    if info["appId"] in call.db.apps:
        raise Refused(400, f"application {info['appId']!r} exists")
    row = {**given, "applicationInfo": info}
    call.db.apps.put(row)
    entitlement = {
        "appId": info["appId"],
        "appName": info["name"][:50],
        "enable": True,
        "listed": True,
        "install": False,
    }
    call.db.app_entitlements.put(entitlement)
    return row


@writes("v1_admin_app_id_update_post")
def update_app(call: Call) -> Any:
    """An application with other details."""
    row = _app(call)
    given = _checked_app(call.body)
    info = {**row["applicationInfo"], **(given.get("applicationInfo") or {})}
    if info["appId"] != row["applicationInfo"]["appId"]:
        raise Refused(400, "applicationInfo.appId cannot be changed")
    row = {**row, **given, "applicationInfo": info}
    call.db.apps.put(row)
    return row


@writes("v1_admin_app_id_delete_post")
def delete_app(call: Call) -> Any:
    """An application, deleted with its entitlements."""
    app_id = _app(call)["applicationInfo"]["appId"]
    call.db.apps.remove(app_id)
    call.db.app_entitlements.remove(app_id)
    return success("OK")


@reads("v1_admin_app_id_get_get")
def get_app(call: Call) -> Any:
    """An application."""
    return _app(call)


@reads("v1_admin_app_entitlement_list_get")
def list_entitlements(call: Call) -> Any:
    """What applications the pod has."""
    return list(call.db.app_entitlements)


@writes("v1_admin_app_entitlement_list_post")
def update_entitlements(call: Call) -> Any:
    """Applications of the pod, switched."""
    for entry in call.body:
        if entry["appId"] not in call.db.app_entitlements:
            raise Refused(400, f"application {entry['appId']!r} does not exist")
    for entry in call.body:
        call.db.app_entitlements.put(entry)
    return list(call.db.app_entitlements)


def _user_entitlements(call: Call) -> dict[str, Json]:
    """By application: the pod's setting, unless the user has one of its own."""
    user = call.user(call.path["uid"])
    defaults = {
        row["appId"]: {name: row[name] for name in ("appId", "appName", "listed", "install")}
        for row in call.db.app_entitlements
        if row["enable"]
    }
    own = {row["appId"]: row for row in user.apps if row["appId"] in defaults}
    return {app_id: {**default, **own.get(app_id, {})} for app_id, default in defaults.items()}


def _set_user_entitlements(call: Call, own: dict[str, Json]) -> None:
    user = call.user(call.path["uid"])
    call.db.users.put(evolve(user, apps=tuple(own.values()), updated=now_ms()))


@reads("v1_admin_user_uid_app_entitlement_list_get")
def list_user_entitlements(call: Call) -> Any:
    """What applications a user has."""
    return list(_user_entitlements(call).values())


@writes("v1_admin_user_uid_app_entitlement_list_post")
def update_user_entitlements(call: Call) -> Any:
    """Applications of a user, switched."""
    known = _user_entitlements(call)
    own = {row["appId"]: row for row in call.user(call.path["uid"]).apps}
    for entry in call.body:
        if entry["appId"] not in known:
            raise Refused(400, f"application {entry['appId']!r} does not exist")
        own[entry["appId"]] = entry
    _set_user_entitlements(call, own)
    return list(_user_entitlements(call).values())


@writes("v1_admin_user_uid_app_entitlement_list_patch")
def patch_user_entitlements(call: Call) -> Any:
    """Applications of a user: each setting switched, kept, or given back to the pod."""
    known = _user_entitlements(call)
    own = {row["appId"]: dict(row) for row in call.user(call.path["uid"]).apps}
    for entry in call.body:
        if entry["appId"] not in known:
            raise Refused(400, f"application {entry['appId']!r} does not exist")
        mine = own.setdefault(entry["appId"], {"appId": entry["appId"]})
        for name in ("listed", "install"):
            change = entry.get(name, "KEEP")
            if change == "REMOVE":
                mine.pop(name, None)
            elif change != "KEEP":
                mine[name] = change == "TRUE"
        if "product" in entry:
            others = [product for product in mine.get("products", ()) if product["name"] != entry["product"]["name"]]
            mine["products"] = [*others, entry["product"]]
    _set_user_entitlements(call, own)
    return list(_user_entitlements(call).values())


# --- information barriers and disclaimers --------------------------------------------------------------------------


def _group(call: Call, status: int = 400) -> str:
    group = str(call.path["gid"])
    if group not in call.db.groups:
        raise Refused(status, f"group {group!r} does not exist")
    return group


@reads("v1_admin_group_list_get")
def list_groups(call: Call) -> Any:
    """All information barrier groups."""
    return [{**row, "memberCount": len(call.db.group_members.group("group", row["id"]))} for row in call.db.groups]


@reads("v1_admin_policy_list_get")
def list_policies(call: Call) -> Any:
    """All policies between groups."""
    members = call.db.group_members
    return [
        {**row, "memberCount": sum(len(members.group("group", group)) for group in row["groups"])}
        for row in call.db.policies
    ]


@reads("v1_admin_group_gid_membership_list_get")
def list_group_members(call: Call) -> Any:
    """A page of the users in a group."""
    skip, limit = call.window(10_000, 10_000)
    return [uid for _, uid in call.db.group_members.group("group", _group(call, 404)).slice(skip, limit)]


def _bulk(call: Call, apply: Any, group: str) -> Json:
    results = []
    for uid in call.body:
        user = call.db.users.get(uid)
        if user is None or user.external:
            results.append(f"user {uid} does not exist")
        else:
            apply((group, uid))
            results.append("")
    return {"overallResult": "FAIL" if any(results) else "SUCCESS", "results": results}


@writes("v1_admin_group_gid_membership_add_post")
def add_group_members(call: Call) -> Any:
    """Users, put into a group; one result each."""
    return _bulk(call, call.db.group_members.put, _group(call))


@writes("v1_admin_group_gid_membership_remove_post")
def remove_group_members(call: Call) -> Any:
    """Users, taken out of a group; one result each."""
    return _bulk(call, call.db.group_members.remove, _group(call))


@reads("v1_admin_disclaimer_list_get")
def list_disclaimers(call: Call) -> Any:
    """All disclaimers."""
    return list(call.db.disclaimers)


def _disclaimer(call: Call) -> Json:
    row = call.db.disclaimers.get(call.path["did"])
    if row is None:
        raise Refused(400, f"disclaimer {call.path['did']!r} does not exist")
    return row


@reads("v1_admin_disclaimer_did_get")
def get_disclaimer(call: Call) -> Any:
    """A disclaimer."""
    return _disclaimer(call)


@reads("v1_admin_disclaimer_did_users_get")
def list_disclaimer_users(call: Call) -> Any:
    """The users who have a disclaimer."""
    wanted = _disclaimer(call)["id"]
    return [user.id for user in call.db.users if user.disclaimer == wanted]


# --- the system --------------------------------------------------------------------------------------------------


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
    """A URL scheme, allowed."""
    if call.body["scheme"] in call.db.protocols:
        raise Refused(400, f"scheme {call.body['scheme']!r} exists")
    call.db.protocols.put(call.body)
    return call.body


@writes("v1_admin_system_protocols_scheme_delete")
def remove_protocol(call: Call) -> Any:
    """A URL scheme, allowed no longer."""
    if call.path["scheme"] not in call.db.protocols:
        raise Refused(400, f"scheme {call.path['scheme']!r} does not exist")
    call.db.protocols.remove(call.path["scheme"])
    return NO_CONTENT


@reads("v1_files_allowed_types_get")
def allowed_types(call: Call) -> Any:
    """The file extensions that may be sent."""
    return [f".{row['extension']}" for row in call.db.extensions]


@reads("file_ext_v1_allowed_extensions_get")
def list_extensions(call: Call) -> Any:
    """A page of the file extensions, with where they may be sent."""
    page, pagination = call.cursor_page(call.db.extensions.rows)
    return {"data": page, "paging": pagination}


@writes("file_ext_v1_allowed_extensions_extension_put")
def set_extension(call: Call) -> Any:
    """A file extension, allowed."""
    if call.body["extension"] != call.path["extension"]:
        raise Refused(400, "extension of the body is not the one of the path")
    row = {"source": "CUSTOMER", **call.body}
    call.db.extensions.put(row)
    return row


@writes("file_ext_v1_allowed_extensions_extension_delete")
def remove_extension(call: Call) -> Any:
    """A file extension, allowed no longer."""
    if call.path["extension"] not in call.db.extensions:
        raise Refused(400, f"extension {call.path['extension']!r} does not exist")
    call.db.extensions.remove(call.path["extension"])
    return NO_CONTENT


@reads("v1_languages_get")
def languages(_call: Call) -> Any:
    """The languages of the pod."""
    return {"languages": ["en-US", "fr-FR", "ja-JP"]}


@reads("v1_admin_sso_configuration_get")
def get_sso(call: Call) -> Any:
    """How users log in by single sign-on; 404 if that was never set up."""
    row = call.db.settings.get("sso")
    if row is None:
        raise Refused(404, "single sign-on is not configured")
    return row[1]


@writes("v1_admin_sso_configuration_post")
def set_sso(call: Call) -> Any:
    """Single sign-on, set up anew."""
    call.db.settings.put(("sso", call.body))
    return success("OK")


@writes("v1_admin_sso_configuration_patch")
def patch_sso(call: Call) -> Any:
    """Single sign-on with some settings changed."""
    row = call.db.settings.get("sso")
    call.db.settings.put(("sso", {**(row[1] if row else {}), **call.body}))
    return success("OK")


def seed(state: State) -> None:
    """What a pod has from the start."""
    now = now_ms()
    for scheme in ("https", "http", "mailto", "tel", "symphony"):
        state.db.protocols.put({"scheme": scheme})
    for extension in ("pdf", "png", "jpg", "txt", "csv", "xlsx", "docx", "zip"):
        flags = {"scope_internal": True, "scope_external": extension != "zip", "scope_xpod": extension != "zip"}
        state.db.extensions.put({"extension": extension, **flags, "source": "SYSTEM"})
    for number, name in ((1, "Internal use"), (2, "External parties")):
        disclaimer: Json = {"id": str(number), "name": name, "content": f"{name}.", "frequencyInHours": 24}
        flags = {"isDefault": number == 1, "isActive": True}
        state.db.disclaimers.put({**disclaimer, **flags, "createdDate": now, "modifiedDate": now, "format": "TEXT"})
    for group, name in (("Z3JvdXAtYQ", "Research"), ("Z3JvdXAtYg", "Trading")):
        dates = {"createdDate": now, "modifiedDate": now}
        state.db.groups.put({"id": group, "name": name, "active": True, "policies": ["cG9saWN5LTE"], **dates})
    state.db.policies.put(
        {
            "id": "cG9saWN5LTE",
            "policyType": "BLOCK",
            "active": True,
            "groups": ["Z3JvdXAtYQ", "Z3JvdXAtYg"],
            "createdDate": now,
            "modifiedDate": now,
        }
    )
