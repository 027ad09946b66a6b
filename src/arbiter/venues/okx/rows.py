"""OKX's rows of orders, fills, positions and bills as records; REST and the stream share them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import (
    ForcedCause,
    ForcedClose,
    FundingPayment,
    VenuePosition,
)
from arbiter.model.reports import OrderTruth
from arbiter.model.time import NS_PER_MS
from arbiter.venues.common.account import status_from
from arbiter.venues.okx.names import from_okx

STATUS: Mapping[str, OrderStatus] = {
    "live": OrderStatus.WORKING,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "mmp_canceled": OrderStatus.CANCELLED,
}
_CATEGORIES = {
    "full_liquidation": ForcedCause.LIQUIDATION,
    "partial_liquidation": ForcedCause.LIQUIDATION,
    "adl": ForcedCause.ADL,
}
_FORCED_TYPES = {
    **dict.fromkeys(map(str, range(100, 108)), ForcedCause.LIQUIDATION),
    **dict.fromkeys(map(str, range(125, 129)), ForcedCause.ADL),
}
"""`subType` of a fill: what it was part of."""


def amount(row: Any, name: str) -> Decimal:
    """Read a number; the venue writes ``""`` for what does not apply."""
    return Decimal(row.get(name) or "0")


def name_of(row: Any) -> ClientOrderId:
    told = row.get("clOrdId")
    return from_okx(told) if told else ClientOrderId(row["ordId"])


def order_truth(row: Any, venue: VenueId, instrument: Instrument) -> OrderTruth:
    unit = instrument.wire_unit
    filled = amount(row, "accFillSz") * unit
    in_quote = row.get("tgtCcy") == "quote_ccy"
    return OrderTruth(
        venue=venue,
        client_order_id=name_of(row),
        venue_order_id=VenueOrderId(row["ordId"]),
        instrument=instrument.id,
        status=status_from(STATUS, row["state"]),
        size=filled if in_quote else Decimal(row["sz"]) * unit,
        filled_size=filled,
        at_ns=int(row["uTime"]) * NS_PER_MS,
    )


def execution(row: Any, venue: VenueId, instrument: Instrument) -> Fill | ForcedClose:
    """Read one fill, of a list (`fee`) or of an order's message (`fillFee`).

    Trades are numbered by instrument, so their ids are told with its name. What the venue took is
    negative there and positive here.
    """
    streamed = "fillFee" in row
    fee = -amount(row, "fillFee" if streamed else "fee")
    told = row.get("fillFeeCcy" if streamed else "feeCcy")
    side = Side(row["side"].upper())
    common: dict[str, Any] = {
        "venue": venue,
        "venue_trade_id": f"{row['instId']}:{row['tradeId']}",
        "instrument": instrument.id,
        "side": side,
        "size": Decimal(row["fillSz"]) * instrument.wire_unit,
        "price": Decimal(row["fillPx"]),
        "fee": fee,
        "fee_asset": Asset(told) if told else _fee_asset(side, instrument),
        "at_ns": int(row.get("fillTime") or row["ts"]) * NS_PER_MS,
    }
    cause = _CATEGORIES.get(row.get("category", "")) or _FORCED_TYPES.get(row.get("subType", ""))
    if cause is not None:
        return ForcedClose(**common, cause=cause)
    return Fill(
        **common,
        client_order_id=name_of(row),
        liquidity=Liquidity.MAKER if row["execType"] == "M" else Liquidity.TAKER,
    )


def _fee_asset(side: Side, instrument: Instrument) -> Asset:
    if instrument.margin is not None:
        return instrument.settle
    return instrument.base if side is Side.BUY else instrument.quote


def position(row: Any, instrument: Instrument) -> VenuePosition:
    """Read one row of net mode, whose size has a sign."""
    liquidation = amount(row, "liqPx")
    return VenuePosition(
        instrument=instrument.id,
        quantity=Decimal(row["pos"]) * instrument.wire_unit,
        entry_price=Decimal(row["avgPx"]),
        mark_price=Decimal(row["markPx"]),
        unrealized_pnl=amount(row, "upl"),
        leverage=amount(row, "lever"),
        liquidation_price=liquidation if liquidation > ZERO else None,
        margin=amount(row, "margin") or amount(row, "imr"),
        adl_rank=max(int(row.get("adl") or 0) - 1, 0),
        at_ns=int(row["uTime"]) * NS_PER_MS,
    )


def bill_amount(row: Any) -> Decimal:
    """What a bill moved: an isolated position pays from its own margin, else the account does."""
    return amount(row, "balChg") or amount(row, "posBalChg")


def payment(
    row: Any, venue: VenueId, instrument: Instrument, rate: Decimal | None, settled_ns: int
) -> FundingPayment:
    """Read a funding bill, which tells neither rate nor side: longs pay a positive rate.

    Without the rate the position is taken for long, and the rate follows from the amount.
    """
    moved, mark = bill_amount(row), Decimal(row["px"])
    size = Decimal(row["sz"]) * instrument.wire_unit
    if rate is None:
        rate = -moved / (size * mark) if size and mark else ZERO
    short = bool(moved) and bool(rate) and (moved > 0) == (rate > 0)
    return FundingPayment(
        venue=venue,
        payment_id=row["billId"],
        instrument=instrument.id,
        amount=moved,
        asset=Asset(row["ccy"]),
        rate=rate,
        mark=mark,
        quantity=-size if short else size,
        settled_ns=settled_ns,
        at_ns=int(row["ts"]) * NS_PER_MS,
    )
