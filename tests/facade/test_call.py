"""call: any operation, with what the resources accept."""

from __future__ import annotations

from typing import Any

import pytest

from aiosymphony import ConfigError
from aiosymphony_api.connect import OPERATIONS as CONNECT
from aiosymphony_api.pod import OPERATIONS as POD
from aiosymphony_api.pod.api.users import v2_user_get

from .wire import Wire, sent


async def test_an_operation_is_called(wire: Wire) -> None:
    wire.answers({"id": 7})
    assert (await wire.pod.call(POD["v2_user_get"], uid=7)).id == 7
    assert (await wire.pod.call(v2_user_get.OPERATION, uid=7)) is not None
    wire.answers({"id": "c1"})
    await wire.connect.call(CONNECT["api_v2_companies_company_id_get"], "c1")
    assert wire.sent == [sent("GET", "/pod/v2/user?uid=7")] * 2 + [sent("GET", "/api/v2/companies/c1")]


@pytest.mark.parametrize(
    ("given", "named"), [("v2_user_get", "the text 'v2_user_get'"), (v2_user_get, "not module"), (None, "NoneType")]
)
def test_what_is_no_operation_is_refused_with_what_to_give(wire: Wire, given: Any, named: str) -> None:
    for client in (wire.pod, wire.connect):
        with pytest.raises(ConfigError, match="call takes an operation, such as") as told:
            client.call(given, uid=7)
        assert named in str(told.value)
    assert wire.requests == []
