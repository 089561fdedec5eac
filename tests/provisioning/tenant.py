"""A tenant in memory with scripted faults, for what a job decides. How it behaves over sockets, the sandbox shows."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import attrs

from aiosymphony.errors import OutcomeUnknown, SymphonyError
from aiosymphony.limits import Limiter
from aiosymphony.provisioning.actual import ActualUser
from aiosymphony.provisioning.plans.actions import Step
from aiosymphony.provisioning.rows.base import Kind, User, keys_of
from aiosymphony.provisioning.rows.registry import user_class
from aiosymphony.provisioning.targets.base import Created, Rejected, Result

Fault = Callable[[], SymphonyError]
"""Makes the error of a call. ``before`` faults are raised instead of acting, ``after`` faults after it."""


@attrs.define(slots=False)
class Tenant:
    """Users by id; ``fault`` says for the n-th create (from 1) and its users what goes wrong, and how."""

    kind: Kind = "connect"
    name: str = "memory"
    batch: int = 20
    look_up_batch: int = 100
    look_up_limit: int = 0
    limiter: Limiter | None = None
    unique: bool = True
    own: str | None = None
    lag: float = 0.0
    late: float = 0.0
    users: dict[str, ActualUser] = attrs.field(factory=dict)
    fault: Callable[[int, Sequence[User]], str | SymphonyError] = lambda _number, _users: ""
    step_fault: Callable[[int, str, Step], str | SymphonyError] = lambda _number, _user_id, _step: ""
    creates: list[list[str]] = attrs.field(factory=list)
    steps: list[tuple[str, Step]] = attrs.field(factory=list)
    looked_up: list[list[str]] = attrs.field(factory=list)
    read: list[str] = attrs.field(factory=list)
    listings: int = 0
    _since: dict[str, float] = attrs.field(factory=dict)
    _pending: set[asyncio.Task[None]] = attrs.field(factory=set)

    async def own_id(self) -> str | None:
        return self.own

    async def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
        self.listings += 1
        users = [user for user in self.users.values() if self._shown(user)]
        for start in range(0, len(users), 100):
            await asyncio.sleep(0)
            yield users[start : start + 100]

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        await asyncio.sleep(0)
        self.looked_up.append([user.label for user in users])
        wanted = {key for user in users for key in user.identities()}
        return [there for there in self.users.values() if self._shown(there) and wanted & {*self._keys(there)}]

    async def get(self, user_id: str) -> ActualUser | None:
        self.read.append(user_id)
        await asyncio.sleep(0)
        there = self.users.get(user_id)
        return there if there is not None and self._shown(there) else None

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        users = [user_class(self.kind).from_dict(row) for row in rows]
        self.creates.append([user.label for user in users])
        number = len(self.creates)
        await asyncio.sleep(0)
        match self.fault(number, users):
            case "":
                return [self._create(user) for user in users]
            case "lost":
                for user in users:
                    self._create(user)
                raise OutcomeUnknown("the connection was lost")
            case "late":
                task = asyncio.create_task(self._create_late(users))
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)
                raise OutcomeUnknown("answered 504 Gateway Timeout")
            case SymphonyError() as error:
                raise error
            case other:
                raise AssertionError(other)

    async def take_step(self, user_id: str, step: Step) -> None:
        self.steps.append((user_id, step))
        number = len(self.steps)
        await asyncio.sleep(0)
        fault = self.step_fault(number, user_id, step)
        if isinstance(fault, SymphonyError):
            raise fault
        there = self.users[user_id]
        values: dict[str, Any] = dict(there.values)
        match step:
            case {"do": "update", "set": changes}:
                values |= changes
            case {"do": "role", "role": role, "remove": True}:
                values["roles"] = [each for each in values.get("roles", ()) if each != role]
            case {"do": "role", "role": role}:
                values["roles"] = [*values.get("roles", ()), role]
            case {"do": "features", "set": changes}:
                values["features"] = {**values.get("features", {}), **changes}
            case {"do": "active", "active": active}:
                there = attrs.evolve(there, active=active)
        self.users[user_id] = attrs.evolve(there, values=values)
        if fault == "lost":
            raise OutcomeUnknown("the connection was lost")

    async def landed(self) -> None:
        if self._pending:
            await asyncio.wait(self._pending)

    def there(self) -> Counter[str]:
        """How often each user is there, by label."""
        first = next(name for name, column in user_class(self.kind).columns().items() if column.key)
        return Counter(str(user.values[first]) for user in self.users.values())

    def add(self, user: User, *, active: bool | None = None) -> str:
        values = {name: value for name, value in user.to_dict().items() if name not in ("active", "status", "features")}
        user_id = uuid.uuid4().hex
        on = user.enabled is not False if active is None else active
        # Creating takes no status in the pod: that is a step of its own.
        self.users[user_id] = ActualUser(user_id, values, True if self.kind == "pod" and active is None else on)
        self._since[user_id] = asyncio.get_running_loop().time()
        return user_id

    def _create(self, user: User) -> Result:
        if self.unique and {*user.identities()} & {key for there in self.users.values() for key in self._keys(there)}:
            return Rejected("40002", "a user with this email exists", exists=True)
        return Created(self.add(user))

    async def _create_late(self, users: Sequence[User]) -> None:
        await asyncio.sleep(self.late)
        for user in users:
            self._create(user)

    def _keys(self, there: ActualUser) -> tuple[str, ...]:
        return keys_of(there.values, user_class(self.kind))

    def _shown(self, there: ActualUser) -> bool:
        return asyncio.get_running_loop().time() - self._since.get(there.id, 0.0) >= self.lag
