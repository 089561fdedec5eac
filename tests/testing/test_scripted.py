"""The transport that answers from a script."""

from __future__ import annotations

import pytest

from aiosymphony import BadRequest, OutcomeUnknown, PodClient, RetryPolicy, StaticToken, TransportError
from aiosymphony.testing import ScriptedTransport, SentRequest, make_response
from aiosymphony.transport import Response

HOST = "https://acme.symphony.test"


def client(transport: ScriptedTransport) -> PodClient:
    policy = RetryPolicy(base=0.001, throttle_base=0.001)
    return PodClient(HOST, StaticToken("pod-token-of-the-test"), transport=transport, retry=policy)


async def test_each_request_takes_the_next_response_and_the_last_is_repeated() -> None:
    transport = ScriptedTransport({"id": 7}, {"id": 8})
    async with client(transport) as pod:
        assert [getattr(await pod.users.get(uid=n), "id", None) for n in (7, 8, 9)] == [7, 8, 8]
        await pod.users.add_role(7, "INDIVIDUAL")
        assert not transport.closed
    assert transport.closed
    assert transport.sent == [
        ("GET", "/pod/v2/user?uid=7", None),
        ("GET", "/pod/v2/user?uid=8", None),
        ("GET", "/pod/v2/user?uid=9", None),
        ("POST", "/pod/v1/admin/user/7/roles/add", {"id": "INDIVIDUAL"}),
    ]


async def test_a_request_shows_what_was_sent_and_its_repr_no_secret() -> None:
    transport = ScriptedTransport({})
    async with client(transport) as pod:
        await pod.users.add_role(7, "INDIVIDUAL")
    [request] = transport.requests
    assert (request.method, request.url) == ("POST", f"{HOST}/pod/v1/admin/user/7/roles/add")
    assert (request.path, request.query, request.target) == (
        "/pod/v1/admin/user/7/roles/add", "", "/pod/v1/admin/user/7/roles/add")  # fmt: skip
    assert request.body == b'{"id":"INDIVIDUAL"}'
    assert request.headers["SESSIONTOKEN"] == "pod-token-of-the-test"
    assert request.headers["accept"] == "application/json"
    assert repr(request) == f"SentRequest(method='POST', url='{HOST}/pod/v1/admin/user/7/roles/add')"


async def test_statuses_headers_and_bodies_that_are_no_json() -> None:
    transport = ScriptedTransport(
        make_response(429, headers={"retry-after": "0"}), make_response(503, content=b"<html>"), {"id": 7}
    )
    async with client(transport) as pod:
        assert getattr(await pod.users.get(uid=7), "id", None) == 7
        assert len(transport.requests) == 3
        transport.respond_with({"code": 400, "message": "no"}, status=400)
        with pytest.raises(BadRequest, match="no"):
            await pod.users.get(uid=7)
        transport.respond_with(make_response(204))
        assert await pod.users.get(uid=7) is None


async def test_an_error_is_raised_anew_each_time() -> None:
    lost = TransportError("the connection was lost")
    transport = ScriptedTransport(lost)
    async with client(transport) as pod:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as caught:
                await pod.presence.delete_feed("f")
            assert isinstance(caught.value.__cause__, TransportError)
            assert caught.value.__cause__ is not lost
    assert (lost.trace_id, lost.__traceback__) == ("", None)


async def test_a_function_gets_the_request_and_answers_with_any_of_these() -> None:
    def answer(request: SentRequest) -> Response | TransportError | dict[str, int]:
        if request.query == "uid=1":
            return make_response(400, json={"message": "one"})
        if len(transport.requests) == 2:
            return TransportError("the connection was lost")
        return {"id": 2}

    transport = ScriptedTransport(answer)
    async with client(transport) as pod:
        with pytest.raises(BadRequest, match="one"):
            await pod.users.get(uid=1)
        assert getattr(await pod.users.get(uid=2), "id", None) == 2
    assert len(transport.requests) == 3


async def test_without_a_script_the_test_fails() -> None:
    async with client(ScriptedTransport()) as pod:
        with pytest.raises(AssertionError, match=r"no response for GET /pod/v2/user\?uid=7"):
            await pod.users.get(uid=7)
