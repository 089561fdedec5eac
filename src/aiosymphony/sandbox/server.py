"""The sandbox itself: one port, and the path of a request from the socket to its handler and back."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web
from attrs import define, field

from . import connect, login, pod
from .auth import Auth, Bot, ClientCredentials, Kind, Session, bot_key
from .connect import problem
from .documents import Document, Operation, load, specs_folder
from .faults import Fault, Faults, FaultScript
from .handlers import HANDLERS, Answer, Call, Refused
from .pod.roles import is_administrator
from .seeds import seed_app, seed_bot, seed_companies, seed_pod, seed_users
from .state import Json, KeyManager, Options, State
from .validation import Invalid, Validation, single_values

__all__ = ["Sandbox", "Stats"]

HANDLER_MODULES = (connect, login, pod)
"""Importing them fills the table of handlers."""

MAX_REQUEST = 16 * 1024 * 1024
LOGINS = frozenset(
    {
        "login_pubkey_authenticate_post",
        "relay_pubkey_authenticate_post",
        "sessionauth_v1_authenticate_post",
        "keyauth_v1_authenticate_post",
        "login_pubkey_app_authenticate_post",
        "login_pubkey_app_user_user_id_authenticate_post",
        "login_pubkey_app_username_username_authenticate_post",
        "login_v1_pubkey_app_authenticate_extension_app_post",
        "oauth_token_post",
    }
)

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
"""Connect's tokens come from an OAuth service that no document of Symphony's describes."""


@define
class Stats:
    """What a sandbox has seen since it was started or `reset`."""

    requests: int = 0
    logins: int = 0
    """Requests for a session, app, key manager or OAuth token, granted or not."""
    by_operation: Counter[str] = field(factory=Counter)
    by_status: Counter[int] = field(factory=Counter)
    """Answers sent, by status; dropped connections have none."""
    faults: Counter[str] = field(factory=Counter)
    """Injected, by kind."""
    late_writes: int = 0
    """Writes that landed after their 504."""
    in_flight: int = 0
    """Requests being served now."""
    peak_in_flight: int = 0
    """The most that were ever served at once."""

    @property
    def throttled(self) -> int:
        """Answers of 429."""
        return self.by_status[429]

    def reset(self) -> None:
        """Count from zero."""
        self.requests = self.logins = self.late_writes = 0
        self.peak_in_flight = self.in_flight
        for counter in (self.by_operation, self.by_status, self.faults):
            counter.clear()

    def to_json(self) -> Json:
        """The counts as JSON types."""
        return {
            "requests": self.requests,
            "logins": self.logins,
            "throttled": self.throttled,
            "late_writes": self.late_writes,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "by_operation": dict(self.by_operation),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "faults": dict(self.faults),
        }


class Sandbox:
    """A stateful Pod, key manager, Agent, Connect and OAuth server on one loopback port.

        async with Sandbox(users=10) as sandbox:
            ...  # sandbox.url, sandbox.bot, sandbox.client_credentials

    Args:
        users: Made-up users of the pod, besides the bot.
        external_users: Made-up users of another pod, with whom connections must be agreed.
        companies: Connect companies that are COMPLETED.
        page_base: Number of the first page of Connect's user lists, 0 or 1.
        page_cap: Largest page of any list, whatever limit is asked for.
        token_ttl: Seconds that tokens live; None for ever.
        faults: What goes wrong.
        port: 0 for a free one.
        expires_in: Whether `/oauth/token` states how long tokens live.
        inclusive_last_user_id: Whether a page of presences begins with the user that `lastUserId` names.
        uniqueness: Whether a userName or email that exists is refused.
        company_seconds: From a company's STARTED to its COMPLETED.
        failing_companies: Vanity names of companies whose creation ends in an error.
        trusted_certificate: Username that certificate logins get over plain http.
        key_manager: The audit trail takes the session token alone ("optional"), demands the key manager's token as
            well ("required"), or there is no key manager to log in to ("none").
        validate_responses: Check each answer against the documents; see `violations`.
        bot: The service account; one with a key of this process if None.
        ssl_context: Serve https; a client certificate's common name is then the username of a certificate login.
        specs: Folder of the OpenAPI documents, if not the one that comes along.

    Raises:
        ValueError: An option is out of its range.
        FileNotFoundError: There are no OpenAPI documents.

    """

    def __init__(
        self,
        users: int = 0,
        companies: int = 0,
        *,
        external_users: int = 0,
        page_base: int = 0,
        page_cap: int | None = None,
        token_ttl: float | None = None,
        faults: Faults | None = None,
        port: int = 0,
        expires_in: bool = False,
        inclusive_last_user_id: bool = False,
        uniqueness: bool = True,
        company_seconds: float = 0.3,
        failing_companies: Iterable[str] = (),
        trusted_certificate: str | None = None,
        key_manager: KeyManager = "optional",
        validate_responses: bool = False,
        bot: Bot | None = None,
        ssl_context: ssl.SSLContext | None = None,
        specs: Path | None = None,
    ) -> None:
        options = Options(
            page_base=page_base,
            page_cap=page_cap,
            token_ttl=token_ttl,
            expires_in=expires_in,
            inclusive_last_user_id=inclusive_last_user_id,
            uniqueness=uniqueness,
            company_seconds=company_seconds,
            failing_companies=frozenset(failing_companies),
            trusted_certificate=trusted_certificate,
            key_manager=key_manager,
            validate_responses=validate_responses,
        )
        self._clock: Callable[[], float] = time.monotonic
        self.bot = bot or Bot("provisioning-bot", bot_key())
        self.app = Bot("sandbox-app", bot_key())
        """An app that acts on behalf of users: its id as username, and its private key."""
        self.client_credentials = ClientCredentials("sandbox-client", "sandbox-secret")
        self.state = State(options, self._clock)
        self.stats = Stats()
        self.violations: list[str] = []
        """Own answers that the documents do not allow, with `validate_responses`."""
        self._auth = Auth(token_ttl, self._clock)
        self._operations = (*load(specs or specs_folder()), OAUTH)
        self._validation = Validation(self._operations)
        self._port = port
        self._ssl = ssl_context
        self._runner: web.AppRunner | None = None
        self._late: set[asyncio.TimerHandle] = set()
        self.faults = faults or Faults()
        seed_pod(self.state)
        seed_bot(self.state, self.bot)
        seed_app(self.state, self.app)
        seed_users(self.state, users)
        seed_users(self.state, external_users, external=True)
        seed_companies(self.state, companies)

    @property
    def url(self) -> str:
        """Base URL of all APIs."""
        if self._runner is None:
            msg = "the sandbox is not running; use it with `async with`"
            raise RuntimeError(msg)
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self._port}"

    @property
    def faults(self) -> Faults:
        """What goes wrong; setting it starts the counts of `at` and the seeded random source anew."""
        return self._script.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        unknown = {name for name, _ in faults.at} | (faults.operations or set())
        unknown -= {operation.id for operation in self._operations}
        if unknown:
            msg = f"faults for unknown operations: {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        self._script = FaultScript(faults)
        self.state.lag_by(faults.lookup_lag)

    def revoke_tokens(self) -> int:
        """Make every token that was given out invalid; returns how many there were."""
        return self._auth.revoke_all()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen on loopback; raises OSError if the port is taken."""
        app = web.Application(client_max_size=MAX_REQUEST)
        for operation in self._operations:
            handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
            handler = functools.partial(self._serve, operation)
            app.router.add_route(operation.method, operation.path, handler)
        app.router.add_get("/sandbox/stats", self._get_stats)
        app.router.add_get("/sandbox/state", self._get_state)
        app.router.add_get("/sandbox/faults", self._get_faults)
        app.router.add_post("/sandbox/faults", self._set_faults)
        app.router.add_post("/sandbox/stats/reset", self._reset_stats)
        app.router.add_post("/sandbox/revoke", self._revoke)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        runner = self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._ssl, backlog=1024)
        try:
            await site.start()
        except OSError:
            await self.close()
            raise
        self._port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, drop all connections, and forget late writes that have not landed."""
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- a request, from top to bottom -----------------------------------------------------------------------------

    async def _serve(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        self.stats.in_flight += 1
        self.stats.peak_in_flight = max(self.stats.peak_in_flight, self.stats.in_flight)
        try:
            return await self._respond(operation, request)
        finally:
            self.stats.in_flight -= 1

    async def _respond(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        is_login = operation.id in LOGINS
        self.stats.requests += 1
        self.stats.logins += is_login
        self.stats.by_operation[operation.id] += 1
        fault, delayed = self._script.decide(operation.id, self._clock(), login=is_login)
        if delayed:
            self.stats.faults["delay"] += 1
            await asyncio.sleep(self.faults.delay_seconds)
        if fault is None:
            return self._response(request, *self._answer(operation, request, raw))
        self.stats.faults[fault] += 1
        return self._faulty(fault, operation, request, raw)

    def _faulty(self, fault: Fault, operation: Operation, request: web.Request, raw: bytes) -> web.StreamResponse:
        kind, _, phase = fault.partition("_")
        if phase == "after":
            self._answer(operation, request, raw)
        if kind == "drop":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # goes nowhere
        if fault == "504_late":
            return self._late_answer(operation, request, raw)
        status = int(kind)
        response = self._response(request, status, _error(operation.api, status, _FAULT_TEXTS.get(status, "failed")))
        if (status == 429 or phase == "throttled") and self.faults.retry_after is not None:
            response.headers["Retry-After"] = str(self.faults.retry_after)
        return response

    def _late_answer(self, operation: Operation, request: web.Request, raw: bytes) -> web.StreamResponse:
        try:
            call = self._prepare(operation, request, raw)
        except Refused as refused:
            return self._response(request, refused.status, _error(operation.api, refused.status, refused.message))

        def land() -> None:
            self._late.discard(handle)
            self._act(call)
            self.stats.late_writes += 1

        _, reads_only = HANDLERS[operation.id]
        if not reads_only:
            handle = asyncio.get_running_loop().call_later(self.faults.late_seconds, land)
            self._late.add(handle)
        self.stats.by_status[504] += 1
        return web.Response(status=504, text=_GATEWAY_PAGE, content_type="text/html")

    def _answer(self, operation: Operation, request: web.Request, raw: bytes) -> tuple[int, Any]:
        try:
            call = self._prepare(operation, request, raw)
        except Refused as refused:
            return refused.status, _error(operation.api, refused.status, refused.message, refused.code)
        return self._act(call)

    def _prepare(self, operation: Operation, request: web.Request, raw: bytes) -> Call:
        """Authenticate and check a request, in that order."""
        session = self._session(operation, request)
        try:
            path = self._validation.parameters(operation, "path", request.match_info)
            query = self._validation.parameters(operation, "query", single_values(request.query))
            body = self._body(operation, request, raw)
        except Invalid as invalid:
            raise Refused(400, str(invalid)) from None
        handler = HANDLERS.get(operation.id)
        if operation.id in _KEY_MANAGER_LOGINS and self.state.options.key_manager == "none":
            raise Refused(404, "this pod has no key manager")
        if handler is None:
            raise Refused(500, f"the sandbox does not serve {operation.id}")
        return Call(
            operation=operation,
            state=self.state,
            auth=self._auth,
            db=self.state.view() if handler[1] else self.state.db,
            path=path,
            query=query,
            body=body,
            headers=request.headers,
            peer=request.remote or "",
            certificate=self._certificate(request),
            session=session,
            credentials=self.client_credentials,
        )

    def _act(self, call: Call) -> tuple[int, Any]:
        operation = call.operation
        handler, reads_only = HANDLERS[operation.id]
        try:
            result = handler(call)
        except Refused as refused:
            status = refused.status
            body = _error(operation.api, status, refused.message, refused.code)
        else:
            status, body = (result.status, result.body) if isinstance(result, Answer) else (operation.success, result)
            if not reads_only and call.session is not None and "/admin/" in operation.path:
                self.state.record(operation.id, call.session.user)
        if self.state.options.validate_responses:
            try:
                self._validation.answer(operation, status, body)
            except Invalid as invalid:
                self.violations.append(f"{operation.id} answered {status}: {invalid}")
                return 500, _error(operation.api, 500, f"the sandbox's own answer is not as documented: {invalid}")
        return status, body

    def _session(self, operation: Operation, request: web.Request) -> Session | None:
        if not operation.security:
            return None
        for alternative in self._alternatives(operation):
            session = self._tokens(operation, request, alternative)
            if session is not None:
                break
        else:
            raise Refused(401, "Invalid session: the token is missing, unknown or expired")
        if operation.api in ("pod", "agent"):
            user = self.state.db.users.get(session.user)
            if user is None or user.status == "DISABLED":
                raise Refused(401, "Invalid session: the account is disabled")
            if _administrative(operation) and not is_administrator(user):
                raise Refused(403, "the caller lacks an administrative role")
        return session

    def _alternatives(self, operation: Operation) -> tuple[frozenset[str], ...]:
        """Which tokens an operation takes. Agents of both kinds are in use: see the option `key_manager`."""
        if operation.api != "agent" or self.state.options.key_manager == "optional":
            return operation.security
        required = self.state.options.key_manager == "required"
        return tuple(names for names in operation.security if ("keyManagerToken" in names) == required)

    def _tokens(self, operation: Operation, request: web.Request, names: frozenset[str]) -> Session | None:
        """The session of a request that has all these tokens, or None."""
        found: Session | None = None
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        for name in names:
            if name == "keyManagerToken":
                if self._auth.find(request.headers.get(name), "keyManagerToken") is None:
                    return None
                continue
            if name in ("sessionToken", "appToken") and "sessionToken" in request.headers:
                kind: Kind = "app" if name == "appToken" else "sessionToken"
                found = self._auth.find(request.headers["sessionToken"], kind)
            elif scheme.lower() == "bearer":
                found = self._auth.find(bearer.strip(), "bearer")
                # Partners have no user, and users are no partners.
                if found is not None and (found.user == 0) != (operation.api == "connect"):
                    found = None
            if found is None:
                return None
        return found

    def _body(self, operation: Operation, request: web.Request, raw: bytes) -> Any:
        if operation.body is None:
            return raw or None
        if not raw:
            if operation.body_required:
                raise Refused(400, "the request has no body")
            return None
        if request.content_type != "application/json":
            raise Refused(415, f"Content-Type must be application/json, not {request.content_type}")
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Refused(400, f"the body is not JSON: {error.msg} at line {error.lineno}") from None
        self._validation.body(operation, body)
        return body

    def _certificate(self, request: web.Request) -> str | None:
        if self._ssl is None or request.transport is None:
            return None
        peer = request.transport.get_extra_info("peercert") or {}
        names = dict(pair for entry in peer.get("subject", ()) for pair in entry)
        return names.get("commonName")

    def _response(self, request: web.Request, status: int, body: Any) -> web.Response:
        self.stats.by_status[status] += 1
        headers = {}
        trace_id = request.headers.get("X-Trace-Id")
        if trace_id is not None:
            headers["X-Trace-Id"] = trace_id
            if status >= 400 and request.path.startswith("/api/"):
                body = {**body, "X-Trace-Id": trace_id}  # Connect's problems say it too
        if body is None:
            return web.Response(status=status, headers=headers)
        return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)

    async def _unknown(self, request: web.Request) -> web.Response:
        self.stats.requests += 1
        self.stats.by_operation["unknown"] += 1
        api = "connect" if request.path.startswith("/api/") else "pod"
        return self._response(request, 404, _error(api, 404, f"no operation {request.method} {request.path}"))

    # --- the door for other processes ------------------------------------------------------------------------------

    async def _get_stats(self, _request: web.Request) -> web.Response:
        return _json({**self.stats.to_json(), "violations": self.violations})

    async def _reset_stats(self, _request: web.Request) -> web.Response:
        self.stats.reset()
        return _json(self.stats.to_json())

    async def _get_state(self, _request: web.Request) -> web.Response:
        state = self.state
        companies = [
            {
                "id": company.id,
                "name": company.name,
                "vanityName": company.vanity_name,
                "users": len(state.db.connect_users.group("company", company.id)),
            }
            for company in state.db.companies
        ]
        return _json(
            {
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
                "companies": companies,
            }
        )

    async def _get_faults(self, _request: web.Request) -> web.Response:
        return _json(self.faults.to_json())

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults = Faults.from_json(orjson.loads(await request.read()))
        except ValueError as error:
            return _json({"error": str(error)}, status=400)
        return _json(self.faults.to_json())

    async def _revoke(self, _request: web.Request) -> web.Response:
        return _json({"revoked": self.revoke_tokens()})


_KEY_MANAGER_LOGINS = frozenset({"relay_pubkey_authenticate_post", "keyauth_v1_authenticate_post"})
_FAULT_TEXTS = {429: "Too many requests", 503: "The service is unavailable", 500: "Something went wrong"}
_GATEWAY_PAGE = "<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"


def _administrative(operation: Operation) -> bool:
    return "/admin/" in operation.path or "/companycert/" in operation.path or operation.api == "agent"


def _error(api: str, status: int, message: str, code: int | None = None) -> Json:
    if api == "connect":
        return problem(status, message, code)
    if api == "oauth":
        return {"error": "invalid_request", "error_description": message}
    return {"code": status if code is None else code, "message": message}


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
