"""What all tests share: a look for secrets in whatever a test leaves behind."""

from __future__ import annotations

import io
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, settings

from aiosymphony.auth.secrets import Secret
from aiosymphony.errors import SymphonyError

# No test fails because the machine is slow.
settings.register_profile("no_deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no_deadline")

_PRODUCT = str(Path(__file__).parents[1] / "src")
_SHORTEST = 16
"""Shorter secrets are words that tests made up."""
_MEANT_TO_HOLD_ONE = (".pem", ".key", "tokens.json", ".yaml")
"""Ends of the names of files that hold secrets by design: keys that tests write, and the token store."""


_GONE = re.compile(
    r"cannot import name '(\w+)' from '(aiosymphony_api[\w.]*)'|No module named '(aiosymphony_api[\w.]*)'"
)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Say in a line what to do about a module that uses what a new version of a document does not have any more."""
    report = yield
    if report.failed and (found := _GONE.search(str(report.longrepr))):
        name, package, module = found.groups()
        users = re.findall(r"(?m)^((?:src|tests)/\S+?\.py):(\d+): in ", str(report.longrepr))
        where = ":".join(users[-1]) if users else report.nodeid
        told = (
            f"{name} is in no document any more (package {package})" if name else f"{module} is not generated any more"
        )
        report.longrepr = f"{told}: {where} uses it. Remove that use; the bump of the document lists all of them."
    return report


@pytest.fixture(scope="session", autouse=True)
def no_authority_is_trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Instead of the machine's authorities, whose certificates take 20 ms to load for each client, one of nobody."""
    folder = tmp_path_factory.mktemp("authority")
    trustme.CA().cert_pem.write_to_path(folder / "ca.pem")
    (folder / "more").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        patch.setenv("SSL_CERT_DIR", str(folder / "more"))
        yield


@pytest.fixture(autouse=True)
def no_secret_shows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each test of the suite: no secret that was made in it stands in a log line at DEBUG, in the text, repr,
    attributes, pickle or traceback (with locals) of an error of ours, or in a file below the test's folder.
    """
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    secrets: set[str] = set()
    errors: list[SymphonyError] = []
    monkeypatch.setattr(Secret, "__init__", _noting_secrets(Secret.__init__, secrets))
    monkeypatch.setattr(SymphonyError, "__init__", _noting_errors(SymphonyError.__init__, errors))
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(message)s %(args)r"))
    logger = logging.getLogger("aiosymphony")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    logger.setLevel(level)
    shown = [f"log: {line}" for line in log.getvalue().splitlines() if _holds(line, secrets)]
    # To show a model that lacks a field makes errors of its own.
    for error in [*errors]:
        shown += [f"{where} of {type(error).__name__}" for where, text in _texts(error) if _holds(text, secrets)]
    if secrets and folder is not None:
        shown += [f"file {path.name}" for path in folder.rglob("*") if _file_holds(path, secrets)]
    assert not shown, f"a secret shows in {shown[:5]}"


def _noting_secrets(init: Callable[..., None], secrets: set[str]) -> Callable[..., None]:
    def noted(secret: Secret, text: str, **kwargs: Any) -> None:
        init(secret, text, **kwargs)
        if len(text) >= _SHORTEST:
            secrets.add(text)

    return noted


def _noting_errors(init: Callable[..., None], errors: list[SymphonyError]) -> Callable[..., None]:
    def noted(error: SymphonyError, *args: Any, **kwargs: Any) -> None:
        errors.append(error)
        init(error, *args, **kwargs)

    return noted


def _texts(error: SymphonyError) -> Iterator[tuple[str, str]]:
    yield "text", str(error)
    yield "repr", repr(error)
    yield "attributes", repr(vars(error))
    yield "pickle", pickle.dumps(error).decode("latin-1")
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(_PRODUCT):
            for name, value in frame.f_locals.items():
                try:
                    yield f"local {name} of {frame.f_code.co_name} in the traceback", repr(value)
                except (AttributeError, RecursionError, ValueError):
                    continue  # a constructor that failed half-way; a value too deep or too long to be shown


def _holds(text: str, secrets: set[str]) -> bool:
    return any(secret in text for secret in secrets)


def _file_holds(path: Path, secrets: set[str]) -> bool:
    if not path.is_file() or path.name.endswith(_MEANT_TO_HOLD_ONE):
        return False
    content = path.read_bytes().decode("latin-1")
    return _holds(content, secrets)
