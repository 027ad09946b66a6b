"""Faults of the simulated venues repeat with their seed, and end when they are to end."""

import numpy as np
import pytest

from arbiter.markets.settings import MarketSettings
from arbiter.markets.simulator import MarketSimulator
from arbiter.matching.faults import Fault, FaultRates
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.venues.sim.faults import FaultEvent, FaultSettings, HouseFaults

START_NS = 1_767_225_600 * NS_PER_S
MARKET = MarketSettings(symbols=3)
BINANCE = VenueId("binance")
RATES = FaultRates(drop_response=0.2, server_error=0.2, gap=0.2, crossed=0.1, partial_fill=0.5)


def house(settings: FaultSettings) -> tuple[HouseFaults, MarketSimulator]:
    market = MarketSimulator(MARKET, np.random.default_rng(1))
    return HouseFaults(settings, market.instruments, MARKET.venues, START_NS), market


def told(seed: int) -> tuple[object, ...]:
    faults, market = house(FaultSettings(seed=seed, rates=RATES, stalls_per_minute=30))
    batch = market.all_quotes(START_NS)
    published = []
    for second in range(20):
        faults.step(START_NS + second * NS_PER_S)
        published.append(faults.shown(batch, START_NS + second * NS_PER_S)[0].rows.tolist())
        published.append(faults.thinned(batch).bid_size.tolist())
    fates = [faults.at(BINANCE).on_call("submit", START_NS) for _ in range(50)]
    return published, fates, faults.counts()


def test_same_seed_same_faults() -> None:
    assert told(3) == told(3)
    assert told(3) != told(4)


def test_stalled_venue_publishes_nothing_until_it_is_over_and_others_go_on() -> None:
    stall = FaultEvent(at_s=1, fault=Fault.STALL, venue=BINANCE, seconds=2)
    faults, market = house(FaultSettings(script=(stall,)))
    batch = market.all_quotes(START_NS)
    seen = []
    for second in (0, 1, 2, 3):
        now_ns = START_NS + second * NS_PER_S
        faults.step(now_ns)
        rows = faults.shown(batch, now_ns)[0].rows.tolist()
        seen.append({market.instruments[row].venue for row in rows})
    everyone = set(MARKET.venues)
    assert seen == [everyone, everyone - {BINANCE}, everyone - {BINANCE}, everyone]


def test_clock_ahead_shows_in_the_venue_time_of_quotes() -> None:
    ahead = FaultEvent(at_s=0, fault=Fault.CLOCK_OFFSET, venue=BINANCE, seconds=5, offset_ms=3_000)
    faults, market = house(FaultSettings(script=(ahead,)))
    faults.step(START_NS)
    batch, at_ns = faults.shown(market.all_quotes(START_NS), START_NS)
    for row, at in zip(batch.rows.tolist(), at_ns.tolist(), strict=True):
        late_ns = 3_000 * NS_PER_MS if market.instruments[row].venue == BINANCE else 0
        assert at - START_NS == late_ns


@pytest.mark.parametrize(("second", "why"), [(1, "the matching engine restarts"), (3, "post-only")])
def test_venue_in_maintenance_takes_no_orders(second: int, why: str) -> None:
    event = FaultEvent(at_s=1, fault=Fault.MAINTENANCE, venue=BINANCE, seconds=3)
    faults, _ = house(FaultSettings(script=(event,)))
    instrument = InstrumentId("BTCUSDT.BINANCE")
    assert faults.closed(BINANCE, instrument, START_NS) is None
    faults.step(START_NS + NS_PER_S)
    assert (faults.closed(BINANCE, instrument, START_NS + second * NS_PER_S) or "").startswith(why)
    assert faults.closed(BINANCE, instrument, START_NS + 5 * NS_PER_S) is None


def test_nothing_is_injected_once_the_venues_are_to_heal() -> None:
    always = FaultRates(drop_request=1.0, gap=1.0)
    faults, market = house(FaultSettings(rates=always, external_changes_per_minute=600, until_s=10))
    batch = market.all_quotes(START_NS)
    faults.step(START_NS + 9 * NS_PER_S)
    assert faults.at(BINANCE).on_call("submit", START_NS).arrivals == ()
    assert len(faults.shown(batch, START_NS)[0]) == 0
    assert faults.step(START_NS + 10 * NS_PER_S) == []
    assert faults.at(BINANCE).on_call("submit", START_NS).arrivals == (0,)
    assert len(faults.shown(batch, START_NS)[0]) == len(batch)
