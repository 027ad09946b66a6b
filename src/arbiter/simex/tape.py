"""Public trades of one instrument: the newest prints, minute candles, and figures of the day.

The simulated market has quotes only; prints are made from them, one for every few quotes, at the
bid and the ask in turn.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from arbiter.model.time import NS_PER_MINUTE, NS_PER_MS

_EVERY = 3
"""Quotes per print."""
KEEP_TRADES = 1_000
KEEP_CANDLES = 1_500


class Print(msgspec.Struct, frozen=True):
    """`price` in ticks, `size` in lots; `sold` when the aggressor sold."""

    number: int
    price: int
    size: int
    sold: bool
    at_ms: int


class Bar(msgspec.Struct):
    """A minute in ticks and lots; `turnover` in ticks × lots."""

    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0
    count: int = 0


class Tape:
    def __init__(self) -> None:
        self.trades: deque[Print] = deque(maxlen=KEEP_TRADES)
        self.bars: dict[int, Bar] = {}
        """Since the start, by the minute they open, in ms; oldest first."""
        self.tell_past: Callable[[], dict[int, Bar]] = dict
        """Makes the bars from before the start."""
        self._past: dict[int, Bar] | None = None
        self._quotes = 0
        self._number = 0

    @property
    def history(self) -> dict[int, Bar]:
        """All bars, those from before the start too: the past is made when first asked for."""
        if self._past is None:
            self._past = self.tell_past()
        return self._past | self.bars

    def quote(self, top: tuple[int, int, int, int], at_ns: int) -> Print | None:
        """Take a quote; gives the print it makes, if any."""
        self._quotes += 1
        if self._quotes % _EVERY:
            return None
        bid, ask, bid_size, ask_size = top
        sold = self._quotes % (2 * _EVERY) == 0
        price, displayed = (bid, bid_size) if sold else (ask, ask_size)
        return self._add(price, displayed // 10 + 1, sold, at_ns)

    def _add(self, price: int, size: int, sold: bool, at_ns: int) -> Print:
        self._number += 1
        made = Print(self._number, price, size, sold, at_ns // NS_PER_MS)
        self.trades.append(made)
        minute = at_ns // NS_PER_MINUTE * (NS_PER_MINUTE // NS_PER_MS)
        bar = self.bars.get(minute)
        if bar is None:
            bar = self.bars[minute] = Bar(price, price, price, price)
            if len(self.bars) > KEEP_CANDLES:
                del self.bars[next(iter(self.bars))]
        bar.high, bar.low, bar.close = max(bar.high, price), min(bar.low, price), price
        bar.volume += size
        bar.turnover += price * size
        bar.count += 1
        return made

    def day(self) -> Bar:
        """The bars held, as one."""
        bars = list(self.bars.values())
        if not bars:
            return Bar(0, 0, 0, 0)
        return Bar(
            bars[0].open,
            max(bar.high for bar in bars),
            min(bar.low for bar in bars),
            bars[-1].close,
            sum(bar.volume for bar in bars),
            sum(bar.turnover for bar in bars),
            sum(bar.count for bar in bars),
        )
