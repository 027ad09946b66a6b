"""Counters, gauges and histograms that can be read without a library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.errors import InvalidValue
from arbiter.observe.histogram import Histogram
from arbiter.observe.metrics import Kind, Metrics

LATENCIES = st.lists(st.integers(0, 10**12), min_size=1, max_size=200)


def filled(samples: list[int]) -> Histogram:
    histogram = Histogram()
    for sample in samples:
        histogram.record(sample)
    return histogram


@given(LATENCIES, st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_quantile_is_at_most_a_sixteenth_above_the_sample_and_never_below(
    samples: list[int], fraction: float
) -> None:
    exact = next(
        value
        for rank, value in enumerate(sorted(samples), start=1)
        if rank >= max(fraction * len(samples), 1)
    )
    assert exact <= filled(samples).quantile(fraction) <= exact + exact // 16


@given(LATENCIES, LATENCIES)
def test_merged_histograms_equal_one_that_saw_everything(
    first: list[int], second: list[int]
) -> None:
    merged, together = filled(first), filled(first + second)
    merged.merge(filled(second))
    assert (merged.count, merged.total, merged.largest) == (
        together.count,
        together.total,
        together.largest,
    )
    for fraction in (0.1, 0.5, 0.99):
        assert merged.quantile(fraction) == together.quantile(fraction)


def test_small_latencies_are_exact() -> None:
    assert [filled([n]).quantile(0.5) for n in range(40)] == list(range(40))


def test_slow_tail_shows_in_p99_and_not_in_p50() -> None:
    histogram = filled([1_000] * 98 + [5_000_000] * 2)
    assert histogram.quantile(0.5) == 1_023
    assert histogram.quantile(0.99) == 5_000_000
    assert histogram.mean == 100_980


def test_clock_that_stepped_back_counts_as_no_time() -> None:
    assert filled([-5]).quantile(1.0) == 0


def test_latency_beyond_every_bucket_is_still_counted() -> None:
    histogram = filled([2**70, 1])
    assert histogram.count == 2
    assert histogram.largest == 2**70


def test_empty_histogram_reads_zero() -> None:
    histogram = Histogram()
    assert (histogram.quantile(0.99), histogram.mean) == (0, 0.0)


def test_reset_starts_the_next_interval() -> None:
    histogram = filled([5, 10])
    histogram.reset()
    histogram.record(3)
    assert (histogram.count, histogram.total, histogram.quantile(1.0)) == (1, 3, 3)


def test_quantile_outside_its_range_is_refused() -> None:
    with pytest.raises(InvalidValue, match="between 0 and 1"):
        filled([1]).quantile(99)


def test_same_name_and_labels_give_the_same_metric() -> None:
    metrics = Metrics()
    metrics.counter("quotes_total", "Quotes", venue="okx", kind="spot").add(2)
    metrics.counter("quotes_total", "Quotes", kind="spot", venue="okx").add()
    metrics.counter("quotes_total", "Quotes", kind="spot", venue="bybit").add(5)
    assert [(r.labels, r.value) for r in metrics.read()] == [
        ((("kind", "spot"), ("venue", "bybit")), 5),
        ((("kind", "spot"), ("venue", "okx")), 3),
    ]


def test_two_sets_of_metrics_know_nothing_of_each_other() -> None:
    first, second = Metrics(), Metrics()
    first.counter("trades_total", "Trades").add()
    assert second.counter("trades_total", "Trades").value == 0


def test_reading_tells_kind_and_figures() -> None:
    metrics = Metrics()
    metrics.gauge("open_trades", "Open trades").set(3)
    metrics.watch("faults", "Faults", lambda: 7)
    histogram = metrics.histogram("review_ns", "Time of a review")
    for nanoseconds in (10, 20, 30):
        histogram.record(nanoseconds)
    by_name = {reading.name: reading for reading in metrics.read()}
    assert (by_name["open_trades"].kind, by_name["open_trades"].value) == (Kind.GAUGE, 3)
    assert (by_name["faults"].kind, by_name["faults"].value) == (Kind.GAUGE, 7)
    review = by_name["review_ns"]
    assert (review.kind, review.value, review.total) == (Kind.HISTOGRAM, 3, 60)
    assert (review.p50, review.p99, review.largest) == (20, 30, 30)


def test_name_of_another_kind_is_refused() -> None:
    metrics = Metrics()
    metrics.counter("trades", "Trades")
    with pytest.raises(InvalidValue, match="trades is a counter"):
        metrics.gauge("trades", "Trades", venue="okx")
    metrics.watch("watched", "Watched", lambda: 1)
    with pytest.raises(InvalidValue, match="read from elsewhere"):
        metrics.gauge("watched", "Watched")
    with pytest.raises(InvalidValue, match="exists already"):
        metrics.watch("watched", "Watched", lambda: 2)


def test_counter_never_falls() -> None:
    with pytest.raises(InvalidValue, match="never falls"):
        Metrics().counter("trades", "Trades").add(-1)
