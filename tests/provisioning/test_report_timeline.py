"""Throughput and latency over time: right whatever commits, pauses and clocks do, and in bounded memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.provisioning.journal.group_commit import LINGER
from aiosymphony.provisioning.reports.timeline import BUCKETS, SHORTEST, Timeline

START = 1_800_000_000.0
HOUR = 3600.0


def test_throughput_is_that_of_the_rows_and_not_of_the_commits() -> None:
    timeline = Timeline()
    # 400 rows a second for six seconds, whose outcomes come in bursts of 16, one for each commit of 40 ms.
    for number in range(2400):
        burst = START + 2 * LINGER * (number // 16 + 1)
        timeline.add(burst - 0.05, burst, done=True, looked_up=False)
    rates = [bucket.rate for bucket in timeline.buckets()]
    assert len(rates) == 6
    assert rates == pytest.approx([400] * 6, rel=0.06)


def test_a_night_in_which_the_job_was_stopped_is_a_pause() -> None:
    timeline = Timeline()
    for number in range(6000):
        sent_at = START + number / 100 + (9 * HOUR if number >= 3000 else 0)
        timeline.add(sent_at, sent_at + 0.5, done=True, looked_up=False)
    last = START + 2999 / 100 + 0.5
    (pause,) = timeline.pauses()
    assert (pause.at - last, pause.seconds) == (pytest.approx(0, abs=1e-3), pytest.approx(9 * HOUR - 0.49))
    buckets = timeline.buckets()
    assert sum(bucket.done for bucket in buckets) == 6000
    assert not [one for one in buckets if one.at < pause.at < one.at + one.seconds - 1e-6]
    # 100 a second, but that half a second passes before the first outcome of each part.
    before = [bucket.rate for bucket in buckets if bucket.at < pause.at]
    after = [bucket.rate for bucket in buckets if bucket.at > pause.at]
    for rates in (before, after):
        assert len(rates) == 30
        assert rates == pytest.approx([50, *[100] * 29], rel=0.02)


def test_a_stall_of_seconds_and_a_row_in_doubt_overnight_are_no_pause_and_one() -> None:
    timeline = Timeline()
    for number in range(1000):
        at = START + number / 100 + (40 if number > 500 else 0)
        timeline.add(at, at + 0.1, done=True, looked_up=False)
    assert timeline.pauses() == []
    assert 0 in [bucket.done for bucket in timeline.buckets()]
    # Sent before the night, and found by a look-up after it.
    timeline.add(START + 50, START + 9 * HOUR, done=True, looked_up=True)
    (pause,) = timeline.pauses()
    assert pause.seconds == pytest.approx(9 * HOUR - 50.09)
    assert timeline.buckets()[-1].median is None


def test_a_job_of_a_few_rows_has_one_bucket_and_none_that_is_empty() -> None:
    timeline = Timeline()
    for number in range(20):
        timeline.add(START + number / 60, START + number / 60 + 0.02, done=number % 10 > 0, looked_up=False)
    (bucket,) = timeline.buckets()
    assert (bucket.done, bucket.failed, bucket.seconds) == (18, 2, SHORTEST)
    assert Timeline().buckets() == Timeline().pauses() == []


@given(st.lists(st.tuples(st.floats(-1e5, 1e6), st.floats(-1e4, 1e4), st.booleans(), st.booleans()), max_size=700))
def test_every_outcome_is_in_one_bucket_whatever_the_clock_did(rows: list[tuple[float, float, bool, bool]]) -> None:
    timeline = Timeline()
    for at, latency, done, looked_up in rows:
        timeline.add(START + at - latency, START + at, done=done, looked_up=looked_up)
    buckets = timeline.buckets()
    assert sum(bucket.done for bucket in buckets) == sum(done for _, _, done, _ in rows)
    assert sum(bucket.failed for bucket in buckets) == sum(not done for _, _, done, _ in rows)
    assert all(bucket.seconds > 0 for bucket in buckets)
    assert [bucket.at for bucket in buckets] == sorted(bucket.at for bucket in buckets)
    assert len(buckets) <= BUCKETS + 2 * (len(timeline.pauses()) + 1)


def test_median_and_percentile_are_those_of_the_rows() -> None:
    timeline, chance = Timeline(), random.Random(5)
    took = [chance.lognormvariate(-3, 0.5) for _ in range(5000)]
    for latency in took:
        timeline.add(START, START + latency, done=True, looked_up=False)
    timeline.add(START, START + 0.9, done=True, looked_up=True)
    (bucket,) = timeline.buckets()
    took.sort()
    assert bucket.median == pytest.approx(took[2500], rel=0.011)
    assert bucket.p95 == pytest.approx(took[4750], rel=0.011)


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            timeline = Timeline()
            for number in range(rows):
                at = START + 600 * number / rows
                timeline.add(at, at + 0.1, done=True, looked_up=False)
            timeline.buckets()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(5000), peak(40_000)
    assert many - few < 100_000
