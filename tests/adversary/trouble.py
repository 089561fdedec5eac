"""What goes wrong at the tenant: drawn at random, request by request, from a seed.

Everything an answer can lie about, the tenant's own state does not: what it did is written there, whatever it said.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

WRITES: Final = {
    # The request is carried out, and its answer
    "lost": 0.04,  # never comes: the connection ends, politely or not
    "truncated": 0.03,  # ends in the middle, without a goodbye of TLS
    "alerts": 0.04,  # is a TLS alert, as of a gateway that fails
    # The answer is an error, and the request
    "late": 0.04,  # is carried out after it
    "errors": 0.04,  # was carried out or not: 408 and 5xx leave it open
    "busy": 0.03,  # was not, and says when to come back: 503 with Retry-After
    "throttled": 0.01,  # was not: 429
}
READS: Final = {"lost": 0.02, "truncated": 0.01, "alerts": 0.01, "errors": 0.03, "busy": 0.02, "throttled": 0.005}
SHAPES: Final = {
    # How the answer about many users looks
    "shuffled": 0.15,  # in another order
    "anonymous": 0.1,  # in another order, and without an address to tell them apart by
    "twins": 0.1,  # with one id twice
    "rows": 0.15,  # with users that fare as requests do: 429, 408, 5xx
}
CLOSING: Final = 0.05
STATES: Final = ("closing", "pages", "lag", "expiry", "logins", "maintenance")
OUTAGES: Final = ("logins", "maintenance")
MODES: Final = (*WRITES, *SHAPES, *STATES)

ALERTS: Final = (10, 20, 22, 40, 42, 43, 44, 45, 46, 48, 49, 50, 80, 116)
"""Of all kinds, those about certificates too: the tenant has sent a session ticket before, so that a client can tell
that the handshake was over and the request may have got through."""
ERRORS: Final = (408, 500, 502, 503, 504)
PAGE: Final = b"<html><head><title>Sorry</title></head><body><h1>We will be back soon</h1></body></html>"


class Trouble:
    """Draws what happens next.

    Args:
        seed: Of everything that is drawn.
        now: The time in seconds.
        late: The longest time by which an act is late.
        lag: The longest time after which a look-up shows a new user.
        pause: About how long nothing is down, in seconds, between one window and the next.
        down: The longest such window.
    """

    def __init__(
        self, seed: int, now: Callable[[], float], *, late: float, lag: float, pause: float, down: float
    ) -> None:
        self.chance = random.Random(seed)
        self.now = now
        self.late, self.lag, self.pause, self.down = late, lag, pause, down
        self.rates: dict[str, float] = {}
        self.drawn: Counter[str] = Counter()
        self._windows: dict[str, tuple[float, float]] = {}
        self._told: dict[str, float] = {}

    def set(self, rates: Mapping[str, float]) -> None:
        """Switch the named modes on: 1 for as often as is their habit, 0 for never, more for more often."""
        self.rates = dict(rates)
        self._windows.clear()
        self._told.clear()

    def is_on(self, mode: str) -> bool:
        return self.rates.get(mode, 0) > 0

    def fate(self, *, write: bool) -> str:
        """What becomes of a request; empty if nothing does."""
        return self._pick(WRITES if write else READS)

    def shape(self) -> str:
        """How the answer about many users is put; empty for plainly."""
        return self._pick(SHAPES)

    def row(self) -> tuple[int, float | None]:
        """A user's own status in such an answer, and after how many seconds it is carried out; None for never."""
        if self.chance.random() < 0.6:
            return 201, 0.0
        status = self.chance.choice((429, *ERRORS))
        if status == 429:
            return status, None
        return status, self.chance.choice((None, 0.0, self.lateness()))

    def is_closed_after(self) -> bool:
        return self._happens("closing", CLOSING)

    def is_down(self, what: str) -> bool:
        """Whether this is a time of ``logins`` that fail, of ``maintenance``, or of ``busy`` that was told to begin."""
        now = self.now()
        begins, ends = self._windows.get(what, (0.0, 0.0))
        if now >= ends:
            if what not in OUTAGES or not self.is_on(what):
                return False
            begins = now + self.chance.uniform(0.2, 1.8) * self.pause
            ends = begins + self.chance.uniform(0.3, 1.0) * self.down
            self._windows[what] = begins, ends
        if now < begins:
            return False
        if what in self._told:  # its seconds count from the first request that it strikes, however late that comes
            self._windows[what] = now, now + self._told.pop(what)
        self.drawn[what] += 1
        return True

    def begin(self, what: str, seconds: float) -> None:
        """Let such a time begin now, and last so long from the first request on that it strikes."""
        self._windows[what] = self.now(), math.inf
        self._told[what] = seconds

    def lateness(self) -> float:
        return self.chance.uniform(0.1, 1.0) * self.late

    def lags(self) -> float:
        if not self.is_on("lag"):
            return 0.0
        self.drawn["lag"] += 1
        return self.chance.random() * self.lag

    def alert(self) -> int:
        return self.chance.choice(ALERTS)

    def coin(self) -> bool:
        return self.chance.random() < 0.5

    def _pick(self, modes: Mapping[str, float]) -> str:
        drawn = self.chance.random()
        for mode, often in modes.items():
            drawn -= often * self.rates.get(mode, 0)
            if drawn < 0:
                self.drawn[mode] += 1
                return mode
        return ""

    def _happens(self, mode: str, often: float) -> bool:
        happens = self.chance.random() < often * self.rates.get(mode, 0)
        self.drawn[mode] += happens
        return happens
