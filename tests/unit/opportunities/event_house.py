"""A small house of event markets for tests: a pair on two venues, a board, a purse."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.event_fees import kalshi_fee, polymarket_fee
from arbiter.model.event_pairs import (
    EventPair,
    EventPairId,
    PairedMarket,
    Polarity,
    Review,
    rules_hash,
)
from arbiter.model.ids import Actor, Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.plans import Plan
from arbiter.model.time import NS_PER_DAY
from arbiter.opportunities.event_pair import EventSpread, Opening
from arbiter.opportunities.event_settings import EventSettings
from tests.unit.books.listings import T0
from tests.unit.opportunities.event_listings import KALSHI, POLYMARKET
from tests.unit.opportunities.house import CountingIds

PAIR = EventPairId("fed-hold")
FEES = {POLYMARKET: polymarket_fee(Decimal(0)), KALSHI: kalshi_fee()}
SETTINGS = EventSettings(fees=FEES)
RULES = "YES when the target range stays where it was after the December 2025 meeting."


def binary(venue: VenueId, *, name: str = "FED-HOLD", **changes: Any) -> Instrument:
    quote = Asset("USDC" if venue == POLYMARKET else "USD")
    base = Asset(f"{name}.{venue}")
    values: dict[str, Any] = {
        "id": InstrumentId(f"{name}.{venue.upper()}"),
        "venue": venue,
        "market_id": name,
        "symbol": Symbol(f"{base}/{quote}"),
        "kind": InstrumentKind.BINARY,
        "base": base,
        "quote": quote,
        "settle": quote,
        "tick": Decimal("0.01"),
        "lot": Decimal("0.01") if venue == POLYMARKET else Decimal(1),
        "min_size": Decimal(5) if venue == POLYMARKET else Decimal(1),
        "min_notional": Decimal(0),
        "maker_fee": Decimal(0),
        "taker_fee": Decimal(0),
    }
    return Instrument(**values | changes)


FIRST, SECOND = binary(POLYMARKET), binary(KALSHI)


def market(instrument: Instrument) -> PairedMarket:
    return PairedMarket(
        instrument=instrument.id,
        venue=instrument.venue,
        title="Fed holds rates in December 2025?",
        rules=RULES,
        rules_sha256=rules_hash(RULES),
    )


def pair(polarity: Polarity = Polarity.SAME, **changes: Any) -> EventPair:
    values: dict[str, Any] = {
        "id": PAIR,
        "first": market(FIRST),
        "second": market(SECOND),
        "polarity": polarity,
        "resolution_source": "Federal Reserve",
        "void_rule": "stakes are returned",
        "closes_ns": T0 + 10 * NS_PER_DAY,
        "payout_ns": T0 + 10 * NS_PER_DAY,
        "cap_usd": Decimal(5_000),
        "state": Review.APPROVED,
        "approved_by": Actor("user:ann"),
        "approved_ns": T0,
        "proposed_by": Actor("engine"),
        "proposed_ns": T0,
        "updated_ns": T0,
    }
    return EventPair(**values | changes)


class FullPurse:
    """Balances that never bind, and what is said to be open."""

    def __init__(
        self,
        *,
        free: Decimal = Decimal(10**9),
        open_usd: Decimal = Decimal(0),
        held: Mapping[InstrumentId, Decimal] | None = None,
    ) -> None:
        self._free = free
        self._open_usd = open_usd
        self._held = held or {}

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        assert (venue, asset) in {(POLYMARKET, Asset("USDC")), (KALSHI, Asset("USD"))}
        return self._free

    def held(self, instrument: InstrumentId) -> Decimal:
        return self._held.get(instrument, Decimal(0))

    def pair_exposure(self, pair: EventPairId) -> Decimal:
        return self._open_usd

    def total_exposure(self) -> Decimal:
        return self._open_usd


class EventHouse:
    def __init__(
        self,
        settings: EventSettings = SETTINGS,
        approved: EventPair | None = None,
        first: Instrument = FIRST,
        second: Instrument = SECOND,
    ) -> None:
        self.registry = MarketRegistry((first, second))
        self.board = QuoteBoard(self.registry, BoardSettings())
        self.instruments = first, second
        self.pair = approved or pair()
        self.spread = EventSpread(settings, self.board, self.registry, CountingIds())
        self.troubles = self.spread.watch([self.pair], simulated=self.pair.simulated)
        for venue in (POLYMARKET, KALSHI):
            self.board.set_venue_health(venue, True)

    def quote(
        self, which: int, bid: float, ask: float, *, size: float = 200.0, at_ns: int = T0
    ) -> None:
        slot = self.registry.slot(self.instruments[which].id)
        code = self.board.update(slot, bid, ask, size, size, at_ns, at_ns)
        assert code >= 0, code

    def open(self, *, at_ns: int = T0, size: float = 200.0) -> None:
        """YES at 0.40 here, NO at 0.50 there: 10 cents before fees."""
        self.quote(0, 0.39, 0.40, at_ns=at_ns, size=size)
        self.quote(1, 0.50, 0.51, at_ns=at_ns, size=size)

    def opening(self, *, at_ns: int = T0) -> Opening:
        found = self.spread.consider(self.pair, at_ns)
        assert found is not None
        return found

    def plan(self, purse: FullPurse | None = None) -> Plan:
        made = self.spread.plan(self.opening(), purse or FullPurse(), T0)
        assert isinstance(made, Plan), made
        return made
