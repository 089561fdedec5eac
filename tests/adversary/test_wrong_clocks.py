"""A host whose clock is wrong is told so when its login is refused, and nobody else is."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import format_datetime
from typing import Any

import pytest

from aiosymphony import AuthError, CertificateAuth, OnBehalfOf, PodClient, RsaAuth, StaticToken
from tests.faults.certificates import Certificates
from tests.faults.server import FaultServer, reply

INFO = "/pod/v2/sessioninfo"
LOGIN = "/login/pubkey/authenticate"
APP_LOGIN = "/login/pubkey/app/authenticate"


def date(seconds: float) -> dict[str, str]:
    """The header of a server whose clock is that much ahead of this host's."""
    return {"Date": format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds), usegmt=True)}


async def refusal(server: FaultServer, auth: Any) -> AuthError:
    async with PodClient(server.url, auth) as client:
        pod = client.on_behalf_of(5) if isinstance(auth, OnBehalfOf) else client
        with pytest.raises(AuthError) as caught:
            await pod.session.info()
    return caught.value


@pytest.mark.parametrize(
    ("server_ahead", "told"),
    [
        (-400, "4.. s ahead of"),
        (400, "(39.|400) s behind"),
        (-31, "3. s ahead of"),
        (35, "3. s behind"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_login_tells_how_far_the_clock_is_off(
    server_ahead: float, told: str, status: int, server: FaultServer, pem: str
) -> None:
    for path, auth in ((LOGIN, RsaAuth("bot", pem)), (APP_LOGIN, OnBehalfOf("app", pem))):
        server.on("POST", path, then=reply(status, {"message": "JWT refused"}, date(server_ahead)))
        error = await refusal(server, auth)
        assert error.status == status
        assert "JWT refused" in str(error)
        assert re.search(f"The clock of this host is {told} the server's.*set the clock", str(error))


@pytest.mark.parametrize(
    "said",
    [0, 28, -25, None, "", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"],
    ids=["right", "ahead a little", "behind a little", "none", "empty", "words", "garbage"],
)
async def test_a_clock_that_is_right_or_unknown_is_not_blamed(
    said: int | str | None, server: FaultServer, pem: str
) -> None:
    headers = date(said) if isinstance(said, int) else {} if said is None else {"Date": said}
    server.on("POST", LOGIN, then=reply(401, {"message": "wrong key"}, headers))
    error = await refusal(server, RsaAuth("bot", pem))
    assert "wrong key" in str(error)
    assert "clock" not in str(error)


async def test_logins_without_a_jwt_and_other_failures_do_not_depend_on_the_clock(
    server: FaultServer, pem: str, certificates: Certificates
) -> None:
    server.on("GET", INFO, then=reply(401, {"message": "no"}, date(-400)))
    server.on("POST", "/sessionauth/v1/authenticate", then=reply(401, {"message": "no"}, date(-400)))
    for auth in (RsaAuth("bot", pem), StaticToken("t"), CertificateAuth(certificates.client_file)):
        assert "clock" not in str(await refusal(server, auth))


async def test_a_refused_given_token_was_not_issued_a_moment_ago(server: FaultServer) -> None:
    server.on("GET", INFO, then=reply(401, {"message": "Invalid session"}))
    error = await refusal(server, StaticToken("given"))
    assert "the token that was given was refused" in str(error)
    assert "a moment ago" not in str(error)
    assert "Invalid session" in str(error)
    assert server.counts["GET", INFO] == 1
