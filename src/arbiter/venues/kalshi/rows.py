"""Orders, fills, positions and settlements as REST and the private stream tell them.

Source: docs.kalshi.com, "Portfolio" and "Websockets". Money is dollars within strings, sizes
contracts within strings (``_fp``); a price is that of YES. ``book_side`` is the side in the book of
YES: ``bid`` buys YES, ``ask`` sells it, which is buying NO.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import Asset, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, VenuePosition
from arbiter.model.reports import OrderTruth
from arbiter.model.time import NS_PER_MS

USD = Asset("USD")
_CENT = Decimal("0.01")
_CENTICENT = Decimal("0.0001")
_SIDES = {"bid": Side.BUY, "ask": Side.SELL, "yes": Side.BUY, "no": Side.SELL}


def order_status(row: Any) -> OrderStatus:
    """A state that is not known is `OutcomeUnknown`."""
    told = row["status"]
    if told in ("resting", "pending"):
        filled = Decimal(row.get("fill_count_fp") or 0)
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.WORKING
    if told == "executed":
        return OrderStatus.FILLED
    if told in ("canceled", "cancelled"):
        return OrderStatus.CANCELLED
    raise OutcomeUnknown(f"an order in state {told!r}")


def order_truth(row: Any, venue: VenueId, instrument: Instrument) -> OrderTruth:
    filled = Decimal(row.get("fill_count_fp") or 0)
    size = Decimal(row.get("initial_count_fp") or 0)
    status = order_status(row)
    return OrderTruth(
        venue=venue,
        client_order_id=ClientOrderId(row.get("client_order_id") or row["order_id"]),
        venue_order_id=VenueOrderId(row["order_id"]),
        instrument=instrument.id,
        status=status,
        size=size or filled + Decimal(row.get("remaining_count_fp") or 0),
        filled_size=filled,
        at_ns=_moment(row, "last_updated_ts_ms", "last_update_time", "created_time"),
    )


def side_of(row: Any) -> Side:
    """In the book of YES, whichever words a row has for it."""
    told = row.get("book_side") or row.get("outcome_side")
    if told in _SIDES:
        return _SIDES[told]
    bought = row["action"] == "buy"
    return Side.BUY if bought == (row["side"] == "yes") else Side.SELL


def fill_of(row: Any, venue: VenueId, instrument: Instrument, name: ClientOrderId) -> Fill:
    """One execution; `name` is the order's where the row has none."""
    return Fill(
        venue=venue,
        venue_trade_id=row.get("trade_id") or row["fill_id"],
        client_order_id=ClientOrderId(row.get("client_order_id") or name),
        instrument=instrument.id,
        side=side_of(row),
        size=Decimal(row["count_fp"]),
        price=Decimal(row["yes_price_dollars"]),
        fee=Decimal(row.get("fee_cost") or 0),
        fee_asset=USD,
        liquidity=Liquidity.TAKER if row["is_taker"] else Liquidity.MAKER,
        at_ns=_moment(row, "ts_ms", "created_time"),
    )


def position_of(row: Any, instrument: Instrument, at_ns: int) -> VenuePosition | None:
    """None for a flat one. What NO cost is one minus its price of YES."""
    quantity = Decimal(row["position_fp"])
    if not quantity:
        return None
    exposure = Decimal(row.get("market_exposure_dollars") or 0)
    unit = quotient(exposure, abs(quantity))
    entry = unit if quantity > ZERO else ONE - unit
    return VenuePosition(
        instrument=instrument.id,
        quantity=quantity,
        entry_price=entry,
        mark_price=entry,
        unrealized_pnl=ZERO,
        leverage=ONE,
        liquidation_price=None,
        margin=exposure,
        adl_rank=0,
        at_ns=at_ns,
    )


def forced_of(row: Any, venue: VenueId, instrument: Instrument) -> ForcedClose:
    """A settlement, as what YES paid; a void market pays what was paid for it."""
    yes, no = Decimal(row.get("yes_count_fp") or 0), Decimal(row.get("no_count_fp") or 0)
    held = yes - no
    return ForcedClose(
        venue=venue,
        venue_trade_id=f"settlement:{row['ticker']}",
        instrument=instrument.id,
        side=Side.BUY if held < ZERO else Side.SELL,
        size=abs(held),
        price=_paid(row, yes, no),
        fee=ZERO,
        fee_asset=USD,
        cause=ForcedCause.RESOLUTION,
        at_ns=moment_ns(row["settled_time"]),
    )


def _paid(row: Any, yes: Decimal, no: Decimal) -> Decimal:
    result = row["market_result"]
    if result in ("yes", "no"):
        return ONE if result == "yes" else ZERO
    if row.get("value") is not None:
        return Decimal(str(row["value"])) * _CENT
    if yes > no:
        return quotient(Decimal(row["yes_total_cost_dollars"]), yes)
    if no > yes:
        return ONE - quotient(Decimal(row["no_total_cost_dollars"]), no)
    raise OutcomeUnknown(f"{row['ticker']} was settled as {result!r} at no price")


def payout_of(market: Any) -> Decimal | None:
    """What YES of a listed market pays; None while that is not final."""
    if market.get("status") not in ("settled", "finalized"):
        return None
    told = market.get("settlement_value_dollars")
    if told not in (None, ""):
        return Decimal(told)
    result = market.get("result")
    return {"yes": ONE, "no": ZERO}.get(result)


def free_of(balance: Any) -> Decimal:
    """What may be traded with; cents where a venue tells no dollars."""
    told = balance.get("balance_dollars")
    return Decimal(told) if told not in (None, "") else Decimal(balance["balance"]) * _CENT


def price_text(price: Decimal) -> str:
    """At least four places; more where a price has them."""
    return f"{price:.4f}" if price == price.quantize(_CENTICENT) else f"{price:f}"


def moment_ns(text: str) -> int:
    """Read RFC 3339 down to the millisecond: the stream tells no more."""
    made = datetime.fromisoformat(text)
    return round(made.timestamp() * 1_000_000) // 1_000 * NS_PER_MS


def _moment(row: Any, millis: str, *texts: str) -> int:
    told = row.get(millis)
    if told:
        return int(told) * NS_PER_MS
    for name in texts:
        if row.get(name):
            return moment_ns(row[name])
    return 0
