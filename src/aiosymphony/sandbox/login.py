"""Logins with RSA keys and certificates, on behalf of users, and bearer tokens."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from jwt.algorithms import RSAAlgorithm

from .auth import Kind, server_key, verified_subject
from .handlers import Call, HttpError, reads, writes
from .state import User, now_ms


def _login(call: Call, user: User, kind: Kind) -> dict[str, Any]:
    if user.status == "DISABLED" or user.suspended:
        raise HttpError(401, "the account is disabled or suspended")
    call.state.db.users.put(evolve(user, last_login=now_ms()))
    token = call.auth.open(kind, user.id, agent=call.headers.get("User-Agent", ""), peer=call.peer)
    answer = {"name": kind, "token": token}
    if kind == "sessionToken":
        answer["authorizationToken"] = "Bearer " + call.auth.open("bearer", user.id)
    return answer


def _user_keys(call: Call, username: str) -> list[str]:
    user = call.state.user(username=username)
    if user is None:
        return []
    keys = []
    if current := user.attributes.get("currentKey"):
        keys.append(current["key"])
    previous = user.attributes.get("previousKey")
    if previous and previous.get("expirationDate", 0) > now_ms():
        keys.append(previous["key"])
    return keys


def _app_keys(call: Call, app_id: str) -> list[str]:
    app = call.state.db.apps.get(app_id)
    keys = (app or {}).get("authenticationKeys", {})
    return [key["key"] for name in ("current", "previous") if (key := keys.get(name)) and "key" in key]


@writes("login_pubkey_authenticate_post", "relay_pubkey_authenticate_post")
def rsa_login(call: Call) -> Any:
    """Log in a user with a signed JWT."""
    try:
        subject = verified_subject(call.body.get("token", ""), lambda name: _user_keys(call, name))
    except ValueError as error:
        raise HttpError(401, str(error)) from None
    user = call.state.user(username=subject)
    if user is None:
        raise HttpError(401, "the subject of the JWT is not a user")
    kind: Kind = "keyManagerToken" if call.operation.path.startswith("/relay") else "sessionToken"
    return _login(call, user, kind)


@writes("sessionauth_v1_authenticate_post", "keyauth_v1_authenticate_post")
def certificate_login(call: Call) -> Any:
    """Log in the user whom the client certificate names. Like a pod, refuse a body or a content type."""
    if call.body is not None or "Content-Type" in call.headers:
        raise HttpError(401, "a certificate login must have neither a body nor a content type")
    name = call.certificate or call.options.trusted_certificate
    user = call.state.user(username=name) if name else None
    if user is None:
        raise HttpError(401, "no client certificate of a known user was presented")
    return _login(call, user, "keyManagerToken" if call.operation.path.startswith("/keyauth") else "sessionToken")


@writes("sessionauth_v1_logout_post")
def logout(call: Call) -> Any:
    """End the session of the request."""
    call.auth.revoke(call.headers.get("sessionToken", ""))
    return {"message": "logged out"}


@writes("login_pubkey_app_authenticate_post")
def app_login(call: Call) -> Any:
    """Log in an app with a signed JWT."""
    try:
        app_id = verified_subject(call.body.get("token", ""), lambda name: _app_keys(call, name))
    except ValueError as error:
        raise HttpError(401, str(error)) from None
    return {"name": "sessionToken", "token": call.auth.open("app", 0, app=app_id)}


@writes("sessionauth_v1_app_authenticate_post")
def app_certificate_login(call: Call) -> Any:
    """Log in the app whom the client certificate names."""
    return {"name": "sessionToken", "token": call.auth.open("app", 0, app=_certified_app(call))}


def _certified_app(call: Call) -> str:
    name = call.certificate
    if name is None and call.options.trusted_certificate:
        name = next((str(app["applicationInfo"]["appId"]) for app in call.state.db.apps), None)
    if name is None or name not in call.state.db.apps:
        raise HttpError(401, "no client certificate of a known app was presented")
    return name


@writes(
    "login_pubkey_app_user_user_id_authenticate_post",
    "login_pubkey_app_username_username_authenticate_post",
    "sessionauth_v1_app_user_uid_authenticate_post",
    "sessionauth_v1_app_username_username_authenticate_post",
)
def on_behalf_of(call: Call) -> Any:
    """Open a session of a user for an app. The answer to a certificate has another form."""
    with_certificate = call.operation.path.startswith("/sessionauth")
    if "username" in call.path:
        user = call.state.user(username=call.path["username"])
    else:
        user = call.state.db.users.get(call.path["uid" if with_certificate else "userId"])
    if user is None:
        raise HttpError(404 if with_certificate else 401, "there is no such user")
    answer = _login(call, user, "sessionToken")
    return {"sessionToken": answer["token"]} if with_certificate else answer


@writes("sessionauth_v1_authenticate_extension_app_post")
def extension_app_certificate_login(call: Call) -> Any:
    """Log in an extension app by its certificate; returns its pair of tokens."""
    return _pair(call, _certified_app(call))


@writes("login_v1_pubkey_app_authenticate_extension_app_post")
def extension_app_login(call: Call) -> Any:
    """Log in an extension app; returns its pair of tokens."""
    try:
        app_id = verified_subject(call.body.get("authToken", ""), lambda name: _app_keys(call, name))
    except ValueError as error:
        raise HttpError(401, str(error)) from None
    return _pair(call, app_id)


def _pair(call: Call, app_id: str) -> Any:
    if not call.body.get("appToken"):
        raise HttpError(400, "appToken is missing")
    return {
        "appId": app_id,
        "appToken": call.body["appToken"],
        "symphonyToken": secrets.token_hex(32),
        "expireAt": now_ms() + int(call.auth.lifetime() * 1000),
    }


@writes("login_idm_tokens_post")
def bearer_token(call: Call) -> Any:
    """Exchange a session token for a bearer token."""
    token = call.auth.open("bearer", call.caller.id, scope=call.query.get("scope", ""))
    return {"token_type": "Bearer", "expires_in": int(call.auth.lifetime()), "access_token": token}


@reads("login_idm_keys_get")
def bearer_keys(_call: Call) -> Any:
    """The public key that verifies bearer tokens."""
    jwk = RSAAlgorithm.to_jwk(server_key().public_key(), as_dict=True)
    return {"keys": [{**{name: str(jwk[name]) for name in ("kty", "n", "e")}, "kid": "sandbox", "alg": "RS256"}]}


@reads("sessionauth_v1_app_pod_certificate_get", "v1_podcert_get")
def pod_certificate(_call: Call) -> Any:
    """A self-signed certificate of the sandbox."""
    return {"certificate": server_certificate()}


@cache
def server_certificate() -> str:
    """A certificate of the server's key; one per process."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(server_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .sign(server_key(), hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
