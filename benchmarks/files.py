"""What reading a file of people costs: ``python -m benchmarks.files`` prints seconds and memory for each format.

Each file is read in a process of its own, which says how far its memory grew above where it began.
"""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import xlsxwriter

NAMES = ["email", "firstName", "lastName", "displayName", "phoneNumber", "department", "title", "location", "active"]
READ = """
import resource, sys, time
from aiosymphony.provisioning.desired import Desired
Desired.read(sys.argv[1], "connect")
def peak():  # of this process alone; getrusage begins with what its parent had
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10
before, start = resource.getrusage(resource.RUSAGE_SELF), peak()
desired = Desired.read(sys.argv[2], "connect")
after, above = resource.getrusage(resource.RUSAGE_SELF), peak() - start
assert not desired.bad, next(desired.problems())
print(desired.count, f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.1f}",
      above)
"""


def people(count: int) -> Iterator[list[str]]:
    for at in range(count):
        name = [f"First{at}", f"Last{at}", f"First{at} Last{at}"]
        yield [f"p{at}@acme.com", *name, f"+4479{at:08}", f"Department {at % 50}", "Analyst", "London", "true"]


def write(path: Path, count: int) -> None:
    if path.suffix == ".json":
        path.write_bytes(orjson.dumps([dict(zip(NAMES, row, strict=True)) for row in people(count)]))
    elif path.suffix == ".xlsx":
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for line, row in enumerate([NAMES, *people(count)]):
                sheet.write_row(line, 0, row)
    elif path.suffix == ".ods":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
            with packed.open("content.xml", "w") as content:
                content.write(b"<o:d xmlns:o='o' xmlns:table='t' xmlns:text='x'><table:table table:name='A'>")
                for row in [NAMES, *people(count)]:
                    cells = "".join(f"<table:table-cell><text:p>{each}</text:p></table:table-cell>" for each in row)
                    content.write(f"<table:table-row>{cells}</table:table-row>".encode())
                content.write(b"</table:table></o:d>")
    else:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "wt", newline="") as file:
            csv.writer(file).writerows([NAMES, *people(count)])


if __name__ == "__main__":
    print("| format | rows | seconds of processor | MiB above start |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.csv")
        write(small, 10)
        for suffix in ("csv", "csv.gz", "json", "xlsx", "ods"):
            for count in (50_000, 100_000):
                large = Path(folder, f"{count}.{suffix}")
                write(large, count)
                command = [sys.executable, "-c", READ, str(small), str(large)]
                told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
                print(f"| {suffix} | {int(told[0]):,} | {told[1]} | {told[2]} |", flush=True)
