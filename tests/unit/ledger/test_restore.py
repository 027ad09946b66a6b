"""What a restart takes from storage."""

import pytest
from msgspec.structs import replace

from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.errors import LedgerError
from arbiter.model.ids import StrategyId
from arbiter.model.image import LedgerImage
from arbiter.model.orders import Side
from arbiter.model.trades import TradeState
from tests.unit.ledger.tape import BINANCE, SPOT, USER, Tape, d


def test_orders_come_back_in_the_order_they_were_added() -> None:
    tape = Tape()
    trade = tape.trade()
    for attempt in (10, 9):
        tape.more(trade, f"u{attempt}", BINANCE, Side.SELL, d(1))
    ledger = Ledger()
    ledger.restore(replace(tape.ledger.image(), orders=tape.ledger.orders_of(trade.id)[::-1]))
    assert [order.leg for order in ledger.orders_of(trade.id)] == ["a", "b", "u", "u"]
    assert ledger.orders_of(trade.id) == tape.ledger.orders_of(trade.id)


def test_the_trade_that_closed_first_is_still_the_first_to_go() -> None:
    tape = Tape()
    first, second = tape.trade(), tape.trade()
    for trade in (second, first):
        for name in ("a0", "b0"):
            tape.ended(tape.leg(trade, name))
        tape.advanced(trade, TradeState.FAILED)
    tape.ledger, before = Ledger(closed_kept=2), tape.ledger
    tape.ledger.restore(before.image())
    assert list(tape.ledger.closed_trades) == [second.id, first.id]
    tape.advanced(third := tape.trade(), TradeState.FAILED)
    assert list(tape.ledger.closed_trades) == [first.id, third.id]


def test_switches_settings_and_sequences_come_back() -> None:
    tape = Tape()
    tape.trade()
    events: list[ev.JournalEvent] = [
        ev.KillSwitchEngaged(at_ns=1, actor=USER, reason="drill", flatten=True),
        ev.StrategySwitched(at_ns=2, strategy=SPOT, running=False, actor=USER),
        ev.SettingChanged(at_ns=3, path="spot.cooldown", before="60", after="5", actor=USER),
    ]
    for event in events:
        tape.apply(event)
    ledger = Ledger()
    ledger.restore(tape.ledger.image())
    assert ledger.kill_switch.engaged
    assert ledger.kill_switch.reason == "drill"
    assert ledger.strategies == {SPOT: False}
    assert ledger.settings["spot.cooldown"].after == "5"
    assert ledger.next_trade_seq == 2
    ledger.apply(ev.KillSwitchReleased(at_ns=4, actor=USER))
    assert not ledger.kill_switch.engaged


def test_only_a_fresh_ledger_is_restored() -> None:
    tape = Tape()
    tape.trade()
    with pytest.raises(LedgerError, match="fresh"):
        tape.ledger.restore(LedgerImage(strategies={StrategyId("x"): True}))
