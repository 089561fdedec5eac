"""What is in an id, and how ids are written."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony import ConfigError, ConnectClient, StaticToken, standard_id, tenant_of, url_safe_id


@given(st.binary(min_size=1, max_size=60))
def test_each_way_leads_back(raw: bytes) -> None:
    shown = base64.b64encode(raw).decode()
    sent = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert url_safe_id(shown) == sent == url_safe_id(sent)
    assert standard_id(sent) == shown == standard_id(shown)


def test_an_id_of_the_user_interface() -> None:
    assert url_safe_id(" p9B316LKDto7iOECc8Xuz3///qeWsc0bdA==\n") == "p9B316LKDto7iOECc8Xuz3___qeWsc0bdA"


@given(st.integers(0, 2**27 - 1), st.integers(0, 2**36 - 1))
def test_the_tenant_is_in_the_high_bits(tenant: int, user: int) -> None:
    assert tenant_of(tenant << 36 | user) == tenant


def test_a_known_user_and_what_is_none() -> None:
    assert tenant_of(7696581411197) == 112
    for wrong in (-1, 2**63):
        with pytest.raises(ConfigError, match="no id of a user"):
            tenant_of(wrong)


async def test_the_environment_for_acceptance_tests() -> None:
    async with ConnectClient.uat(StaticToken("t")) as connect:
        assert connect.base_url == "https://community.uat.symphony.com"
