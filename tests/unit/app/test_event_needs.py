"""Which event markets a run lists: those named, those paired, those held or ordered."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from arbiter.app.config import Settings, load
from arbiter.app.event_needs import event_needs
from arbiter.app.real_world import make_account
from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import ReviewPair
from arbiter.model.errors import BadConfig
from arbiter.model.event_pairs import EventPair, Polarity, Review
from arbiter.model.events import EventPairProposed
from arbiter.model.ids import Actor, VenueId
from arbiter.model.money import use_wide_context
from arbiter.model.time import NS_PER_DAY
from arbiter.opportunities.pair_entry import by_hand, enter
from arbiter.runtime.clock import SystemClock
from arbiter.runtime.pair_review import reviewed
from arbiter.venues.common.events import event_id, market_name
from tests.fakes.clock import START_NS
from tests.unit.opportunities.event_listings import KALSHI, POLYMARKET, listing


@pytest.fixture(autouse=True)
def _exact_sums() -> None:
    use_wide_context()


def settings(tmp_path: Path, text: str = "") -> Settings:
    (tmp_path / "arbiter.toml").write_text('[venues]\nenabled = ["polymarket", "kalshi"]\n' + text)
    return load(environment={"ARBITER_HOME": str(tmp_path)}).settings


def pair(**more: object) -> EventPair:
    ends = {"closes_ns": START_NS + NS_PER_DAY, "payout_ns": START_NS + NS_PER_DAY}
    first = replace(listing(POLYMARKET, "fed", "Fed holds?", "YES if it holds."), **ends)
    second = replace(listing(KALSHI, "fed", "Fed holds?", "YES if it holds."), **ends)
    made = enter(by_hand(first, second, Polarity.SAME), Decimal(100), Actor("ann"), START_NS)
    return replace(made, **({"simulated": False} | more))


def ledger_with(one: EventPair, *states: Review) -> Ledger:
    """A pair that was proposed and then went through these states."""
    ledger = Ledger()
    ledger.apply(EventPairProposed(at_ns=START_NS, pair=one))
    for state in states:
        command = ReviewPair(
            actor=Actor("ann"), pair_id=one.id, state=state, reason="a reason", acknowledged=True
        )
        for event in reviewed(ledger, command, START_NS):
            ledger.apply(event)
    return ledger


def test_names_of_the_settings_are_listed_without_any_ledger(tmp_path: Path) -> None:
    text = '[venues.events]\npolymarket = ["will-it-be-warm"]\n'
    needs = event_needs(settings(tmp_path, text), None, START_NS)
    assert needs.markets[POLYMARKET] == ("will-it-be-warm",)
    assert needs.markets[KALSHI] == ()


@pytest.mark.parametrize(
    "states", [(), (Review.APPROVED,), (Review.APPROVED, Review.SUSPENDED)], ids=len
)
def test_markets_of_a_pair_are_listed_on_both_venues(
    tmp_path: Path, states: tuple[Review, ...]
) -> None:
    one = pair()
    needs = event_needs(settings(tmp_path), ledger_with(one, *states), START_NS)
    for market in one.markets:
        assert needs.markets[market.venue] == (market_name(market.instrument),)


def test_pair_that_is_over_rejected_or_of_the_built_in_markets_needs_nothing(
    tmp_path: Path,
) -> None:
    told = settings(tmp_path)
    for ledger in (ledger_with(pair(), Review.REJECTED), ledger_with(pair(simulated=True))):
        assert not any(event_needs(told, ledger, START_NS).markets.values())
    later = START_NS + 2 * NS_PER_DAY
    assert not any(event_needs(told, ledger_with(pair()), later).markets.values())


def test_a_markets_name_is_in_its_id() -> None:
    name = event_id("will-it-be-warm", VenueId("polymarket"))
    assert name == "WILL-IT-BE-WARM.POLYMARKET"
    assert market_name(name).lower() == "will-it-be-warm"


async def test_event_venue_is_not_asked_for_symbols(tmp_path: Path) -> None:
    text = 'symbols = ["BTC/USDT"]\n[venues.events]\npolymarket = ["will-it-be-warm"]\n'
    account = make_account(settings(tmp_path, text), POLYMARKET, None, SystemClock())
    assert account._wiring.symbols == ()
    assert account._wiring.markets == ("will-it-be-warm",)
    await account.aclose()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[venues.events]\nbinance = ["x"]\n', "no venue of event markets"),
        ('dead_man = ["kalshi"]\n', "no such switch"),
    ],
)
def test_settings_of_another_kind_of_venue_are_refused(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(BadConfig, match=says):
        settings(tmp_path, text)


def test_engine_of_event_markets_alone_needs_no_symbols(tmp_path: Path) -> None:
    told = settings(tmp_path, '[engine]\nmode = "live"\n')
    assert told.venues.symbols == ()
