"""What has to be done: the desired state against what is there. Pure functions: nothing is sent.

``decide`` judges one row and is also what a job asks after a request whose outcome is unknown: it looks the row up and
decides anew.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ...errors import JobRefused
from ...text import same_text
from ..actual import Actual, ActualUser
from ..progress import Progress
from ..rows.base import Kind, User
from ..rows.registry import user_class
from ..rows.wanted import Wanted, WantedRow
from .actions import Action, ActionKind, Step
from .file import Plan

__all__ = ["decide", "plan"]


def decide(user: User, matches: Sequence[ActualUser], line: int = 0) -> Action:
    """Judge one row against the users that have any of its keys."""
    values = user.to_dict()
    if len(matches) > 1:
        ids = ", ".join(sorted(match.id for match in matches))
        return Action("conflict", line, user.label, reason=f"{len(matches)} users match: {ids}", values=values)
    if not matches:
        return Action("create", line, user.label, steps=_steps_to_create(user), values=values)
    existing = matches[0]
    changes = _changes(user, existing)
    fixed = sorted(user.fixed & changes.keys())
    if fixed:
        reason = f"differs in {', '.join(fixed)}, which the {user.kind.capitalize()} API cannot change"
        return Action("conflict", line, user.label, existing.id, changes, (), reason, values)
    steps = _steps_to_change(user, changes)
    do: ActionKind = "skip"
    if steps:
        only_active = [step["active"] for step in steps if step["do"] == "active"] if len(steps) == 1 else []
        do = ("enable" if only_active[0] else "disable") if only_active else "update"
    return Action(do, line, user.label, existing.id, changes, steps, values=values)


def _changes(user: User, existing: ActualUser) -> dict[str, tuple[Any, Any]]:
    """Column to (there, wanted), for what differs."""
    changes: dict[str, tuple[Any, Any]] = {}
    columns = user.columns()
    for name, wanted in user.to_dict().items():
        found = existing.values.get(name)
        step = columns[name].step
        if step == "active":
            # A listing that does not tell lists those who are active.
            if user.enabled != (existing.active is not False):
                changes[name] = (existing.active is not False, user.enabled)
        elif step == "role":
            if differing := [
                role for role in wanted if (role.removeprefix("-") in (found or ())) is role.startswith("-")
            ]:
                changes[name] = (sorted(found or ()), differing)
        elif step == "features":
            # A switch that the tenant does not list is off.
            held = {feature: bool((found or {}).get(feature)) for feature in wanted}
            if held != wanted:
                changes[name] = (held, wanted)
        elif isinstance(wanted, list):
            if sorted(found or ()) != sorted(wanted):
                changes[name] = (found, wanted)
        elif (_plain(found) or "") != wanted and not (columns[name].key and _same_key(found, wanted)):
            changes[name] = (found, wanted)
    return changes


def _plain(value: object) -> object:
    return unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else value


def _same_key(found: object, wanted: str) -> bool:
    return isinstance(found, str) and same_text(found, wanted)


def _steps_to_create(user: User) -> list[Step]:
    steps: list[Step] = [{"do": "create"}]
    columns = user.columns()
    steps += [
        {"do": "features", "set": value} for name, value in user.to_dict().items() if columns[name].step == "features"
    ]
    if user.enabled is False:
        steps.append({"do": "active", "active": False})
    return steps


def _steps_to_change(user: User, changes: Mapping[str, tuple[Any, Any]]) -> list[Step]:
    columns = user.columns()
    attributes: dict[str, Any] = {}
    steps: list[Step] = []
    for name, (_, wanted) in changes.items():
        match columns[name].step:
            case "role":
                steps += [
                    {"do": "role", "role": role[1:], "remove": True} if role[0] == "-" else {"do": "role", "role": role}
                    for role in wanted
                ]
            case "features":
                steps.append({"do": "features", "set": wanted})
            case "active":
                steps.append({"do": "active", "active": wanted})
            case _:
                attributes[name] = wanted
    return [{"do": "update", "set": attributes}, *steps] if attributes else steps


def plan(
    desired: Wanted,
    actual: Actual,
    *,
    target: str = "",
    disable_missing: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """Decide what makes the tenant look like the file. A pure function of its arguments: nothing is sent.

    Args:
        desired: The checked file.
        actual: The users that are there; all of them if ``disable_missing``.
        target: Which tenant or company this is, for the saved plan; see ``Target.name``.
        disable_missing: Disable the active users that are not in the file. A wrong row counts as being in it only by
            its line, so a file with wrong rows is refused.
        progress: Told how many rows were decided.

    Raises:
        JobError: Users are to be disabled by their absence, and the file has wrong rows or the listing is not whole.
    """
    made = Plan(
        desired.kind, target, input_name=desired.name, input_digest=desired.digest, disable_missing=disable_missing
    )
    actual.reset_claims()
    made.known, made.whole = len(actual), actual.whole
    if disable_missing and not actual.whole:
        raise JobRefused("users can be disabled by their absence only against a whole listing")
    state = _State()
    contested: set[str] = set()
    for item in (Progress() if progress is None else progress).each(desired.checked_rows()):
        if isinstance(item, WantedRow):
            matches = actual.find(item.user.identities())
            action = decide(item.user, matches, item.line)
            for match in matches:
                state.add(match)
                earlier = actual.claim(match.id, action.do)
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
            raise JobRefused(
                f"{made.counts['invalid']} rows of {desired.name} are wrong, so nobody can say who is missing from it; "
                "correct them first, or leave out --disable-missing",
            )
        for existing in actual.unclaimed():
            if existing.active is not False:
                state.add(existing)
                made._add(_disable(desired.kind, existing))
    made.state = state.digest()
    return made


def _disable(kind: Kind, existing: ActualUser) -> Action:
    user_type = user_class(kind)
    keys = [name for name, column in user_type.columns().items() if column.key]
    values = {name: existing.values[name] for name in keys if name in existing.values}
    values |= user_type.disabled
    change = dict.fromkeys(user_type.disabled, (True, False))
    label = str(existing.values.get(keys[0], existing.id))
    return Action("disable", 0, label, existing.id, change, [{"do": "active", "active": False}], values=values)


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
