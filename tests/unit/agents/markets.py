"""Markets to look at: bars of a given shape, and a view of them."""

import numpy as np

from arbiter.agents.view import Bars, Floats, MarketView, Top
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.time import NS_PER_MINUTE, NS_PER_S
from tests.fakes.clock import START_NS


def bars_along(close: Floats, end_ns: int = START_NS) -> Bars:
    """One-minute bars that close along a path and end at `end_ns`."""
    opened = np.concatenate([close[:1], close[:-1]])
    wiggle = np.abs(close) * 2e-4
    opens_ns = end_ns - NS_PER_MINUTE * np.arange(len(close), 0, -1, dtype=np.int64)
    return Bars(
        opens_ns,
        opened,
        np.maximum(opened, close) + wiggle,
        np.minimum(opened, close) - wiggle,
        close,
        np.full(len(close), 3.0),
    )


def path(drift: float, minutes: int = 600, noise: float = 3e-4, seed: int = 1) -> Floats:
    """A price from 100 with a drift per minute."""
    steps = np.random.RandomState(seed).standard_normal(minutes) * noise + drift
    values: Floats = 100.0 * np.exp(np.cumsum(steps))
    return values


def view_of(
    bars: Bars, *, bid_size: float = 1.0, ask_size: float = 1.0, others: tuple[Top, ...] = ()
) -> MarketView:
    price = float(bars.close[-1]) if len(bars) else 100.0
    return MarketView(
        symbol=Symbol("BTC/USDT"),
        instrument=InstrumentId("BTCUSDT.BINANCE"),
        now_ns=START_NS + NS_PER_S,
        bars=bars,
        top=top(price, bid_size=bid_size, ask_size=ask_size),
        others=others,
    )


def top(
    price: float, venue: str = "binance", *, bid_size: float = 1.0, ask_size: float = 1.0
) -> Top:
    return Top(
        venue=VenueId(venue),
        bid=price * 0.9999,
        ask=price * 1.0001,
        bid_size=bid_size,
        ask_size=ask_size,
        fee=0.001,
    )
