"""Orders, fills, positions, bills and balances, as REST and the private stream both tell them."""

from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment, VenuePosition
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.okx import words
from arbiter.simex.okx.words import contracts, number

NO_FILL: dict[str, Any] = {
    "tradeId": "",
    "fillPx": "",
    "fillSz": "0",
    "fillTime": "",
    "fillFee": "0",
    "fillFeeCcy": "",
    "execType": "",
}
_SUBTYPES = {
    (None, Side.BUY): "1",
    (None, Side.SELL): "2",
    (ForcedCause.LIQUIDATION, Side.BUY): "106",
    (ForcedCause.LIQUIDATION, Side.SELL): "107",
    (ForcedCause.ADL, Side.BUY): "127",
    (ForcedCause.ADL, Side.SELL): "128",
}


def order_row(view: OrderView, account: int, *, told: bool = False) -> dict[str, Any]:
    """One order; with `told`, filled as far as the private stream has been told."""
    request, order, listed = view.request, view.order, view.instrument
    filled = view.told_size if told else order.filled_size
    value = view.told_value if told else view.value
    swap = words.kind_of(listed) == words.SWAP
    state = words.state_of(view)
    if told and filled < request.size:
        state = "partially_filled" if filled else "live"
    fees = sum((fill.fee for fill in view.fills), ZERO)
    ended = order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED) and not told
    by_us = order.status is OrderStatus.CANCELLED
    return {
        "instType": words.kind_of(listed),
        "instId": listed.market_id,
        "ccy": "",
        "ordId": words.order_id(order.number, account),
        "clOrdId": order.client_order_id,
        "tag": "",
        "px": number(request.price) if request.price is not None else "",
        "sz": contracts(listed, request.size),
        "ordType": words.order_type_of(view),
        "side": request.side.value.lower(),
        "posSide": "net" if swap else "",
        "tdMode": "isolated" if swap else "cash",
        "tgtCcy": "" if swap else "base_ccy",
        "reduceOnly": "true" if request.reduce_only else "false",
        "accFillSz": contracts(listed, filled),
        "avgPx": number(value / filled) if filled else "",
        "state": state,
        "lever": "",
        "category": "normal",
        "fee": number(-fees),
        "feeCcy": view.fills[-1].fee_asset if view.fills else "",
        "rebate": "0",
        "rebateCcy": "",
        "pnl": "0",
        "source": "",
        "cancelSource": ("1" if by_us else "14") if ended else "",
        "stpMode": "cancel_maker",
        "stpId": "",
        "quickMgnType": "",
        "algoId": "",
        "algoClOrdId": "",
        "attachAlgoOrds": [],
        "cTime": str(order.accepted_ns // NS_PER_MS),
        "uTime": str(order.updated_ns // NS_PER_MS),
        **{name: NO_FILL[name] for name in ("tradeId", "fillPx", "fillSz", "fillTime")},
    }


def streamed_fill(instrument: Instrument, fill: Fill) -> dict[str, Any]:
    """What an order's message says of the fill that it is about."""
    return {
        "tradeId": fill.venue_trade_id,
        "fillPx": number(fill.price),
        "fillSz": contracts(instrument, fill.size),
        "fillTime": str(fill.at_ns // NS_PER_MS),
        "fillFee": number(-fill.fee),
        "fillFeeCcy": fill.fee_asset,
        "fillNotionalUsd": number(fill.size * fill.price),
        "fillPnl": "0",
        "execType": "M" if fill.liquidity is Liquidity.MAKER else "T",
    }


def fill_row(view: OrderView, fill: Fill, account: int) -> dict[str, Any]:
    return _executed(view.instrument, fill, account, None) | {
        "ordId": words.order_id(view.order.number, account),
        "clOrdId": fill.client_order_id,
        "execType": "M" if fill.liquidity is Liquidity.MAKER else "T",
    }


def forced_row(instrument: Instrument, close: ForcedClose, account: int) -> dict[str, Any]:
    return _executed(instrument, close, account, close.cause) | {
        "ordId": words.order_id(10_000_000 + int(close.venue_trade_id), account),
        "clOrdId": "",
        "execType": "T",
    }


def _executed(
    instrument: Instrument, made: Fill | ForcedClose, account: int, cause: ForcedCause | None
) -> dict[str, Any]:
    at = str(made.at_ns // NS_PER_MS)
    return {
        "instType": words.kind_of(instrument),
        "instId": instrument.market_id,
        "tradeId": made.venue_trade_id,
        "billId": words.bill_id(made.venue_trade_id, account),
        "subType": _SUBTYPES[cause, made.side],
        "tag": "",
        "fillPx": number(made.price),
        "fillSz": contracts(instrument, made.size),
        "fillIdxPx": "",
        "fillPnl": "0",
        "side": made.side.value.lower(),
        "posSide": "net",
        "feeCcy": made.fee_asset,
        "fee": number(-made.fee),
        "feeRate": "",
        "ts": at,
        "fillTime": at,
    }


def forced_order_row(instrument: Instrument, close: ForcedClose, account: int) -> dict[str, Any]:
    """The order that a forced close is to the private stream."""
    adl = close.cause is ForcedCause.ADL
    size, at = contracts(instrument, close.size), str(close.at_ns // NS_PER_MS)
    return {
        "instType": words.SWAP,
        "instId": instrument.market_id,
        "ordId": words.order_id(10_000_000 + int(close.venue_trade_id), account),
        "clOrdId": "",
        "tag": "",
        "px": "",
        "sz": size,
        "ordType": "market",
        "side": close.side.value.lower(),
        "posSide": "net",
        "tdMode": "isolated",
        "tgtCcy": "",
        "reduceOnly": "true",
        "accFillSz": size,
        "avgPx": number(close.price),
        "state": "filled",
        "category": "adl" if adl else "full_liquidation",
        "fee": number(-close.fee),
        "feeCcy": close.fee_asset,
        "tradeId": close.venue_trade_id,
        "fillPx": number(close.price),
        "fillSz": size,
        "fillTime": at,
        "fillFee": number(-close.fee),
        "fillFeeCcy": close.fee_asset,
        "execType": "T",
        "cTime": at,
        "uTime": at,
    }


def funding_bill(
    instrument: Instrument, payment: FundingPayment, count: int, account: int
) -> dict[str, Any]:
    """A settlement: neither the rate nor the side of the position is told."""
    paid = number(payment.amount)
    return {
        "instType": words.SWAP,
        "instId": instrument.market_id,
        "billId": words.funding_bill_id(count, account),
        "type": "8",
        "subType": "174" if payment.amount > 0 else "173",
        "ccy": payment.asset,
        "mgnMode": "isolated",
        "bal": "",
        "balChg": paid,
        "posBal": "0",
        "posBalChg": "0",
        "pnl": paid,
        "fee": "0",
        "sz": contracts(instrument, abs(payment.quantity)),
        "px": number(payment.mark),
        "execType": "",
        "ordId": "",
        "clOrdId": "",
        "tradeId": "",
        "interest": "",
        "from": "",
        "to": "",
        "notes": "",
        "tag": "",
        "fillTime": "",
        "ts": str(payment.at_ns // NS_PER_MS),
    }


def position_row(
    instrument: Instrument, told: VenuePosition | None, leverage: Decimal, now_ms: int
) -> dict[str, Any]:
    size = told.quantity if told else ZERO
    terms = instrument.margin
    value = abs(size) * told.mark_price if told else ZERO
    return {
        "instType": words.SWAP,
        "instId": instrument.market_id,
        "mgnMode": "isolated",
        "posId": f"3075{instrument.market_id.encode().hex()[:10]}",
        "posSide": "net",
        "pos": contracts(instrument, size),
        "availPos": contracts(instrument, abs(size)),
        "posCcy": "",
        "ccy": instrument.settle,
        "avgPx": number(told.entry_price) if told else "",
        "markPx": number(told.mark_price) if told else "",
        "last": number(told.mark_price) if told else "",
        "idxPx": number(told.mark_price) if told else "",
        "upl": number(told.unrealized_pnl) if told else "",
        "uplRatio": number(told.unrealized_pnl / told.margin) if told and told.margin else "",
        "lever": number(leverage),
        "liqPx": number(told.liquidation_price) if told and told.liquidation_price else "",
        "margin": number(told.margin) if told else "",
        "imr": "",
        "mmr": number(terms.maintenance(value)) if terms and value else "",
        "mgnRatio": "10",
        "notionalUsd": number(value),
        "adl": str(told.adl_rank + 1) if told else "",
        "interest": "",
        "liab": "",
        "liabCcy": "",
        "optVal": "",
        "tradeId": "",
        "cTime": str(now_ms),
        "uTime": str(now_ms),
        "pTime": str(now_ms),
    }


def balance_row(account: Account, prices: dict[str, Decimal], now_ms: int) -> dict[str, Any]:
    """The trading account; `prices` in USDT by coin. Isolated margin is not part of the cash."""
    margin = account.exchange.margin
    held: dict[Asset, Decimal] = {}
    for name, one in margin.positions.items():
        settle = account.instrument(name).settle
        held[settle] = held.get(settle, ZERO) + one.margin
    at, details, total = str(now_ms), [], ZERO
    for coin in margin.balances():
        isolated = held.get(coin.asset, ZERO)
        usd = coin.total * prices.get(coin.asset, ZERO)
        total += usd
        free = number(coin.wallet - coin.reserved)
        details.append(
            {
                "ccy": coin.asset,
                "eq": number(coin.total),
                "cashBal": number(coin.wallet - isolated),
                "availBal": free,
                "availEq": free,
                "frozenBal": number(coin.reserved),
                "ordFrozen": number(coin.reserved - isolated),
                "isoEq": number(isolated + coin.unrealized),
                "isoUpl": number(coin.unrealized),
                "upl": number(coin.unrealized),
                "eqUsd": number(usd),
                "disEq": number(usd),
                "liab": "",
                "crossLiab": "",
                "isoLiab": "",
                "uplLiab": "",
                "interest": "",
                "maxLoan": "",
                "mgnRatio": "",
                "notionalLever": "0",
                "twap": "0",
                "fixedBal": "0",
                "spotBal": "",
                "uTime": at,
            }
        )
    return {
        "totalEq": number(total),
        "isoEq": "0",
        "adjEq": "",
        "ordFroz": "",
        "imr": "",
        "mmr": "",
        "mgnRatio": "",
        "notionalUsd": "",
        "borrowFroz": "",
        "upl": "",
        "uTime": at,
        "details": details,
    }
