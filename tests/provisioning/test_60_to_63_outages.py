"""Outages and answers in doubt: cases 60 (login), 61 (503 and rows of a 207), 62 (Retry-After), 63 (who is who)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.errors import (
    ApiError,
    DecodeError,
    Forbidden,
    JobError,
    JobInterrupted,
    RateLimited,
    ServerError,
    SymphonyError,
    TransportError,
)
from aiosymphony.provisioning.actual import Actual, ActualUser
from aiosymphony.provisioning.journal.sqlite import SqliteStore
from aiosymphony.provisioning.rows.base import User
from aiosymphony.provisioning.rows.connect import ConnectUser
from aiosymphony.provisioning.rows.pod import PodUser
from aiosymphony.provisioning.targets.base import Created, Held, Result

from .clock import SkippingClock
from .tenant import Tenant
from .test_25_to_37_jobs import ALL_ONCE, PEOPLE, STEPS, looks_right, notes, person, planned, pod, rows, run, states

YEAR = 31_536_000.0


def of_the_login(error: SymphonyError) -> SymphonyError:
    """An error of the login that a request needed: nothing of the request was sent."""
    error.may_have_acted = False
    return error


PASSING: dict[str, Callable[[], SymphonyError]] = {
    "login 503": lambda: of_the_login(ServerError("answered 503", status=503)),
    "login with a maintenance page": lambda: of_the_login(DecodeError("no JSON")),
    "login lost": lambda: of_the_login(TransportError("lost", sent=True)),
    "503 with Retry-After": lambda: ServerError("answered 503", status=503, retry_after=40.0),
    "503 with Retry-After of now": lambda: ServerError("answered 503", status=503, retry_after=0.0),
    "429": lambda: RateLimited("answered 429", status=429),
    "403 with Retry-After": lambda: Forbidden("answered 403", status=403, retry_after=40.0),
    "425": lambda: ApiError("answered 425", status=425),
    "no connection": lambda: TransportError("refused", sent=False),
}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING.keys())
async def test_rows_that_could_not_be_carried_out_are_sent_again_after_a_hold(
    journal: Path, clock: SkippingClock, error: Callable[[], SymphonyError]
) -> None:
    sent_at: list[float] = []

    def fault(number: int, _users: Sequence[User]) -> str | SymphonyError:
        sent_at.append(clock.now)
        return error() if 3 <= number <= 5 else ""

    tenant = Tenant(fault=fault)
    found = await run(tenant, journal, planned(tenant, PEOPLE), concurrency=1, clock=clock)
    assert states(found) == {"DONE": 200}
    assert {row.attempts for row in found} == {1}, "what was not carried out is no attempt"
    assert tenant.there() == ALL_ONCE
    assert tenant.looked_up == [], "nothing was in doubt"
    held = error()
    wait = held.retry_after if isinstance(held, ApiError) and held.retry_after else 5.0
    assert all(after - before >= wait for before, after in pairwise(sent_at[2:6]))


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING.keys())
async def test_steps_that_could_not_be_taken_are_taken_after_a_hold(
    journal: Path, clock: SkippingClock, error: Callable[[], SymphonyError]
) -> None:
    tenant = pod()
    tenant.step_fault = lambda number, _user_id, _step: error() if number in (2, 3, 6) else ""
    found = await run(tenant, journal, planned(tenant, STEPS), clock=clock)
    assert states(found) == {"DONE": 3}
    looks_right(tenant)


@pytest.mark.parametrize("seconds", [None, 3.0, YEAR])
@pytest.mark.parametrize("where", ["creates", "steps"])
async def test_62_no_hold_is_longer_than_until_the_job_gives_up(
    journal: Path, clock: SkippingClock, where: str, seconds: float | None
) -> None:
    began = clock.now

    def refused(*_: object) -> SymphonyError:
        return RateLimited("answered 429", status=429, retry_after=seconds)

    records = PEOPLE if where == "creates" else [person(f"u{n}", active=False) for n in range(20)]
    tenant = Tenant()
    if where == "creates":
        tenant.fault = refused
    else:
        tenant.step_fault = refused
    wanted = planned(tenant, records)
    with pytest.raises(JobError, match="carried nothing out for 300 s") as caught:
        await run(tenant, journal, wanted, clock=clock, give_up_after=300.0)
    assert isinstance(caught.value, JobInterrupted)
    assert 300 <= clock.now - began <= 310
    async with SqliteStore(journal) as store:
        assert states(await rows(store)) == {"TODO": len(records)}
    tenant.fault = tenant.step_fault = lambda *_: ""
    found = await run(tenant, journal, wanted, clock=clock)
    assert states(found) == {"DONE": len(records)}
    assert set(tenant.there().values()) == {1}


async def test_a_look_up_that_fails_is_made_again_until_the_job_gives_up(journal: Path, clock: SkippingClock) -> None:
    failures = [of_the_login(ServerError("answered 503", status=503)) for _ in range(20)]

    class Failing(Tenant):
        async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
            if failures:
                raise failures.pop()
            return await super().look_up(users)

    tenant = Failing(fault=lambda number, _: "lost" if number == 3 else "")
    found = await run(tenant, journal, planned(tenant, PEOPLE), clock=clock)
    assert states(found) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE
    assert clock.now - 1000 >= 20 * 5


async def test_a_look_up_that_fails_for_longer_leaves_rows_unknown_and_the_job_ends(
    journal: Path, clock: SkippingClock
) -> None:
    tenant = Tenant(fault=lambda number, _: "lost" if number == 3 else "")
    tenant.look_up = _raising(PASSING["login 503"])  # type: ignore[method-assign]
    found = await run(tenant, journal, planned(tenant, PEOPLE), clock=clock, give_up_after=60.0, audit=False)
    assert states(found) == {"DONE": 180, "UNKNOWN": 20}
    assert 60 <= clock.now - 1000 < 80


def _raising(error: Callable[[], SymphonyError]) -> Callable[..., Any]:
    async def call(*_: object) -> Any:
        raise error()

    return call


class Answering(Tenant):
    """Creates whom it is asked to create, and answers what ``answer`` makes of that."""

    answer: Callable[[int, Sequence[User], list[Result]], Sequence[Result]] = lambda _number, _users, results: results

    def add(self, user: User, *, active: bool | None = None) -> str:
        return super().add(user, active=True if active is None else active)

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        number = len(self.creates) + 1
        results = [*await super().create(rows)]
        return type(self).answer(number, [ConnectUser.from_dict(row) for row in rows], results)


def answering(answer: Callable[[int, Sequence[User], list[Result]], Sequence[Result]], **options: Any) -> Answering:
    made = type("Answers", (Answering,), {"answer": staticmethod(answer)})(**options)
    assert isinstance(made, Answering)
    return made


async def test_61_a_row_that_was_not_carried_out_is_sent_again(journal: Path, clock: SkippingClock) -> None:
    """As in a 207 with 429 for some: they are no failures, and the others are not sent twice."""

    class Throttling(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
            some = rows[::2] if len(self.creates) < 5 else rows
            made = dict(zip([row["email"] for row in some], await super().create(some), strict=True))
            return [made.get(row["email"], Held("429", "too many requests")) for row in rows]

    tenant = Throttling(unique=False)
    found = await run(tenant, journal, planned(tenant, PEOPLE), clock=clock)
    assert states(found) == {"DONE": 200}
    assert {row.attempts for row in found} == {1}
    assert tenant.there() == ALL_ONCE
    assert tenant.looked_up == []


async def test_61_a_row_that_is_never_carried_out_stops_the_job_and_stays_to_do(
    journal: Path, clock: SkippingClock
) -> None:
    class Throttling(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
            some = [row for row in rows if row["email"] != "u7@acme.com"]
            made = iter(await super().create(some) if some else ())
            return [Held("429", "slow") if row["email"] == "u7@acme.com" else next(made) for row in rows]

    tenant = Throttling()
    wanted = planned(tenant, PEOPLE)
    with pytest.raises(JobError, match="carried nothing out for 300 s"):
        await run(tenant, journal, wanted, clock=clock)
    async with SqliteStore(journal) as store:
        found = await rows(store)
    assert states(found) == {"DONE": 199, "TODO": 1}
    assert 300 <= clock.now - 1000 <= 320
    assert states(await run(Tenant(users=tenant.users), journal, wanted)) == {"DONE": 200}


async def test_what_stops_all_rows_keeps_what_the_same_answer_created(journal: Path) -> None:
    """One answer may say both: some were created, and then the company was not ready for more."""
    stop = JobInterrupted("the company is not complete yet")

    class Closing(Tenant):
        async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
            made = await super().create(rows[:5])
            return [*made, *[Held("40102", "not completed", stops=stop)] * (len(rows) - 5)]

    tenant = Closing(unique=False)
    wanted = planned(tenant, PEOPLE)
    with pytest.raises(JobError, match="not complete yet") as caught:
        await run(tenant, journal, wanted, concurrency=1)
    assert isinstance(caught.value, JobInterrupted)
    async with SqliteStore(journal) as store:
        assert states(await rows(store)) == {"DONE": 5, "TODO": 195}
    assert states(await run(Tenant(users=tenant.users, unique=False), journal, wanted)) == {"DONE": 200}
    assert tenant.there() == ALL_ONCE


HALF_DISABLED = [person(f"u{n}", active=n % 2 == 0) for n in range(40)]

Answers = Callable[[int, Sequence[User], list[Result]], Sequence[Result]]


def swapped(_number: int, _users: Sequence[User], results: list[Result]) -> Sequence[Result]:
    """Each row has the id of its neighbour."""
    return [*results[1:], results[0]] if len(results) > 1 else results


def one_id_twice(_number: int, _users: Sequence[User], results: list[Result]) -> Sequence[Result]:
    return [*results[:-1], results[0]]


def too_few(_number: int, _users: Sequence[User], results: list[Result]) -> Sequence[Result]:
    return results[:-1]


def too_many(_number: int, _users: Sequence[User], results: list[Result]) -> Sequence[Result]:
    return [*results, Created("more")]


def no_ids(_number: int, _users: Sequence[User], _results: list[Result]) -> Sequence[Result]:
    return [Created("") for _ in _results]


def nobody_s_ids(number: int, _users: Sequence[User], results: list[Result]) -> Sequence[Result]:
    return [Created(f"{number}-{n}") for n in range(len(results))]


@pytest.mark.parametrize("answer", [swapped, one_id_twice, too_few, too_many, no_ids, nobody_s_ids])
async def test_63_nobody_is_disabled_by_an_id_that_is_another_s(journal: Path, answer: Answers) -> None:
    tenant = answering(lambda number, users, results: answer(number, users, results) if number == 1 else results)
    wanted = planned(tenant, HALF_DISABLED)
    found = await run(tenant, journal, wanted)
    assert states(found) == {"DONE": 40}
    assert set(tenant.there().values()) == {1}
    by_email = {there.values["email"]: there.active for there in tenant.users.values()}
    assert by_email == {f"u{n}@acme.com": n % 2 == 0 for n in range(40)}
    changed = {tenant.users[user_id].values["email"] for user_id, _ in tenant.steps}
    assert changed == {f"u{n}@acme.com" for n in range(1, 40, 2)}, "no other was touched, not even for a moment"


async def test_63_an_id_that_an_earlier_row_was_given_disables_nobody(journal: Path) -> None:
    ids: list[Result] = []

    def answer(number: int, _users: Sequence[User], results: list[Result]) -> Sequence[Result]:
        ids.extend(results)
        return ids[:20] if number == 2 else results

    tenant = answering(answer)
    people = [person(f"u{n}", active=n < 20) for n in range(40)]
    found = await run(tenant, journal, planned(tenant, people), concurrency=1)
    assert states(found) == {"DONE": 40}
    assert {there.values["email"]: there.active for there in tenant.users.values()} == {
        f"u{n}@acme.com": n < 20 for n in range(40)
    }
    assert {tenant.users[user_id].values["email"] for user_id, _ in tenant.steps} == {
        f"u{n}@acme.com" for n in range(20, 40)
    }


async def test_63_an_id_that_is_another_s_is_named_by_the_audit(journal: Path) -> None:
    """Nothing is done with these ids, so nothing tells before the end."""
    tenant = answering(swapped)
    found = await run(tenant, journal, planned(tenant, PEOPLE[:3]))
    assert states(found) == {"DONE": 3}
    audit = (await notes(journal))["audit"]
    assert audit["counts"] == {"missing": 0, "doubled": 0, "different": 3}
    there = {user.values["email"]: user_id for user_id, user in tenant.users.items()}
    _, label, changes = audit["different"][0]
    assert (label, changes) == ("u0@acme.com", {"id": [there["u0@acme.com"], there["u1@acme.com"]]})


async def test_63_the_id_of_a_row_that_goes_on_later_is_looked_at_as_well(journal: Path) -> None:
    """The create went through, the step did not; the journal holds the id when the job is started again."""

    def refused(*_: object) -> SymphonyError:
        return TransportError("refused", sent=False)

    tenant = answering(swapped, step_fault=refused)
    tenant.get = _raising(lambda: TransportError("refused", sent=False))  # type: ignore[method-assign]
    wanted = planned(tenant, HALF_DISABLED)
    with pytest.raises(JobError, match="carried nothing out"):
        await run(tenant, journal, wanted, clock=SkippingClock())
    assert tenant.steps == []
    again = answering(lambda _number, _users, results: results, users=tenant.users)
    assert states(await run(again, journal, wanted)) == {"DONE": 40}
    by_email = {there.values["email"]: there.active for there in tenant.users.values()}
    assert by_email == {f"u{n}@acme.com": n % 2 == 0 for n in range(40)}
    assert {again.users[user_id].values["email"] for user_id, _ in again.steps} == {
        f"u{n}@acme.com" for n in range(1, 40, 2)
    }


def test_63_who_was_renamed_while_the_list_was_read_is_not_found_by_the_old_name() -> None:
    def seen(name: str) -> ActualUser:
        return ActualUser("7", {"userName": name, "emailAddress": f"{name}@acme.com"}, active=True)

    actual = Actual.of("pod", [seen("ann")])
    actual.add([seen("bob")])
    names = {"userName": "ann", "emailAddress": "ann@acme.com", "displayName": "Ann"}
    assert actual.find(PodUser.from_dict(names).identities()) == []
    assert [user.id for user in actual.find(["userName:bob"])] == ["7"]
