"""Looks for secrets in everything that a test leaves behind: errors, tracebacks, pickles, logs, reprs."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiosymphony.errors import SymphonyError

CANARY = "Kanarienvogel0c0ffee"
"""Part of every token, client secret and body field of these tests that nobody may see."""

_TESTS = str(Path(__file__).parent)


class Trail:
    """Remembers each error of ours that was made and each log line at DEBUG; :meth:`leaks` says where a secret is."""

    def __init__(self) -> None:
        self.errors: list[SymphonyError] = []
        self.secrets = {CANARY}
        self._log = io.StringIO()
        self.handler = logging.StreamHandler(self._log)
        self.handler.setLevel(logging.DEBUG)
        self.handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r"))

    def noting(self, init: Callable[..., None]) -> Callable[..., None]:
        """The constructor of the errors, noting what it makes."""

        def noted(error: SymphonyError, *args: Any, **kwargs: Any) -> None:
            self.errors.append(error)
            init(error, *args, **kwargs)

        return noted

    @property
    def log(self) -> str:
        return self._log.getvalue()

    def leaks(self) -> list[str]:
        return [f"{where}: {text}" for where, text in self._texts() if any(secret in text for secret in self.secrets)]

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield "log", self.log
        # To show a model that lacks a field makes errors of its own.
        for error in [*self.errors]:
            name = type(error).__name__
            yield f"str of {name}", str(error)
            yield f"repr of {name}", repr(error)
            yield f"attributes of {name}", repr(vars(error))
            yield f"pickle of {name}", pickle.dumps(error).decode("latin-1")
            yield from _tracebacks(error)
        for thing in gc.get_objects():
            if str(type(thing).__module__).startswith("aiosymphony.") and not isinstance(thing, type | BaseException):
                # Its constructor failed half-way, or a test made values too deep or too long to be shown.
                with contextlib.suppress(AttributeError, RecursionError, ValueError):
                    yield f"repr of {type(thing).__name__}", repr(thing)


def _tracebacks(error: BaseException) -> Iterator[tuple[str, str]]:
    """The traceback of an error and of all errors behind it, with locals; the frames of the tests left out."""
    todo: list[BaseException | None] = [error]
    while todo:
        if (found := todo.pop()) is None:
            continue
        todo += [found.__cause__, found.__context__]
        yield f"traceback of {type(error).__name__}", repr(found)
        for frame, _ in traceback.walk_tb(found.__traceback__):
            code = frame.f_code
            if not code.co_filename.startswith(_TESTS):
                for name, value in frame.f_locals.items():
                    # A constructor failed half-way, or a test made values too deep or too long to be shown.
                    with contextlib.suppress(AttributeError, RecursionError, ValueError):
                        yield f"local {name} of {code.co_name} in the traceback of {type(error).__name__}", repr(value)
