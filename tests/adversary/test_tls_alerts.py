"""TLS alerts and other ends of a TLS connection: after the server acted, before it read, and in the handshake.

What a create is told must agree with what the server did: "nothing was sent" where it acted doubles a user.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aiosymphony.errors import OutcomeUnknown, TransportError
from aiosymphony.retry import RetryPolicy
from aiosymphony.session import Session
from tests.faults.certificates import Certificates
from tests.faults.clients import OPEN_CREATE, OPEN_READ, Clients

from .peer import (
    Peer,
    Script,
    acts_then,
    alert,
    answers,
    close_notify,
    cut,
    in_plain_text,
    in_the_clear,
    never_reads,
    plain_text_under_way,
)

ABOUT_CERTIFICATES = {
    "bad_certificate": 42,
    "certificate_revoked": 44,
    "certificate_expired": 45,
    "certificate_unknown": 46,
    "unknown_ca": 48,
    "access_denied": 49,
    "certificate_required": 116,
}
OTHERS = {
    "unexpected_message": 10,
    "bad_record_mac": 20,
    "handshake_failure": 40,
    "decode_error": 50,
    "protocol_version": 70,
    "internal_error": 80,
    "user_canceled": 90,
}
ENDS: dict[str, Script] = {name: alert(number) for name, number in (ABOUT_CERTIFICATES | OTHERS).items()} | {
    "close_notify": close_notify,
    "cut": cut,
    "plain text": plain_text_under_way,
}
MISMATCHES = {"handshake_failure": 40, "protocol_version": 70, "insufficient_security": 71, "unrecognized_name": 112}


SessionFor = Callable[..., Session]


@pytest.fixture(params=["aiohttp", "fast", "httpx"])
def over(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def session_for(clients: Clients, certificates: Certificates) -> SessionFor:
    """Makes a session for a peer."""

    def make(peer: Peer, **options: Any) -> Session:
        transport = clients.transport(ca_file=certificates.ca_file)
        return clients.session(base_url=peer.url, transport=transport, timeout=300.0, **options)

    return make


@pytest.mark.parametrize("after", [0, 1], ids=["first request", "reused"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("end", ENDS)
async def test_case_48_a_create_that_was_carried_out_is_unknown_however_the_connection_ends(
    end: str, version: str, after: int, certificates: Certificates, session_for: SessionFor
) -> None:
    async with Peer(certificates, acts_then(ENDS[end], after=after), answers, version=version) as peer:
        session = session_for(peer)
        for _ in range(after):
            await session.execute(OPEN_READ.build())
        with pytest.raises(OutcomeUnknown, match="may have acted") as caught:
            await session.execute(OPEN_CREATE.build({"name": "x"}))
        cause = caught.value.__cause__
        assert isinstance(cause, TransportError)
        assert (cause.sent, cause.permanent) == (True, False)
        assert peer.counts["POST"] == peer.creates == 1
        assert peer.connections == 1


@pytest.mark.parametrize("name", ABOUT_CERTIFICATES)
async def test_case_48_on_a_reused_connection_no_alert_is_about_the_handshake(
    name: str, certificates: Certificates, session_for: SessionFor
) -> None:
    """Also without tickets, which otherwise tell that the handshake was over."""
    script = acts_then(alert(ABOUT_CERTIFICATES[name]), after=1)
    async with Peer(certificates, script, answers, tickets=False) as peer:
        session = session_for(peer)
        await session.execute(OPEN_READ.build())
        with pytest.raises(OutcomeUnknown):
            await session.execute(OPEN_CREATE.build({"name": "x"}))
        assert peer.creates == peer.connections == 1


@pytest.mark.parametrize("name", ABOUT_CERTIFICATES)
async def test_case_48_an_alert_about_the_certificate_before_anything_was_read_is_not_sent(
    name: str, certificates: Certificates, session_for: SessionFor
) -> None:
    """TLS 1.3: the client learns only after its request that its certificate was refused. No ticket came before."""
    async with Peer(certificates, never_reads(alert(ABOUT_CERTIFICATES[name])), tickets=False) as peer:
        with pytest.raises(TransportError, match=r"refused the client certificate: .*Nothing was sent") as caught:
            await session_for(peer).execute(OPEN_CREATE.build({"name": "x"}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert name.replace("_", " ") in str(caught.value)
        assert peer.creates == 0
        assert peer.connections == 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("end", ["internal_error", "handshake_failure", "bad_certificate", "plain text", "cut"])
async def test_case_48_a_read_is_repeated_on_another_connection(
    end: str, version: str, certificates: Certificates, session_for: SessionFor
) -> None:
    async with Peer(certificates, acts_then(ENDS[end]), answers, version=version) as peer:
        session = session_for(peer)
        assert await session.execute(OPEN_READ.build()) == {"id": 1}
        assert (peer.counts["GET"], peer.connections) == (2, 2)


@pytest.mark.parametrize("script", [in_the_clear(80), in_the_clear(90), in_plain_text], ids=["80", "90", "plain text"])
async def test_case_48_a_handshake_that_fails_for_the_moment_is_tried_again_also_for_a_create(
    script: Script, certificates: Certificates, session_for: SessionFor
) -> None:
    async with Peer(certificates, script, answers) as peer:
        assert await session_for(peer).execute(OPEN_CREATE.build({})) == {"id": 1}
        assert (peer.creates, peer.connections) == (1, 2)


@pytest.mark.parametrize(
    ("script", "words"),
    [(in_the_clear(80), "internal error"), (in_plain_text, "its answer is not TLS")],
    ids=["80", "plain text"],
)
async def test_case_48_a_handshake_that_keeps_failing_says_how(
    script: Script, words: str, certificates: Certificates, session_for: SessionFor
) -> None:
    async with Peer(certificates, script) as peer:
        session = session_for(peer, retry=RetryPolicy(attempts=2))
        with pytest.raises(TransportError, match=rf"{words}.*Nothing was sent") as caught:
            await session.execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, False, "tls")
        assert peer.connections == 2


@pytest.mark.parametrize("name", MISMATCHES | ABOUT_CERTIFICATES)
async def test_case_48_a_handshake_that_cannot_succeed_is_not_tried_again(
    name: str, certificates: Certificates, session_for: SessionFor
) -> None:
    async with Peer(certificates, in_the_clear((MISMATCHES | ABOUT_CERTIFICATES)[name])) as peer:
        with pytest.raises(TransportError, match="Nothing was sent") as caught:
            await session_for(peer).execute(OPEN_CREATE.build({}))
        assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
        assert name.replace("_", " ") in str(caught.value)
        assert peer.connections == 1
