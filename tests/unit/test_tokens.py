"""The token cache by itself, on virtual time; under a whole session it is tested with the faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.auth.base import Grant
from aiosymphony.auth.secrets import HeaderSecret
from aiosymphony.auth.tokens import TokenCache
from aiosymphony.errors import ApiError, AuthError, ServerError, TransportError
from tests.faults.clock import JumpingLoop, LoopClock

HOUR = 3600.0


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(grace=0.0)) as runner:
        runner.run(main())


class Logins:
    """Numbers the tokens it gives out, or fails as told."""

    def __init__(self, *, life: float | None = None, takes: float = 0.0, token: str = "token") -> None:
        self.life = life
        self.takes = takes
        self.token = token
        self.count = 0
        self.failure: Exception | None = None

    async def __call__(self) -> Grant:
        self.count += 1
        number = self.count
        await asyncio.sleep(self.takes)
        if self.failure is not None:
            raise self.failure
        return Grant(HeaderSecret(f"{self.token}-{number}"), self.life)


def cache(logins: Logins, *, jitter: float = 0.0) -> TokenCache:
    return TokenCache(logins, name="sessionToken", clock=LoopClock(), jitter=lambda: jitter)


def test_a_fresh_token_is_had_without_waiting() -> None:
    async def main() -> None:
        logins = Logins()
        tokens = cache(logins)
        assert tokens.ready() is None
        assert logins.count == 0
        first = await tokens.get()
        assert tokens.ready() is first
        await asyncio.sleep(1000 * HOUR)
        assert tokens.ready() is first  # no life is known: until a 401
        assert logins.count == 1

    run(main)


@given(life=st.floats(1.0, 14 * 24 * HOUR), jitter=st.floats(0, 1))
def test_stale_is_the_last_fifth_15_minutes_at_most_less_up_to_a_minute(life: float, jitter: float) -> None:
    async def main() -> None:
        token = await cache(Logins(life=life), jitter=jitter).get()
        window = min(0.2 * life, 900.0)
        assert token.expires_at == token.issued_at + life
        early = token.expires_at - token.stale_at
        assert early == pytest.approx(window + jitter * min(60.0, window))
        assert early < life

    run(main)


def test_a_stale_token_is_returned_at_once_and_refreshed_behind() -> None:
    async def main() -> None:
        logins = Logins(life=HOUR, takes=2.0)
        tokens = cache(logins)
        first = await tokens.get()
        await asyncio.sleep(0.9 * HOUR)
        assert [tokens.ready() for _ in range(10)] == [first] * 10
        await asyncio.sleep(3.0)
        second = tokens.ready()
        assert second is not None
        assert second.secret.reveal() == "token-2"
        assert logins.count == 2

    run(main)


def test_a_refresh_that_fails_keeps_the_stale_token_and_is_quiet_for_30_seconds() -> None:
    async def main() -> None:
        logins = Logins(life=HOUR)
        tokens = cache(logins)
        first = await tokens.get()
        await asyncio.sleep(0.9 * HOUR)
        logins.failure = TransportError("down")
        for _ in range(29):
            assert tokens.ready() is first
            await asyncio.sleep(1.0)
        assert logins.count == 2
        await asyncio.sleep(2.0)
        assert tokens.ready() is first
        await asyncio.sleep(1.0)
        assert logins.count == 3

    run(main)


def test_an_expired_token_is_never_returned_and_all_wait_for_one_login() -> None:
    async def main() -> None:
        logins = Logins(life=HOUR, takes=2.0)
        tokens = cache(logins)
        await tokens.get()
        await asyncio.sleep(HOUR)
        assert tokens.ready() is None
        found = await asyncio.gather(*(tokens.get() for _ in range(50)))
        assert {token.secret.reveal() for token in found} == {"token-2"}
        assert logins.count == 2

    run(main)


def test_renewing_drops_the_token_that_was_rejected_and_no_newer_one() -> None:
    async def main() -> None:
        logins = Logins(takes=1.0)
        tokens = cache(logins)
        first = await tokens.get()
        renewed = await asyncio.gather(*(tokens.renew(first) for _ in range(50)))
        (second,) = set(renewed)
        assert second is not first
        assert await tokens.renew(first) is second
        assert tokens.ready() is second
        assert logins.count == 2

    run(main)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_login_is_remembered_for_a_minute(status: int) -> None:
    async def main() -> None:
        logins = Logins()
        logins.failure = ApiError("answered", status=status)
        tokens = cache(logins)
        raised = []
        for _ in range(5):
            with pytest.raises(AuthError) as caught:
                await tokens.get()
            raised.append(caught.value)
            await asyncio.sleep(10.0)
        assert logins.count == 1
        assert len({id(error) for error in raised}) == 5  # one object raised often would collect every traceback
        assert {error.status for error in raised} == {status}
        logins.failure = None
        await asyncio.sleep(15.0)
        assert (await tokens.get()).secret.reveal() == "token-2"

    run(main)


@pytest.mark.parametrize(
    "failure",
    [ServerError("oops", status=500), ApiError("slow", status=408), ApiError("fast", status=429), TransportError("x")],
    ids=repr,
)
def test_a_login_that_failed_otherwise_is_tried_again_by_the_next_call(failure: Exception) -> None:
    async def main() -> None:
        logins = Logins()
        logins.failure = failure
        tokens = cache(logins)
        for count in (1, 2, 3):
            with pytest.raises(type(failure)):
                await tokens.get()
            assert logins.count == count
        logins.failure = None
        assert (await tokens.get()).secret.reveal() == "token-4"

    run(main)


def test_the_exp_of_a_jwt_is_a_hint_and_its_length_counts_not_its_end() -> None:
    async def main() -> None:
        for claims, life in (
            ({"iat": 50, "exp": 50 + HOUR}, HOUR),  # a server whose clock is decades behind
            ({"exp": LoopClock().time() + HOUR}, HOUR),
            ({"exp": 10.0}, None),
            ({"exp": "soon"}, None),
            ({}, None),
        ):
            logins = Logins()
            logins.token = jwt.encode(claims, "k" * 32) if claims else "opaque"

            async def login(text: str = logins.token) -> Grant:
                return Grant(HeaderSecret(text))

            token = await TokenCache(login, name="t", clock=LoopClock(), jitter=lambda: 0.0).get()
            expected = float("inf") if life is None else token.issued_at + life
            assert token.expires_at == pytest.approx(expected)

    run(main)


def test_what_the_server_says_comes_before_the_jwt() -> None:
    async def main() -> None:
        async def login() -> Grant:
            return Grant(HeaderSecret(jwt.encode({"iat": 0, "exp": 5}, "k" * 32)), HOUR)

        token = await TokenCache(login, name="t", clock=LoopClock()).get()
        assert token.expires_at == token.issued_at + HOUR

    run(main)


def test_discarding_returns_the_token_and_the_next_call_logs_in() -> None:
    async def main() -> None:
        logins = Logins()
        tokens = cache(logins)
        assert tokens.discard() is None
        first = await tokens.get()
        assert tokens.discard() is first.secret
        assert tokens.ready() is None
        assert (await tokens.get()).secret.reveal() == "token-2"

    run(main)


def test_closing_stops_a_login_and_tells_those_who_wait() -> None:
    async def main() -> None:
        logins = Logins(takes=HOUR)
        tokens = cache(logins)
        waiters = [asyncio.ensure_future(tokens.get()) for _ in range(3)]
        await asyncio.sleep(1.0)
        await tokens.close()
        outcomes = await asyncio.gather(*waiters, return_exceptions=True)
        assert all(isinstance(outcome, AuthError) and "closed" in str(outcome) for outcome in outcomes)
        assert len(asyncio.all_tasks()) == 1

    run(main)


def test_a_waiter_that_is_cancelled_is_cancelled_and_the_login_goes_on() -> None:
    async def main() -> None:
        logins = Logins(takes=10.0)
        tokens = cache(logins)
        waiter = asyncio.ensure_future(tokens.get())
        await asyncio.sleep(1.0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        await asyncio.sleep(20.0)
        assert tokens.ready() is not None
        assert logins.count == 1

    run(main)


def test_nothing_shows_the_token() -> None:
    async def main() -> None:
        tokens = cache(Logins(token="hush"))
        token = await tokens.get()
        assert "hush" not in f"{tokens!r} {token!r} {vars(tokens)!r} {Grant(token.secret)!r}"

    run(main)
