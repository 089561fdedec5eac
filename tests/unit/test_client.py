"""Copies of a client."""

from __future__ import annotations

from aiosymphony import PodClient, StaticToken
from aiosymphony.testing import ScriptedTransport


class OurPod(PodClient):
    """A client with attributes of its own."""

    company = "Acme"


def test_a_copy_has_what_a_subclass_put_there_and_makes_its_own_resources() -> None:
    pod = OurPod("https://acme.symphony.test", StaticToken("token"), transport=ScriptedTransport())
    pod.company = "Lyondell"
    users = pod.users
    copy = pod.with_options(timeout=1.0)
    assert copy.company == "Lyondell"
    assert copy.users is not users
    assert pod.users is users
    assert copy.users._session is not users._session
