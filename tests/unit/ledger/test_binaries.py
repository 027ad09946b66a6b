"""Binary contracts in the ledger: void fills leave no trace, payouts add up, nothing counts twice."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.money import ZERO, use_wide_context
from tests.fakes.binaries import KALSHI, POLYMARKET, USD
from tests.unit.ledger.event_history import history

DUST = Decimal("1e-12")
"""Average costs are kept to 18 places; what they round away is no money."""


def _told(events: list[ev.JournalEvent]) -> tuple[Ledger, Changes]:
    use_wide_context()
    ledger, rows = Ledger(), Changes()
    for event in events:
        rows.merge(ledger.apply(event))
    return ledger, rows


def _plain(rows: Any) -> Any:
    """Compare what rows say, not when they were last touched; an empty row says nothing."""
    told = [msgspec.structs.asdict(row) for row in rows]
    for row in told:
        row.pop("updated_ns", None)
        row.pop("reason", None)
    blank = {"number": 0, "fills": 0}
    return [row for row in told if not any(row.get(key) == value for key, value in blank.items())]


def _books(ledger: Ledger, rows: Changes) -> dict[str, Any]:
    image = ledger.image()
    met = sum((row.realized_pnl for row in image.residuals), ZERO)
    return {
        "balances": _plain(image.balances),
        "budgets": _plain(image.budgets),
        "orders": _plain(image.orders),
        "trades": _plain(image.trades),
        "positions": _plain(image.positions),
        "copies": _plain(image.copy_positions),
        "account": [row for row in _plain(image.margin_positions) if row != _flat(row)],
        "fills": sorted(rows.fills),
        "closed": rows.closed_positions,
        # Leftovers meet each other in another order; what they come to is the same.
        "residuals": [
            (row.strategy, row.asset, row.quantity, row.cost - row.realized_pnl)
            for row in image.residuals
            if row.quantity or row.cost or row.realized_pnl
        ],
        "pnl": ledger.cumulative_pnl - met,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"quantity": ZERO, "value": ZERO, "margin": ZERO, "realized_pnl": ZERO}


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_void_fill_leaves_the_books_that_would_be_without_it(seed: int) -> None:
    told = history(seed)
    assert _books(*_told(told.told)) == _books(*_told(told.without))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_cent_is_somewhere(seed: int) -> None:
    """Once all is paid out, cash moved by what strategies made less what they paid in fees."""
    ledger, rows = _told(history(seed).told)
    cash = sum((row.total - row.baseline for row in ledger.balances.values()), ZERO)
    made = sum((row.realized_pnl - row.total_fees for row in ledger.budgets.values()), ZERO)
    assert abs(cash - made) < DUST
    assert abs(cash - ledger.cumulative_pnl) < DUST
    assert all(not row.locked for row in ledger.balances.values())
    assert all(abs(row.reserved) < DUST for row in ledger.budgets.values())
    assert not any(row.quantity for row in ledger.positions.values())
    assert not any(row.quantity for row in ledger.copy_positions.values())
    assert not any(row.quantity for row in ledger.margin_positions.values())
    assert not any(row.quantity for row in ledger.residuals.values())
    fees = sum((fill.fee for fill in rows.fills.values()), ZERO)
    assert fees == sum((row.total_fees for row in ledger.budgets.values()), ZERO)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 1))
def test_a_ledger_restored_at_any_moment_goes_on_to_the_same_books(seed: int, cut: float) -> None:
    events = history(seed).told
    use_wide_context()
    whole, parted, ledger = Ledger(), Ledger(), Ledger()
    at = int(cut * len(events))
    whole.apply(*events)
    parted.apply(*events[:at])
    ledger.restore(parted.image())
    ledger.apply(*[ev.decode_event(ev.encode_event(event)) for event in events[at:]])
    assert ledger.image() == whole.image()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_market_is_unsettled_exactly_while_a_last_word_is_missing(seed: int) -> None:
    use_wide_context()
    ledger = Ledger()
    waiting: set[str] = set()
    final: set[str] = set()
    for event in history(seed).told:
        ledger.apply(event)
        if isinstance(event, ev.OrderFilled) and event.fill.instrument == POLYMARKET.id:
            waiting |= {event.fill.venue_trade_id} - final
        elif isinstance(event, ev.FillSettled):
            final.add(event.venue_trade_id)
            waiting.discard(event.venue_trade_id)
            assert ledger.has_settled(event.venue, event.venue_trade_id)
        assert ledger.unsettled(POLYMARKET.id) == bool(waiting)
        assert not ledger.unsettled(KALSHI.id)
    assert USD in {asset for _, asset in ledger.balances}
