"""Exits that depend on what was: a venue in trouble, a spread that stays narrow, a profit that fell.

A restart in between changes none of them.
"""

from decimal import Decimal

from msgspec.structs import replace

from arbiter.ledger.ledger import Ledger
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.pairs import FundingPair, PairState
from arbiter.model.time import NS_PER_HOUR, NS_PER_S
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.runtime.funding_desk import FundingDesk
from tests.scenarios.funding.test_pairs import LONG, SETTINGS, SHORT, World

D = Decimal
HOURLY = 60 * NS_PER_S


def pairs_of(world: World) -> list[FundingPair]:
    return list(world.ledger.pairs.values())


def restart(world: World) -> None:
    """A new desk over what the ledger brings back; the market is told anew."""
    again = Ledger()
    again.restore(world.ledger.image())
    before, after = world.ledger.active_pairs(), again.active_pairs()
    assert before == after
    rates = tuple(world.desk.rates.values())
    world.desk = FundingDesk(
        core=world.core, settings=world.desk.settings, clock=world.clock, ids=world.desk._ids
    )
    world.desk.on_funding(rates)


def move(world: World, instrument: InstrumentId, price: str) -> None:
    """One venue's price alone."""
    value = float(price)
    world.show(instrument, value - 5, value + 5, 5.0)


def test_a_venue_away_for_longer_than_allowed_closes_the_pair_once_both_can_be_reached() -> None:
    world = World(settings=replace(SETTINGS, trouble_seconds=D(60)))
    world.opened()
    board, venue = world.core.board, LONG.venue
    board.set_venue_health(venue, False, "connection lost")
    world.run(55 * NS_PER_S, NS_PER_S)
    (pair,) = pairs_of(world)
    assert pair.state is PairState.OPEN
    world.run(10 * NS_PER_S, NS_PER_S)
    (pair,) = pairs_of(world)
    assert (pair.state, pair.reason) == (
        PairState.CLOSING,
        f"VENUE_TROUBLE: {venue}: connection lost",
    )
    long, short = world.quantities()
    assert long == -short > ZERO  # neither leg goes without the other
    board.set_venue_health(venue, True)
    world.run(5 * NS_PER_S)
    assert world.quantities() == (ZERO, ZERO)
    (pair,) = pairs_of(world)
    assert pair.state is PairState.CLOSED
    world.agrees()


def test_a_venue_back_in_time_closes_nothing_and_its_next_trouble_counts_from_its_own_start() -> (
    None
):
    world = World(settings=replace(SETTINGS, trouble_seconds=D(60)))
    world.opened()
    for _ in range(3):
        world.core.board.set_venue_health(VenueId(SHORT.venue), False, "resync")
        world.run(50 * NS_PER_S, NS_PER_S)
        world.core.board.set_venue_health(VenueId(SHORT.venue), True)
        world.run(2 * NS_PER_S, NS_PER_S)
    (pair,) = pairs_of(world)
    assert pair.state is PairState.OPEN
    assert ZERO not in world.quantities()


def narrow_for(world: World, hours: int) -> None:
    for _ in range(hours):
        world.run(NS_PER_HOUR, HOURLY)


PATIENT = replace(
    SETTINGS, narrow_spread_exit_periods=3, max_rate_age_seconds=D(864_000), hold_hours=D(720)
)


def test_a_narrow_spread_is_counted_on_after_a_restart() -> None:
    world = World(settings=PATIENT)
    world.opened()
    world.rate(SHORT.id, "-0.0005", 8)
    narrow_for(world, 12)
    (pair,) = pairs_of(world)
    assert pair.narrow_since_ns is not None
    restart(world)
    narrow_for(world, 11)
    assert ZERO not in world.quantities()
    narrow_for(world, 2)
    assert world.quantities() == (ZERO, ZERO)
    (pair,) = pairs_of(world)
    assert pair.reason == "SPREAD_REVERSED"


def test_a_spread_that_widened_again_before_the_restart_is_forgotten() -> None:
    world = World(settings=PATIENT)
    world.opened()
    world.rate(SHORT.id, "-0.0005", 8)
    narrow_for(world, 12)
    world.rate(SHORT.id, "0.001", 8)
    narrow_for(world, 1)
    (pair,) = pairs_of(world)
    assert pair.narrow_since_ns is None
    restart(world)
    world.rate(SHORT.id, "-0.0005", 8)
    narrow_for(world, 23)
    assert ZERO not in world.quantities()


TRAILING = FundingSettings(
    size_usd=D(900),
    max_rate_age_seconds=D(86_400),
    trailing_start=D("0.005"),
    trailing_stop=D("0.01"),
    target_profit=D("0.5"),
    max_entry_basis=D("0.002"),
)


def test_a_peak_outlives_a_restart_and_the_fall_from_it_closes_the_pair() -> None:
    world = World(settings=TRAILING)
    world.opened()
    settled = world.clock.now_ns()
    # The short was paid 2 % of the notional: the pair's profit is at its peak.
    world.settle(SHORT.id, D("0.02"), world.price, settled)
    world.run(2 * NS_PER_S)
    (pair,) = pairs_of(world)
    peak = pair.peak_profit
    assert D("0.017") < peak < D("0.02")
    restart(world)
    world.run(2 * NS_PER_S)
    assert ZERO not in world.quantities()
    world.settle(SHORT.id, D("-0.011"), world.price, settled + NS_PER_HOUR)
    world.run(2 * NS_PER_S)
    assert world.quantities() == (ZERO, ZERO)
    (pair,) = pairs_of(world)
    assert pair.reason.startswith("TRAILING_STOP: peak=")


def test_other_settings_decide_from_the_next_look_on() -> None:
    world = World(settings=TRAILING)
    world.opened()
    world.settle(SHORT.id, D("0.02"), world.price, world.clock.now_ns())
    world.run(2 * NS_PER_S)
    assert ZERO not in world.quantities()
    world.desk.reconfigure(replace(TRAILING, target_profit=D("0.01")))
    world.run(2 * NS_PER_S)
    assert world.quantities() == (ZERO, ZERO)
    (pair,) = pairs_of(world)
    assert pair.reason.startswith("TARGET_PROFIT")
