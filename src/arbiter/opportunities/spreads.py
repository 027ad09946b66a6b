"""Spreads as people read them: per base unit in quote, and in percent of the buy price.

The strategy's own edge is a fraction and counts slippage too; these figures count fees alone.
"""

from decimal import Decimal

import msgspec

from arbiter.model.errors import NotFound
from arbiter.model.ids import Symbol, VenueId
from arbiter.model.money import from_float
from arbiter.opportunities.view import Markets, PairBoard, PairView


class SpreadRow(msgspec.Struct, frozen=True, kw_only=True):
    """An executable pair: bought at the ask of one venue, sold at the bid of another.

    `spread` and `profit_after_fees` in quote per base unit; `*_percent` in percent of the buy
    price, so 0.002 means 0.002 %.
    """

    symbol: Symbol
    name: str
    """Compact name of the symbol, ``BTCUSDT``."""
    buy_venue: VenueId
    sell_venue: VenueId
    buy_price: float
    sell_price: float
    spread: float
    spread_percent: float
    profit_after_fees: float
    """After both taker fees."""
    profit_percent: float


def percent_of(part: float, whole: float) -> float:
    """Give `part` in percent of `whole`: 2 of 43249 is 0.0046."""
    return part / whole * 100


def profit_after_fees(buy: Decimal, sell: Decimal, buy_fee: Decimal, sell_fee: Decimal) -> Decimal:
    """Give what one base unit earns after taker fees (fractions of notional), in quote."""
    return sell - buy - buy * buy_fee - sell * sell_fee


def current_spreads(
    board: PairBoard,
    markets: Markets,
    now_ns: int,
    *,
    symbol: Symbol | None = None,
    min_profit: float | None = None,
    limit: int | None = None,
) -> list[SpreadRow]:
    """Give the best pair of every symbol, or every pair of one `symbol`, best profit first.

    `min_profit` is a fraction (0.005 is 0.5 %) that the profit after fees must reach.
    """
    if symbol is None:
        pairs = board.spread_rows(now_ns)
    else:
        listed = markets.listings(symbol)
        if not listed:
            raise NotFound(f"no venue lists {symbol}")
        pairs = board.pairs_of(markets.slot(listed[0].id), now_ns)
    rows = [_row(markets, pair) for pair in pairs]
    if min_profit is not None:
        rows = [row for row in rows if row.profit_percent >= min_profit * 100]
    rows.sort(key=lambda row: -row.profit_percent)
    return rows[:limit]


def _row(markets: Markets, pair: PairView) -> SpreadRow:
    buy, sell = markets.instrument_at(pair.buy_slot), markets.instrument_at(pair.sell_slot)
    if buy is None or sell is None:
        raise NotFound(f"no instrument at slots {pair.buy_slot}, {pair.sell_slot}")
    bought, sold = from_float(pair.buy_price), from_float(pair.sell_price)
    spread = float(sold - bought)  # a difference of floats would show their noise
    profit = float(profit_after_fees(bought, sold, buy.taker_fee, sell.taker_fee))
    return SpreadRow(
        symbol=buy.symbol,
        name=markets.compact_name(buy.symbol),
        buy_venue=buy.venue,
        sell_venue=sell.venue,
        buy_price=pair.buy_price,
        sell_price=pair.sell_price,
        spread=spread,
        spread_percent=percent_of(spread, pair.buy_price),
        profit_after_fees=profit,
        profit_percent=percent_of(profit, pair.buy_price),
    )
