"""pod.certificates."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aiosymphony import BadRequest, PodClient
from aiosymphony.sandbox import Sandbox
from aiosymphony_api.pod.models import CompanyCertStatusType, CompanyCertTypeType

NOW = dt.datetime.now(dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, issuer: str | None = None) -> str:
    """A certificate in PEM; signed by itself, unless an issuer is named."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer or name)])
    builder = x509.CertificateBuilder(by, subject, KEY.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(NOW).not_valid_after(NOW + dt.timedelta(days=30)).sign(KEY, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def finger_print(item: object) -> str:
    return item.company_cert_info.finger_print  # type: ignore[attr-defined]


async def test_create_get_update_delete(pod: PodClient) -> None:
    created = await pod.certificates.create(certificate("bot-1"), name="First bot", type="USER", status="TRUSTED")
    assert created.company_cert_info is not None
    assert created.company_cert_info.common_name == "bot-1"
    its_id = finger_print(created)

    got = await pod.certificates.get(its_id)
    assert got.company_cert_attributes is not None
    assert got.company_cert_attributes.name == "First bot"
    assert got.company_cert_attributes.type_ is not None
    assert got.company_cert_attributes.type_.type_ is CompanyCertTypeType.USER

    await pod.certificates.update(its_id, status=CompanyCertStatusType.REVOKED)
    updated = (await pod.certificates.get(its_id)).company_cert_attributes
    assert updated is not None
    assert updated.name == "First bot"
    assert updated.status is not None
    assert updated.status.type_ is CompanyCertStatusType.REVOKED

    await pod.certificates.delete(its_id)
    with pytest.raises(BadRequest, match="does not exist"):
        await pod.certificates.get(its_id)


@pytest.mark.symphony_sandbox(page_cap=3)
async def test_lists_read_every_page_and_filter(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    types = ["USER", "OPERATIONSUSER"]
    ids = [finger_print(await pod.certificates.create(certificate(f"bot-{n}"), type=types[n % 2])) for n in range(8)]
    symphony_sandbox.stats.reset()

    assert [finger_print(item) async for item in pod.certificates.list()] == ids
    assert symphony_sandbox.stats.by_operation["v1_companycert_list_get"] == 4  # 3 + 3 + 2, and an empty page
    assert [finger_print(item) async for item in pod.certificates.list_by_type(["USER"])] == ids[0::2]
    assert [finger_print(item) async for item in pod.certificates.list_pod_managed()] == ids[1::2]


async def test_issued_by(pod: PodClient) -> None:
    root = finger_print(await pod.certificates.create(certificate("root"), type="USERSIGNING"))
    leaf = finger_print(await pod.certificates.create(certificate("leaf", issuer="root"), type="USER"))

    assert {finger_print(item) for item in await pod.certificates.list_issued_by(root)} == {root, leaf}
    assert await pod.certificates.list_issued_by(leaf) == []


async def test_the_pods_own(pod: PodClient) -> None:
    own = await pod.certificates.get_pod_certificate()
    assert own.certificate is not None
    assert x509.load_pem_x509_certificate(own.certificate.encode()).subject
