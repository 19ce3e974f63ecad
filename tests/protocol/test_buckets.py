"""Token buckets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.buckets import TokenBuckets, address_block


def bucket(*, size=3, per_second=2, max_buckets=10):
    return TokenBuckets(size=size, per_second=per_second, max_buckets=max_buckets)


def test_a_bucket_gives_its_size_at_once_and_then_its_rate():
    buckets = bucket()

    assert [True, True, True, False] == [buckets.take("a", now_ms=0) for _ in range(4)]
    assert not buckets.take("a", now_ms=499)
    assert buckets.take("a", now_ms=500)
    assert not buckets.take("a", now_ms=500)


def test_one_key_does_not_empty_the_bucket_of_another():
    buckets = bucket()
    for _ in range(4):
        buckets.take("a", now_ms=0)

    assert buckets.take("b", now_ms=0)


def test_a_bucket_never_holds_more_than_its_size():
    buckets = bucket()
    buckets.take("a", now_ms=0)

    assert 3 == sum(buckets.take("a", now_ms=10**9) for _ in range(10))


def test_a_clock_that_steps_back_refills_nothing_and_breaks_nothing():
    buckets = bucket()
    for _ in range(4):
        buckets.take("a", now_ms=1_000)

    assert not buckets.take("a", now_ms=0)
    assert buckets.take("a", now_ms=500)


def test_memory_is_bounded_and_the_longest_untouched_goes_first():
    buckets = bucket(size=1, per_second=0, max_buckets=2)
    buckets.take("a", now_ms=0)
    buckets.take("b", now_ms=1)
    buckets.take("a", now_ms=2)
    buckets.take("c", now_ms=3)

    assert 2 == len(buckets)
    assert not buckets.take("a", now_ms=4)
    assert buckets.take("b", now_ms=5)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3_000), max_size=60))
def test_no_span_of_time_lets_through_more_than_size_and_rate(gaps_ms):
    buckets = bucket()
    now, taken = 0, 0
    for gap in gaps_ms:
        now += gap
        taken += buckets.take("a", now_ms=now)

    assert taken <= 3 + now * 2 // 1_000 + 1


def test_addresses_of_one_ipv6_block_share_a_bucket():
    assert address_block("2001:db8:1:2::1") == address_block("2001:db8:1:2:ffff::9")
    assert address_block("2001:db8:1:2::1") != address_block("2001:db8:1:3::1")


def test_an_ipv4_address_is_itself_however_it_is_written():
    assert "192.0.2.7" == address_block("192.0.2.7") == address_block("::ffff:192.0.2.7")
    assert address_block("192.0.2.7") != address_block("192.0.2.8")


def test_a_name_that_is_no_address_counts_as_it_is():
    assert "in-memory" == address_block("in-memory")
