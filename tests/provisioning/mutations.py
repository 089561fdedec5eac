"""Files that something broke: whatever it was, they end in rows, in problems with a line, or in one sentence.

``python -m tests.provisioning.mutations 10000`` reads so many; the suite reads fewer.
"""

from __future__ import annotations

import gzip
import io
import random
import sys
import zipfile

import orjson

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from tests.provisioning.people_files import HEADER, archive, ods, ods_row, xlsx, xlsx_row

__all__ = ["check", "mutated"]

_ROWS = [[f"p{at}@acme.com", "Zoë", f'Le"e, {at}', "=x" if at % 5 == 0 else "Analyst", f"+33 {at}"] for at in range(8)]


def _originals() -> dict[str, bytes]:
    quoted = "\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [HEADER, *_ROWS])
    records = [dict(zip(HEADER, row, strict=True)) for row in _ROWS]
    books = {
        "xlsx": xlsx({"A": "".join(xlsx_row(at, row) for at, row in enumerate([HEADER, *_ROWS], 1)), "B": ""}),
        "ods": ods({"A": "".join(map(ods_row, [HEADER, *_ROWS])), "B": ""}),
    }
    text = {
        "csv": quoted.encode(),
        "utf-16": quoted.encode("utf-16"),
        "windows-1252": quoted.replace("Zoë", "Jürgen").encode("cp1252"),
        "semicolons": ("sep=;\r" + quoted.replace('","', '";"').replace("\r\n", "\r")).encode(),
        "json": orjson.dumps({"value": records}, option=orjson.OPT_INDENT_2),
        "json array": orjson.dumps(records),
        "json lines": b"\n".join(map(orjson.dumps, records)),
    }
    return text | books | {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in (text | books).items()}


ORIGINALS = _originals()


def mutated(seed: int) -> tuple[str, bytes]:
    """An original and how it was called, after some bytes of it were flipped, cut, inserted or doubled.

    Most often it is what is packed that is broken, and not the archive.
    """
    chance = random.Random(seed)
    name = chance.choice([*ORIGINALS])
    content = ORIGINALS[name]
    inside = chance.random() < 0.8
    if inside and name.endswith(".gz"):
        return name, gzip.compress(_broken(gzip.decompress(content), chance), mtime=0)
    if inside and name in {"xlsx", "ods"}:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = {each: packed.read(each) for each in packed.namelist()}
        part = chance.choice([*parts])
        parts[part] = _broken(parts[part], chance)
        return name, archive(parts)
    return name, _broken(content, chance)


def _broken(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + chance.randint(1, 20)]
            case 2:
                data[at:at] = chance.choice([b"\0", b'"', b"\r", b"<", b"&x;", b"]", b"{", b"\xff\xfe", b"\x80", b","])
            case 3:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 4:
                data[at:at] = data[at : at + chance.randint(1, 200)]
            case _ if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
    return bytes(data)


def check(seed: int) -> str:
    """Read a mutated file: how many rows and problems, or the sentence by which it was refused."""
    name, content = mutated(seed)
    try:
        desired = Desired.read(io.BytesIO(content), "connect")
        problems = list(desired.problems())
        rows = list(desired.rows())
    except JobRefused as error:
        told = str(error)
        assert told, (seed, name)
        assert "\n" not in told, (seed, name, told)
        return told
    assert len(rows) == desired.count, (seed, name)
    assert all(problem.line >= 1 and problem.reason for problem in problems), (seed, name)
    assert {problem.line for problem in problems} or rows, (seed, name)
    return f"{len(rows)} rows, {desired.bad} wrong"


if __name__ == "__main__":
    told = [check(seed) for seed in range(int(sys.argv[1]))]
    print(f"{len(told):,} files: {sum('rows, ' in each for each in told):,} read, the others refused")
