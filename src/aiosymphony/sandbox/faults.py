"""Faults on demand: which, how often, and the decision for each request."""

from __future__ import annotations

import difflib
import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from attrs import asdict, field, fields, frozen
from attrs.validators import optional

__all__ = ["Fault", "FaultScript", "Faults"]

Fault = str
"""One of

* `429`, `503_throttled`, `400_throttled`: nothing is done, and `Retry-After` says when to try again;
* `503_before`, `503_after` and the like for 408 and any 5xx: answered so before or after the server has acted;
* `401_before`: as if the token had just expired;
* `504_late`: a gateway gives up, and the write lands afterwards;
* `drop_before`, `drop_after`: the connection breaks;
* `delay`: the answer takes its time.
"""

_FAULT = re.compile(r"429|(400|503)_throttled|401_before|(408|5\d\d)_(before|after)|504_late|drop_(before|after)|delay")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _amount(_instance: object, attribute: Any, value: Any) -> None:
    if not _is_number(value) or value < 0:
        msg = f"{attribute.name} must be a number from 0 on, not {value!r}"
        raise ValueError(msg)


def _retry_after(_instance: object, attribute: Any, value: Any) -> None:
    if value is not None and not isinstance(value, str) and not _is_number(value):
        msg = f"{attribute.name} must be a number, a text or null, not {value!r}"
        raise ValueError(msg)


def _rate(_instance: object, attribute: Any, value: float) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        msg = f"{attribute.name} must be from 0 to 1, not {value!r}"
        raise ValueError(msg)


def _at(value: Mapping[Any, Any]) -> dict[tuple[str, int], Fault]:
    """Take `{(operation, n): fault}`, or as JSON has it, `{operation: {n: fault}}`."""
    if not isinstance(value, Mapping):
        msg = f'at must be an object such as {{"v1_sessioninfo_get": {{"1": "drop_after"}}}}, not {value!r}'
        raise ValueError(msg)  # noqa: TRY004 - as for every other wrong value
    script: dict[tuple[str, int], Fault] = {}
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            script.update({(key, int(n)): fault for n, fault in entry.items()})
        else:
            script[key] = entry
    for (operation, n), fault in script.items():
        if n < 1:
            msg = f"calls are counted from 1: {operation} call {n}"
            raise ValueError(msg)
        if not _FAULT.fullmatch(fault):
            msg = f"unknown fault {fault!r} for call {n} of {operation}"
            raise ValueError(msg)
    return script


def did_you_mean(unknown: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Each name that is not known, with the one that comes closest."""
    for name in sorted(unknown):
        close = difflib.get_close_matches(name, known, 1)
        yield f"{name} (did you mean {close[0]}?)" if close else name


def _names(value: Any) -> frozenset[str] | None:
    return None if value is None else frozenset(value)


@frozen(kw_only=True)
class Faults:
    """What goes wrong in a sandbox. Rates are shares of the requests, from 0 to 1; times are seconds.

    "After acting" means that the server has done what was asked, although the response does not say so.
    """

    rate_429: float = field(default=0.0, validator=_rate)
    """Throttled: nothing is done, and `Retry-After` says when to try again."""
    retry_after: float | str | None = field(default=1, validator=_retry_after)
    """Value of `Retry-After` on a 429: seconds, any text (a date, garbage), or None for no header."""
    rate_503: float = field(default=0.0, validator=_rate)
    rate_504: float = field(default=0.0, validator=_rate)
    """A gateway gives up: the answer is 504 in HTML, and the write lands `late_seconds` afterwards."""
    late_seconds: float = field(default=0.5, validator=_amount)
    rate_drop: float = field(default=0.0, validator=_rate)
    """The connection breaks instead of a response."""
    after_acting: float = field(default=0.5, validator=_rate)
    """Share of the 503s and of the drops that come after the server has acted."""
    rate_delay: float = field(default=0.0, validator=_rate)
    delay_seconds: float = field(default=0.2, validator=_amount)
    at: Mapping[tuple[str, int], Fault] = field(factory=dict, converter=_at)
    """Fault at the n-th call of an operation, counted from 1 since these faults were set."""
    operations: frozenset[str] | None = field(default=None, converter=_names)
    """Ids of the operations that rates apply to; None for all."""
    include_logins: bool = False
    """Whether rates and the rate limit apply to logins and token requests too."""
    lookup_lag: float = field(default=0.0, validator=_amount)
    """Reads do not show writes younger than this."""
    rate_limit: float | None = field(default=None, validator=optional(_amount))
    """Requests per second that are served; above that, 429."""
    seed: int = field(default=0, validator=_amount)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Faults:
        """Read faults from parsed JSON; its keys are the names of the fields. Raises ValueError for anything else."""
        known = {attribute.name for attribute in fields(cls)}
        if unknown := set(value) - known:
            msg = f"unknown faults: {', '.join(did_you_mean(unknown, known))}; there are {', '.join(sorted(known))}"
            raise ValueError(msg)
        try:
            return cls(**value)
        except TypeError as error:
            msg = f"malformed faults: {error}"
            raise ValueError(msg) from None

    def to_json(self) -> dict[str, Any]:
        """The faults as JSON types; `from_json` reads them back."""
        value = asdict(self)
        at: dict[str, dict[str, Fault]] = {}
        for (operation, n), fault in self.at.items():
            at.setdefault(operation, {})[str(n)] = fault
        return {**value, "at": at, "operations": None if self.operations is None else sorted(self.operations)}


class FaultScript:
    """Decides the fault of each request: a seeded random source, a count of calls, and a rate limit."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._random = random.Random(faults.seed)
        self._calls: Counter[str] = Counter()
        self._tokens = faults.rate_limit or 0.0
        self._filled = 0.0
        self._thresholds = self._cumulative()
        self._idle = not (faults.at or self._thresholds[-1][0] or faults.rate_delay or faults.rate_limit)

    def _cumulative(self) -> list[tuple[float, Literal["429", "503", "504_late", "drop"]]]:
        faults = self.faults
        total, thresholds = 0.0, []
        rates: tuple[tuple[float, Literal["429", "503", "504_late", "drop"]], ...] = (
            (faults.rate_429, "429"),
            (faults.rate_503, "503"),
            (faults.rate_504, "504_late"),
            (faults.rate_drop, "drop"),
        )
        for rate, name in rates:
            total += rate
            thresholds.append((total, name))
        if total > 1:
            msg = f"the rates of faults add up to {total:g}, which is more than 1"
            raise ValueError(msg)
        return thresholds

    def decide(self, operation: str, now: float, *, login: bool) -> tuple[Fault | None, bool]:
        """What happens to this request: the fault, or None, and whether it is delayed as well."""
        if self._idle:
            return None, False
        faults = self.faults
        self._calls[operation] += 1
        scripted = faults.at.get((operation, self._calls[operation]))
        if scripted is not None:
            return (None, True) if scripted == "delay" else (scripted, False)
        if login and not faults.include_logins:
            return None, False
        if faults.rate_limit is not None and not self._take(faults.rate_limit, now):
            return "429", False
        if faults.operations is not None and operation not in faults.operations:
            return None, False
        delayed = faults.rate_delay > 0 and self._random.random() < faults.rate_delay
        draw = self._random.random()
        for threshold, name in self._thresholds:
            if draw < threshold:
                return self._with_phase(name), delayed
        return None, delayed

    def _with_phase(self, name: str) -> Fault:
        if name in ("429", "504_late"):
            return name
        return f"{name}_after" if self._random.random() < self.faults.after_acting else f"{name}_before"

    def _take(self, rate: float, now: float) -> bool:
        # A token bucket that holds one second of requests: bursts up to the rate pass, as with a counter per second.
        self._tokens = min(max(rate, 1.0), self._tokens + (now - self._filled) * rate) if self._filled else rate
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
