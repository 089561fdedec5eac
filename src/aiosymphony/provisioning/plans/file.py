"""A plan: its actions, in a file of their own, and the form in which it is saved."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Self

import attrs
import orjson

from ...errors import JobRefused
from ...files import private_file
from ..rows.base import Kind
from ..rows.registry import user_class
from ..rows.wanted import Problem, WantedRow
from .actions import ACTIONS, Action, ActionKind
from .sound import check_action

__all__ = ["Plan"]

FORMAT = 1
MAX_DISABLED = 100
MAX_DISABLED_SHARE = 0.05


class Plan:
    """What a job would do, action by action.

    Attributes:
        kind, target: The kind of target, and which one: a plan for one company cannot be applied to another.
        input_name, input_digest: The file it was made from.
        state: A digest of the users that it was decided upon: the same file and the same state give the same plan.
        disable_missing: Whether users that are not in the file are disabled.
        known: How many users of the tenant were seen.
        counts: Actions by kind.
        created_disabled: Of those that are created, how many are created switched off.
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
        self.created_disabled = 0
        self._disabled = user_class(kind).disabled.items()
        self.contested: frozenset[str] = frozenset()
        # The actions lie in an unnamed file, so that a plan of any length costs no memory.
        with self._spooling():
            self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        self.close = weakref.finalize(self, self._file.close)

    @property
    def rows(self) -> int:
        return self.counts.total()

    def actions(self, *kinds: ActionKind) -> Iterator[Action]:
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

    def checked_rows(self) -> Iterator[WantedRow | list[Problem]]:
        """The rows it was made from, as a desired state gives them."""
        user_type = user_class(self.kind)
        for action in self.actions():
            if action.do == "invalid":
                yield [Problem(action.line, "", action.reason)]
            elif action.line:
                yield WantedRow(action.line, user_type.from_dict(action.values))

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
            raise JobRefused(
                f"the plan disables {self.counts['disable']} of {self.known} users, and without --force at most "
                f"{int(limit)} may be (5 % or {MAX_DISABLED}, whichever is less). Nothing was sent",
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
            "created_disabled": self.created_disabled,
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
                )
                made.state, made.known, made.whole = header["state"], header["known"], header["whole"]
                texts = (made.target, made.input_name, made.input_digest, made.state)
                if {*map(type, texts)} != {str} or type(made.known) is not int:
                    raise ValueError  # noqa: TRY301
                counts = {do: header["counts"].get(do, 0) for do in ACTIONS}
                for line in file:
                    action = Action.from_dict(orjson.loads(line))
                    check_action(action, made.kind)
                    made._add(action)
        except OSError as error:
            raise JobRefused(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JobRefused(f"{path} is not a plan, or a damaged one; make it anew") from None
        if any(made.counts[do] != count for do, count in counts.items()):
            raise JobRefused(f"{path} is cut short or was edited; make the plan anew")
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _add(self, action: Action) -> None:
        self.counts[action.do] += 1
        if action.do == "create" and self._disabled <= action.values.items():
            self.created_disabled += 1
        with self._spooling():
            self._file.write(orjson.dumps(action.to_dict()) + b"\n")

    @contextlib.contextmanager
    def _spooling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with contextlib.suppress(OSError, AttributeError):  # What could not be written would be tried once more.
                self._file.close()
            raise JobRefused(
                f"the plan does not fit into {tempfile.gettempdir()} ({error.strerror}): make room there, or set "
                "TMPDIR to another folder. Nothing was sent",
            ) from None

    def _as_decided(self, action: Action) -> Action:
        if action.id is None or action.id not in self.contested or action.do == "conflict":
            return action
        return attrs.evolve(
            action, do="conflict", steps=(), reason=f"several rows of the file mean the user {action.id}"
        )
