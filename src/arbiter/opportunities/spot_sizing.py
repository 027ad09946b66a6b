"""How much of a spread to take: the smallest of what may be spent, what is there and what is shown."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, common_step, floor_to, plain, quotient
from arbiter.opportunities.spot_settings import SpotSettings

FreeBalance = Callable[[VenueId, Asset], Decimal]


class Terms(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Both sides of a spread, with the worst prices its limit orders may trade at."""

    buy: Instrument
    sell: Instrument
    buy_price: Decimal
    sell_price: Decimal
    buy_limit: Decimal
    sell_limit: Decimal
    ask_size: Decimal
    bid_size: Decimal


def make_terms(
    buy: Instrument,
    sell: Instrument,
    prices: tuple[Decimal, Decimal],
    sizes: tuple[Decimal, Decimal],
    slippage: Decimal,
) -> Terms:
    """Set marketable limits at the slippage tolerance (fraction), on each venue's tick.

    `prices` are (ask to buy at, bid to sell at), `sizes` what each shows.
    """
    return Terms(
        buy=buy,
        sell=sell,
        buy_price=prices[0],
        sell_price=prices[1],
        buy_limit=buy.ceil_price(prices[0] * (ONE + slippage)),
        sell_limit=sell.floor_price(prices[1] * (ONE - slippage)),
        ask_size=sizes[0],
        bid_size=sizes[1],
    )


def size_of(
    terms: Terms, settings: SpotSettings, free: FreeBalance, scale: Decimal = ONE
) -> Decimal | str:
    """Give the base units to trade on both venues, or which limit left nothing, in words.

    The result lies on both lots and above both venues' minimum size and notional. The quote
    balance must cover the buy at its limit price with the taker fee; what is sold is inventory
    of the sell venue, apart from what is bought. `scale` shrinks the size (the gate's staircase).
    """
    limits = _limits(terms, settings, free)
    binding = min(limits, key=limits.__getitem__)
    wanted = limits[binding] * scale
    step = common_step(terms.buy.lot, terms.sell.lot)
    size = floor_to(wanted, step) if wanted > ZERO else ZERO
    if terms.sell_limit <= ZERO:
        return f"PRICE: the sell limit on {terms.sell.venue} rounds to 0"
    for instrument, price in (
        (terms.buy, min(terms.buy_price, terms.buy_limit)),
        (terms.sell, terms.sell_limit),
    ):
        problem = "lot" if not size else instrument.size_problem(size, price)
        if problem:
            return (
                f"SIZE: {binding}={plain(limits[binding])} leaves {plain(size)} "
                f"{instrument.base}, too little for {problem} on {instrument.venue}"
            )
    return size


def _limits(terms: Terms, settings: SpotSettings, free: FreeBalance) -> dict[str, Decimal]:
    """Every bound on the size, in base units; of the two amounts in money the smaller."""
    buy, sell = terms.buy, terms.sell
    amount, most = settings.trade_amount_usd, settings.max_position_size
    bound = ("trade_amount_usd", amount) if amount <= most else ("max_position_size", most)
    cost = terms.buy_limit * (ONE + max(buy.taker_fee, ZERO))
    return {
        bound[0]: quotient(bound[1], terms.buy_price),
        "quote_balance": quotient(free(buy.venue, buy.quote), cost),
        "base_balance": free(sell.venue, sell.base),
        "ask_size": terms.ask_size,
        "bid_size": terms.bid_size,
    }
