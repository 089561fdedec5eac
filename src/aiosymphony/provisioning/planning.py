"""What has to be done: the desired state against what is there, as a list of actions. Nothing is written.

``decide`` judges one row and is also what a job asks after a request whose outcome is unknown: it looks the row up and
decides anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import unicodedata
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, Self, get_args

import attrs
import orjson

from ..errors import JobError
from ..files import private_file
from ..text import same_text
from .actual import Actual, ActualUser
from .desired import Problem, WantedRow
from .rows import Kind, User, user_class

__all__ = ["Action", "Plan", "Step", "decide", "plan"]

Do = Literal["create", "update", "enable", "disable", "skip", "conflict", "invalid"]
ACTIONS: tuple[Do, ...] = ("create", "update", "enable", "disable", "skip", "conflict", "invalid")

FORMAT = 1
MAX_DISABLED = 100
MAX_DISABLED_SHARE = 0.05
_SET_COLUMNS = frozenset({"roles", "features", "status", "active"})
"""Columns that are no attributes: each has an operation of its own."""

Step = dict[str, Any]
"""One request of an action: ``{"do": "create"}``, ``{"do": "update", "set": {…}}``, ``{"do": "role", "role": …}``,
``{"do": "features", "set": {…}}`` or ``{"do": "active", "active": …}``. All but the first may be repeated freely."""

ONE_CREATE: tuple[Step, ...] = ({"do": "create"},)
"""What most rows take."""


@attrs.frozen
class Action:
    """What shall be done about one row.

    Attributes:
        do: The kind of action.
        line: The row's line in the file; 0 for a user who is there and not in the file.
        label: The e-mail address or user name.
        id: The user's id, if it is there.
        changes: Column to (value there, value wanted), for an update.
        steps: The requests it takes, in order.
        reason: Why it is a conflict or invalid.
        row: The row's columns; empty if the row is invalid.
    """

    do: Do
    line: int
    label: str
    id: str | None = None
    changes: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    steps: Sequence[Step] = ()
    reason: str = ""
    row: Mapping[str, Any] = attrs.field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in attrs.asdict(self, recurse=False).items()
            if value or name in ("do", "line", "label")
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Action:
        """An action from a line of a plan.

        Raises:
            ValueError: It is none of ``ACTIONS``.
        """
        made = cls(**values)
        if made.do not in ACTIONS:
            msg = f"there is no action {made.do!r}: it is one of {', '.join(ACTIONS)}"
            raise ValueError(msg)
        return made


def decide(user: User, matches: Sequence[ActualUser], line: int = 0) -> Action:
    """Judge one row against the users that have any of its keys."""
    row = user.to_dict()
    if len(matches) > 1:
        ids = ", ".join(sorted(match.id for match in matches))
        return Action("conflict", line, user.label, reason=f"{len(matches)} users match: {ids}", row=row)
    if not matches:
        return Action("create", line, user.label, steps=_steps_to_create(user), row=row)
    there = matches[0]
    changes = _changes(user, there)
    fixed = sorted(user.fixed & changes.keys())
    if fixed:
        reason = f"differs in {', '.join(fixed)}, which the {user.kind.capitalize()} API cannot change"
        return Action("conflict", line, user.label, there.id, changes, (), reason, row)
    steps = _steps_to_change(user, changes)
    do: Do = "skip"
    if steps:
        only_active = [step["active"] for step in steps if step["do"] == "active"] if len(steps) == 1 else []
        do = ("enable" if only_active[0] else "disable") if only_active else "update"
    return Action(do, line, user.label, there.id, changes, steps, row=row)


def _changes(user: User, there: ActualUser) -> dict[str, tuple[Any, Any]]:
    """Column to (there, wanted), for what differs."""
    changes: dict[str, tuple[Any, Any]] = {}
    for name, wanted in user.to_dict().items():
        found = there.values.get(name)
        if name in ("active", "status"):
            # A listing that does not tell lists those who are active.
            if user.active != (there.active is not False):
                changes[name] = (there.active is not False, user.active)
        elif name == "roles":
            if lacking := [role for role in wanted if role not in (found or ())]:
                changes[name] = (sorted(found or ()), lacking)
        elif name == "features":
            # A switch that the tenant does not list is off.
            held = {feature: bool((found or {}).get(feature)) for feature in wanted}
            if held != wanted:
                changes[name] = (held, wanted)
        elif isinstance(wanted, list):
            if sorted(found or ()) != sorted(wanted):
                changes[name] = (found, wanted)
        elif _plain(found) != wanted and not (user.columns()[name].key and _same_key(found, wanted)):
            changes[name] = (found, wanted)
    return changes


def _plain(value: object) -> object:
    return unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else value


def _same_key(found: object, wanted: str) -> bool:
    return isinstance(found, str) and same_text(found, wanted)


def _steps_to_create(user: User) -> list[Step]:
    steps: list[Step] = [{"do": "create"}]
    row = user.to_dict()
    if row.get("features"):
        steps.append({"do": "features", "set": row["features"]})
    if user.active is False:
        steps.append({"do": "active", "active": False})
    return steps


def _steps_to_change(user: User, changes: Mapping[str, tuple[Any, Any]]) -> list[Step]:
    steps: list[Step] = []
    attributes = {name: wanted for name, (_, wanted) in changes.items() if name not in _SET_COLUMNS}
    if attributes:
        steps.append({"do": "update", "set": attributes})
    if "roles" in changes:
        steps += [{"do": "role", "role": role} for role in changes["roles"][1]]
    if "features" in changes:
        steps.append({"do": "features", "set": changes["features"][1]})
    if "active" in changes or "status" in changes:
        steps.append({"do": "active", "active": user.active})
    return steps


class Wanted(Protocol):
    """What ``plan`` reads: a ``Desired``, or a ``Plan`` that was made before."""

    @property
    def kind(self) -> Kind: ...
    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def both(self) -> Iterator[WantedRow | list[Problem]]: ...


class Plan:
    """What a job would do, action by action.

    Attributes:
        kind, target: The kind of target, and which one: a plan for one company cannot be applied to another.
        input_name, input_digest: The file it was made from.
        state: A digest of the users that it was decided upon: the same file and the same state give the same plan.
        disable_missing: Whether users that are not in the file are disabled.
        known: How many users of the tenant were seen.
        counts: Actions by kind.
        rows: Rows in the file.
    """

    def __init__(self, kind: Kind, target: str, *, input_name: str, input_digest: str, disable_missing: bool) -> None:
        self.kind: Kind = kind
        self.target = target
        self.input_name = input_name
        self.input_digest = input_digest
        self.disable_missing = disable_missing
        self.state = ""
        self.known = 0
        self.whole = True
        self.counts: Counter[str] = Counter()
        self.contested: frozenset[str] = frozenset()
        # The actions lie in an unnamed file, so that a plan of any length costs no memory.
        with self._spooling():
            self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        self.close = weakref.finalize(self, self._file.close)

    @property
    def rows(self) -> int:
        return self.counts.total()

    def actions(self, *kinds: Do) -> Iterator[Action]:
        """The actions in the order of the file, then those about users that are not in it."""
        with self._spooling():
            self._file.flush()
        with open(os.dup(self._file.fileno()), "rb") as lines:  # noqa: PTH123 - a file that has no name
            offset = 0
            while True:
                # Positioned anew for each block: the duplicate shares its offset with every other reader.
                lines.seek(offset)
                block = lines.readlines(1 << 18)
                if not block:
                    return
                offset += sum(map(len, block))
                for line in block:
                    action = self._as_decided(Action.from_dict(orjson.loads(line)))
                    if not kinds or action.do in kinds:
                        yield action

    def both(self) -> Iterator[WantedRow | list[Problem]]:
        """The rows it was made from, as a desired state gives them."""
        user_type = user_class(self.kind)
        for action in self.actions():
            if action.do == "invalid":
                yield [Problem(action.line, "", action.reason)]
            elif action.line:
                yield WantedRow(action.line, user_type.from_dict(action.row))

    @property
    def name(self) -> str:
        return self.input_name

    @property
    def digest(self) -> str:
        return self.input_digest

    def allow(self, *, force: bool = False) -> None:
        """Refuse a plan that disables more than 5 % of the users that are there or more than 100.

        Raises:
            JobError: It does, and ``force`` is not given.
        """
        limit = min(MAX_DISABLED, MAX_DISABLED_SHARE * self.known)
        if self.counts["disable"] > limit and not force:
            raise JobError(
                f"the plan disables {self.counts['disable']} of {self.known} users, and without --force at most "
                f"{int(limit)} may be (5 % or {MAX_DISABLED}, whichever is less). Nothing was sent",
                exit_code=64,
            )

    def header(self) -> dict[str, Any]:
        return {
            "aiosymphony": "provisioning plan",
            "format": FORMAT,
            "kind": self.kind,
            "target": self.target,
            "input": self.input_name,
            "input_sha256": self.input_digest,
            "state": self.state,
            "disable_missing": self.disable_missing,
            "known": self.known,
            "whole": self.whole,
            "counts": {do: self.counts[do] for do in ACTIONS},
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as JSON Lines: a header, then one action a line. The file is replaced whole, or not at all.

        Raises:
            JobError: It is a link or no regular file, or cannot be written.
        """
        with private_file(path) as file:
            file.write(orjson.dumps(self.header()).decode() + "\n")
            for action in self.actions():
                file.write(orjson.dumps(action.to_dict()).decode() + "\n")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a plan that ``save`` wrote.

        Raises:
            JobError: It is not one, is cut short, or was written by a newer release.
        """
        from .sound import check_action  # noqa: PLC0415 - which knows plans

        path = Path(path)
        try:
            with path.open("rb") as file:
                header = orjson.loads(file.readline(1 << 20))
                if not isinstance(header, dict) or header.get("aiosymphony") != "provisioning plan":
                    raise ValueError  # noqa: TRY301 - told below, as for a file that is no JSON
                if header["format"] > FORMAT:
                    raise JobError(f"{path} was written by a newer release of aiosymphony; use that one", exit_code=64)
                user_class(header["kind"])  # raises: a kind that is none was never planned for
                made = cls(
                    header["kind"],
                    header["target"],
                    input_name=header["input"],
                    input_digest=header["input_sha256"],
                    disable_missing=header["disable_missing"],
                )
                made.state, made.known, made.whole = header["state"], header["known"], header["whole"]
                texts = (made.target, made.input_name, made.input_digest, made.state)
                if made.kind not in get_args(Kind) or {*map(type, texts)} != {str} or type(made.known) is not int:
                    raise ValueError  # noqa: TRY301
                counts = {do: header["counts"].get(do, 0) for do in ACTIONS}
                for line in file:
                    action = Action.from_dict(orjson.loads(line))
                    check_action(action, made.kind)
                    made._add(action)
        except OSError as error:
            raise JobError(f"{path} cannot be read: {error.strerror}", exit_code=64) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JobError(f"{path} is not a plan, or a damaged one; make it anew", exit_code=64) from None
        if any(made.counts[do] != count for do, count in counts.items()):
            raise JobError(f"{path} is cut short or was edited; make the plan anew", exit_code=64)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _add(self, action: Action) -> None:
        self.counts[action.do] += 1
        with self._spooling():
            self._file.write(orjson.dumps(action.to_dict()) + b"\n")

    @contextlib.contextmanager
    def _spooling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with contextlib.suppress(OSError, AttributeError):  # What could not be written would be tried once more.
                self._file.close()
            raise JobError(
                f"the plan does not fit into {tempfile.gettempdir()} ({error.strerror}): make room there, or set "
                "TMPDIR to another folder. Nothing was sent",
                exit_code=64,
            ) from None

    def _as_decided(self, action: Action) -> Action:
        if action.id is None or action.id not in self.contested or action.do == "conflict":
            return action
        return attrs.evolve(
            action, do="conflict", steps=(), reason=f"several rows of the file mean the user {action.id}"
        )


def plan(desired: Wanted, actual: Actual, *, target: str = "", disable_missing: bool = False) -> Plan:
    """Decide what makes the tenant look like the file. A pure function of its arguments: nothing is sent.

    Args:
        desired: The checked file.
        actual: The users that are there; all of them if ``disable_missing``.
        target: Which tenant or company this is, for the saved plan; see ``Target.name``.
        disable_missing: Disable the active users that are not in the file. A wrong row counts as being in it only by
            its line, so a file with wrong rows is refused.

    Raises:
        JobError: Users are to be disabled by their absence, and the file has wrong rows or the listing is not whole.
    """
    made = Plan(
        desired.kind, target, input_name=desired.name, input_digest=desired.digest, disable_missing=disable_missing
    )
    actual.forget_taken()
    made.known, made.whole = len(actual), actual.whole
    if disable_missing and not actual.whole:
        raise JobError("users can be disabled by their absence only against a whole listing", exit_code=64)
    state = _State()
    contested: set[str] = set()
    for item in desired.both():
        if isinstance(item, WantedRow):
            matches = actual.find(item.user.identities())
            action = decide(item.user, matches, item.line)
            for match in matches:
                state.add(match)
                earlier = actual.take(match.id, action.do)
                if earlier is not None and action.do != "conflict":
                    # The file's rows contradict each other: neither is carried out.
                    if match.id not in contested and earlier != "conflict":
                        made.counts[earlier] -= 1
                        made.counts["conflict"] += 1
                    contested.add(match.id)
                    made.counts[action.do] -= 1
                    made.counts["conflict"] += 1
        else:
            reason = "; ".join(str(problem).partition(": ")[2] for problem in item)
            action = Action("invalid", item[0].line, "", reason=reason)
        made._add(action)
    made.contested = frozenset(contested)
    if disable_missing:
        if made.counts["invalid"]:
            raise JobError(
                f"{made.counts['invalid']} rows of {desired.name} are wrong, so nobody can say who is missing from it; "
                "correct them first, or leave out --disable-missing",
                exit_code=64,
            )
        for there in actual.untaken():
            if there.active is not False:
                state.add(there)
                made._add(_disable(desired.kind, there))
    made.state = state.digest()
    return made


def _disable(kind: Kind, there: ActualUser) -> Action:
    keys = [name for name, column in user_class(kind).columns().items() if column.key]
    row = {name: there.values[name] for name in keys if name in there.values}
    row |= {"active": False} if kind == "connect" else {"status": "DISABLED"}
    change = {"active" if kind == "connect" else "status": (True, False)}
    label = str(there.values.get(keys[0], there.id))
    return Action("disable", 0, label, there.id, change, [{"do": "active", "active": False}], row=row)


class _State:
    """A digest of a set of users, whatever their order."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def add(self, user: ActualUser) -> None:
        content = orjson.dumps((user.id, user.active, user.values), option=orjson.OPT_SORT_KEYS)
        self._sum += int.from_bytes(hashlib.blake2b(content, digest_size=16).digest())
        self._count += 1

    def digest(self) -> str:
        return f"{self._count}-{self._sum % (1 << 128):032x}"
