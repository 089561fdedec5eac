"""A plan: its actions, in a file of their own, and the form in which it is saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import orjson

from ...errors import JobRefused
from ...files import private_file
from ..rows.base import Kind
from ..rows.registry import user_class
from ..rows.wanted import Problem, WantedRow, WrongRow
from ..spool import Spool
from .actions import ACTIONS, Action, ActionKind
from .guard import Tally, check_disabled, ends_active, ends_inactive
from .persons import STAYS_DISABLED
from .sound import check_action, is_count

__all__ = ["Plan"]

FORMAT = 1
_LEFT_ALONE = ("own_account", "service_accounts")


class Plan:
    """What a job would do, action by action.

    Attributes:
        kind, target: The kind of target, and which one: a plan for one company cannot be applied to another.
        input_name, input_digest: The file it was made from.
        input_path: Where that lay; empty if it had no path, as standard input.
        reading: A digest of its rows, if a map, an encoding or a sheet was given; see ``Desired``.
        command: The arguments of the command that made it; none if it was none.
        resumed_by: Those of the command that resumes its job, if it is another one.
        state: A digest of the users that it was decided upon: the same file and the same state give the same plan.
        disable_missing, include_service_accounts, trust_keys: As given to :func:`plan`.
        known: How many users of the tenant were seen.
        active: How many active users the tenant has; None if it was not listed.
        counts: Actions by kind.
        created_disabled: Of those that are created, how many are created switched off.
        end_inactive, end_active: Users whom the plan disables and enables, alone or among other changes.
        stay_disabled: Users in the file who are disabled, and whose row does not say whether to enable them.
        left_alone: How many active users are not in the file and not disabled, for another reason each.
        columns: The columns that its rows have.
        warnings: What an operator should know of what the tenant takes; see ``Rules``.
        rows: Rows in the file.
    """

    def __init__(
        self,
        kind: Kind,
        target: str,
        *,
        input_name: str,
        input_digest: str,
        disable_missing: bool,
        include_service_accounts: bool = False,
        trust_keys: bool = False,
    ) -> None:
        self.kind: Kind = kind
        self.target = target
        self.input_name = input_name
        self.input_digest = input_digest
        self.disable_missing = disable_missing
        self.include_service_accounts = include_service_accounts
        self.trust_keys = trust_keys
        self.input_path = self.reading = ""
        self.command: Sequence[str] = ()
        self.resumed_by: Sequence[str] = ()
        self.state = ""
        self.known = 0
        self.whole = True
        self.active: int | None = None
        self.left_alone: Counter[str] = Counter()
        self._disabled = user_class(kind).disabled.items()
        self.columns: set[str] = set()
        self.warnings: Sequence[str] = ()
        self._spool()

    @property
    def options(self) -> dict[str, bool]:
        """What it was made with, to make it again."""
        return {
            "disable_missing": self.disable_missing,
            "include_service_accounts": self.include_service_accounts,
            "trust_keys": self.trust_keys,
        }

    @property
    def rows(self) -> int:
        return self.counts.total()

    def actions(self, *kinds: ActionKind) -> Iterator[Action]:
        """The actions in the order of the file, then those about users that are not in it."""
        for values in self._lines:
            action = Action.from_dict(values)
            if not kinds or action.do in kinds:
                yield action

    def checked_rows(self) -> Iterator[WantedRow | WrongRow]:
        """The rows it was made from, as a desired state gives them."""
        user_type = user_class(self.kind)
        for action in self.actions():
            if action.do == "invalid" and not action.refused:
                yield WrongRow(action.line, [Problem(action.line, "", action.reason)], action.values)
            elif action.line:
                yield WantedRow(action.line, user_type.from_dict(action.values))

    @property
    def name(self) -> str:
        return self.input_name

    @property
    def digest(self) -> str:
        return self.input_digest

    def allow(self, *, force: bool = False) -> None:
        """Refuse a plan that disables more users than may be without force; ``docs/provisioning.md`` has the rule.

        Raises:
            JobError: It does, and ``force`` is not given.
        """
        if not force:
            check_disabled(self.end_inactive, self.active)

    def header(self) -> dict[str, Any]:
        return {
            "aiosymphony": "provisioning plan",
            "format": FORMAT,
            "kind": self.kind,
            "target": self.target,
            "input": self.input_name,
            "input_sha256": self.input_digest,
            "input_path": self.input_path,
            "reading": self.reading,
            "command": [*self.command],
            "state": self.state,
            **self.options,
            "known": self.known,
            "whole": self.whole,
            "active": self.active,
            "counts": {do: self.counts[do] for do in ACTIONS},
            "created_disabled": self.created_disabled,
            **{name: tally.to_dict() for name, tally in self._tallies().items()},
            "left_alone": {why: self.left_alone[why] for why in _LEFT_ALONE},
            "warnings": [*self.warnings],
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
        path = Path(path)
        try:
            with path.open("rb") as file:
                header = orjson.loads(file.readline(1 << 20))
                if not isinstance(header, dict) or header.get("aiosymphony") != "provisioning plan":
                    raise ValueError  # noqa: TRY301 - told below, as for a file that is no JSON
                if header["format"] > FORMAT:
                    raise JobRefused(f"{path} was written by a newer release of aiosymphony; use that one")
                user_class(header["kind"])  # raises: a kind that is none was never planned for
                made = cls(
                    header["kind"],
                    header["target"],
                    input_name=header["input"],
                    input_digest=header["input_sha256"],
                    disable_missing=header["disable_missing"],
                    include_service_accounts=header["include_service_accounts"],
                    trust_keys=header["trust_keys"],
                )
                made.state, made.known, made.whole = header["state"], header["known"], header["whole"]
                made.active, made.left_alone = header["active"], Counter(header["left_alone"])
                made.input_path, made.command = header["input_path"], [*header["command"]]
                made.reading = header["reading"]
                made.warnings = header["warnings"]
                made._check_header()
                counts = {do: header["counts"].get(do, 0) for do in ACTIONS}
                tallies = {name: Tally.from_dict(header[name]) for name in made._tallies()}
                for line in file:
                    action = Action.from_dict(orjson.loads(line))
                    check_action(action, made.kind)
                    made._add(action)
        except OSError as error:
            raise JobRefused(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JobRefused(f"{path} is not a plan, or a damaged one; make it again") from None
        if any(made.counts[do] != count for do, count in counts.items()) or made._tallies() != tallies:
            raise JobRefused(f"{path} is cut short or was edited; make a new plan")
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _add(self, action: Action) -> None:
        self.counts[action.do] += 1
        if action.do == "conflict":
            pass
        elif action.do == "create":
            self.created_disabled += self._disabled <= action.values.items()
        elif ends_inactive(action):
            self.end_inactive.add(action.label)
        elif ends_active(action):
            self.end_active.add(action.label)
        elif action.reason == STAYS_DISABLED:
            self.stay_disabled.add(action.label)
        self.columns.update(action.values)
        self._lines.add(action.to_dict())

    def _revise(self, change: Callable[[Action], Action]) -> None:
        """Change the actions, one by one."""
        before = self._lines
        self._spool()
        for values in before:
            self._add(change(Action.from_dict(values)))
        before.close()

    def _spool(self) -> None:
        """Begin without actions. They lie in an unnamed file, so that a plan of any length costs no memory."""
        self.counts: Counter[str] = Counter()
        self.created_disabled = 0
        self.end_inactive, self.end_active, self.stay_disabled = Tally(), Tally(), Tally()
        self._lines = Spool("the plan")
        self.close = self._lines.close

    def _tallies(self) -> dict[str, Tally]:
        return {
            "end_inactive": self.end_inactive,
            "end_active": self.end_active,
            "stay_disabled": self.stay_disabled,
        }

    def _check_header(self) -> None:
        texts = (self.target, self.input_name, self.input_digest, self.state, self.input_path, self.reading)
        switches = (self.disable_missing, self.include_service_accounts, self.trust_keys, self.whole)
        numbers = (self.known, *self.left_alone.values(), *(() if self.active is None else (self.active,)))
        if (
            {*map(type, (*texts, *self.command))} != {str}
            or {*map(type, switches)} != {bool}
            or not all(map(is_count, numbers))
            or not self.left_alone.keys() <= {*_LEFT_ALONE}
            or not isinstance(self.warnings, list)
            or {*map(type, self.warnings)} - {str}
        ):
            msg = "the header has a value that no plan has"
            raise ValueError(msg)
