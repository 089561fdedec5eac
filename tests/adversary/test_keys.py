"""Case 54: files that are no usable key or certificate. None asks on the terminal, each is told by what it is."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import pty
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiosymphony import CertificateAuth, ConfigError, OnBehalfOf, PodClient, RsaAuth
from aiosymphony.transport.aiohttp import AiohttpTransport

PASSWORD = "Kanarienvogel-im-Kohlebergwerk"
URL = "https://acme.example"
PRODUCT = str(Path(sys.modules["aiosymphony"].__file__ or "").parent)


class Files:
    """A key, its certificate, and everything that is mistaken for one of them."""

    def __init__(self, folder: Path, pem: str) -> None:
        self.folder = folder
        key = load_pem_private_key(pem.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.pem = pem.encode()
        self.certificate = _certificate(key)
        certificate = x509.load_pem_x509_certificate(self.certificate)
        elliptic = ec.generate_private_key(ec.SECP256R1())
        locked = BestAvailableEncryption(PASSWORD.encode())
        clear = NoEncryption()
        public = key.public_key()
        self.contents: dict[str, bytes] = {
            "encrypted": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
            "encrypted, PKCS#1": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, locked),
            "PKCS#12": pkcs12.serialize_key_and_certificates(b"bot", key, certificate, None, locked),
            "key in DER": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, clear),
            "key in DER, PKCS#1": key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, clear),
            "encrypted in DER": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, locked),
            "OpenSSH": key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, clear),
            "certificate": self.certificate,
            "certificate in DER": certificate.public_bytes(Encoding.DER),
            "PKCS#7": pkcs7.serialize_certificates([certificate], Encoding.PEM),
            "PKCS#7 in DER": pkcs7.serialize_certificates([certificate], Encoding.DER),
            "public key": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "public key, PKCS#1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
            "public key in DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "SSH public key": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
            "elliptic": elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, clear),
            "short": _pem(rsa.generate_private_key(65537, 1024)),
            "UTF-16": pem.encode("utf-16"),
            "UTF-16 without a mark": pem.encode("utf-16-be"),
            "empty": b"",
            "blank": b"\r\n\n",
            "cut off": self.pem[:600],
            "damaged": self.pem[:600] + b"\n-----END PRIVATE KEY-----\n",
            "PuTTY": b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n",
            "key store": b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01",
            "text": b"the key is on the other disk",
            "binary": bytes(range(256)),
        }

    def path(self, name: str, content: bytes | None = None) -> Path:
        path = self.folder / f"{name}.pem"
        path.write_bytes(self.contents[name] if content is None else content)
        return path


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, pem: str) -> Files:
    return Files(tmp_path_factory.mktemp("keys"), pem)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bot")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


# What a file is called, and what the reader is told to do. None: it serves.
AS_KEY = {
    "encrypted": ("is encrypted", "password"),
    "encrypted, PKCS#1": ("is encrypted", "password"),
    "PKCS#12": ("a PKCS#12 file", "openssl pkcs12"),
    "key in DER": ("a private key in DER", "openssl pkey -inform der"),
    "key in DER, PKCS#1": ("a private key in DER", "openssl pkey -inform der"),
    "encrypted in DER": ("an encrypted private key in DER", "openssl pkcs8 -inform der"),
    "OpenSSH": ("a key in OpenSSH's format", "ssh-keygen -p -m PEM"),
    "certificate": ("a certificate", "not"),
    "certificate in DER": ("a certificate in DER", "not"),
    "PKCS#7": ("a PKCS#7 file", "openssl pkcs7"),
    "PKCS#7 in DER": ("a PKCS#7 file in DER", "openssl pkcs7"),
    "public key": ("a public key", "give the private key"),
    "public key, PKCS#1": ("a public key", "give the private key"),
    "public key in DER": ("a public key in DER", "give the private key"),
    "SSH public key": ("an SSH public key", "give the private key"),
    "UTF-16": ("UTF-16 text", "save it as UTF-8"),
    "UTF-16 without a mark": ("UTF-16 text", "save it as UTF-8"),
    "empty": ("is empty", "not"),
    "blank": ("is empty", "not"),
    "cut off": ("is cut off", "-----END"),
    "damaged": ("is damaged", "cannot be read"),
    "PuTTY": ("a key of PuTTY", "puttygen"),
    "key store": ("a Java key store", "keytool"),
    "text": ("is not", "begins with -----BEGIN"),
    "binary": ("a binary file", "not"),
}
AS_RSA_KEY = AS_KEY | {
    "elliptic": ("not an RSA key", "openssl genrsa"),
    "short": ("1024 bits", "openssl genrsa"),
}
AS_CERTIFICATE = {name: what for name, what in AS_KEY.items() if name not in ("cut off", "damaged", "certificate")} | {
    "encrypted": ("a private key", "a certificate in PEM"),
    "encrypted, PKCS#1": ("a private key", "a certificate in PEM"),
    "certificate": ("without its private key", "private_key"),
}  # fmt: skip


def refusal(make: Callable[[], Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make()
    assert "PEM lib" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("name", "told"), AS_RSA_KEY.items(), ids=list(AS_RSA_KEY))
def test_case_54_a_file_that_is_no_rsa_key_is_told_by_what_it_is(
    name: str, told: tuple[str, str], files: Files
) -> None:
    path = files.path(name)
    for make in (lambda: RsaAuth("bot", path), lambda: RsaAuth("bot", str(path)), lambda: OnBehalfOf("app", path)):
        said = str(refusal(make))
        assert all(part in said for part in (*told, path.name)), said


@pytest.mark.parametrize(("name", "told"), AS_KEY.items(), ids=list(AS_KEY))
def test_case_54_a_file_that_is_no_key_of_a_client_certificate_is_told_by_what_it_is(
    name: str, told: tuple[str, str], files: Files
) -> None:
    path = files.path(name)
    certificate = files.path("certificate")
    for make in (
        lambda: CertificateAuth(certificate, path),
        lambda: AiohttpTransport(client_cert=certificate, client_key=path),
    ):
        if name == "certificate":
            assert "private_key" in str(refusal(make))
            continue
        said = str(refusal(make))
        assert all(part in said for part in (*told, path.name)), said


@pytest.mark.parametrize(("name", "told"), AS_CERTIFICATE.items(), ids=list(AS_CERTIFICATE))
def test_case_54_a_file_that_is_no_certificate_is_told_by_what_it_is(
    name: str, told: tuple[str, str], files: Files
) -> None:
    path = files.path(name)
    said = str(refusal(lambda: CertificateAuth(path)))
    assert all(part in said for part in (*told, path.name)), said


@pytest.mark.parametrize("name", [name for name in AS_CERTIFICATE if name != "certificate"])
def test_case_54_a_file_that_is_no_authority_is_told_by_what_it_is(name: str, files: Files) -> None:
    path = files.path(name)
    said = str(refusal(lambda: AiohttpTransport(ca_file=path)))
    assert AS_CERTIFICATE[name][0] in said
    assert path.name in said


def test_case_54_a_key_that_belongs_to_another_certificate_is_told(files: Files) -> None:
    other = files.path("other", _pem(rsa.generate_private_key(65537, 2048)))
    said = str(refusal(lambda: CertificateAuth(files.path("certificate"), other)))
    assert "does not belong to the certificate" in said
    assert other.name in said


def test_case_54_a_certificate_whose_key_is_too_short_is_told(files: Files) -> None:
    key = rsa.generate_private_key(65537, 1024)
    path = files.path("short pair", _certificate(key) + _pem(key))
    assert "too short for TLS" in str(refusal(lambda: CertificateAuth(path)))


def test_case_54_a_damaged_certificate_is_told(files: Files) -> None:
    lines = files.certificate.splitlines()
    damaged = b"\n".join([*lines[:3], *lines[6:]]) + b"\n"
    said = str(refusal(lambda: CertificateAuth(files.path("damaged pair", damaged + files.pem))))
    assert "the certificate is damaged" in said
    said = str(refusal(lambda: AiohttpTransport(ca_file=files.path("damaged authority", damaged))))
    assert "damaged" in said


@pytest.mark.parametrize("name", ["encrypted", "encrypted, PKCS#1"])
def test_case_54_the_password_opens_an_encrypted_key_wherever_one_is_taken(name: str, files: Files) -> None:
    path, certificate = files.path(name), files.path("certificate")
    RsaAuth("bot", path, password=PASSWORD)
    RsaAuth("bot", path.read_text(), password=PASSWORD)
    OnBehalfOf("app", path, password=PASSWORD)
    CertificateAuth(certificate, path, password=PASSWORD)
    both = files.path("both", path.read_bytes() + files.certificate)
    CertificateAuth(both, password=PASSWORD)
    environment = {"SYMPHONY_POD_URL": URL, "SYMPHONY_BOT_USERNAME": "bot", "SYMPHONY_PRIVATE_KEY": str(path)}
    assert "SYMPHONY_PRIVATE_KEY_PASSWORD" in str(refusal(lambda: PodClient.from_env(environment)))
    PodClient.from_env(environment | {"SYMPHONY_PRIVATE_KEY_PASSWORD": PASSWORD})
    environment = {"SYMPHONY_POD_URL": URL, "SYMPHONY_CERTIFICATE": str(both)}
    assert "SYMPHONY_CERTIFICATE_PASSWORD" in str(refusal(lambda: PodClient.from_env(environment)))
    PodClient.from_env(environment | {"SYMPHONY_CERTIFICATE_PASSWORD": PASSWORD})
    key = {"path": str(path), "password": PASSWORD}
    for account in ({"bot": {"username": "bot", "privateKey": key}}, {"app": {"appId": "app", "privateKey": key}}):
        config = files.folder / "config.json"
        config.write_text(json.dumps({"host": "acme.example", **account}))
        PodClient.from_config(config)


def test_case_54_a_wrong_password_is_told_and_not_shown(files: Files) -> None:
    wrong = "not-the-password-of-this-key"
    path, certificate = files.path("encrypted"), files.path("certificate")
    for make in (
        lambda: RsaAuth("bot", path, password=wrong),
        lambda: CertificateAuth(certificate, path, password=wrong),
        lambda: CertificateAuth(certificate, path, password=wrong * 100),
    ):
        error = refusal(make)
        assert "password is not the one" in str(error)
        assert wrong not in "".join(frames(error))


def test_case_54_a_password_does_no_harm_to_a_key_that_is_not_encrypted(files: Files) -> None:
    path = files.path("clear", files.pem)
    RsaAuth("bot", path, password=PASSWORD)
    RsaAuth("bot", path, password="")
    CertificateAuth(files.path("certificate"), path, password=PASSWORD)


@pytest.mark.parametrize(
    "write",
    [
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", "\\r\\n"),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: f'"{pem}"',
        lambda pem: f"\ufeff{pem}",
        lambda pem: f"Bag Attributes\n    friendlyName: bot\n{pem}",
    ],
    ids=["literal", "literal CR LF", "CR LF", "quoted", "byte order mark", "bag attributes"],
)
def test_case_54_keys_as_environments_and_editors_write_them_serve(
    write: Callable[[str], str], files: Files, pem: str
) -> None:
    text = write(pem)
    RsaAuth("bot", text)
    RsaAuth("bot", files.path("written", text.encode()))
    PodClient.from_env({"SYMPHONY_POD_URL": URL, "SYMPHONY_BOT_USERNAME": "bot", "SYMPHONY_PRIVATE_KEY": text})


def test_case_54_a_key_among_certificates_serves(files: Files) -> None:
    RsaAuth("bot", files.path("with certificate", files.certificate + files.pem))


@pytest.mark.parametrize("source", [None, 7, b"-----BEGIN", ["bot.pem"], "a\0b.pem", "", Path("/"), "absent.pem"])
def test_case_54_what_is_no_file_is_a_config_error(source: Any, files: Files) -> None:
    certificate = files.path("certificate")
    for make in (
        lambda: RsaAuth("bot", source),
        lambda: OnBehalfOf("app", source),
        lambda: CertificateAuth(source),
        lambda: CertificateAuth(certificate, 7 if source is None else source),
        lambda: AiohttpTransport(ca_file=7 if source is None else source),
    ):  # type: Callable[[], Any]
        refusal(make)


@pytest.mark.parametrize("password", [7, b"bytes", ["list"]])
def test_case_54_a_password_that_is_no_text_is_a_config_error(password: Any, files: Files) -> None:
    path, certificate = files.path("encrypted"), files.path("certificate")
    for make in (
        lambda: RsaAuth("bot", path, password=password),
        lambda: CertificateAuth(certificate, path, password=password),
    ):
        assert "must be a text" in str(refusal(make))


@pytest.mark.parametrize("name", [7, None, "", ["bot"]])
def test_case_54_a_name_that_is_no_text_is_a_config_error(name: Any, pem: str) -> None:
    refusal(lambda: RsaAuth(name, pem))
    refusal(lambda: OnBehalfOf(name, pem))


def test_case_54_a_short_key_without_its_frame_is_no_path_to_be_shown() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    bare = base64.b64encode(key).decode()
    error = refusal(lambda: RsaAuth("bot", bare))
    assert "neither a path nor PEM text" in str(error)
    assert bare[:30] not in str(error)


@pytest.mark.parametrize("name", ["encrypted", "cut off", "damaged", "elliptic", "short"])
def test_case_54_no_frame_of_a_refusal_holds_the_key_or_the_password(name: str, files: Files) -> None:
    text = files.contents[name].decode()
    for make in (
        lambda: RsaAuth("bot", text, password="wrong-" + PASSWORD),
        lambda: OnBehalfOf("app", text, password="wrong-" + PASSWORD),
        lambda: CertificateAuth(files.path(name), files.path("certificate"), password="wrong-" + PASSWORD),
        lambda: PodClient.from_env(
            {
                "SYMPHONY_POD_URL": URL,
                "SYMPHONY_BOT_USERNAME": "bot",
                "SYMPHONY_PRIVATE_KEY": text,
                "SYMPHONY_PRIVATE_KEY_PASSWORD": "wrong-" + PASSWORD,
            }
        ),
    ):
        shown = "".join(frames(refusal(make)))
        assert PASSWORD not in shown
        assert text.splitlines()[2] not in shown


def frames(error: BaseException) -> Iterator[str]:
    """What a traceback with locals shows of the product's frames, of an error and of those behind it."""
    todo: list[BaseException | None] = [error]
    while todo:
        if (found := todo.pop()) is None:
            continue
        todo += [found.__cause__, found.__context__]
        yield repr(found)
        for frame, _ in traceback.walk_tb(found.__traceback__):
            if frame.f_code.co_filename.startswith(PRODUCT):
                yield repr(frame.f_locals)


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_case_54_whatever_is_in_a_file_is_a_key_or_a_config_error(data: st.DataObject, files: Files) -> None:
    content = data.draw(st.binary(max_size=200) | st.sampled_from(list(files.contents.values())))
    if content and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content) - 1))
        content = content[:at] + data.draw(st.binary(max_size=4)) + content[at + data.draw(st.integers(0, 4)) :]
    path, certificate = files.path("drawn", content), files.path("certificate")
    for make in (
        lambda: RsaAuth("bot", path, password=PASSWORD),
        lambda: CertificateAuth(path, password=PASSWORD),
        lambda: CertificateAuth(certificate, path, password=PASSWORD),
        lambda: AiohttpTransport(ca_file=path),
    ):  # type: Callable[[], Any]
        try:
            make()
        except ConfigError as error:
            assert "PEM lib" not in str(error)  # noqa: PT017 - whether it is raised is left open


ON_A_TERMINAL = """
import sys
from aiosymphony import CertificateAuth, ConfigError
try:
    CertificateAuth(*sys.argv[1:])
except ConfigError as error:
    print("told:", error)
"""


@pytest.mark.parametrize("apart", [False, True], ids=["in one file", "in two files"])
def test_case_54_an_encrypted_key_never_asks_on_the_terminal(apart: bool, files: Files) -> None:
    """In a process with a terminal of its own: OpenSSL would ask there, whatever stdin is."""
    key, certificate = files.path("encrypted"), files.path("certificate")
    both = files.path("both encrypted", key.read_bytes() + files.certificate)
    arguments = [certificate, key] if apart else [both]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509 - makes it the terminal
    )
    os.close(theirs)
    said = b""
    try:
        while b"pass phrase" not in said:
            said += os.read(ours, 1000)
    except OSError:  # the process has ended, and its side of the terminal with it
        pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)
    assert b"pass phrase" not in said
    assert b"told: " in said
    assert b"is encrypted" in said
