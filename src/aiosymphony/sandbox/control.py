"""Control routes under /sandbox, by which other processes read and change what a sandbox does."""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from aiohttp import web

from .faults import Faults
from .state import Json, State
from .stats import Stats

__all__ = ["Control"]


class Controlled(Protocol):
    """What the control routes need from a sandbox."""

    state: State
    stats: Stats
    violations: list[str]

    @property
    def faults(self) -> Faults: ...

    @faults.setter
    def faults(self, faults: Faults) -> None: ...

    def revoke_tokens(self) -> int: ...


class Control:
    """The control routes of one sandbox."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """The routes, to be added to an application."""
        return [
            web.get("/sandbox/stats", self._get_stats),
            web.post("/sandbox/stats/reset", self._reset_stats),
            web.get("/sandbox/state", self._get_state),
            web.get("/sandbox/faults", self._get_faults),
            web.post("/sandbox/faults", self._set_faults),
            web.post("/sandbox/revoke", self._revoke),
        ]

    async def _get_stats(self, _request: web.Request) -> web.Response:
        return _json({**self._sandbox.stats.to_json(), "violations": self._sandbox.violations})

    async def _reset_stats(self, _request: web.Request) -> web.Response:
        self._sandbox.stats.reset()
        return _json(self._sandbox.stats.to_json())

    async def _get_state(self, _request: web.Request) -> web.Response:
        return _json(_summary(self._sandbox.state))

    async def _get_faults(self, _request: web.Request) -> web.Response:
        return _json(self._sandbox.faults.to_json())

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self._sandbox.faults = Faults.from_json(orjson.loads(await request.read()))
        except ValueError as error:
            return _json({"error": str(error)}, status=400)
        return _json(self._sandbox.faults.to_json())

    async def _revoke(self, _request: web.Request) -> web.Response:
        return _json({"revoked": self._sandbox.revoke_tokens()})


def _summary(state: State) -> Json:
    return {
        "counts": state.counts(),
        "pod_users": [
            {
                "id": user.id,
                "email": user.email,
                "username": user.username,
                "status": user.status,
                "roles": user.roles,
                "features": user.features,
                "attributes": user.attributes,
            }
            for user in state.users()
        ],
        "rooms": [
            {
                "id": room.id,
                "name": room.attributes["name"],
                "active": room.active,
                "members": [member.user for member in state.members(room.id)],
            }
            for room in state.rooms()
        ],
        "presences": {str(value["userId"]): value["category"] for value in state.db.presences},
        "connect_users": [
            {
                "id": user.id,
                "email": user.attributes["email"],
                "company": user.company,
                "active": user.active,
                "attributes": user.attributes,
            }
            for user in state.connect_users()
        ],
        "companies": [
            {
                "id": company.id,
                "name": company.name,
                "vanityName": company.vanity_name,
                "users": len(state.db.connect_users.group("company", company.id)),
            }
            for company in state.db.companies
        ],
    }


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
