"""Positions folded from fills, their protection, and a session's account."""

from decimal import Decimal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.agents.accounts import equity, standing, with_closed, with_equity
from arbiter.agents.positions import Trigger, filled, opened, protected, sellable, triggered
from arbiter.agents.settings import TradingRules
from arbiter.model.agents import AgentPosition, AgentSession, SessionMode, SessionState
from arbiter.model.ids import Asset, ClientOrderId, Symbol, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Liquidity, Side
from tests.fakes.clock import START_NS
from tests.fakes.engine import spot_instrument

BTC = spot_instrument(VenueId("binance"))
RULES = TradingRules()


def fill(side: Side, size: str, price: str, fee: str = "0", asset: str = "USDT") -> Fill:
    return Fill(
        venue=BTC.venue,
        venue_trade_id=str(uuid4()),
        client_order_id=ClientOrderId("x"),
        instrument=BTC.id,
        side=side,
        size=Decimal(size),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_asset=Asset(asset),
        liquidity=Liquidity.TAKER,
        at_ns=START_NS,
    )


def position(*fills: Fill, instrument: Instrument = BTC) -> AgentPosition:
    held = opened(uuid4(), instrument, TradeId(uuid4()), None, START_NS)
    for each in fills:
        held = filled(held, each, instrument)
    return held


def test_the_documented_purchase_has_its_price_and_fee() -> None:
    held = position(fill(Side.BUY, "0.1", "42000", "4.20"))
    assert (held.entry_price, held.quantity, held.fees) == (
        Decimal(42_000),
        Decimal("0.1"),
        Decimal("4.20"),
    )
    assert held.realized_pnl == 0
    assert held.unrealized_pnl(Decimal(43_505)) == Decimal("150.5")


def test_a_round_trip_realizes_the_difference_less_fees() -> None:
    closed = position(
        fill(Side.BUY, "0.1", "42000", "4.20"), fill(Side.SELL, "0.1", "43000", "4.30")
    )
    assert not closed.open
    assert closed.realized_pnl == Decimal(100) - Decimal("8.50")
    assert (closed.exit_price, closed.quantity) == (Decimal(43_000), Decimal("0.1"))


def test_what_a_fee_in_base_took_cannot_be_sold_and_leaves_no_open_position() -> None:
    bought = position(fill(Side.BUY, "0.1", "42000", "0.00015", "BTC"))
    assert bought.held == Decimal("0.09985")
    assert sellable(bought, BTC, Decimal(42_000)) == Decimal("0.0998")
    closed = filled(bought, fill(Side.SELL, "0.0998", "42000"), BTC)
    assert not closed.open
    assert closed.dust == Decimal("0.00005")


def test_a_fee_in_base_is_paid_once() -> None:
    """What it took is worth its price: among the fees, and not in the cost of what is sold too."""
    bought = position(fill(Side.BUY, "1", "100", "0.01", "BTC"))
    assert (bought.held, bought.fees) == (Decimal("0.99"), Decimal(1))
    assert bought.unrealized_pnl(Decimal(110)) == Decimal("0.99") * 10
    closed = filled(bought, fill(Side.SELL, "0.99", "110", "0.5"), BTC)
    assert closed.realized_pnl == Decimal("0.99") * 110 - Decimal("0.5") - 100
    assert closed.realized_pnl == Decimal("0.99") * 10 - closed.fees


def test_a_fee_in_base_on_the_sale_is_paid_once() -> None:
    bought = position(fill(Side.BUY, "1", "100"))
    closed = filled(bought, fill(Side.SELL, "0.99", "110", "0.01", "BTC"), BTC)
    assert not closed.open
    assert closed.realized_pnl == Decimal("0.99") * 110 - 100
    assert closed.exit_price == 110


def test_protection_stands_around_the_average_entry_and_fires_at_the_bid() -> None:
    held = protected(position(fill(Side.BUY, "1", "100"), fill(Side.BUY, "1", "110")), RULES, BTC)
    assert (held.stop_loss, held.take_profit) == (Decimal("102.9"), Decimal("110.25"))
    assert triggered(held, Decimal(105)) is None
    assert triggered(held, Decimal("102.9")) is Trigger.STOP_LOSS
    assert triggered(held, Decimal(111)) is Trigger.TAKE_PROFIT


SIZES = st.integers(1, 10_000).map(lambda n: Decimal(n) / 10_000)
PRICES = st.integers(1_000, 100_000).map(lambda n: Decimal(n) / 100)


@given(st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=6), PRICES)
def test_realized_is_cash_out_less_cash_in(
    buys: list[tuple[Decimal, Decimal]], exit: Decimal
) -> None:
    held = position(*(fill(Side.BUY, str(size), str(price)) for size, price in buys))
    closed = filled(held, fill(Side.SELL, str(held.held), str(exit)), BTC)
    spent = sum(size * price for size, price in buys)
    assert not closed.open
    assert closed.realized_pnl == held.held * exit - spent


def session(capital: str = "10000") -> AgentSession:
    return AgentSession(
        id=uuid4(),
        mode=SessionMode.PAPER,
        state=SessionState.RUNNING,
        symbol=Symbol("BTC/USDT"),
        venue=BTC.venue,
        instrument=BTC.id,
        initial_capital=Decimal(capital),
        started_ns=START_NS,
        actor="test",
        updated_ns=START_NS,
    )


def test_a_session_counts_round_trips_wins_and_the_deepest_fall() -> None:
    won = position(fill(Side.BUY, "1", "100"), fill(Side.SELL, "1", "150"))
    lost = position(fill(Side.BUY, "1", "100"), fill(Side.SELL, "1", "80"))
    after = with_closed(session(), [won, lost], START_NS)
    assert (after.total_pnl, after.total_trades) == (Decimal(30), 2)
    assert (after.winning_trades, after.losing_trades) == (1, 1)
    high = with_equity(after, Decimal(11_000), START_NS)
    low = with_equity(high, Decimal(9_900), START_NS)
    back = with_equity(low, Decimal(10_500), START_NS)
    assert back.max_drawdown == 0.1


def test_equity_is_capital_and_what_was_made_and_floats() -> None:
    running = session()
    won = position(fill(Side.BUY, "1", "100"), fill(Side.SELL, "1", "150"))
    floating = position(fill(Side.BUY, "2", "100"))
    marks = {BTC.id: Decimal(90)}
    assert equity(running, [won, floating], marks) == Decimal(10_030)
    told = standing(running, [won, floating], marks, START_NS)
    assert (told.equity, told.exposure, told.open_positions) == (10_030, 180, 1)
    assert told.pnl_today == 30


def test_a_session_without_a_mark_counts_its_position_at_cost() -> None:
    assert equity(session(), [position(fill(Side.BUY, "2", "100"))], {}) == 10_000
    assert replace(session(), state=SessionState.STOPPED).active is False
