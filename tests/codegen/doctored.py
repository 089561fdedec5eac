"""A version of the Pod API that does not exist, published as vendors publish: 20.18.0, and what it takes to get there.

Beside the current version it has three operations more, one is gone, a field is renamed, a limit is tighter, and one
operation has another base path. Its form is not that of ``specs/``: tokens are header parameters, there are no ids of
operations, objects stand inside others, defaults are in the schemas, and the words are others.
"""

from __future__ import annotations

import copy
from typing import Any

VERSION = "20.18.0"
Json = dict[str, Any]

TOKEN = {"name": "sessionToken", "in": "header", "required": True, "schema": {"type": "string"}}
UID = {"name": "uid", "in": "path", "required": True, "schema": {"type": "integer", "format": "int64"}}
BADGE = {
    "type": "object",
    "required": ["label"],
    "properties": {
        "label": {"type": "string", "example": "Trainer"},
        "colour": {"type": "string", "default": "grey"},
        "issuer": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}

HANDLER = '({call}: Call) -> Any:\n    """{words}."""\n    {body}\n'
ROW = "call.db.settings.get(f\"badges {call.path['uid']}\")"
PUT = "call.db.settings.put((f\"badges {{call.path['uid']}}\", {}))"

# What a person writes after the bump: file, the text that is there, and the text that belongs there.
BY_HAND: list[tuple[str, str, str]] = [
    # The field that was renamed.
    (
        "src/aiosymphony/pod/users.py",
        "suspended_until=until, suspension_reason=reason)",
        "suspended_until=until, reason=reason)",
    ),
    ("src/aiosymphony/sandbox/pod/users.py", 'given.get("suspensionReason")', 'given.get("reason")'),
    ("tests/sandbox/test_operations.py", '"suspensionReason": "r"', '"reason": "r"'),
    ("tests/facade/test_users.py", '"suspensionReason": "leave"', '"reason": "leave"'),
    # The limit that is tighter.
    (
        f"specs/pod/{VERSION}.yaml",
        "description: Items per page. 1,000 if absent, 5,000 at most.",
        "description: Items per page. 1,000 if absent and at most.",
    ),
    ("src/aiosymphony/pod/presence.py", "page_size: int = 5000", "page_size: int = 1000"),
    ("src/aiosymphony/pod/presence.py", "Presences per request, 2 to 5,000.", "Presences per request, 2 to 1,000."),
    ("tests/facade/test_presence.py", "/pod/v2/users/presence?limit=5000", "/pod/v2/users/presence?limit=1000"),
    # The operation that is gone.
    (
        "src/aiosymphony/pod/system.py",
        "import v1_files_allowed_types_get, v1_languages_get",
        "import v1_files_allowed_types_get",
    ),
    (
        "src/aiosymphony/pod/system.py",
        '''    async def list_languages(self) -> list[str]:
        """The languages of the pod, such as ``en-US`` (``GET /pod/v1/languages``). For every account."""
        return (await self._session.execute(v1_languages_get.build())).languages or []

''',
        "",
    ),
    (
        "src/aiosymphony/sandbox/pod/system.py",
        '''@reads("v1_languages_get")
def languages(_call: Call) -> Any:
    """The languages of the pod."""
    return {"languages": ["en-US", "fr-FR", "ja-JP"]}


''',
        "",
    ),
    (
        "tests/facade/test_system.py",
        '    assert await pod.system.list_languages() == ["en-US", "fr-FR", "ja-JP"]\n',
        "",
    ),
    ("tests/sandbox/test_operations.py", '    assert (await run("v1_languages_get", headers={}))["languages"]\n', ""),
    # The three operations that are new: their names and words, and how the sandbox answers.
    *(
        (
            "specs/pod/operations.toml",
            f'facade = "users.{name}"\nkind = "make"\nidempotent = false',
            f'facade = "users.{better}"\nkind = "put"\nidempotent = true',
        )
        for name, better in (("create_badges", "add_badge"), ("clear_badges", "clear_badges"))
    ),
    ("src/aiosymphony/pod/users.py", "async def create_badges", "async def add_badge"),
    ("tests/facade/test_users.py", "wire.pod.users.create_badges(", "wire.pod.users.add_badge("),
    *(
        (
            "src/aiosymphony/sandbox/pod/users.py",
            HANDLER.format(
                call="_call", words="TODO", body=f'raise HttpError(501, "{operation} is not in the sandbox yet")'
            ),
            HANDLER.format(call="call", words=words, body=body),
        )
        for operation, words, body in (
            ("v1_admin_user_uid_badges_get", "The badges of a user", f"row = {ROW}\n    return row[1] if row else []"),
            (
                "v1_admin_user_uid_badges_post",
                "Give a user a badge",
                f"{PUT.format('[call.body]')}\n    return call.body",
            ),
            (
                "v1_admin_user_uid_badges_clear_post",
                "Take all badges",
                f'{PUT.format("[]")}\n    return success("cleared")',
            ),
        )
    ),
]


def doctored(current: Json) -> Json:
    """The document as it is published, made from the current one."""
    document = copy.deepcopy(current)
    document["info"]["version"] = VERSION
    paths, schemas = document["paths"], document["components"]["schemas"]
    schemas["UserBadge"] = copy.deepcopy(BADGE)
    ok = {
        "200": {
            "description": "",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UserBadge"}}},
        }
    }
    many = copy.deepcopy(ok)
    many["200"]["content"]["application/json"]["schema"] = {
        "type": "array",
        "items": {"$ref": "#/components/schemas/UserBadge"},
    }
    done = copy.deepcopy(ok)
    done["200"]["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/SuccessResponse"}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UserBadge"}}}}
    paths["/v1/admin/user/{uid}/badges"] = {
        "get": {"tags": ["User"], "parameters": [UID], "responses": many},
        "post": {"tags": ["User"], "parameters": [UID], "requestBody": body, "responses": ok},
    }
    paths["/v1/admin/user/{uid}/badges/clear"] = {"post": {"tags": ["User"], "parameters": [UID], "responses": done}}
    del paths["/v1/languages"]
    renamed = schemas["UserSuspension"]["properties"]
    renamed["reason"] = renamed.pop("suspensionReason")
    [limit] = [each for each in paths["/v2/users/presence"]["get"]["parameters"] if each["name"] == "limit"]
    limit["schema"]["maximum"] = 1000
    paths["/v1/files/allowedTypes"]["servers"] = [{"url": "https://acme.symphony.com/files"}]
    return _as_published(document)


def _as_published(document: Json) -> Json:
    """The same API in another form and in other words."""
    document["servers"] = [{"url": "https://yourdomain.example/pod"}]
    del document["components"]["securitySchemes"], document["tags"]
    for item in document["paths"].values():
        for method, operation in item.items():
            if method == "servers":
                continue
            operation.pop("operationId", None)
            operation.pop("summary", None)
            operation["description"] = "Published words."
            if operation.pop("security", [{}]):
                operation["parameters"] = [TOKEN, *operation.get("parameters", [])]
            operation["responses"].pop("429", None)
    _reword(document["components"]["schemas"])
    return document


def _reword(value: Any) -> None:
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            value["description"] = "Published words."
        for each in value.values():
            _reword(each)
    elif isinstance(value, list):
        for each in value:
            _reword(each)
