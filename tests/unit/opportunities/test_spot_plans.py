"""How a signal is sized and what its orders say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.plans import Family, Plan
from tests.unit.books.listings import BINANCE, BYBIT, T0, spot
from tests.unit.opportunities.house import BTC_A, BTC_B, OPEN, House, with_

USDT, BTC = Asset("USDT"), Asset("BTC")
FINE = (
    spot(BINANCE, lot="0.00000001", tick="0.00000001"),
    spot(BYBIT, lot="0.00000001", tick="0.00000001"),
)


def balances(**held: str) -> dict[tuple[VenueId, Asset], Decimal]:
    """`usdt` on the buying venue, `btc` on the selling one; plenty unless told."""
    return {
        (BINANCE, USDT): Decimal(held.get("usdt", "1e9")),
        (BYBIT, BTC): Decimal(held.get("btc", "1e9")),
    }


def plan_with(house: House, held: dict[tuple[VenueId, Asset], Decimal]) -> Plan | str:
    signal = house.signal()
    return house.spot.plan(signal, lambda venue, asset: held[venue, asset], T0)


def size_with(house: House, held: dict[tuple[VenueId, Asset], Decimal]) -> Decimal:
    made = plan_with(house, held)
    assert isinstance(made, Plan), made
    assert {leg.size for leg in made.legs} == {made.legs[0].size}
    return made.legs[0].size


def test_a_plan_buys_and_sells_the_same_size_at_marketable_limits() -> None:
    house = House()
    signal = house.signal()
    plan = house.plan(signal)
    buy, sell = plan.legs
    assert (buy.instrument, buy.side) == (BTC_A.id, Side.BUY)
    assert (sell.instrument, sell.side) == (BTC_B.id, Side.SELL)
    assert buy.size == sell.size == 1
    assert (buy.planned_price, buy.price) == (Decimal(100), Decimal("100.1"))
    assert (sell.planned_price, sell.price) == (Decimal(102), Decimal("101.89"))
    for leg in plan.legs:
        assert (leg.type, leg.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    assert (plan.family, plan.actor) == (Family.SPOT, "strategy:spot-arbitrage")
    assert (plan.signal_id, plan.signal_seq) == (signal.id, signal.seq)
    assert plan.min_edge == Decimal("0.005")


def test_size_is_bound_by_the_trade_amount() -> None:
    assert size_with(House(with_(OPEN, trade_amount_usd=Decimal(50))), balances()) == Decimal("0.5")


def test_size_is_bound_by_the_largest_position() -> None:
    assert size_with(House(with_(OPEN, max_position_size=Decimal(25))), balances()) == Decimal(
        "0.25"
    )


def test_size_is_bound_by_the_quote_balance_with_limit_price_and_fee() -> None:
    size = size_with(House(OPEN, *FINE), balances(usdt="50"))
    needed = size * Decimal("100.1") * Decimal("1.001")
    assert Decimal("49.99999") < needed <= 50


def test_size_is_bound_by_the_base_held_where_it_is_sold() -> None:
    assert size_with(House(), balances(btc="0.3")) == Decimal("0.3")


@pytest.mark.parametrize(("thin", "bid"), [(BTC_A, 99.9), (BTC_B, 102.0)])
def test_size_is_bound_by_what_each_book_shows(thin: Instrument, bid: float) -> None:
    house = House()
    signal = house.signal()
    house.quote(thin, bid, bid + 0.1, size=0.2)
    assert house.plan(signal).legs[0].size == Decimal("0.2")


def test_unlike_lots_are_floored_to_the_step_both_venues_take() -> None:
    house = House(
        with_(OPEN, trade_amount_usd=Decimal(400)), spot(BINANCE, lot="0.3"), spot(BYBIT, lot="0.5")
    )
    assert size_with(house, balances()) == Decimal("3.0")


def test_scale_halves_the_size() -> None:
    house = House()
    plan = house.plan(house.signal(), scale=Decimal("0.5"))
    assert plan.legs[0].size == Decimal("0.5")


def test_without_base_to_sell_the_plan_says_which_limit_left_nothing() -> None:
    said = plan_with(House(), balances(btc="0"))
    assert said == "SIZE: base_balance=0 leaves 0 BTC, too little for lot on binance"


def test_a_size_below_one_venues_minimum_notional_is_refused_with_the_venue() -> None:
    house = House(OPEN, spot(BINANCE), spot(BYBIT, min_notional="20"))
    said = plan_with(house, balances(usdt="10"))
    assert isinstance(said, str)
    assert said.startswith("SIZE: quote_balance=")
    assert said.endswith("too little for min_notional on bybit")


def test_a_size_below_one_venues_minimum_size_is_refused() -> None:
    house = House(OPEN, spot(BINANCE, min_size="0.5"), spot(BYBIT))
    said = plan_with(house, balances(btc="0.4"))
    assert isinstance(said, str)
    assert said.endswith("too little for min_size on binance")


def test_a_negative_balance_leaves_nothing() -> None:
    said = plan_with(House(), balances(usdt="-5"))
    assert isinstance(said, str)
    assert said.startswith("SIZE: quote_balance=-")


def test_a_sell_limit_that_rounds_to_nothing_is_refused() -> None:
    house = House(OPEN, spot(BINANCE), spot(BYBIT, tick="1000"))
    assert plan_with(house, balances()) == "PRICE: the sell limit on bybit rounds to 0"


def test_a_venue_lost_between_signal_and_plan_leaves_nothing() -> None:
    house = House()
    signal = house.signal()
    house.board.set_venue_health(BYBIT, False, "lost")
    said = house.spot.plan(signal, lambda venue, asset: Decimal(1), T0)
    assert said == "QUOTE: BTCUSDT.BYBIT is no longer quoted"


STEPS = st.sampled_from(["0.00000001", "0.0001", "0.00025", "0.003", "0.01", "0.5", "1"])
TICKS = st.sampled_from(["0.00001", "0.01", "0.05", "0.3", "1"])


@given(
    lots=st.tuples(STEPS, STEPS),
    ticks=st.tuples(TICKS, TICKS),
    amount=st.decimals("0.01", "5000", places=2),
    usdt=st.decimals("0", "5000", places=4),
    btc=st.decimals("0", "50", places=8),
    shown=st.floats(0, 50),
    scale=st.sampled_from([Decimal(1), Decimal("0.5")]),
)
def test_sizes_fall_on_both_lots_and_within_every_bound(
    lots: tuple[str, str],
    ticks: tuple[str, str],
    amount: Decimal,
    usdt: Decimal,
    btc: Decimal,
    shown: float,
    scale: Decimal,
) -> None:
    cheap = spot(BINANCE, lot=lots[0], tick=ticks[0])
    dear = spot(BYBIT, lot=lots[1], tick=ticks[1])
    house = House(with_(OPEN, trade_amount_usd=amount), cheap, dear)
    signal = house.signal(cheap, dear)
    house.quote(cheap, 99.9, 100.0, size=shown)
    house.quote(dear, 102.0, 102.1, size=shown)
    held = {(BINANCE, USDT): usdt, (BYBIT, BTC): btc}
    made = house.spot.plan(signal, lambda venue, asset: held[venue, asset], T0, scale)
    if isinstance(made, str):
        assert made.startswith("SIZE: ")
        return
    buy, sell = made.legs
    assert buy.price is not None
    assert sell.price is not None
    assert buy.size == sell.size
    for leg, instrument in ((buy, cheap), (sell, dear)):
        assert leg.size % instrument.lot == 0
        assert leg.price is not None
        assert leg.price % instrument.tick == 0
        assert instrument.size_problem(leg.size, leg.planned_price) is None
    assert buy.size * 100 <= min(amount, Decimal(1000)) * scale
    assert buy.size * buy.price * Decimal("1.001") <= usdt * scale
    assert sell.size <= btc * scale
    assert float(buy.size) <= shown
    assert buy.price >= buy.planned_price * Decimal("1.001")
    assert sell.price <= sell.planned_price * Decimal("0.999")
