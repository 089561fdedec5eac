"""The kill proof: a job against the adversary tenant, killed at random moments and started again until it is done.

``python -m tests.adversary.kills --rows 1500 --kills 40`` does it for both targets with every mode on, and exits with 0
if nobody is lost, doubled or otherwise than wanted. ``--modes lost,late`` looks at a few modes, ``--control`` takes
away what a job has against them: then the same harness must find doubles.

The job is the command line's, ``aiosymphony provision apply``, in a process of its own; so is the tenant.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .people import Kind, Person, Verdict, bystanders, judge, people, write_file
from .tenant import BOT, CLIENT_ID
from .trouble import MODES

ROOT: Final = Path(__file__).parents[2]
ENDED: Final = (0, 2, 3)
AGAIN: Final = (1, 75)
"""Exit codes after which the same command is run again: the plan could not be made, or the job stopped."""
RERUNS: Final = 10
"""How often a job is run again that ended with unknown rows."""
LAG: Final = 0.2

Control = Literal["", "settle", "look-up"]


@dataclass(slots=True)
class Order:
    """What to prove.

    Attributes:
        rows, kills, seed, settle, concurrency: Of the job and its ends.
        modes: What goes wrong at the tenant; see :class:`Trouble`, also for ``late``, ``pause`` and ``down``.
        clamps_skip: Whether a pod gives its last page again beyond the last.
        outages: What is down once, ``logins``, ``maintenance`` or ``busy``; after how many writes, and for how many
            seconds. Tokens from before are not valid any more.
        unique: Whether the tenant refuses keys that are there.
        control: What is taken away from the job.
        bystanders: Users that are there and not in the file.
        longest: Seconds after which a process that is not to be killed is said to hang.
        lives: How often the command is run before the job is said not to end.
    """

    kind: Kind
    rows: int = 1500
    kills: int = 40
    seed: int = 1
    settle: float = 2.0
    modes: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(MODES, 1.0))
    clamps_skip: bool = False
    outages: tuple[tuple[str, int, float], ...] = ()
    unique: bool = False
    control: Control = ""
    concurrency: int = 8
    late: float = 0.4
    pause: float = 8.0
    down: float = 4.0
    bystanders: int = 30
    longest: float = 300.0
    lives: int = 150


@dataclass(slots=True)
class Proof:
    """What came of it.

    Attributes:
        counts: Rows by fault, see :class:`Verdict`; all of them must be 0.
        shown: The first rows of each.
        wrong: What else is wrong, in sentences.
        hits: Kills that hit a running job.
        exits: How the job's processes ended.
        drawn: How often each mode struck.
    """

    kind: str
    counts: dict[str, int]
    shown: dict[str, list[str]]
    wrong: list[str]
    hits: int
    exits: dict[str, int]
    drawn: dict[str, int]
    created: int
    requests: int
    logins: int
    most_late: float
    seconds: float

    @property
    def holds(self) -> bool:
        return not self.wrong and not any(self.counts.values())


class TenantProcess:
    """The other end of the tenant's standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, **setting: Any) -> AsyncIterator[tuple[TenantProcess, dict[str, Any]]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.adversary.tenant", json.dumps(setting), cwd=ROOT, limit=2**26,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        tenant = cls(process)
        try:
            yield tenant, await tenant._line()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._line()

    async def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())


class Harness:
    """One proof under way."""

    def __init__(self, order: Order, folder: Path, say: Callable[[str], None]) -> None:
        self.order, self.folder, self.say = order, folder, say
        self.chance = random.Random(order.seed)
        self.everyone: list[Person] = people(order.kind, order.rows)
        self.file = folder / "people.csv"
        self.exits: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.hits = 0
        self._environment: dict[str, str] = {}
        self._command: list[str] = []

    async def prove(self) -> Proof:
        began = time.monotonic()
        write_file(self.everyone, self.file)
        setting, login = self._credentials()
        async with TenantProcess.started(**setting) as (tenant, there):
            self._prepare(f"https://localhost:{there['port']}", there["company"], login)
            before = [person.before for person in self.everyone if person.before is not None]
            await tenant.ask(seed=[*before, *bystanders(self.order.kind, self.order.bystanders)])
            await tenant.ask(
                modes=dict(self.order.modes), clamps_skip=self.order.clamps_skip, outages=self.order.outages
            )
            code = await self._kill_and_restart(tenant)
            state = await tenant.ask(ask="state")
        if self.hits < self.order.kills:
            self.wrong.append(f"the job ended after {self.hits} kills")
        report, told = await self._report()
        different = {label for _, label, *_ in (report["audit"] or {"different": ()})["different"]}
        verdict = judge(self.order.kind, self.everyone, state, told, different, self.order.bystanders)
        if code not in ENDED:
            # What a job still has to do is not lost; what is there twice is there twice.
            verdict = Verdict(doubled=verdict.doubled)
            self.wrong.append(f"the job does not end: {dict(self.exits)}")
        if state["most_late"] + LAG > self.order.settle:
            self.wrong.append(f"the tenant was late by {state['most_late']:.1f} s: the machine is too slow for a proof")
        if state["proofs_refused"]:
            self.wrong.append(f"{state['proofs_refused']} logins were refused")
        return Proof(
            self.order.kind, verdict.counts(), verdict.shown(), self.wrong, self.hits, dict(self.exits), state["drawn"],
            len(state["created"]), state["requests"], state["logins"], state["most_late"], time.monotonic() - began,
        )  # fmt: skip

    # The job.

    async def _kill_and_restart(self, tenant: TenantProcess) -> int:
        """Start the command until it has been killed often enough and ends by itself; its last exit code."""
        lives = reruns = 0
        while lives < self.order.lives:
            lives += 1
            life = await self._start()
            if self.hits < self.order.kills:
                await self._wait_for_the_moment(tenant, life)
                with contextlib.suppress(ProcessLookupError):
                    life.send_signal(signal.SIGKILL)
            code = await self._end_of(tenant, life)
            self.exits[str(code)] += 1
            if code == -signal.SIGKILL:
                self.hits += 1
            elif code in (0, 2) or (code == 3 and reruns == RERUNS) or code not in (*ENDED, *AGAIN):
                return code
            reruns += code == 3
            self.say(f"{self.order.kind}: {self.hits} kills, {lives} lives, ended by {code}")
        return 75

    async def _start(self) -> asyncio.subprocess.Process:
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("ab") as err:
            return await asyncio.create_subprocess_exec(
                *self._command, cwd=self.folder, env=self._environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip

    async def _wait_for_the_moment(self, tenant: TenantProcess, life: asyncio.subprocess.Process) -> None:
        """A random one: after some writes, some requests or some time; before it ends by itself, if that can be."""
        before = await tenant.ask(ask="counts")
        # What is under way when it is killed is carried out too.
        writes = max(3, int(0.8 * self._work() / self.order.kills) - self.order.concurrency)
        requests, until = sys.maxsize, time.monotonic() + 20.0
        match self.chance.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                writes = self.chance.randint(1, writes)
            case 5 | 6 | 7:
                requests = self.chance.randint(1, 10 + self.order.rows // 30)
            case _:
                until = time.monotonic() + self.chance.uniform(0.2, 1.5 * self.order.settle)
        while life.returncode is None and time.monotonic() < until:
            seen = await tenant.ask(ask="counts")
            if seen["writes"] - before["writes"] >= writes or seen["requests"] - before["requests"] >= requests:
                break
            await asyncio.sleep(0.005)
        await asyncio.sleep(self.chance.random() * 0.01)

    def _work(self) -> float:
        """About how many writes the whole job takes."""
        return self.order.rows / 4 if self.order.kind == "connect" else self.order.rows * 1.2

    async def _end_of(self, tenant: TenantProcess, life: asyncio.subprocess.Process) -> int:
        until, asked_before = time.monotonic() + self.order.longest, 0
        while time.monotonic() < until:
            asked = (await tenant.ask(ask="counts"))["requests"]
            try:
                async with asyncio.timeout(10.0):
                    return await life.wait()
            except TimeoutError:
                self.say(f"{self.order.kind}: {asked} requests so far")
                asked_before = asked
        asked = (await tenant.ask(ask="counts"))["requests"] - asked_before
        self.wrong.append(
            f"the job was still running after {self.order.longest:g} s, with {asked} requests in the last 10"
        )
        life.kill()
        await life.wait()
        return 1000

    async def _report(self) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        """What the report says, in all and about each row."""
        rows = self.folder / "rows.csv"
        process = await asyncio.create_subprocess_exec(
            *self._report_command(rows), env=self._environment, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        if not rows.exists():
            return {"audit": None}, {}  # there never was a job
        with rows.open(newline="", encoding="utf-8") as lines:
            return json.loads(out), {line["user"]: line for line in csv.DictReader(lines)}

    def _report_command(self, rows: Path) -> list[str]:
        report = ["provision", "report", str(self.file), "--json", "--csv", str(rows)]
        return [sys.executable, "-m", "aiosymphony.cli", *report]

    # What it is given.

    def _credentials(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The setting of the tenant, and the environment that goes with it."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "authority.pem")
        certificate = self.folder / "server.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
        setting: dict[str, Any] = {"kind": self.order.kind, "certificate": str(certificate), "seed": self.order.seed}
        setting |= {
            "unique": self.order.unique,
            "late": self.order.late,
            "lag": LAG,
            "pause": self.order.pause,
            "down": self.order.down,
        }
        if self.order.kind == "connect":
            secret = secrets.token_urlsafe(32)
            return setting | {"client_secret": secret}, {"SYMPHONY_CLIENT_SECRET": secret}
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self.folder / "bot.pem").write_bytes(private)
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        return setting | {"public_key": public.decode()}, {"SYMPHONY_PRIVATE_KEY": str(self.folder / "bot.pem")}

    def _prepare(self, url: str, company: str, login: dict[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SYMPHONY_")}
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._environment = kept | login | {"SSL_CERT_FILE": str(self.folder / "authority.pem"), "PYTHONPATH": path}
        command = ["provision", "apply", str(self.file), "--target", self.order.kind, "--json"]
        if self.order.kind == "connect":
            self._environment |= {"SYMPHONY_CONNECT_URL": url, "SYMPHONY_TOKEN_URL": f"{url}/oauth/token"}
            self._environment |= {"SYMPHONY_CLIENT_ID": CLIENT_ID}
            command += ["--company", company]
        else:
            self._environment |= {"SYMPHONY_POD_URL": url, "SYMPHONY_BOT_USERNAME": BOT}
        settle = 0.0 if self.order.control == "settle" else self.order.settle
        command += ["--settle", f"{settle:g}", "--concurrency", str(self.order.concurrency)]
        module = "tests.adversary.blind" if self.order.control == "look-up" else "aiosymphony.cli"
        self._command = [sys.executable, "-m", module, *command]


def prove(order: Order, say: Callable[[str], None] = lambda _: None) -> Proof:
    """Carry a proof out, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        return asyncio.run(Harness(order, Path(folder), say).prove())


def _rates(text: str) -> dict[str, float]:
    """``all``, ``none``, or names with how often, such as ``lost,late=5``."""
    if text in ("all", "none"):
        return dict.fromkeys(MODES if text == "all" else (), 1.0)
    rates = {}
    for part in text.split(","):
        mode, _, often = part.partition("=")
        if mode not in MODES:
            raise argparse.ArgumentTypeError(f"{mode} is none of {', '.join(MODES)}")
        rates[mode] = float(often or 1)
    return rates


def _outage(text: str) -> tuple[str, int, float]:
    what, writes, seconds = text.split(",")
    return what, int(writes), float(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Order("pod")
    parser.add_argument("--target", choices=["connect", "pod", "both"], default="both")
    parser.add_argument("--rows", type=int, default=usual.rows)
    parser.add_argument("--kills", type=int, default=usual.kills)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--settle", type=float, default=usual.settle)
    parser.add_argument("--modes", type=_rates, default="all", help=f"all, none, or some of {', '.join(MODES)}")
    parser.add_argument("--late", type=float, default=usual.late, help="seconds by which an act is late, at most")
    parser.add_argument("--pause", type=float, default=usual.pause, help="seconds between outages, about")
    parser.add_argument("--down", type=float, default=usual.down, help="seconds that the longest outage takes")
    parser.add_argument(
        "--outage", type=_outage, dest="outages", action="append", default=[], metavar="WHAT,WRITES,SECONDS",
        help="once, such as logins,9,4: after 9 writes, for 4 seconds; may be given again",
    )  # fmt: skip
    parser.add_argument("--clamps-skip", action="store_true", help="the pod gives its last page again beyond the last")
    parser.add_argument("--unique", action="store_true", help="the tenant refuses keys that are there")
    parser.add_argument(
        "--control", choices=["", "settle", "look-up"], default="", help="what the job has to do without"
    )
    parser.add_argument("--concurrency", type=int, default=usual.concurrency)
    parser.add_argument("--bystanders", type=int, default=usual.bystanders, help="users that are not in the file")
    parser.add_argument("--longest", type=float, default=usual.longest, help="seconds until the job is said to hang")
    parser.add_argument("--lives", type=int, default=usual.lives, help="runs until the job is said not to end")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each target")
    options = vars(parser.parse_args())
    target, as_json = options.pop("target"), options.pop("json")
    held = True
    for kind in ("connect", "pod") if target == "both" else (target,):
        proof = prove(Order(kind, **options), lambda text: print(text, file=sys.stderr, flush=True))
        held = held and proof.holds
        if as_json:
            print(json.dumps(asdict(proof)), flush=True)
            continue
        for name, value in asdict(proof).items():
            print(f"{name}: {value}")
        print("HOLDS" if proof.holds else "DOES NOT HOLD", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
