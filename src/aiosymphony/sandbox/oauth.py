"""Connect's OAuth service: its operation, which none of Symphony's documents describes, and the handler."""

from __future__ import annotations

import secrets
from typing import Any

from .documents import Document, Operation
from .handlers import Answer, Call, writes

__all__ = ["OAUTH"]

_STRING = {"type": "string"}
OAUTH = Operation(
    id="oauth_token_post",
    api="oauth",
    method="POST",
    path="/oauth/token",
    parameters=(),
    body={
        "type": "object",
        "properties": dict.fromkeys(("client_id", "client_secret", "audience", "grant_type", "scope"), _STRING),
        "required": ["client_id", "client_secret", "grant_type"],
        "additionalProperties": False,
    },
    body_required=True,
    responses={
        "200": {
            "type": "object",
            "properties": {"access_token": _STRING, "token_type": _STRING, "expires_in": {"type": "integer"}},
            "required": ["access_token", "token_type"],
            "additionalProperties": False,
        },
        **{
            status: {"type": "object", "properties": {"error": _STRING, "error_description": _STRING}}
            for status in ("400", "401", "403")
        },
    },
    security=(),
    document=Document("oauth", "1", {}),
)


@writes("oauth_token_post")
def oauth_token(call: Call) -> Any:
    """Grant an access token for client credentials. The fields of the body are Auth0's."""
    body = call.body
    wanted = call.credentials
    if body.get("grant_type") != "client_credentials":
        return Answer(400, {"error": "unsupported_grant_type", "error_description": "use client_credentials"})
    given = (str(body.get("client_id", "")), str(body.get("client_secret", "")))
    if not all(
        secrets.compare_digest(mine.encode(), yours.encode())
        for mine, yours in zip((wanted.client_id, wanted.client_secret), given, strict=True)
    ):
        return Answer(401, {"error": "access_denied", "error_description": "Unauthorized"})
    if not body.get("audience"):
        return Answer(403, {"error": "access_denied", "error_description": "audience is missing"})
    answer: dict[str, Any] = {"access_token": call.auth.open("bearer", 0), "token_type": "Bearer"}
    if call.options.expires_in:
        answer["expires_in"] = int(call.auth.lifetime())
    return answer
