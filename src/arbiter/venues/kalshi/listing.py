"""Kalshi's markets as instruments and as what people read."""

import math
from decimal import Decimal
from typing import Any

from arbiter.model.event_fees import EventFee, kalshi_fee
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_S
from arbiter.venues.common.events import event_id, event_symbol
from arbiter.venues.kalshi.rows import USD, moment_ns

_TAKER, _MAKER = Decimal("0.07"), Decimal("0.0175")
_CENT = Decimal("0.01")
_FINEST = 10**6
"""Prices are dollars to six places at most."""
OPEN = ("active", "open", "initialized", "inactive", "unopened", "paused")
"""States in which a market has not closed."""


def instrument_of(market: Any, series: Any, venue: VenueId) -> Instrument:
    """The YES side of a market. Outcomes may be priced finer near 0 and 1 than in between: the step
    here is one that holds everywhere."""
    ticker = market["ticker"]
    lot = _CENT if market.get("fractional_trading_enabled") else ONE
    fee, maker = fees_of(series)
    return Instrument(
        id=event_id(ticker, venue),
        venue=venue,
        market_id=ticker,
        symbol=event_symbol(ticker),
        kind=InstrumentKind.BINARY,
        base=Asset(ticker.upper()),
        quote=USD,
        settle=USD,
        tick=_tick(market.get("price_ranges") or ()),
        lot=lot,
        min_size=lot,
        min_notional=ZERO,
        maker_fee=maker,
        taker_fee=ZERO,
        event_fee=fee,
    )


def fees_of(series: Any) -> tuple[EventFee, Decimal]:
    """What takers pay, and at most makers as a fraction of the notional.

    Source: the fee schedule: 0.07 · multiplier · p · (1 − p) a contract; makers a quarter of it
    where the series charges them. Rounded up to the cent as it is for most accounts; what is booked
    is what each fill says.
    """
    multiplier = Decimal(str(series.get("fee_multiplier") or 1))
    maker = _MAKER * multiplier if series.get("fee_type") == "quadratic_with_maker_fees" else ZERO
    return kalshi_fee(min(_TAKER * multiplier, ONE)), maker


def listing_of(market: Any, event: Any, series: Any, venue: VenueId) -> EventListing:
    several = len(event.get("markets") or ()) > 1
    sources = [source.get("name", "") for source in series.get("settlement_sources") or ()]
    rules = (market.get("rules_primary"), market.get("rules_secondary"))
    closes = moment_ns(market["close_time"])
    expected = market.get("expected_expiration_time") or market.get("latest_expiration_time")
    settles = moment_ns(expected) if expected else closes
    return EventListing(
        instrument=event_id(market["ticker"], venue),
        venue=venue,
        title=market.get("title") or event.get("title") or market["ticker"],
        rules="\n\n".join(text.strip() for text in rules if text and text.strip()),
        outcome=_outcome(market),
        outcomes=len(event["markets"]) if several and event.get("mutually_exclusive") else 2,
        category=(series.get("category") or event.get("category") or "").lower(),
        resolution_source=", ".join(filter(None, sources)),
        opens_ns=moment_ns(market["open_time"]) if market.get("open_time") else 0,
        closes_ns=closes,
        payout_ns=max(settles, closes)
        + int(market.get("settlement_timer_seconds") or 0) * NS_PER_S,
    )


def _outcome(market: Any) -> str:
    """What YES stands for, where the title does not say it by itself."""
    told = (market.get("yes_sub_title") or "").strip()
    said = told.lower() == "yes" or told.lower() in (market.get("title") or "").lower()
    return "" if said else told


def _tick(ranges: Any) -> Decimal:
    """The least common multiple of all ranges' steps; a cent where none are told."""
    steps = [int(Decimal(row["step"]) * _FINEST) for row in ranges]
    common = math.lcm(*steps) if steps and all(steps) else _FINEST // 100
    return (Decimal(common) / _FINEST).normalize()
