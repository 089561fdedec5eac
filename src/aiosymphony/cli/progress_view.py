"""How planning and a job get on, on standard error: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from ..errors import RateLimited
from ..text import clean_text, counted
from .output import console, one_line

if TYPE_CHECKING:
    from ..observer import Attempt, Observer
    from ..provisioning import Progress

__all__ = ["Traffic", "duration", "first_line", "pace_told", "second_line", "show_progress"]

_FRAME_EVERY: Final = 0.2
_FIRST_LINE: Final = 1.0
_LINE_EVERY: Final = 5.0
"""Seconds: between two frames of a bar, before the first plain line, and between two of them."""
_OF_JOB: Final = ("sending", "watching workers")
"""Phases whose steps are the rows of the job."""
_BAR: Final = 12
_WIDE_BAR: Final = 24
_WIDE: Final = 100
"""Columns: of the bar, of that of a wide terminal, and of such a terminal."""
_WHY: Final = 80
"""Characters of why a request failed."""


class Traffic:
    """Counts what a client sends, and tells another observer of it.

    Attributes:
        trouble: Why the latest request failed; empty if it did not.
    """

    def __init__(self, also: Observer | None = None) -> None:
        self.requests = self.retries = self.throttled = 0
        self.trouble = ""
        self._also = also

    def see(self, attempt: Attempt) -> None:
        if self._also is not None:
            self._also(attempt)
        self.requests += 1
        self.retries += attempt.number > 1
        self.throttled += isinstance(attempt.error, RateLimited)
        error = attempt.error
        self.trouble = "" if error is None else clean_text(getattr(error, "message", "") or type(error).__name__, _WHY)

    def to_dict(self) -> dict[str, int]:
        return {"requests": self.requests, "retries": self.retries, "throttled": self.throttled}


@contextlib.contextmanager
def show_progress(progress: Progress, traffic: Traffic, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show how it gets on while the block runs, also while that leaves the event loop no time.

    Returns:
        What says that the job was asked to stop; on a terminal, the bar itself does.
    """
    errors = console(stderr=True)
    if quiet:
        yield errors.print
        return
    began, over = time.monotonic(), threading.Event()
    # Nothing lives on a terminal that cannot move its cursor.
    is_live = errors.is_terminal and not errors.is_dumb_terminal
    # What the command prints meanwhile may go elsewhere than to the terminal, and stays there.
    live = Live(console=errors, transient=True, auto_refresh=False, redirect_stdout=False) if is_live else None
    lines = 0

    def show() -> None:
        nonlocal lines
        # A terminal or a pipe that is gone ends the show and nothing else; rich says so by an exit.
        with contextlib.suppress(OSError, ValueError, SystemExit):
            wait = _FIRST_LINE if live is None else _FRAME_EVERY
            while not over.wait(wait):
                if live is None:
                    lines, wait = lines + 1, _LINE_EVERY
                    errors.print("; ".join(filter(None, (first_line(progress)[0], second_line(progress, traffic)))))
                else:
                    live.update(_frame(progress, traffic, errors), refresh=True)

    thread = threading.Thread(target=show, name="aiosymphony progress", daemon=True)
    with live or contextlib.nullcontext():
        thread.start()
        try:
            yield errors.print if live is None else lambda _: None
        finally:
            over.set()
            thread.join()
    if live is None and (lines or progress.total):
        errors.print(_last_line(progress, time.monotonic() - began))


def first_line(progress: Progress) -> Sequence[str]:
    """What is being done and how far it is, from the fullest text to the shortest."""
    rows = f"{progress.finished:,} of {counted(progress.total, 'row')}"
    pause = progress.pause
    if progress.stopping and progress.phase != "finished":
        still = counted(progress.requests, "request")
        return [f"stopping: {still} still to finish; {rows}", f"stopping: {still} still to finish", "stopping"]
    if progress.phase == "settling":
        if pause is None:
            return [f"settling: {progress.step:,} of {progress.steps or 0:,} rows in doubt looked up", "settling"]
        seconds = f"settling: {math.ceil(pause.seconds)} s"
        then = f"then {counted(progress.steps or 0, 'row')} in doubt to look up"
        return [f"{seconds}, as {pause.why}, {then}", f"{seconds}, {then}", seconds]
    done = f"{progress.phase}: {rows}" if progress.phase in _OF_JOB else _counted(progress)
    if pause is not None:
        waiting = f"waiting {math.ceil(pause.seconds)} s: {pause.why}"
        return [f"{waiting}; {done}", waiting, waiting.partition(":")[0]]
    rate, left = pace_told(progress.rate, progress.seconds_left)
    shorter = ((done, rate, left), (done, left), (rows, left) if left else (done,), (done,))
    return [", ".join(filter(None, parts)) for parts in shorter]


def second_line(progress: Progress, traffic: Traffic) -> str:
    """What is on its way, and what went wrong."""
    return ", ".join(_details(progress, traffic))


def pace_told(rate: float | None, seconds_left: float | None) -> tuple[str, str]:
    """A rate and the time that is left, in words; what is unknown is empty."""
    return (
        "" if rate is None else f"{rate:,.{0 if rate == 0 or rate >= 10 else 1}f} rows/s",
        "" if seconds_left is None else f"about {duration(seconds_left)} left",
    )


def duration(seconds: float) -> str:
    """Minutes and seconds, and hours where there are any."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _counted(progress: Progress) -> str:
    if progress.steps is not None:
        return f"{progress.phase}: {progress.step:,} of {counted(progress.steps, progress.unit)}"
    return f"{progress.phase}: {counted(progress.step, progress.unit)}" if progress.step else progress.phase


def _details(progress: Progress, traffic: Traffic) -> list[str]:
    if progress.stopping:
        return ["press Ctrl-C again to stop now"]
    told = []
    if progress.total and progress.phase in ("sending", "settling"):
        told.append(f"{counted(progress.in_flight, 'row')} in flight")
        if progress.in_doubt:
            told.append(f"{progress.in_doubt:,} of them in doubt")
    for number, what in ((traffic.throttled, "throttled"), (traffic.retries, "retried")):
        if number:
            told.append(f"{number:,} {what}")
    if traffic.trouble:
        told.append(f"the latest request: {traffic.trouble}")
    return told


def _frame(progress: Progress, traffic: Traffic, errors: Console) -> RenderableType:
    # Some terminals begin a new line as soon as the last column is written.
    width = errors.width - 1
    text = next((text for text in first_line(progress) if len(text) <= width), first_line(progress)[-1])
    grid = Table.grid(padding=(0, 1))
    line: RenderableType = one_line(text)
    of_job = progress.phase in (*_OF_JOB, "settling")
    done, of = (progress.finished, progress.total) if of_job else (progress.step, progress.steps)
    bar = _WIDE_BAR if errors.width >= _WIDE else _BAR
    if of and bar + 1 + len(text) <= width:
        grid.add_row(ProgressBar(total=of, completed=done, width=bar), line)
        line = grid
    details = _details(progress, traffic)
    while len(", ".join(details)) > width:
        details.pop()
    return Group(line, one_line(", ".join(details))) if details else line


def _last_line(progress: Progress, seconds: float) -> str:
    rows = f"{progress.finished:,} of {counted(progress.total, 'row')}"
    if not progress.total:
        return f"{_counted(progress)}, after {duration(seconds)}"
    ended = progress.phase in ("finished", "left to other processes")
    flight = f", {counted(progress.in_flight, 'row')} in flight" if progress.in_flight else ""
    return f"{progress.phase if ended else 'stopped'} after {duration(seconds)}: {rows}{flight}"
