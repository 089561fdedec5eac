"""The adversary tenant: a Pod or Connect in a process of its own, over TLS, that goes wrong as it is told.

``python -m tests.adversary.tenant '{"kind": "pod", …}'`` serves until its standard input ends. Orders come there, a
line of JSON each, and each is answered by a line: what to seed, which modes are on, what was seen, and in the end the
whole state. Nothing of it dies with a client.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt

from .tenant_connect import Connect
from .tenant_pod import Pod
from .trouble import ERRORS, PAGE, Trouble
from .wire import Answer, Connection, GoneError, Request, server_context

CLIENT_ID: Final = "partner-of-the-adversary"
BOT: Final = "provisioning-bot"
LONGEST_PROOF: Final = 300
Act = Callable[[], Answer]


@dataclass(slots=True)
class Setting:
    """How the tenant is set up.

    Attributes:
        kind: ``pod`` or ``connect``.
        certificate: The server's certificate with its key, PEM.
        seed: Of all that is drawn.
        public_key: Of the bot's key, PEM, for a pod.
        client_secret: For Connect.
        unique: Whether keys are refused that are there. If not, a create sent twice is a user that is there twice.
        life: Seconds for which a token holds in the mode ``expiry``.
        slow: The longest time that a request takes.
        late, lag, pause, down: See :class:`Trouble`.
    """

    kind: str
    certificate: str
    seed: int = 0
    public_key: str = ""
    client_secret: str = ""
    unique: bool = False
    life: float = 2.0
    slow: float = 0.06
    late: float = 0.4
    lag: float = 0.2
    pause: float = 4.0
    down: float = 5.0


class Tenant:
    """Serves one API and counts what it does."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.trouble = Trouble(
            setting.seed, time.monotonic, late=setting.late, lag=setting.lag, pause=setting.pause, down=setting.down
        )
        self.api: Connect | Pod
        if setting.kind == "connect":
            first_page = setting.seed % 2
            self.api = Connect(self.trouble, unique=setting.unique, first_page=first_page, later=self._later)
            self.company = self.api.add_company("Acme", "acme", ["acme.example"], takes=0)
        else:
            self.api = Pod(self.trouble, unique=setting.unique)
        self.requests = self.writes = self.logins = self.proofs_refused = 0
        self.statuses: Counter[int] = Counter()
        self.most_late = 0.0
        self._outages: list[tuple[str, int, float]] = []
        self._tokens: dict[str, float] = {}
        self._acts: set[asyncio.Task[None]] = set()

    # Serving.

    async def serve(self, orders: asyncio.StreamReader) -> None:
        with tempfile.TemporaryDirectory() as folder:
            context = server_context(self.setting.certificate, str(Path(folder, "keys")))

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connection = Connection(context, reader, writer)
                try:
                    await connection.handshake()
                    while (request := await connection.request()) is not None:
                        if not await self._exchange(connection, request):
                            return
                except (GoneError, OSError):
                    pass
                finally:
                    connection.cut()

            server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
            self._say({"port": server.sockets[0].getsockname()[1], "company": self._company_id()})
            while line := await orders.readline():
                self._say(await self._obey(json.loads(line)))

    async def _exchange(self, connection: Connection, request: Request) -> bool:
        """Answer one request; whether the connection goes on."""
        self.requests += 1
        trouble = self.trouble
        came = time.monotonic()
        await asyncio.sleep(trouble.chance.random() * self.setting.slow)
        if (refusal := self._refusal(request)) is not None:
            return await self._tell(connection, refusal)
        answer = self.api.answer(request)
        is_write = callable(answer)
        fate = trouble.fate(write=is_write)
        if fate in ("busy", "throttled"):
            return await self._tell(connection, self._turned_away(fate))
        if fate in ("late", "errors"):
            if callable(answer) and (fate == "late" or trouble.coin()):
                self._later(trouble.lateness() if fate == "late" else 0.0, answer, came)
            status = 504 if fate == "late" else trouble.chance.choice(ERRORS)
            return await self._tell(connection, Answer(status, PAGE if trouble.coin() else None))
        if callable(answer):
            self._count_write()
            answer = answer()
        match fate:
            case "lost":
                await self._hang_up(connection)
                return False
            case "truncated":
                whole = answer.encode()
                await connection.write(whole[: trouble.chance.randrange(1, len(whole))])
                connection.cut()
                return False
            case "alerts":
                await connection.alert(trouble.alert())
                return False
        return await self._tell(connection, answer)

    async def _tell(self, connection: Connection, answer: Answer) -> bool:
        self.statuses[answer.status] += 1
        await connection.write(answer.encode())
        if self.trouble.is_closed_after():
            await self._hang_up(connection)
            return False
        return True

    async def _hang_up(self, connection: Connection) -> None:
        match self.trouble.chance.randrange(3):
            case 0:
                await connection.close()
            case 1:
                connection.cut()
            case _:
                connection.cut(reset=True)

    def _turned_away(self, fate: str) -> Answer:
        headers = {"Retry-After": self.trouble.chance.choice(("0", "1"))}
        if fate == "busy":
            return Answer(503, PAGE if self.trouble.coin() else None, headers)
        return Answer(429, {"code": 429, "message": "Too many requests"}, headers if self.trouble.coin() else {})

    def _later(self, seconds: float, act: Callable[[], object], came: float | None = None) -> None:
        """Carry out, whatever becomes of the client."""
        came = time.monotonic() if came is None else came

        async def wait() -> None:
            await asyncio.sleep(seconds)
            self._count_write()
            act()
            self.most_late = max(self.most_late, time.monotonic() - came)

        task = asyncio.create_task(wait())
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    def _count_write(self) -> None:
        self.writes += 1
        for outage in [outage for outage in self._outages if self.writes >= outage[1]]:
            self._outages.remove(outage)
            # Nobody goes on with a token from before.
            self._tokens.clear()
            self.trouble.begin(outage[0], outage[2])

    # Who is let in.

    def _refusal(self, request: Request) -> Answer | None:
        """What is answered instead of the API's answer; None for nothing."""
        trouble = self.trouble
        if trouble.is_down("maintenance"):
            return Answer(503, PAGE, {"Retry-After": "1"} if trouble.coin() else {})
        if request.path in ("/oauth/token", "/login/pubkey/authenticate"):
            if trouble.is_down("logins"):
                return Answer(503, PAGE if trouble.coin() else None, {"Retry-After": "1"} if trouble.coin() else {})
            return self._connect_token(request) if self.setting.kind == "connect" else self._session_token(request)
        bearer, session = request.headers.get("authorization", ""), request.headers.get("sessiontoken", "")
        token = bearer.removeprefix("Bearer ") if self.setting.kind == "connect" else session
        if time.monotonic() >= self._tokens.get(token, 0.0):
            return Answer(401, {"code": 401, "message": "Invalid session"})
        return Answer(503, PAGE, {"Retry-After": "1"}) if trouble.is_down("busy") else None

    def _session_token(self, request: Request) -> Answer:
        try:
            claims = jwt.decode(request.json()["token"], self.setting.public_key, algorithms=["RS512"])
            proved = claims["sub"] == BOT and claims["exp"] <= time.time() + LONGEST_PROOF
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            proved = False
        if not proved:
            self.proofs_refused += 1
            return Answer(401, {"code": 401, "message": "Unauthorized"})
        return Answer(200, {"name": "sessionToken", "token": self._issue(), "authorizationToken": None})

    def _connect_token(self, request: Request) -> Answer:
        asked = request.json() or {}
        proved = (asked.get("client_id"), asked.get("client_secret")) == (CLIENT_ID, self.setting.client_secret)
        if not proved or asked.get("grant_type") != "client_credentials" or "audience" not in asked:
            self.proofs_refused += 1
            return Answer(401, {"error": "access_denied", "error_description": "Unauthorized"})
        return Answer(200, {"access_token": self._issue(), "token_type": "Bearer"})

    def _issue(self) -> str:
        self.logins += 1
        token = secrets.token_urlsafe(48)
        life = self.setting.life * self.trouble.chance.uniform(0.3, 1.0) if self.trouble.is_on("expiry") else 86400.0
        self._tokens[token] = time.monotonic() + life
        self.trouble.drawn["expiry"] += self.trouble.is_on("expiry")
        return token

    # Orders.

    async def _obey(self, order: dict[str, Any]) -> Any:
        match order:
            case {"seed": users}:
                for user in users:
                    self._seed(user)
                return len(users)
            case {"modes": rates, "clamps_skip": clamps_skip, "outages": outages}:
                self.trouble.set(rates)
                self._outages = [(what, self.writes + after, seconds) for what, after, seconds in outages]
                if isinstance(self.api, Pod):
                    self.api.clamps_skip = clamps_skip
                return rates
            case {"ask": "counts"}:
                return {"requests": self.requests, "writes": self.writes}
            case {"ask": "state"}:
                # What is late is carried out first: a state is told when nothing changes any more.
                while self._acts:
                    await asyncio.wait(tuple(self._acts))
                return self._state()
        return {"error": f"no such order: {order}"}

    def _seed(self, user: dict[str, Any]) -> None:
        if isinstance(self.api, Connect):
            self.api.add_user(self.company, user["values"], active=user["active"])
        else:
            self.api.add_user(user["values"], user["roles"], user["features"], active=user["active"])

    def _state(self) -> dict[str, Any]:
        told: list[dict[str, Any]]
        if isinstance(self.api, Connect):
            told = [
                {"id": user.id, "values": user.values, "active": user.active, "roles": [], "features": {}}
                for user in self.company.users.values()
            ]
        else:
            told = [
                {"id": str(user.id), "values": user.attributes, "active": user.active, "roles": user.roles}
                | {"features": user.features}
                for user in self.api.users.values()
            ]
        return {
            "users": told,
            "created": self.api.created,
            "requests": self.requests,
            "writes": self.writes,
            "logins": self.logins,
            "proofs_refused": self.proofs_refused,
            "statuses": self.statuses,
            "drawn": self.trouble.drawn,
            "most_late": self.most_late,
        }

    def _company_id(self) -> str:
        return self.company.id if isinstance(self.api, Connect) else ""

    @staticmethod
    def _say(what: Any) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


async def main() -> None:
    orders = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await Tenant(Setting(**json.loads(sys.argv[1]))).serve(orders)


if __name__ == "__main__":
    asyncio.run(main())
