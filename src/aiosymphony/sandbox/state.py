"""The state of a sandbox: the rows of a Pod and of Connect, its options and its clock."""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from attrs import frozen

from .tables import Replication, Table

__all__ = [
    "Company",
    "ConnectUser",
    "Connection",
    "Database",
    "Member",
    "Message",
    "Options",
    "State",
    "Stream",
    "User",
]

Json = dict[str, Any]
POD_ID = 112
"""Tenant of the pod's own users. A user id has its tenant in bits 36 to 62."""
PARTNER_ID = 113
"""Tenant of the users of another pod; the sponsored companies' come after it."""
POD_NAME = "Sandbox"
NO_FEATURES: dict[str, bool] = {}


@frozen(kw_only=True)
class User:
    """A user of the pod, or one of another pod whom this one can see."""

    id: int
    attributes: Json
    """With the field names of V2UserAttributes."""
    roles: tuple[str, ...] = ("INDIVIDUAL",)
    status: Literal["ENABLED", "DISABLED"] = "ENABLED"
    suspended: bool = False
    suspended_until: int | None = None
    suspension_reason: str | None = None
    created: int = 0
    created_by: str = ""
    updated: int = 0
    last_login: int | None = None
    deactivated: int | None = None
    features: dict[str, bool] = NO_FEATURES
    """Only what differs from the pod's defaults."""
    delegates: tuple[int, ...] = ()
    disclaimer: str | None = None
    avatar: str | None = None
    apps: tuple[Json, ...] = ()
    manifest: str | None = None
    external: bool = False

    @property
    def username(self) -> str:
        """Login name as it was given."""
        return str(self.attributes.get("userName", ""))

    @property
    def email(self) -> str:
        """Email address as it was given."""
        return str(self.attributes.get("emailAddress", ""))


@frozen(kw_only=True)
class Stream:
    """A room, or a conversation of two (IM) or more (MIM)."""

    id: str
    type: Literal["ROOM", "IM", "MIM"]
    attributes: Json
    """With the field names of V3RoomAttributes."""
    created: int
    created_by: int
    updated: int
    active: bool = True
    external: bool = False
    key: tuple[int, ...] | None = None
    """The sorted members of a conversation: creating it again finds it by these."""


@frozen(kw_only=True)
class Member:
    """One user in one stream."""

    stream: str
    user: int
    owner: bool = False
    joined: int = 0
    left: int | None = None


@frozen(kw_only=True)
class Connection:
    """A connection between users of different pods; the sender has asked for it."""

    sender: int
    receiver: int
    status: Literal["PENDING", "ACCEPTED", "REJECTED"] = "PENDING"
    first_requested: int = 0
    updated: int = 0
    requests: int = 1


@frozen(kw_only=True)
class Message:
    """A message in a stream, with what the Pod API shows of it."""

    id: str
    stream: str
    author: int
    created: int
    readers: tuple[int, ...] = ()
    attachments: tuple[Json, ...] = ()
    parent: str | None = None
    relationship: str | None = None
    suppressed: int | None = None


@frozen(kw_only=True)
class Company:
    """A company sponsored over Connect. Its state follows from its age."""

    id: str
    tenant: int
    """Part of the Symphony ids of its users."""
    name: str
    vanity_name: str
    domains: tuple[str, ...]
    created: str
    updated: str
    started: float
    """On the sandbox's monotonic clock."""
    fails: str | None = None
    """The error state that it ends in, if any."""


@frozen(kw_only=True)
class ConnectUser:
    """A user of a sponsored company."""

    id: str
    company: str
    symphony_id: int
    attributes: Json
    """What the partner sent: email, firstName, ..."""
    active: bool
    created: str
    updated: str


class Database:
    """All tables."""

    def __init__(self) -> None:
        self.users: Table[int, User] = Table(
            lambda row: row.id,
            indexes={"email": lambda row: row.email.casefold() or None, "name": lambda row: row.username.casefold()},
            groups={"external": lambda row: row.external},
        )
        self.streams: Table[str, Stream] = Table(
            lambda row: row.id,
            indexes={"key": lambda row: row.key, "name": _room_name},
        )
        self.members: Table[tuple[str, int], Member] = Table(
            lambda row: (row.stream, row.user),
            groups={"stream": lambda row: row.stream, "user": lambda row: row.user},
        )
        self.past_members: Table[tuple[str, int], Member] = Table(
            lambda row: (row.stream, row.user), groups={"stream": lambda row: row.stream}
        )
        self.connections: Table[tuple[int, int], Connection] = Table(
            lambda row: (row.sender, row.receiver),
            groups={"sender": lambda row: row.sender, "receiver": lambda row: row.receiver},
        )
        self.follows: Table[tuple[int, int], tuple[int, int]] = Table(
            lambda row: row, groups={"follower": lambda row: row[0], "followed": lambda row: row[1]}
        )
        self.presences: Table[int, Json] = Table(lambda row: int(row["userId"]))
        self.messages: Table[str, Message] = Table(lambda row: row.id, groups={"stream": lambda row: row.stream})
        self.companies: Table[str, Company] = Table(
            lambda row: row.id,
            indexes={"vanity": lambda row: row.vanity_name, "name": lambda row: row.name.casefold()},
        )
        self.connect_users: Table[str, ConnectUser] = Table(
            lambda row: row.id,
            indexes={"email": lambda row: str(row.attributes["email"]).casefold()},
            groups={"company": lambda row: row.company},
        )
        # Rows that are plain JSON.
        self.certificates: Table[str, Json] = Table(lambda row: str(row["companyCertInfo"]["fingerPrint"]))
        self.apps: Table[str, Json] = Table(lambda row: str(row["applicationInfo"]["appId"]))
        self.app_entitlements: Table[str, Json] = Table(lambda row: str(row["appId"]))
        self.disclaimers: Table[str, Json] = Table(lambda row: str(row["id"]))
        self.groups: Table[str, Json] = Table(lambda row: str(row["id"]))
        self.group_members: Table[tuple[str, int], tuple[str, int]] = Table(
            lambda row: row, groups={"group": lambda row: row[0]}
        )
        self.lists: Table[str, Json] = Table(lambda row: str(row["id"]))
        """Groups of the profile manager: distribution lists."""
        self.policies: Table[str, Json] = Table(lambda row: str(row["id"]))
        self.protocols: Table[str, Json] = Table(lambda row: str(row["scheme"]))
        self.extensions: Table[str, Json] = Table(lambda row: str(row["extension"]))
        self.settings: Table[str, tuple[str, Any]] = Table(lambda row: row[0])

    def tables(self) -> Iterator[tuple[str, Table[Any, Any]]]:
        """Every table with its name."""
        yield from vars(self).items()

    def copy(self) -> Database:
        """A copy with tables of its own."""
        twin = Database()
        for name, table in self.tables():
            setattr(twin, name, table.copy())
        return twin


def _room_name(row: Stream) -> str | None:
    return str(row.attributes.get("name", "")).casefold() if row.type == "ROOM" else None


KeyManager = Literal["optional", "required", "none"]


@frozen(kw_only=True)
class Options:
    """How a sandbox behaves where real servers differ from each other."""

    page_base: int = 0
    """Number of Connect's first page, 0 or 1."""
    page_cap: int | None = None
    """Largest page of any list, even if a request asks for more."""
    token_ttl: float | None = None
    """Seconds until a token expires; None for never."""
    expires_in: bool = False
    """Whether `/oauth/token` states `expires_in`, which the real one is not known to do."""
    inclusive_last_user_id: bool = False
    """Whether a page of `/v2/users/presence` begins with the user named by `lastUserId`."""
    uniqueness: bool = True
    """Whether a userName or email that is taken is refused."""
    company_seconds: float = 0.3
    """Seconds from STARTED to COMPLETED."""
    failing_companies: frozenset[str] = frozenset()
    """Vanity names of companies whose creation fails."""
    trusted_certificate: str | None = None
    """User whom certificate logins log in over plain http, where there are no certificates."""
    key_manager: KeyManager = "optional"
    """Whether the Agent needs the key manager's token as well; with "none" there is no key manager."""
    validate_responses: bool = False
    """Check each response against the documents. One that fails becomes a 500 and is listed in `violations`."""


class State:
    """The whole state. `db` is current; `view()` is the replica that reads show, which may lag behind."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.clock = clock
        self.db = Database()
        self._view = self.db
        self._replication: Replication | None = None
        self._users_of: Counter[int] = Counter()
        self.audit: deque[tuple[int, int, str, int]] = deque(maxlen=200_000)
        """Sequence number, epoch milliseconds, operation id and user id of each administrative write."""
        self._audited = 0
        self.feeds: dict[str, dict[int, Json]] = {}
        self.feed_owner: dict[str, int] = {}
        self.soft_presences: dict[int, Json] = {}
        """Presence of offline users that takes effect when they come online, by user id."""
        self.interest: dict[int, set[int]] = {}
        """Users whose presence a user has registered interest in, by user id."""

    def view(self) -> Database:
        """The database as reads see it."""
        if self._replication is not None:
            self._replication.catch_up()
        return self._view

    def lag_by(self, seconds: float) -> None:
        """Let reads lag behind writes by this many seconds from now on."""
        current = self._replication.lag if self._replication else 0.0
        if seconds == current:
            return
        self._replication = Replication(seconds, self.clock) if seconds > 0 else None
        self._view = self.db.copy() if self._replication else self.db
        for name, table in self.db.tables():
            table.replica = getattr(self._view, name) if self._replication else None
            table.log = self._replication.log if self._replication else None

    def new_user_id(self, tenant: int) -> int:
        """The next user id of a tenant; they ascend."""
        self._users_of[tenant] += 1
        return tenant << 36 | self._users_of[tenant]

    def record(self, operation: str, user: int) -> None:
        """Add an administrative write to the audit trail."""
        self._audited += 1
        self.audit.append((self._audited, now_ms(), operation, user))

    def add_user(self, attributes: Json, *, external: bool = False, **more: Any) -> User:
        """Add a user, without a request."""
        now, uid = now_ms(), self.new_user_id(PARTNER_ID if external else POD_ID)
        user = User(id=uid, attributes=attributes, created=now, updated=now, external=external, **more)
        self.db.users.put(user)
        return user

    def add_message(self, stream: str, author: int, **more: Any) -> Message:
        """Add a message. The Pod API has operations on messages, but none that sends one."""
        message = Message(id=new_stream_id(), stream=stream, author=author, created=now_ms(), **more)
        self.db.messages.put(message)
        return message

    def add_company(self, name: str, vanity_name: str, domains: tuple[str, ...], *, age: float = 0.0) -> Company:
        """Add a company, whose creation began `age` seconds ago."""
        now = timestamp()
        company = Company(
            id=str(uuid.uuid4()),
            tenant=PARTNER_ID + 1 + len(self.db.companies),
            name=name,
            vanity_name=vanity_name,
            domains=domains,
            created=now,
            updated=now,
            started=self.clock() - age,
            fails="TENANT_CREATION_ERROR" if vanity_name in self.options.failing_companies else None,
        )
        self.db.companies.put(company)
        return company

    def users(self) -> Iterator[User]:
        """The pod's own users."""
        return iter(self.db.users.group("external", value=False))

    def user(self, *, email: str | None = None, username: str | None = None) -> User | None:
        """The first user with this email or username; case is ignored."""
        if email is not None:
            return self.db.users.first("email", email.casefold())
        return self.db.users.first("name", (username or "").casefold())

    def connect_users(self, company: str | None = None) -> Iterator[ConnectUser]:
        """The users created over Connect, of one company or of all."""
        return iter(self.db.connect_users if company is None else self.db.connect_users.group("company", company))

    def rooms(self) -> Iterator[Stream]:
        """All rooms."""
        return (stream for stream in self.db.streams if stream.type == "ROOM")

    def members(self, stream: str) -> Iterator[Member]:
        """The current members of a stream."""
        return iter(self.db.members.group("stream", stream))

    def counts(self) -> dict[str, int]:
        """Rows of each table; `users` are the pod's own."""
        counts = {name: len(table) for name, table in self.db.tables()}
        counts["users"] = len(self.db.users.group("external", value=False))
        counts["rooms"] = sum(1 for _ in self.rooms())
        return counts


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def timestamp() -> str:
    """The time as Connect writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_stream_id() -> str:
    """A stream or message id: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(25)).rstrip(b"=").decode()
