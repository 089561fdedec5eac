"""Certificates of servers that do not fit: the reason, and what to do about it."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aiosymphony import CertificateAuth, PodClient
from aiosymphony.errors import TransportError
from tests.faults.certificates import Certificates
from tests.faults.clients import OPEN_CREATE, Clients
from tests.faults.server import Exchange, FaultServer, Step, reply, token


def not_yet_valid(certificates: Certificates, _: Path) -> ssl.SSLContext:
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    return certificates._server(certificates.authority.issue_cert("localhost", not_before=tomorrow))


def self_signed(_: Certificates, folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "self-signed.pem"
    file.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


FLAWS = {
    "unknown_ca": "was issued by an authority that is not trusted here: .*PEM file as ca_file",
    "self_signed": "is self-signed: .*PEM file as ca_file",
    "expired": "has expired: ",
    "not_yet_valid": "is not valid yet: check the clock of this machine",
    "wrong_host": "is for another host name: check the URL",
}
MADE_HERE = {"not_yet_valid": not_yet_valid, "self_signed": self_signed}


@pytest.fixture(params=FLAWS)
def flaw(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def tls(flaw: str, certificates: Certificates, tmp_path: Path) -> ssl.SSLContext:
    """What a server with that flaw presents."""
    return MADE_HERE[flaw](certificates, tmp_path) if flaw in MADE_HERE else getattr(certificates, flaw)


async def test_case_02_the_reason_and_the_remedy_are_said(
    flaw: str, tls: ssl.SSLContext, certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=tls) as server:
        session = clients.session(base_url=server.url, transport=clients.transport(ca_file=certificates.ca_file))
        with pytest.raises(TransportError, match=f"the certificate of localhost:{server.port} {FLAWS[flaw]}") as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert str(caught.value).endswith("Nothing was sent.")
        assert (server.connections, server.total) == (0, 0)


async def test_case_02_an_address_that_the_certificate_does_not_name(
    certificates: Certificates, clients: Clients
) -> None:
    async with FaultServer(tls=certificates.good) as server:
        session = clients.session(
            base_url=f"https://127.0.0.1:{server.port}", transport=clients.transport(ca_file=certificates.ca_file)
        )
        with pytest.raises(TransportError, match=f"the certificate of 127.0.0.1:{server.port} is for another address"):
            await session.execute(OPEN_CREATE.build({}))


@pytest.fixture(params=["1.2", "1.3"])
def asking(request: pytest.FixtureRequest, certificates: Certificates) -> ssl.SSLContext:
    """A server that asks for a client certificate on each connection, and demands it on none."""
    context = certificates._server(certificates.authority.issue_cert("localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if request.param == "1.2" else ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_OPTIONAL
    certificates.authority.configure_trust(context)
    return context


async def test_a_client_certificate_is_shown_to_the_login_alone(
    asking: ssl.SSLContext, certificates: Certificates, clients: Clients
) -> None:
    shown: dict[str, bool] = {}

    def noting(step: Step) -> Step:
        async def noted(exchange: Exchange) -> None:
            shown[exchange.request.path] = bool(exchange.writer.get_extra_info("ssl_object").getpeercert())
            await step(exchange)

        return noted

    login, info = "/sessionauth/v1/authenticate", "/pod/v2/sessioninfo"
    async with FaultServer(tls=asking) as server:
        server.on("POST", login, then=noting(token()))
        server.on("GET", info, then=noting(reply(200, {"id": 7})))
        auth = await asyncio.to_thread(CertificateAuth, certificates.client_file, ca_file=certificates.ca_file)
        async with PodClient(server.url, auth, transport=clients.transport(ca_file=certificates.ca_file)) as pod:
            assert (await pod.session.info()).id == 7
    assert shown == {login: True, info: False}
    assert server.connections == 2
