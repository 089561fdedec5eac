"""connect.directory."""

from __future__ import annotations

import httpx
import pytest
import respx

from aiosymphony import AuthError, Conflict, ConnectClient, DecodeError, RetryPolicy, StaticToken
from aiosymphony.connect.directory import DirectoryMatch
from aiosymphony.transport.httpx import HttpxTransport

from .wire import Wire

SEARCH = "https://community.symphony.com/directory/search"
LOGIN_INFORMATION = "https://loginservice.symphony.com/webcontroller/podLoginInformation"


def client() -> ConnectClient:
    return ConnectClient(StaticToken("partner-token"), transport=HttpxTransport(), retry=RetryPolicy(attempts=1))


@respx.mock
async def test_a_search_asks_with_the_partners_token() -> None:
    answer = {"matchingUserFound": True, "tenantSponsored": False, "tenantUrl": "https://acme.symphony.com"}
    route = respx.get(SEARCH, params={"partnerId": "p 1", "email": "a+b@acme.test"}).respond(json=answer)
    async with client() as connect:
        found = await connect.directory.search("p 1", "a+b@acme.test")
    assert found == DirectoryMatch(True, False, "https://acme.symphony.com")
    assert route.calls.last.request.headers["Authorization"] == "Bearer partner-token"
    assert route.calls.last.request.url.raw_path == b"/directory/search?partnerId=p%201&email=a%2Bb%40acme.test"


@respx.mock
async def test_the_log_in_look_up_takes_no_token_and_none_goes_there() -> None:
    route = respx.get(LOGIN_INFORMATION, params={"emailAddress": "a@acme.test", "fs": "advanced"})
    route.respond(json={"podUrl": "https://acme.symphony.com"})
    async with client() as connect:
        assert await connect.directory.login_information("a@acme.test") == {"podUrl": "https://acme.symphony.com"}
    headers = route.calls.last.request.headers
    assert "partner-token" not in str(headers.raw)
    assert not {"authorization", "sessiontoken"} & set(headers)


@respx.mock
@pytest.mark.parametrize("content", ["[]", "<html>", '{"matchingUserFound": "yes"}', "null"])
async def test_an_answer_that_says_nothing_is_an_error(content: str) -> None:
    respx.get(SEARCH).mock(return_value=httpx.Response(200, text=content))
    async with client() as connect:
        with pytest.raises(DecodeError):
            await connect.directory.search("p", "a@acme.test")


@respx.mock
async def test_a_refused_token_is_an_auth_error() -> None:
    respx.get(SEARCH).respond(401)
    async with client() as connect:
        with pytest.raises(AuthError):
            await connect.directory.search("p", "a@acme.test")


async def test_the_error_of_a_refused_company_says_where_to_look(wire: Wire) -> None:
    wire.answers({"detail": "domains are taken", "detailErrorCode": "40103"}, status=404)
    with pytest.raises(Conflict, match=r"domains are taken .*\. If Symphony may know .*directory\.login_information"):
        await wire.connect.companies.create(name="Acme", vanity_name="acme", email_domains=["acme.test"])
