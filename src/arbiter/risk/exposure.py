"""Exposure: what is at stake in open trades, in USD.

A trade's two legs offset each other, so a trade is worth its larger leg and is counted once; the
whole of it is at stake while only one leg has filled. Inventory between trades is not exposure.
"""

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal

from arbiter.model.ids import Asset, InstrumentId, TradeId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.trades import Trade
from arbiter.risk.needs import stake, worst_price

Values = Iterable[tuple[Asset, Decimal]]
"""A value per leg, each in its own quote currency."""


def larger_leg_usd(values: Values, usd_rate: Callable[[Asset], Decimal | None]) -> Decimal | Asset:
    """Give the largest of the values in USD, or the first currency that has no fresh rate."""
    largest = ZERO
    for currency, value in values:
        rate = usd_rate(currency)
        if rate is None:
            return currency
        largest = max(largest, value * rate)
    return largest


class OpenExposure:
    """The USD value of every open trade, worked out once per trade, at the rate of that moment."""

    def __init__(
        self,
        instrument_of: Callable[[InstrumentId], Instrument],
        usd_rate: Callable[[Asset], Decimal | None],
    ) -> None:
        self._instrument_of = instrument_of
        self._usd_rate = usd_rate
        self._known: dict[TradeId, Decimal] = {}

    def total(self, open_trades: Collection[Trade]) -> Decimal | Asset:
        """Sum the open trades, or name the currency of one that cannot be valued now."""
        known = self._known
        total = ZERO
        for trade in open_trades:
            value = known.get(trade.id)
            if value is None:
                worked_out = larger_leg_usd(self._values(trade), self._usd_rate)
                if not isinstance(worked_out, Decimal):
                    return worked_out
                value = known[trade.id] = worked_out
            total += value
        if len(known) > 2 * len(open_trades) + 16:
            self._forget_all_but(open_trades)
        return total

    def _values(self, trade: Trade) -> Values:
        for leg in trade.legs:
            instrument = self._instrument_of(leg.instrument)
            price = worst_price(instrument, leg.side, leg.limit, leg.planned_price, ZERO)
            yield instrument.quote, stake(instrument, leg.side, leg.size, price)

    def _forget_all_but(self, open_trades: Collection[Trade]) -> None:
        self._known = {
            trade.id: self._known[trade.id] for trade in open_trades if trade.id in self._known
        }
