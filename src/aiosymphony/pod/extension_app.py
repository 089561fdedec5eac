"""An extension app's back end: it logs its front end in, and checks the JWTs that come from there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from ..auth.application import Application
from ..auth.secrets import Secret
from ..errors import AuthError, DecodeError
from ..session import Session
from ..wire.models import or_none

if TYPE_CHECKING:
    from aiosymphony_api.login.models import ExtensionAppTokens

# jwt, cryptography, hmac, secrets and the operations load when they are used: every client of a pod has this module.

__all__ = ["ExtensionApp", "TokenPair", "TokenPairStore"]

_CERTIFICATE_KEPT: Final = 24 * 3600.0
"""Seconds after which the pod's certificate is fetched anew."""
_CERTIFICATE_QUIET: Final = 60.0
"""A signature that does not fit has it fetched anew, but not more often than so many seconds apart."""
_MOST_PAIRS: Final = 10_000


@attrs.frozen
class TokenPair:
    """The tokens by which an app's front end and the pod's client know each other.

    Attributes:
        app_token: Made up by the app.
        symphony_token: Given by the pod for it.
        expires_at: When they end, in seconds since the epoch; None if the pod did not say.
    """

    app_token: Secret
    symphony_token: Secret
    expires_at: float | None


class TokenPairStore(Protocol):
    """Where pairs are kept. All processes of a back end have to use the same."""

    async def save(self, pair: TokenPair) -> None:
        """Keep a pair."""
        ...

    async def find(self, app_token: Secret) -> TokenPair | None:
        """The pair of an app token; None if there is none."""
        ...


class _InMemory:
    """Keeps the newest pairs in memory."""

    def __init__(self) -> None:
        self._pairs: dict[Secret, TokenPair] = {}

    async def save(self, pair: TokenPair) -> None:
        self._pairs.pop(pair.app_token, None)
        self._pairs[pair.app_token] = pair
        while len(self._pairs) > _MOST_PAIRS:
            del self._pairs[next(iter(self._pairs))]

    async def find(self, app_token: Secret) -> TokenPair | None:
        return self._pairs.get(app_token)


class ExtensionApp:
    """An extension app; made by :meth:`PodClient.extension_app`::

    app = pod.extension_app()
    pair = await app.authenticate()  # its two tokens go to the front end
    ...
    claims = await app.validate_jwt(text)  # from SYMPHONY.remote.hello, by the front end
    """

    def __init__(self, app: Application, session: Session, *, store: TokenPairStore | None) -> None:
        self._app = app
        self._app_id = app.app_id
        self._session = session
        self._store = _InMemory() if store is None else store
        self._key: Any = None
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    def __repr__(self) -> str:
        return f"ExtensionApp({self._app_id!r})"

    async def authenticate(self, app_token: str | None = None) -> TokenPair:
        """Log the app in for one of its users (``POST /login/v1/pubkey/app/authenticate/extensionApp``).

        An application with a certificate logs in at ``/sessionauth/v1/authenticate/extensionApp``.

        Args:
            app_token: The app's token for this user; one that nobody can guess by default.

        Returns:
            The pair, which is kept in the store, too.

        Raises:
            SymphonyError: The pod refused the app, or did not answer.
        """
        import secrets  # noqa: PLC0415

        own = Secret(secrets.token_urlsafe(32) if app_token is None else app_token, name="app token")
        request = await self._app.extension_app_login(own)
        answer: ExtensionAppTokens = await self._session.without_tokens().execute(request)
        if not or_none(lambda: answer.symphony_token):
            raise DecodeError("the answer to the login of the app holds no token", path="$.symphonyToken")
        expires_at = None if answer.expire_at is None else answer.expire_at / 1000
        pair = TokenPair(own, Secret(answer.symphony_token, name="symphony token"), expires_at)
        await self._store.save(pair)
        return pair

    async def is_valid(self, app_token: str, symphony_token: str) -> bool:
        """Whether two tokens that a front end shows belong together, and have not expired."""
        if not app_token or not symphony_token:
            return False
        pair = await self._store.find(Secret(app_token))
        if pair is None or (pair.expires_at is not None and pair.expires_at <= self._session.clock.time()):
            return False
        import hmac  # noqa: PLC0415

        return hmac.compare_digest(pair.symphony_token.reveal().encode(), symphony_token.encode())

    async def validate_jwt(self, text: str) -> Mapping[str, Any]:
        """The claims of a JWT that the pod issued to this app's front end, such as ``sub`` and ``user``.

        The signature is checked with the pod's certificate, which is kept for a day, and fetched anew if the signature
        does not fit, as after a rotation.

        Raises:
            AuthError: The JWT is not the pod's, has expired, or is for another app.
            SymphonyError: The pod's certificate could not be fetched.
        """
        import jwt  # noqa: PLC0415

        try:
            return self._claims(text, await self._certificate(_CERTIFICATE_KEPT))
        except jwt.InvalidSignatureError:
            pass
        except jwt.PyJWTError as error:
            raise self._refused(error) from None
        try:
            return self._claims(text, await self._certificate(_CERTIFICATE_QUIET))
        except jwt.PyJWTError as error:
            raise self._refused(error) from None

    def _claims(self, text: str, key: Any) -> Mapping[str, Any]:
        import jwt  # noqa: PLC0415

        claims: Mapping[str, Any] = jwt.decode(
            text,
            key,
            algorithms=["RS512"],
            audience=self._app_id,
            # What stands in "sub" is a number in some pods, which the library refuses.
            options={"require": ["exp", "aud"], "verify_sub": False},
        )
        return claims

    def _refused(self, error: Exception) -> AuthError:
        return AuthError(f"the JWT is not valid for the app {self._app_id}: {error}")

    async def _certificate(self, kept: float) -> Any:
        """The key of the pod's certificate, if it was fetched within so many seconds; else anew."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
        from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

        from aiosymphony_api.pod.api.pod import v1_podcert_get  # noqa: PLC0415

        async with self._fetching:
            now = self._session.clock.monotonic()
            if self._key is None or now - self._fetched_at >= kept:
                answer = await self._session.without_tokens().execute(v1_podcert_get.build())
                try:
                    key = load_pem_x509_certificate((or_none(lambda: answer.certificate) or "").encode()).public_key()
                except ValueError:
                    raise DecodeError("the pod's certificate cannot be read", path="$.certificate") from None
                if not isinstance(key, RSAPublicKey):
                    raise DecodeError("the pod's certificate has no RSA key", path="$.certificate")
                self._key, self._fetched_at = key, now
            return self._key
