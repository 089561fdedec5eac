"""Creates whose answer is lost: looked up, and sent again only if the thing is not there."""

from __future__ import annotations

from typing import Any

import pytest

from aiosymphony import ApiError, ConfigError, Conflict, OutcomeUnknown, TransportError, create_once
from aiosymphony.testing import make_response
from aiosymphony_api.connect.models import Company

from .wire import Wire, sent

ACME = {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.test"]}
COMPANY = {**ACME, "id": "c1"}
CREATE = sent("POST", "/api/v2/companies", ACME)
LOOK_UP = sent("GET", "/api/v2/companies?vanityName=acme")
THERE, NOT_THERE = make_response(json=[COMPANY]), make_response(json=[])
CREATED, LOST = make_response(202, json=COMPANY), TransportError("timed out before the whole answer had arrived")
EXISTS = make_response(409, json={"detail": "taken", "detailErrorCode": "40103"})


async def create(wire: Wire, **options: Any) -> Company:
    async def find() -> Company | None:
        found = await wire.connect.companies.list(vanity_name="acme")
        return found[0] if found else None

    return await create_once(
        lambda: wire.connect.companies.create(name="Acme", vanity_name="acme", email_domains=["acme.test"]),
        find,
        **options,
    )


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        pytest.param([CREATED], [CREATE], id="answered"),
        pytest.param([LOST, THERE], [CREATE, LOOK_UP], id="lost, and carried out"),
        pytest.param([LOST, NOT_THERE, CREATED], [CREATE, LOOK_UP, CREATE], id="lost, and not carried out"),
        pytest.param([LOST, NOT_THERE, EXISTS, THERE], [CREATE, LOOK_UP, CREATE, LOOK_UP], id="carried out late"),
    ],
)
async def test_it_is_created_once(wire: Wire, answers: list[Any], requests: list[Any]) -> None:
    wire.answers(*answers)
    assert (await create(wire)).id == "c1"
    assert wire.sent == requests


async def test_one_that_existed_before_is_not_taken_for_the_one_that_was_asked_for(wire: Wire) -> None:
    wire.answers(EXISTS)
    with pytest.raises(Conflict):
        await create(wire)
    assert wire.sent == [CREATE]


async def test_a_refusal_of_the_repetition_is_raised_if_nothing_is_there(wire: Wire) -> None:
    wire.answers(LOST, NOT_THERE, EXISTS, NOT_THERE)
    with pytest.raises(Conflict):
        await create(wire)


async def test_it_ends_when_every_answer_is_lost(wire: Wire) -> None:
    wire.answers(LOST, NOT_THERE, LOST, NOT_THERE, LOST)
    with pytest.raises(OutcomeUnknown):
        await create(wire, attempts=2)
    assert wire.sent == [CREATE, LOOK_UP, CREATE, LOOK_UP]


async def test_nothing_is_sent_again_if_the_look_up_fails(wire: Wire) -> None:
    wire.answers(LOST, make_response(403))
    with pytest.raises(ApiError):
        await create(wire)
    assert wire.sent == [CREATE, LOOK_UP]


async def test_it_takes_at_least_one_attempt(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="attempts"):
        await create(wire, attempts=0)
    assert wire.sent == []
