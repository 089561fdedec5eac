"""Company certificates."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ..handlers import Call, HttpError, reads, success, writes
from ..state import Json, now_ms


def _common_name(name: x509.Name) -> str:
    values = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(values[0].value) if values else ""


def _names(name: x509.Name) -> list[Json]:
    return [{"name": entry.rfc4514_attribute_name, "value": str(entry.value)} for entry in name]


def _add_certificate(call: Call) -> Json:
    try:
        certificate = x509.load_pem_x509_certificate(call.body.get("pem", "").encode())
    except ValueError:
        raise HttpError(400, "pem is not an X.509 certificate") from None
    finger_print = certificate.fingerprint(hashes.SHA256()).hex()
    if finger_print in call.db.certificates:
        raise HttpError(400, f"certificate {finger_print} exists")
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
        raise HttpError(400, f"certificate {finger_print!r} does not exist")
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
    """Add a company certificate."""
    return _certificate_detail(_add_certificate(call))


@writes("v1_companycert_create_post")
def create_certificate_v1(call: Call) -> Any:
    """Add a company certificate; version 1."""
    _add_certificate(call)
    return success("OK")


@writes("v1_companycert_delete_post")
def delete_certificate(call: Call) -> Any:
    """Delete a company certificate."""
    call.db.certificates.remove(_certificate(call, call.body.get("id", ""))["companyCertInfo"]["fingerPrint"])
    return success("OK")


@reads("v1_companycert_finger_print_get_get")
def get_certificate(call: Call) -> Any:
    """A company certificate."""
    return _certificate_detail(_certificate(call, call.path["fingerPrint"]))


@writes("v1_companycert_finger_print_update_post")
def update_certificate(call: Call) -> Any:
    """Change the attributes of a company certificate."""
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
    """A page of the certificates that the pod manages: those of the types OPERATIONS..."""
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
    """A page of the certificates that this one has issued."""
    issuer = call.path["fingerPrint"]
    _certificate(call, issuer)
    rows = [row for row in call.db.certificates if row["companyCertInfo"].get("issuerFingerPrint") == issuer]
    return _certificate_page(call, rows)
