"""The sandbox: one port, and the way of a request to its handler and of its answer back."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from . import connect, login, oauth, pod
from .access import LOGINS, Access, certificate_name
from .auth import Auth, Bot, ClientCredentials, bot_key
from .connect import problem
from .control import Control
from .documents import Operation, load, specs_folder
from .faults import Fault, Faults, FaultScript, did_you_mean
from .handlers import HANDLERS, Answer, Call, HttpError
from .oauth import OAUTH
from .seeds import seed_app, seed_bot, seed_companies, seed_pod, seed_users
from .state import Json, KeyManager, Options, State
from .stats import Stats
from .validation import Invalid, Validation, single_values

__all__ = ["Sandbox"]

HANDLER_MODULES = (connect, login, oauth, pod)
"""Importing these registers the handlers."""

MAX_REQUEST = 16 * 1024 * 1024


class Sandbox:
    """A stateful Pod, key manager, Agent, Connect and OAuth server on one loopback port.

        async with Sandbox(users=10) as sandbox:
            ...  # sandbox.url, sandbox.bot, sandbox.client_credentials

    Args:
        users: Made-up users of the pod, besides the bot.
        external_users: Made-up users of another pod, who must accept connections.
        companies: Connect companies that are COMPLETED.
        page_base: Number of the first page of Connect's user lists, 0 or 1.
        page_cap: Largest page of any list, even if a request asks for more.
        token_ttl: Seconds until a token expires; None for never.
        faults: What goes wrong.
        port: 0 for a free one.
        expires_in: Whether `/oauth/token` says when tokens expire.
        inclusive_last_user_id: Whether a page of presences begins with the user that `lastUserId` names.
        uniqueness: Whether a userName or email that is taken is refused.
        company_seconds: Seconds until a new company is COMPLETED.
        failing_companies: Vanity names of companies whose creation fails.
        trusted_certificate: Username that certificate logins get over plain http; those of apps get the sandbox's app.
        key_manager: For the audit trail, the session token suffices ("optional"), the key manager's token is needed as
            well ("required"), or there is no key manager to log in to ("none").
        validate_responses: Check each response against the documents; see `violations`.
        bot: The service account; `provisioning-bot` if None.
        ssl_context: Serve https; a client certificate's common name is then the username of a certificate login.
        specs: Folder of the OpenAPI documents; if None, the one of the package.

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
        """An app that may act on behalf of users; its id is the username."""
        self.client_credentials = ClientCredentials("sandbox-client", "sandbox-secret")
        self.state = State(options, self._clock)
        self.stats = Stats()
        self.violations: list[str] = []
        """With `validate_responses`: what was wrong with each response that the documents do not allow."""
        self._auth = Auth(token_ttl, self._clock)
        self._access = Access(self._auth, self.state)
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
        """What goes wrong. Setting it restarts the counts of `at` and the seeded random source."""
        return self._script.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        unknown = {name for name, _ in faults.at} | (faults.operations or set())
        known = {operation.id for operation in self._operations}
        if unknown := unknown - known:
            msg = f"faults for unknown operations: {', '.join(did_you_mean(unknown, known))}"
            raise ValueError(msg)
        self._script = FaultScript(faults)
        self.state.lag_by(faults.lookup_lag)

    def revoke_tokens(self) -> int:
        """Revoke all tokens; returns how many."""
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
        app.add_routes(Control(self).routes())
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
        """Stop listening, close all connections, and drop late writes that have not landed."""
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
            return web.Response(status=500)  # never sent: the connection is gone
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
        except HttpError as error:
            return self._response(request, error.status, _error(operation.api, error.status, error.message))

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
        except HttpError as error:
            return error.status, _error(operation.api, error.status, error.message, error.code)
        return self._act(call)

    def _prepare(self, operation: Operation, request: web.Request, raw: bytes) -> Call:
        """Authenticate and check a request, in that order."""
        session = self._access.session(operation, request.headers)
        try:
            path = self._validation.parameters(operation, "path", request.match_info)
            query = self._validation.parameters(operation, "query", single_values(request.query))
            body = self._body(operation, request, raw)
        except Invalid as invalid:
            raise HttpError(400, str(invalid)) from None
        handler = HANDLERS.get(operation.id)
        if not self._access.serves(operation):
            raise HttpError(404, "this pod has no key manager")
        if handler is None:
            raise HttpError(500, f"the sandbox does not serve {operation.id}")
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
            certificate=certificate_name(request),
            session=session,
            credentials=self.client_credentials,
        )

    def _act(self, call: Call) -> tuple[int, Any]:
        operation = call.operation
        handler, reads_only = HANDLERS[operation.id]
        try:
            result = handler(call)
        except HttpError as error:
            status = error.status
            body = _error(operation.api, status, error.message, error.code)
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

    def _body(self, operation: Operation, request: web.Request, raw: bytes) -> Any:
        if operation.body is None:
            return raw or None
        if not raw:
            if operation.body_required:
                raise HttpError(400, "the request has no body")
            return None
        if request.content_type != "application/json":
            raise HttpError(415, f"Content-Type must be application/json, not {request.content_type}")
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise HttpError(400, f"the body is not JSON: {error.msg} at line {error.lineno}") from None
        self._validation.body(operation, body)
        return body

    def _response(self, request: web.Request, status: int, body: Any) -> web.Response:
        self.stats.by_status[status] += 1
        headers = {}
        trace_id = request.headers.get("X-Trace-Id")
        if trace_id is not None:
            headers["X-Trace-Id"] = trace_id
            if status >= 400 and request.path.startswith("/api/"):
                body = {**body, "X-Trace-Id": trace_id}  # Connect repeats it in its problems
        if body is None:
            return web.Response(status=status, headers=headers)
        return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)

    async def _unknown(self, request: web.Request) -> web.Response:
        self.stats.requests += 1
        self.stats.by_operation["unknown"] += 1
        api = "connect" if request.path.startswith("/api/") else "pod"
        return self._response(request, 404, _error(api, 404, f"no operation {request.method} {request.path}"))


_FAULT_TEXTS = {429: "Too many requests", 503: "The service is unavailable", 500: "Something went wrong"}
_GATEWAY_PAGE = "<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"


def _error(api: str, status: int, message: str, code: int | None = None) -> Json:
    if api == "connect":
        return problem(status, message, code)
    if api == "files":
        return {"error": message}
    if api == "profile_manager":
        return {"code": str(status if code is None else code), "message": message}
    if api == "oauth":
        return {"error": "invalid_request", "error_description": message}
    return {"code": status if code is None else code, "message": message}
