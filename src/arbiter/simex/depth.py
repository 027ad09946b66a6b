"""A displayed order book with its sequence numbers: one per instrument, the same for everybody.

The best level is the market's own quote, and the only one that orders trade with. The levels
behind it have sizes that depend on their price alone, so that a moving market adds and removes
levels at the ends as a real one does.
"""

from collections.abc import Iterator

from arbiter.model.instruments import Instrument

LEVELS = 40
"""Per side."""

Changes = dict[int, int]
"""Size in lots by price in ticks; 0 is a level that went."""


class Scale:
    """Prices in ticks and sizes in lots, as the text a venue writes."""

    def __init__(self, instrument: Instrument, digits: int = 0) -> None:
        """Write at least so many digits after the point."""
        self._tick = _fraction(instrument.tick.as_integer_ratio(), digits)
        self._lot = _fraction(instrument.lot.as_integer_ratio(), digits)
        self._tick_float, self._lot_float = float(instrument.tick), float(instrument.lot)

    def ticks(self, price: float) -> int:
        return round(price / self._tick_float)

    def lots(self, size: float) -> int:
        return round(size / self._lot_float)

    def price(self, ticks: int) -> str:
        return _text(ticks, *self._tick)

    def size(self, lots: int) -> str:
        return _text(lots, *self._lot)


class DepthBook:
    """`last_id` counts everything that ever changed here."""

    def __init__(self, instrument: Instrument, digits: int = 0) -> None:
        self.scale = Scale(instrument, digits)
        self._instrument = instrument
        self.last_id = 1
        self._told_id = 1
        self._bids: Changes = {}
        self._asks: Changes = {}
        self._changed_bids: Changes = {}
        self._changed_asks: Changes = {}
        self._top = (0, 0, 0, 0)
        self._shown_top = (0, 0, 0, 0)
        self._usual = 0
        self.at_ns = 0
        self.lost = 0
        """Changes that nobody was told of."""

    def quote(self, bid: float, ask: float, bid_size: float, ask_size: float, at_ns: int) -> None:
        scale = self.scale
        self._top = (
            scale.ticks(bid),
            scale.ticks(ask),
            scale.lots(bid_size),
            scale.lots(ask_size),
        )
        self.last_id += 1
        self.at_ns = at_ns

    @property
    def top(self) -> tuple[int, int, int, int]:
        """Bid and ask in ticks, their sizes in lots."""
        return self._top

    def touch(self) -> None:
        """Count a change that nobody is told of: whoever follows by number must notice."""
        self._refresh()
        self._changed_bids.clear()
        self._changed_asks.clear()
        self.last_id += 1
        self.lost += 1
        self._told_id = self.last_id

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as of `last_id`, best first."""
        self._refresh()
        return sorted(self._bids.items(), reverse=True), sorted(self._asks.items())

    def changes(self) -> tuple[int, int, int, Changes, Changes] | None:
        """Give what changed since the last call: first id, last id, the last id told before."""
        if self.last_id == self._told_id:
            return None
        self._refresh()
        before, self._told_id = self._told_id, self.last_id
        bids, asks = self._changed_bids, self._changed_asks
        self._changed_bids, self._changed_asks = {}, {}
        return before + 1, self.last_id, before, bids, asks

    @property
    def told_id(self) -> int:
        return self._told_id

    def _refresh(self) -> None:
        if self._top == self._shown_top:
            return
        self._shown_top = self._top
        bid, ask, bid_size, ask_size = self._top
        self._usual = self._usual or max(bid_size, ask_size, 64)
        bids, asks = self._ladder(bid, bid_size, -1), self._ladder(ask, ask_size, 1)
        self._bids = _moved(self._bids, dict(bids), self._changed_bids)
        self._asks = _moved(self._asks, dict(asks), self._changed_asks)

    def _ladder(self, best: int, size: int, sign: int) -> Iterator[tuple[int, int]]:
        yield best, max(size, 1)
        price, usual = best, self._usual
        for _ in range(1, LEVELS):
            price += sign * self._step(price)
            if price <= 0:
                return
            yield price, usual // 4 + 1 + (price * 2_654_435_761 >> 7) % usual

    def _step(self, price: int) -> int:
        """Ticks from one level to the next."""
        listed = self._instrument
        if listed.price_digits is None or not price:
            return 1
        return int(listed.price_step(price * listed.tick) / listed.tick)


def _moved(old: Changes, new: Changes, changes: Changes) -> Changes:
    for price in old:
        if price not in new:
            changes[price] = 0
    for price, size in new.items():
        if old.get(price) != size:
            changes[price] = size
    return new


def _fraction(ratio: tuple[int, int], digits: int) -> tuple[int, int]:
    """A step as a whole number over a power of ten, of `digits` or more."""
    numerator, denominator = ratio
    while 10**digits % denominator:
        digits += 1
    return numerator * (10**digits // denominator), digits


def _text(count: int, numerator: int, digits: int) -> str:
    value = count * numerator
    if not digits:
        return str(value)
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}"
