"""The kill proof for workers: several carry one job out, and one after another is killed and replaced.

``python -m tests.adversary.worker_kills --rows 10000 --kills 100 --workers 4`` does it for both targets. The tenant is
the one of :mod:`tests.adversary.kills`, and so is what is proved; the journal lies in a PostgreSQL of the proof's own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.provisioning.cluster import Cluster, cluster

from .kills import RERUNS, Harness, Order, Proof, TenantProcess

_LEASE = 10.0
_RUNNING = 4
"""The exit code of ``status`` while a job runs."""


@dataclass(slots=True)
class WorkersOrder(Order):
    """What to prove: as for one process, with so many workers and shards."""

    workers: int = 4
    shards: int = 12


class WorkersHarness(Harness):
    """One proof under way."""

    order: WorkersOrder

    def __init__(self, order: WorkersOrder, folder: Path, say: Callable[[str], None], database: Cluster) -> None:
        super().__init__(order, folder, say)
        self._database = database

    async def _kill_and_restart(self, tenant: TenantProcess) -> int:
        """Hand the job over, and kill workers until there were kills enough and the job has ended; its exit code."""
        self._environment["AIOSYMPHONY_STORE"] = self._database.url()
        apply = [*self._command, "--store", self._database.url(), "--shards", str(self.order.shards), "--detach"]
        self._command = [sys.executable, "-m", "aiosymphony.cli", "worker", "--lease", f"{_LEASE:g}"]
        if (code := await self._run(apply)) != 0:
            return code
        living = [await self._start() for _ in range(self.order.workers)]
        try:
            while self.hits < self.order.kills:
                victim = living.pop(self.chance.randrange(len(living)))
                await self._wait_for_the_moment(tenant, victim)
                with contextlib.suppress(ProcessLookupError):
                    victim.send_signal(signal.SIGKILL)
                code = await victim.wait()
                self.exits[str(code)] += 1
                if (status := await self._status()) != _RUNNING:
                    return status
                self.hits += code == -signal.SIGKILL
                living.append(await self._start())
                self.say(f"{self.order.kind}: {self.hits} kills")
            return await self._ended(apply)
        finally:
            for worker in living:
                with contextlib.suppress(ProcessLookupError):
                    worker.terminate()
            for worker in living:
                self.exits[str(await worker.wait())] += 1

    def _work(self) -> float:
        """While a killed worker is replaced, the others go on: that much less is left for the moments."""
        return 0.6 * super()._work()

    async def _ended(self, apply: list[str]) -> int:
        """Wait until the job has ended; with rows whose outcome is unknown it is handed over again."""
        until, reruns = time.monotonic() + self.order.longest, 0
        while time.monotonic() < until:
            if (code := await self._status()) != _RUNNING:
                if code != 3 or reruns == RERUNS:
                    return code
                reruns += 1
                await self._run(apply)
            await asyncio.sleep(0.5)
        self.wrong.append(f"the job was still running after {self.order.longest:g} s")
        return 1000

    async def _status(self) -> int:
        return await self._run([sys.executable, "-m", "aiosymphony.cli", "provision", "status", self.file.name,
                                "--store", self._database.url()])  # fmt: skip

    async def _run(self, command: list[str]) -> int:
        with (self.folder / "stderr").open("ab") as err:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self.folder, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=err,
                stderr=err,
            )  # fmt: skip
            return await process.wait()

    def _report_command(self, rows: Path) -> list[str]:
        return [*super()._report_command(rows), "--store", self._database.url()]


def prove(order: WorkersOrder, say: Callable[[str], None] = lambda _: None) -> Proof:
    """Carry a proof out, in a folder and a database of its own."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, cluster() as database:
        harness = WorkersHarness(order, Path(folder), say, database)
        proof = asyncio.run(harness.prove())
        if not proof.holds:
            print((Path(folder) / "stderr").read_text()[-3000:], file=sys.stderr)
        return proof


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = WorkersOrder("pod")
    parser.add_argument("--target", choices=["connect", "pod", "both"], default="both")
    for name, kind in (("rows", int), ("kills", int), ("seed", int), ("settle", float), ("workers", int),
                       ("shards", int), ("longest", float)):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=getattr(usual, name))
    parser.add_argument("--json", action="store_true", help="a line of JSON for each target")
    options = vars(parser.parse_args())
    target, as_json = options.pop("target"), options.pop("json")
    held = True
    for kind in ("connect", "pod") if target == "both" else (target,):
        proof = prove(WorkersOrder(kind, **options), lambda text: print(text, file=sys.stderr, flush=True))
        held = held and proof.holds
        print(json.dumps(asdict(proof)) if as_json else f"{asdict(proof)}\n{'HOLDS' if proof.holds else 'FAILS'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
