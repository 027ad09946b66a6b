"""Event markets as the venues list them, for the matcher's tests."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.time import from_datetime

POLYMARKET, KALSHI = VenueId("polymarket"), VenueId("kalshi")
READ = Path(__file__).parents[2] / "data" / "event_pairs_read.json"
_EASTERN = timedelta(hours=4)
_TICKER = re.compile(r"KX(BTC|ETH)D-26JUL(\d\d)(\d\d)-T(\d+\.\d\d)$")
_TITLE = re.compile(r"of (\w+) be above \$([\d,]+) on July (\d+)\?")
_COINS = {"BTC": ("Bitcoin", "BRTI"), "ETH": ("Ethereum", "ETHUSD_RTI")}


def read_by_hand() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = msgspec.json.decode(READ.read_bytes())
    return rows


def listing(venue: VenueId, name: str, title: str, rules: str, **more: Any) -> EventListing:
    closes = more.pop("closes", datetime(2026, 7, 1, 16, tzinfo=UTC))
    ends = from_datetime(closes)
    more = {
        "closes_ns": ends,
        "payout_ns": ends,
        "resolution_source": "the source",
        "void_rule": "stakes are returned",
        **more,
    }
    return EventListing(
        instrument=InstrumentId(f"{name}.{venue.upper()}"),
        venue=venue,
        title=title,
        rules=rules,
        **more,
    )


def noon_market(title: str, event: str, source: str | None = None) -> EventListing:
    """Polymarket's daily coin market: the noon candle of Binance, strictly above."""
    told = _TITLE.search(title)
    assert told is not None, title
    coin, strike, day = told[1], told[2], int(told[3])
    ticker = "BTC" if coin == "Bitcoin" else "ETH"
    return listing(
        POLYMARKET,
        event,
        title,
        f"YES when Binance's one-minute candle of {ticker}/USDT at 12:00 PM ET on July {day} has a "
        f"final close higher than ${strike}; NO otherwise.",
        resolution_source=source or f"Binance {ticker}/USDT",
        closes=datetime(2026, 7, day, 12, tzinfo=UTC) + _EASTERN,
    )


def hourly_market(title: str, ticker: str, source: str | None = None) -> EventListing:
    """Kalshi's coin ladder: a minute's average of the CF index before the hour, or above."""
    told = _TICKER.search(ticker)
    assert told is not None, ticker
    (coin, index), day, hour = _COINS[told[1]], int(told[2]), int(told[3])
    strike = Decimal(told[4]) + Decimal("0.01")
    clock = f"{hour % 12 or 12} {'AM' if hour < 12 else 'PM'} EDT"
    return listing(
        KALSHI,
        ticker,
        title,
        f"YES when the average of sixty seconds of the {coin} index {index} before {clock} on "
        f"Jul {day}, 2026 is ${strike:,.0f} or above.",
        outcome=f"${strike:,.0f} or above",
        resolution_source=source or f"CF Benchmarks {index}",
        closes=datetime(2026, 7, day, hour, tzinfo=UTC) + _EASTERN,
    )
