"""Weight by the minute: passed, told to wait, then banned."""

from arbiter.model.time import NS_PER_MINUTE
from arbiter.simex.weights import BAN_NS, REPRIEVE, WeightMeter

NOON = 1_000 * NS_PER_MINUTE


def test_weight_comes_back_with_the_next_minute() -> None:
    meter = WeightMeter(10)
    assert meter.take(10, NOON).passes
    late = meter.take(1, NOON)
    assert (late.passes, late.banned, late.retry_after_ns) == (False, False, NS_PER_MINUTE)
    assert meter.take(10, NOON + NS_PER_MINUTE).passes


def test_whoever_goes_on_after_being_told_is_banned_and_longer_each_time() -> None:
    meter = WeightMeter(1)
    now = NOON
    for ban in range(3):
        for _ in range(REPRIEVE):
            assert not meter.take(2, now).banned
        told = meter.take(2, now)
        assert told.banned
        assert told.retry_after_ns == BAN_NS << ban
        assert meter.bans == ban + 1
        now += told.retry_after_ns + NS_PER_MINUTE
