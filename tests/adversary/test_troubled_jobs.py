"""One kind of trouble at a time, and nobody is killed: a job ends as the file wants it.

What was not carried out is carried out later, what may have been is looked up; only a user that the tenant itself
refuses is reported as failed, and nobody else is switched off in another's place.
"""

from __future__ import annotations

import pytest

from .test_kills import NOBODY, prove

TROUBLE = {
    "an alert after the server acted": ("connect pod", "alerts", "alerts=6"),
    "503 with Retry-After": ("connect pod", "busy", "none"),
    "a permuted answer without addresses": ("connect", "anonymous", "anonymous=5"),
    "an id given twice": ("connect", "twins", "twins=10"),
    "users that fare as requests do": ("connect", "rows", "rows=4"),
    "logins that fail when tokens have expired": ("connect pod", "logins", "none"),
    "everything down": ("connect pod", "maintenance", "none"),
}
ROWS = {"connect": 200, "pod": 100}


@pytest.mark.parametrize(
    ("target", "trouble"), [(target, name) for name, (targets, *_) in TROUBLE.items() for target in targets.split()]
)
def test_a_job_gets_over(target: str, trouble: str) -> None:
    _, struck, modes = TROUBLE[trouble]
    outage = ("--outage", f"{struck},{ROWS[target] // 10},6") if modes == "none" else ()
    options = ("--rows", str(ROWS[target]), "--kills", "0", "--modes", modes, "--longest", "60", *outage)
    proof = prove(target, *options)
    assert proof["drawn"][struck] > 0
    assert proof["counts"] == NOBODY, proof
    assert proof["wrong"] == []


def test_a_pod_that_gives_its_last_page_for_ever_keeps_no_job() -> None:
    options = ("--clamps-skip", "--bystanders", "400", "--longest", "20", "--lives", "2")
    proof = prove("pod", "--rows", "520", "--kills", "0", "--modes", "pages", *options)
    # It ends, or it stops and says so: either is an answer.
    assert proof["exits"].keys() <= {"2", "75"}, proof["wrong"]
    assert proof["counts"]["doubled"] == 0
