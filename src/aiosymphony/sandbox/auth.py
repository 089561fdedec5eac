"""Keys, tokens and sessions."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, Literal

import jwt
from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["Auth", "Bot", "ClientCredentials", "Session", "new_key", "public_pem", "server_key"]

Kind = Literal["sessionToken", "keyManagerToken", "app", "bearer"]
MAX_JWT_SECONDS = 300
CLOCK_LEEWAY = 5
"""How far a client's clock may be ahead, as with the real service."""
DAY = 86_400


@frozen
class Bot:
    """A service account (or an app) that logs in with an RSA key."""

    username: str
    private_key: str = field(repr=False)
    """PEM, PKCS#8."""


@frozen
class ClientCredentials:
    """Credentials of a Connect partner."""

    client_id: str
    client_secret: str = field(repr=False)


@frozen
class Session:
    """What one token stands for."""

    kind: Kind
    user: int
    """User id; 0 for apps and Connect partners."""
    id: str
    created: int
    expires: float
    """On the sandbox's monotonic clock."""
    agent: str = ""
    peer: str = ""
    app: str | None = None
    scope: str = ""
    """Of bearer tokens: the scopes that they were asked for, separated by blanks."""


def new_key() -> str:
    """A new RSA private key of 2,048 bits, as PKCS#8 PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@lru_cache(maxsize=8)  # reading a private key checks it, which takes longer than starting a sandbox
def public_pem(private_key: str) -> str:
    """The public key of a private one, as PEM."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def is_public_key(pem: str) -> bool:
    """Whether this is an RSA public key in PEM."""
    try:
        return isinstance(serialization.load_pem_public_key(pem.encode()), rsa.RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


@cache
def bot_key() -> str:
    """The default private key of a service account. Making a key is slow, so there is one per process."""
    return new_key()


@cache
def server_key() -> Any:
    """The key that signs OAuth and bearer tokens; one per process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Auth:
    """Issued tokens."""

    def __init__(self, token_ttl: float | None, clock: Callable[[], float]) -> None:
        self.token_ttl = token_ttl
        self._clock = clock
        self._tokens: dict[str, Session] = {}
        self._by_user: dict[int, set[str]] = {}
        self._since_purge = 0

    def open(
        self, kind: Kind, user: int, *, agent: str = "", peer: str = "", app: str | None = None, scope: str = ""
    ) -> str:
        """Issue a token."""
        token = self._signed(kind, user) if kind == "bearer" else secrets.token_hex(64)
        self._purge()
        now = self._clock()
        expires = float("inf") if self.token_ttl is None else now + self.token_ttl
        self._tokens[token] = Session(
            kind, user, uuid.uuid4().hex, time.time_ns() // 1_000_000, expires, agent, peer, app, scope
        )
        self._by_user.setdefault(user, set()).add(token)
        return token

    def find(self, token: str | None, *kinds: Kind) -> Session | None:
        """What a token stands for; None if it is unknown, of another kind, or expired."""
        session = self._tokens.get(token or "")
        if session is None or session.kind not in kinds or session.expires <= self._clock():
            return None
        return session

    def revoke(self, token: str) -> bool:
        """Revoke a token; False if it was unknown."""
        session = self._tokens.pop(token, None)
        if session is None:
            return False
        self._by_user[session.user].discard(token)
        return True

    def revoke_all(self, user: int | None = None, session_id: str | None = None) -> int:
        """Revoke all tokens, or those of a user, or of one session; returns how many."""
        tokens = list(self._tokens) if user is None else list(self._by_user.get(user, ()))
        tokens = [token for token in tokens if session_id is None or self._tokens[token].id == session_id]
        for token in tokens:
            self.revoke(token)
        return len(tokens)

    def sessions(self, user: int) -> Iterator[Session]:
        """The live sessions of a user."""
        for token in list(self._by_user.get(user, ())):
            session = self.find(token, "sessionToken")
            if session is not None:
                yield session

    def lifetime(self) -> float:
        """Seconds until a token expires; a day if tokens never expire."""
        return DAY if self.token_ttl is None else self.token_ttl

    def _signed(self, kind: Kind, user: int) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://sandbox.invalid/",
            "sub": str(user),
            "aud": "https://api.symphony.com/partners",
            "iat": now,
            "exp": now + int(self.lifetime()),
            "scope": "community:accounts:onboard",
            "jti": uuid.uuid4().hex,
            "gty": "client-credentials" if kind == "bearer" and not user else "session",
        }
        return jwt.encode(claims, server_key(), algorithm="RS256", headers={"kid": "sandbox"})

    def _purge(self) -> None:
        # A long run with short-lived tokens would otherwise keep every token it ever issued.
        self._since_purge += 1
        if self._since_purge >= 1000:
            self._since_purge = 0
            now = self._clock()
            for token in [token for token, session in self._tokens.items() if session.expires <= now]:
                self.revoke(token)


def verified_subject(token: str, key_of: Callable[[str], list[str]]) -> str:
    """The subject of a login JWT: RS512, signed by one of the subject's keys, expiring within five minutes.

    Raises ValueError saying what is wrong with it.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        subject = str(claims.get("sub") or "")
        if not subject:
            msg = "the JWT has no subject"
            raise ValueError(msg)
        for key in key_of(subject):
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=["RS512"],
                    leeway=CLOCK_LEEWAY,
                    options={"require": ["exp", "sub"], "verify_aud": False},
                )
                break
            except jwt.InvalidSignatureError:
                continue
        else:
            msg = "the JWT is not signed with a registered key of its subject"
            raise ValueError(msg)
    except jwt.InvalidTokenError as error:
        msg = f"the JWT is not valid: {error}"
        raise ValueError(msg) from None
    if claims["exp"] > time.time() + MAX_JWT_SECONDS + CLOCK_LEEWAY:
        msg = "the JWT expires more than five minutes from now"
        raise ValueError(msg)
    return subject
