"""Loads keys and certificates from files. An error says what the file is instead and how to convert it.

Nothing here prompts for a password: an encrypted key without its password is an error.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..errors import ConfigError
from .secrets import Secret

if TYPE_CHECKING:
    import ssl

SHORTEST_RSA_KEY: Final = 2048
"""Bits of an RSA key that RFC 7518 (3.3) asks of RS512 at least."""

_LONGEST_PATH: Final = 1024
"""Characters of a text that may be a path. A longer one is a key without its PEM frame, and must not be shown."""

_BARE_KEY: Final = re.compile(r"\s*(M[A-P][A-Za-z0-9+/=\s]{40,}|ssh-\w+ .*|PuTTY-User-Key-File.*)", re.DOTALL).fullmatch
"""Keys that are no PEM text: base64 of DER without its frame, and the formats of SSH programs."""

_LINE_BREAK_AS_TEXT: Final = re.compile(rb"\\r\\n|\\n|\\r")

# What a file is, by what is in it, and how to get PEM from it. The first that is found counts.
_LENGTH: Final = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x83...)"
_DER: Final = rb"\A0" + _LENGTH
_KINDS: Final = tuple(
    (re.compile(pattern, re.DOTALL).search, kind, remedy)
    for pattern, kind, remedy in (
        (rb"\A\s*\Z", "empty", ""),
        (rb"\A(?:\xff\xfe|\xfe\xff)|\A(?:-\x00|\x00-)", "UTF-16 text", "save it as UTF-8"),
        (rb"\A\xfe\xed\xfe\xed", "a Java key store", "convert it with keytool to PKCS#12, then with openssl pkcs12"),
        (rb"BEGIN OPENSSH PRIVATE KEY", "a key in OpenSSH's format", "convert it: ssh-keygen -p -m PEM -f FILE"),
        (rb"\APuTTY-User-Key-File", "a key of PuTTY", "convert it: puttygen FILE -O private-openssh -o NEW"),
        (rb"\Assh-|BEGIN SSH2 PUBLIC KEY", "an SSH public key", "give the private key that belongs to it"),
        (rb"BEGIN PGP ", "an OpenPGP file", ""),
        (rb"BEGIN [A-Z ]*PUBLIC KEY", "a public key", "give the private key that belongs to it"),
        (rb"BEGIN (?:NEW )?CERTIFICATE REQUEST", "a certificate request", "give what the authority made of it"),
        (rb"BEGIN (?:X509 |TRUSTED )?CERTIFICATE", "a certificate", ""),
        (rb"BEGIN [A-Z ]*PRIVATE KEY", "a private key", "its first line is -----BEGIN PRIVATE KEY----- and ends there"),
        (rb"BEGIN (?:PKCS7|CMS)", "a PKCS#7 file", "convert it: openssl pkcs7 -print_certs -in FILE -out NEW"),
        (_DER + rb"\x02\x01\x03", "a PKCS#12 file", "convert it: openssl pkcs12 -in FILE -out NEW"),
        (_DER + rb"\x02\x01[\x00\x01]", "a private key in DER", "convert it: openssl pkey -inform der -in FILE"),
        (
            _DER + b"0" + _LENGTH + rb"\x06.\*\x86H\x86\xf7\r\x01[\x05\x0c]",
            "an encrypted private key in DER",
            "convert it: openssl pkcs8 -inform der -in FILE -out NEW",
        ),
        (_DER + b"0" + _LENGTH + rb"[\x02\xa0]", "a certificate in DER",
         "convert it: openssl x509 -inform der -in FILE -out NEW"),
        (_DER + rb"\x06\t\*\x86H\x86\xf7\r\x01\x07", "a PKCS#7 file in DER",
         "convert it: openssl pkcs7 -inform der -print_certs -in FILE -out NEW"),
        (_DER + b"(?:0|\x02)", "a public key in DER", "give the private key that belongs to it"),
        (rb"[\x00-\x08\x0e-\x1a]", "a binary file", ""),
    )
)  # fmt: skip

_IS_CERTIFICATE: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----").search
_IS_KEY: Final = re.compile(rb"-----BEGIN (?!OPENSSH )[A-Z ]*PRIVATE KEY-----").search
_IS_ENCRYPTED: Final = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED").search


class PrivateKey:
    """An RSA private key in PEM (PKCS#1 or PKCS#8), as a file or as text.

    A file is read again for each login, since keys rotate while a bot runs.
    """

    def __init__(self, source: str | Path, password: str | None = None) -> None:
        r"""Take a path or the PEM text itself, in which line breaks may be written as ``\n``.

        ``password`` decrypts an encrypted key. It is ignored for one that is not.

        Raises:
            ConfigError: The file or the text is not a usable key.
        """
        if not isinstance(source, str | os.PathLike):
            raise ConfigError(f"the private key must be a path or PEM text, not {type(source).__name__}")
        is_text = isinstance(source, str) and "-----BEGIN" in source
        text = os.fspath(source)
        if not is_text and (len(text) > _LONGEST_PATH or "\n" in text or _BARE_KEY(text)):
            raise ConfigError("the private key is neither a path nor PEM text, which begins with -----BEGIN")
        self._path = None if is_text else path_of("the private key file", source)
        self._text = Secret(text, name="private key") if is_text else None
        self._password = password_of("the private key's password", password)
        self.load()

    def __repr__(self) -> str:
        return "PrivateKey(***)" if self._path is None else f"PrivateKey({str(self._path)!r})"

    def load(self) -> RSAPrivateKey:
        """Read the key.

        Raises:
            ConfigError: It cannot be read, is no RSA key, or the password is wrong.
        """
        # The content stays in frames that end before anything is raised: a traceback with locals would show it.
        where = "the private key" if self._path is None else f"the private key file {str(self._path)!r}"
        found = _rsa_key(where, self._path or self._text, self._password)
        if isinstance(found, str):
            raise ConfigError(found)
        return found


def use_client_certificate(
    context: ssl.SSLContext,
    certificate: str | Path,
    private_key: str | Path | None = None,
    password: str | None = None,
) -> None:
    """Load a client certificate into a TLS context.

    Args:
        context: The context.
        certificate: A PEM file with the certificate, and its key unless ``private_key`` is given.
        private_key: A PEM file with the key.
        password: Decrypts the key.

    Raises:
        ConfigError: A file cannot be read or used; the message says what is wrong and what to do.
    """
    secret = password_of("the password of the client certificate's key", password)
    path = path_of("client_cert", certificate)
    key_path = path if private_key is None else path_of("client_key", private_key)

    def give_password() -> str:
        # OpenSSL would ask on the terminal if there were no such function, and wait.
        if secret is None:
            raise _NoPassword
        return secret.reveal()

    try:
        context.load_cert_chain(path, key_path, give_password)
    except (OSError, ValueError, _NoPassword) as error:
        problem = _problem_of_certificate(path, key_path, secret, getattr(error, "reason", None))
    else:
        return
    raise ConfigError(problem)


def use_authorities(context: ssl.SSLContext, ca_file: str | Path) -> None:
    """Let a TLS context also trust the certificate authorities in a PEM file.

    Raises:
        ConfigError: The file cannot be read or holds no certificate; the message says what is wrong and what to do.
    """
    path = path_of("ca_file", ca_file)
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError):
        problem = _problem_of_authorities(path)
    else:
        return
    raise ConfigError(problem)


def path_of(name: str, value: Any) -> Path:
    """A path from what a caller gave for one.

    Raises:
        ConfigError: It cannot be one.
    """
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name} must be a path, not {type(value).__name__}")
    text = os.fspath(value)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"{name}: {text!r} cannot be a path")
    return Path(text)


def password_of(name: str, value: Any) -> Secret | None:
    """The password as a secret; an empty one is none.

    Raises:
        ConfigError: It is no text. It is not shown.
    """
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{name} must be a text, not {type(value).__name__}")
    return Secret(value, name=name) if value else None


class _NoPassword(Exception):
    """OpenSSL asked for a password, and none was given."""


def _rsa_key(where: str, source: Path | Secret | None, password: Secret | None) -> RSAPrivateKey | str:
    """The key, or what is wrong with it."""
    content = _content(where, source)
    if isinstance(content, str):
        return content
    key = _private_key(where, content, password, "an RSA private key in PEM", "SYMPHONY_PRIVATE_KEY_PASSWORD")
    if isinstance(key, str):
        return key
    if not isinstance(key, RSAPrivateKey):
        kind = type(key).__name__.lstrip("_").removesuffix("PrivateKey")
        return f"{where} is not an RSA key but one of the kind {kind}: make one with openssl genrsa -out FILE 4096"
    if key.key_size < SHORTEST_RSA_KEY:
        return (
            f"{where} is an RSA key of {key.key_size} bits, which is too short: RS512 takes {SHORTEST_RSA_KEY} at "
            "least. Make a new one with openssl genrsa -out FILE 4096, and register its public key"
        )
    return key


def _private_key(where: str, content: bytes, password: Secret | None, wanted: str, variable: str) -> Any:
    """A private key of any kind from PEM, or what is wrong with it."""
    if b"-----BEGIN" in content:
        content = _LINE_BREAK_AS_TEXT.sub(b"\n", content)
    if not _IS_KEY(content):
        return _mistaken(where, content, wanted)
    is_encrypted = _IS_ENCRYPTED(content) is not None
    if is_encrypted and password is None:
        return f"{where} is encrypted: give its password (password=, or {variable} in the environment)"
    try:
        return load_pem_private_key(content, password.reveal().encode() if password and is_encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    if b"-----END" not in content:
        return f"{where} is cut off: the line that begins with -----END is missing"
    if is_encrypted:
        return f"{where} is encrypted, and its password is not the one that was given"
    return f"{where} is damaged, or a key of a kind that is not supported: it begins like {wanted} and cannot be read"


def _problem_of_certificate(path: Path, key_path: Path, password: Secret | None, reason: str | None) -> str:
    """Why OpenSSL could not use a certificate with its key; its own message says little more than "PEM lib"."""
    where, key_where = f"client_cert {str(path)!r}", f"client_key {str(key_path)!r}"
    content = _content(where, path)
    if isinstance(content, str):
        return content
    if not _IS_CERTIFICATE(content):
        return _mistaken(where, content, "a certificate in PEM")
    if key_path == path:
        key_where = where
        if not _IS_KEY(content):
            return f"{where} holds a certificate without its private key: add the key, or give its file as private_key"
    else:
        content = _content(key_where, key_path)
        if isinstance(content, str):
            return content
    key = _private_key(key_where, content, password, "a private key in PEM", "SYMPHONY_CERTIFICATE_PASSWORD")
    if isinstance(key, str):
        return key
    if reason == "KEY_VALUES_MISMATCH":
        return f"{key_where} holds a key that does not belong to the certificate in {str(path)!r}"
    if reason == "EE_KEY_TOO_SMALL":
        return f"{where} holds a certificate whose key is too short for TLS: have one issued for a longer key"
    return f"{where} cannot be used: the certificate is damaged, or of a kind that TLS does not take ({reason})"


def _problem_of_authorities(path: Path) -> str:
    where = f"ca_file {str(path)!r}"
    content = _content(where, path)
    if isinstance(content, str):
        return content
    if not _IS_CERTIFICATE(content):
        return _mistaken(where, content, "certificates in PEM")
    return f"{where} cannot be used: a certificate in it is damaged"


def _content(where: str, source: Path | Secret | None) -> bytes | str:
    """The content of a file or of a text, or why there is none."""
    try:
        if isinstance(source, Path):
            return source.read_bytes()
        return b"" if source is None else source.reveal().encode()
    except OSError as error:
        return f"{where} cannot be read: {error.strerror or type(error).__name__}"
    except ValueError:
        return f"{where} cannot be read: the name holds characters that no file name may have"


def _mistaken(where: str, content: bytes, wanted: str) -> str:
    """The sentence for a file of another kind than expected."""
    for finds, kind, remedy in _KINDS:
        if finds(content):
            what = f"{where} is {kind}, not {wanted}"
            return f"{what}: {remedy}" if remedy else what
    return f"{where} is not {wanted}, which begins with -----BEGIN"
