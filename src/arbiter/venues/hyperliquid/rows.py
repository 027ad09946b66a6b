"""Orders, fills, payments and positions as Hyperliquid tells them, turned into ours.

A row that lacks what it must have is `KeyError`, `ValueError` or `ArithmeticError`.
"""

from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment, VenuePosition
from arbiter.model.reports import OrderTruth
from arbiter.model.time import NS_PER_MS
from arbiter.venues.hyperliquid.errors import NO_MATCH
from arbiter.venues.hyperliquid.listing import USDC

_SIDES = {"B": Side.BUY, "A": Side.SELL}
_LIQUIDATED = "Liquidated"
_DELEVERAGED = "Auto-Deleveraging"


def status_of(word: str, size: Decimal, filled: Decimal) -> OrderStatus:
    """Read the venue's word; there are many for a cancel and many for a refusal."""
    if word in ("open", "triggered"):
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.WORKING
    if word == "filled":
        return OrderStatus.FILLED if filled == size else OrderStatus.EXPIRED
    if word == NO_MATCH:
        return OrderStatus.EXPIRED
    if word.lower().endswith("rejected"):
        return OrderStatus.REJECTED
    if "cancel" in word.lower():
        return OrderStatus.CANCELLED
    raise ValueError(f"an order in state {word!r}")


def order_truth(
    row: Any, word: str, at_ms: int, venue: VenueId, instrument: Instrument, name: ClientOrderId
) -> OrderTruth:
    size = Decimal(row["origSz"])
    filled = size - Decimal(row["sz"])
    return OrderTruth(
        venue=venue,
        client_order_id=name,
        venue_order_id=VenueOrderId(str(row["oid"])),
        instrument=instrument.id,
        status=status_of(word, size, filled),
        size=size,
        filled_size=filled,
        at_ns=int(at_ms) * NS_PER_MS,
    )


def forced_cause(row: Any, account: str) -> ForcedCause | None:
    """Why the venue made this trade for the account; None for one of an order."""
    direction = str(row["dir"])
    whose = str((row.get("liquidation") or {}).get("liquidatedUser", "")).lower()
    if direction.startswith(_LIQUIDATED) or (whose and whose == account):
        return ForcedCause.LIQUIDATION
    return ForcedCause.ADL if direction == _DELEVERAGED else None


def forced(row: Any, cause: ForcedCause, venue: VenueId, instrument: Instrument) -> ForcedClose:
    return ForcedClose(
        venue=venue,
        venue_trade_id=_trade_id(row),
        instrument=instrument.id,
        side=_SIDES[row["side"]],
        size=Decimal(row["sz"]),
        price=Decimal(row["px"]),
        fee=Decimal(row["fee"]),
        fee_asset=Asset(row.get("feeToken") or USDC),
        cause=cause,
        at_ns=int(row["time"]) * NS_PER_MS,
    )


def fill(row: Any, venue: VenueId, instrument: Instrument, name: ClientOrderId) -> Fill:
    return Fill(
        venue=venue,
        venue_trade_id=_trade_id(row),
        client_order_id=name,
        instrument=instrument.id,
        side=_SIDES[row["side"]],
        size=Decimal(row["sz"]),
        price=Decimal(row["px"]),
        fee=Decimal(row["fee"]),
        fee_asset=Asset(row.get("feeToken") or USDC),
        liquidity=Liquidity.TAKER if row["crossed"] else Liquidity.MAKER,
        at_ns=int(row["time"]) * NS_PER_MS,
    )


def _trade_id(row: Any) -> str:
    """The number is that of the trade, which both sides share: the side tells which is ours."""
    return f"{row['coin']}:{row['tid']}:{row['side']}"


def payment(delta: Any, at_ms: int, venue: VenueId, instrument: Instrument) -> FundingPayment:
    """The mark of the moment the venue keeps to itself; an hour has one payment for a coin."""
    return FundingPayment(
        venue=venue,
        payment_id=f"{delta['coin']}:{at_ms}",
        instrument=instrument.id,
        amount=Decimal(delta["usdc"]),
        asset=instrument.settle,
        rate=Decimal(delta["fundingRate"]),
        mark=ZERO,
        quantity=Decimal(delta["szi"]),
        settled_ns=int(at_ms) * NS_PER_MS,
        at_ns=int(at_ms) * NS_PER_MS,
    )


def position(row: Any, at_ms: int, instrument: Instrument) -> VenuePosition:
    """Margin of an isolated position is told with its gain in it; the rank of ADL is not told."""
    quantity, gain = Decimal(row["szi"]), Decimal(row["unrealizedPnl"])
    isolated = row["leverage"]["type"] == "isolated"
    used = Decimal(row["marginUsed"])
    liquidation = row.get("liquidationPx")
    return VenuePosition(
        instrument=instrument.id,
        quantity=quantity,
        entry_price=Decimal(row["entryPx"]),
        mark_price=quotient(Decimal(row["positionValue"]), abs(quantity)),
        unrealized_pnl=gain,
        leverage=Decimal(row["leverage"]["value"]),
        liquidation_price=None if liquidation is None else Decimal(liquidation),
        margin=used - gain if isolated else used,
        at_ns=int(at_ms) * NS_PER_MS,
    )
