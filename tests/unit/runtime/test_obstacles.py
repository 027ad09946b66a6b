"""What keeps an approved trade from its venues, and what keeps leftovers from being traded away."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.denials import Denied
from arbiter.model.events import ContractSet, KillSwitchEngaged
from arbiter.model.ids import ENGINE, Asset, InstrumentId, VenueId
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Plan
from arbiter.model.reports import Filled
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import TradeState
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from tests.fakes.engine import USDT, VENUES, Desk, spot_instrument
from tests.fakes.perpetuals import perpetual
from tests.unit.runtime.test_single_orders import plan, quoted

BINANCE, BYBIT = VENUES
BTC = Asset("BTC")


def kill(desk: Desk) -> None:
    desk.core.recorder.record(
        KillSwitchEngaged(at_ns=desk.clock.now_ns(), actor=ENGINE, reason="stop", flatten=False)
    )


def lose_the_seller(desk: Desk) -> None:
    desk.core.on_venue_health(BYBIT, connected=False, reason="gone")


def freeze_the_seller(desk: Desk) -> None:
    desk.core.frozen.add((BYBIT, BTC))


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (kill, "KILL_SWITCH"),
        (lose_the_seller, "VENUE_UNHEALTHY"),
        (lambda desk: desk.clock.advance(3 * NS_PER_S), "QUOTE_STALE"),
        (freeze_the_seller, "BALANCE"),
    ],
    ids=["kill switch", "venue lost", "quotes stale", "balance in doubt"],
)
def test_nothing_leaves_when_it_no_longer_may_once_its_intents_are_durable(
    happens: Callable[[Desk], None], code: str
) -> None:
    desk = Desk(hold_commits=True)
    desk.open_spread()
    happens(desk)
    desk.journal.commit()
    assert desk.outbox.sent == []
    (trade,) = desk.ledger.closed_trades.values()
    assert trade.state is TradeState.ABANDONED
    assert trade.reason.startswith(code)
    assert all(balance.locked == 0 for balance in desk.ledger.balances.values())


@pytest.mark.parametrize(
    ("venue", "asset", "opens"),
    [
        (BINANCE, USDT, False),
        (BYBIT, BTC, False),
        (BINANCE, BTC, True),
        (BYBIT, USDT, True),
    ],
)
def test_a_balance_in_doubt_stops_what_draws_on_it_and_nothing_else(
    venue: VenueId, asset: Asset, opens: bool
) -> None:
    desk = Desk()
    desk.core.frozen.add((venue, asset))
    desk.open_spread()
    assert len(desk.outbox.sent) == (2 if opens else 0)


def test_a_plan_from_a_balance_in_doubt_is_refused_and_a_reduction_is_not() -> None:
    desk = quoted()
    desk.complete(_first(desk, plan(desk, Side.BUY, "0.5")))
    desk.core.frozen |= {(BINANCE, USDT), (BINANCE, BTC)}
    for side in Side:
        refused = desk.core.propose(plan(desk, side, "0.1"))
        assert isinstance(refused, Denied)
        assert "frozen" in str(refused)
    sold = desk.core.propose(plan(desk, Side.SELL, "0.5", reduce_only=True))
    assert not isinstance(sold, Denied)


@pytest.mark.parametrize(("asset", "opens"), [(USDT, False), (BTC, True)])
@pytest.mark.parametrize("side", Side)
def test_margin_is_what_a_contract_draws_on_whichever_side_it_takes(
    side: Side, asset: Asset, opens: bool
) -> None:
    perp = perpetual("binance")
    desk = Desk(instruments=(*(spot_instrument(venue) for venue in VENUES), perp))
    desk.quote(perp.id, 99.9, 100.1)
    contract = contract_of(perp, Decimal(1))
    desk.core.recorder.record(ContractSet(at_ns=desk.clock.now_ns(), contract=contract))
    desk.core.frozen.add((BINANCE, asset))
    wanted = plan(desk, side, "0.5")
    leg = replace(wanted.legs[0], instrument=perp.id)
    decided = desk.core.propose(replace(wanted, legs=(leg,), symbol=perp.symbol))
    assert isinstance(decided, Denied) != opens


def test_no_price_is_shown_of_a_venue_that_is_lost_or_of_a_quote_that_is_stale() -> None:
    desk = quoted()
    name = InstrumentId("BTCUSDT.BINANCE")
    assert desk.core.touch(name, Side.BUY) == Decimal("100.1")
    assert desk.core.touch(name, Side.SELL) == Decimal(100)
    desk.clock.advance(2 * NS_PER_S)
    assert desk.core.touch(name, Side.BUY) is not None
    desk.clock.advance(1)
    assert desk.core.touch(name, Side.BUY) is None
    desk = quoted()
    desk.core.on_venue_health(BINANCE, connected=False, reason="gone")
    assert desk.core.touch(name, Side.BUY) is None


# Leftovers


class Leftovers:
    """A spread whose buyer takes its fee in BTC: 0.1 % of the size is missing afterwards."""

    def __init__(self) -> None:
        self.desk = Desk(
            spot=SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED, cooldown_seconds=1),
            instruments=tuple(
                spot_instrument(venue, min_notional=Decimal("0.01")) for venue in VENUES
            ),
        )

    def trade(self) -> None:
        desk = self.desk
        before = len(desk.outbox.sent)
        desk.quote("BTCUSDT.BYBIT", 100.0, 100.1)
        desk.open_spread()
        buy, sell = desk.outbox.sent[before:]
        desk.accept(buy)
        fill = replace(desk.fill_of(buy), fee=buy.size / 1000, fee_asset=BTC)
        desk.core.on_report(Filled(venue=buy.venue, at_ns=desk.clock.now_ns(), fill=fill))
        desk.end(buy, OrderStatus.FILLED, buy.size)
        self.ending = sell

    def end(self) -> list[Order]:
        """Let the trade end; give what is sent then."""
        before = len(self.desk.outbox.sent)
        self.desk.complete(self.ending)
        return self.desk.outbox.sent[before:]


def test_what_a_trade_left_over_is_traded_away_as_it_ends() -> None:
    left = Leftovers()
    left.trade()
    (hedge,) = left.end()
    (residual,) = left.desk.ledger.residuals.values()
    assert (hedge.side, hedge.reduce_only) == (Side.BUY, True)
    assert 0 < hedge.size <= -residual.quantity < hedge.size + Decimal("0.0001")


def test_leftovers_stay_where_they_are_once_the_kill_switch_is_engaged() -> None:
    left = Leftovers()
    left.trade()
    kill(left.desk)
    assert left.end() == []


def test_leftovers_wait_until_the_engine_has_recovered() -> None:
    left = Leftovers()
    left.trade()
    left.desk.core.state.started = False
    assert left.end() == []


def test_leftovers_are_tried_again_only_after_a_while() -> None:
    left = Leftovers()
    left.trade()
    (hedge,) = left.end()
    left.desk.refuse(hedge)
    left.desk.clock.advance(10 * NS_PER_S)
    left.trade()
    assert left.end() == []
    left.desk.clock.advance(21 * NS_PER_S)
    left.trade()
    assert len(left.end()) == 1


def _first(desk: Desk, wanted: Plan) -> Order:
    opened = desk.core.propose(wanted)
    assert not isinstance(opened, Denied)
    (order,) = desk.ledger.orders_of(opened.trade.id)
    return order
