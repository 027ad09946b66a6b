"""What an agent is shown of the market: nothing later than `now_ns`, and no clock of its own."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.money import without_noise
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE

Floats = NDArray[np.float64]


class Bars(msgspec.Struct, frozen=True):
    """Candles as arrays of equal length, oldest first; prices in quote, volume in base."""

    opens_ns: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.close)

    def until(self, now_ns: int, interval_ns: int = NS_PER_MINUTE) -> "Bars":
        """Only bars that were over at `now_ns`."""
        count = int(np.searchsorted(self.opens_ns, now_ns - interval_ns, side="right"))
        return Bars(
            self.opens_ns[:count],
            self.open[:count],
            self.high[:count],
            self.low[:count],
            self.close[:count],
            self.volume[:count],
        )

    def coarser(self, factor: int) -> "Bars":
        """Join `factor` bars into one, counted back from the newest; what is over is left out."""
        count = len(self) // factor
        if count == 0 or factor == 1:
            return self if factor == 1 else empty_bars()
        first = len(self) - count * factor
        shape = (count, factor)
        return Bars(
            self.opens_ns[first::factor],
            self.open[first::factor],
            self.high[first:].reshape(shape).max(axis=1),
            self.low[first:].reshape(shape).min(axis=1),
            self.close[first:].reshape(shape)[:, -1],
            self.volume[first:].reshape(shape).sum(axis=1),
        )


def empty_bars() -> Bars:
    nothing = np.empty(0)
    return Bars(np.empty(0, dtype=np.int64), nothing, nothing, nothing, nothing, nothing)


def bars_of(candles: Sequence[Candle]) -> Bars:
    """Turn records, oldest first, into arrays."""
    if not candles:
        return empty_bars()
    table = np.array([(c.open, c.high, c.low, c.close, c.volume) for c in candles]).T
    opens = np.array([c.open_ns for c in candles], dtype=np.int64)
    return Bars(opens, *(np.ascontiguousarray(column) for column in table))


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's top of book; `fee` is the taker's, a fraction."""

    venue: VenueId
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    fee: float


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """A text from outside: untrusted, whatever it says."""

    at_ns: int
    text: str
    source: str


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Symbol
    instrument: InstrumentId
    now_ns: int
    bars: Bars
    """Finished one-minute bars of the instrument."""
    top: Top
    others: tuple[Top, ...] = ()
    """Other venues' fresh tops of the same symbol."""
    books: tuple[Top, ...] = ()
    """The instrument's own tops of the last minute, oldest first, one a second at most."""
    headlines: tuple[Headline, ...] | None = None
    """None when no text feed is configured."""

    @property
    def price(self) -> float:
        return without_noise((self.top.bid + self.top.ask) / 2)
