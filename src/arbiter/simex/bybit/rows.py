"""Orders, executions, positions and the wallet, as REST and the private stream both tell them."""

from decimal import Decimal
from typing import Any

from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, OrderType, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment, VenuePosition
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.bybit import words
from arbiter.simex.bybit.words import number

_SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}


def order_row(view: OrderView, account: int, *, told: bool = False) -> dict[str, Any]:
    """One order; with `told`, filled as far as the private stream has been told."""
    request, order = view.request, view.order
    filled = view.told_size if told else order.filled_size
    value = view.told_value if told else view.value
    status = words.status_of(view)
    if told and not order.status.terminal:
        status = "PartiallyFilled" if filled else "New"
    ended = order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
    left = ZERO if order.status.terminal and not told else request.size - filled
    fees = sum((fill.fee for fill in view.fills), ZERO)
    return {
        "category": words.category_of(view.instrument),
        "symbol": view.instrument.market_id,
        "orderId": words.order_id(order.number, account),
        "orderLinkId": order.client_order_id,
        "blockTradeId": "",
        "side": _SIDES[request.side],
        "positionIdx": 0,
        "orderStatus": status,
        "cancelType": _cancel_type(order.status),
        "rejectReason": "EC_NoError",
        "timeInForce": "PostOnly" if request.post_only else request.time_in_force.value,
        "isLeverage": "0",
        "price": number(request.price or ZERO),
        "qty": number(request.size),
        "avgPrice": number(value / filled) if filled else "",
        "leavesQty": number(left),
        "leavesValue": number(left * (request.price or ZERO)),
        "cumExecQty": number(filled),
        "cumExecValue": number(value),
        "cumExecFee": number(fees),
        "orderType": "Market" if request.type is OrderType.MARKET else "Limit",
        "stopOrderType": "",
        "orderIv": "",
        "triggerPrice": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "lastPriceOnCreated": "",
        "reduceOnly": request.reduce_only,
        "closeOnTrigger": False,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "tpslMode": "",
        "createType": "CreateByUser",
        "feeCurrency": view.fills[-1].fee_asset if view.fills else "",
        "createdTime": str(order.accepted_ns // NS_PER_MS),
        "updatedTime": str(order.updated_ns // NS_PER_MS),
        **({"cancelledBy": "User"} if ended else {}),
    }


def _cancel_type(status: OrderStatus) -> str:
    if status is OrderStatus.CANCELLED:
        return "CancelByUser"
    return "UNKNOWN"


def execution_row(view: OrderView, fill: Fill, account: int) -> dict[str, Any]:
    request = view.request
    rate = view.instrument.maker_fee
    if fill.liquidity is Liquidity.TAKER:
        rate = view.instrument.taker_fee
    return _execution(view.instrument, fill.size, fill.price) | {
        "orderId": words.order_id(view.order.number, account),
        "orderLinkId": fill.client_order_id,
        "side": _SIDES[fill.side],
        "orderPrice": number(request.price or ZERO),
        "orderQty": number(request.size),
        "leavesQty": number(request.size - view.order.filled_size),
        "orderType": "Market" if request.type is OrderType.MARKET else "Limit",
        "execFee": number(fill.fee),
        "execId": words.exec_id(fill.venue_trade_id, account),
        "execType": "Trade",
        "execTime": str(fill.at_ns // NS_PER_MS),
        "feeCurrency": fill.fee_asset,
        "isMaker": fill.liquidity is Liquidity.MAKER,
        "feeRate": number(rate),
        "createType": "CreateByUser",
        "seq": int(fill.venue_trade_id),
    }


def forced_row(instrument: Instrument, close: ForcedClose, account: int) -> dict[str, Any]:
    adl = close.cause is ForcedCause.ADL
    return _execution(instrument, close.size, close.price) | {
        "orderId": words.order_id(10_000_000 + int(close.venue_trade_id), account),
        "orderLinkId": "",
        "side": _SIDES[close.side],
        "orderPrice": number(close.price),
        "orderQty": number(close.size),
        "leavesQty": "0",
        "closedSize": number(close.size),
        "orderType": "Market",
        "execFee": number(close.fee),
        "execId": words.exec_id(close.venue_trade_id, account),
        "execType": "AdlTrade" if adl else "BustTrade",
        "execTime": str(close.at_ns // NS_PER_MS),
        "feeCurrency": close.fee_asset,
        "isMaker": False,
        "feeRate": "0",
        "createType": "CreateByAdl_PassThrough" if adl else "CreateByLiq",
        "seq": int(close.venue_trade_id),
    }


def funding_row(
    instrument: Instrument, payment: FundingPayment, count: int, account: int
) -> dict[str, Any]:
    """A funding settlement: the fee is what was paid, the quantity is signed by the side."""
    size = abs(payment.quantity)
    return _execution(instrument, size, payment.mark) | {
        "orderId": f"{payment.settled_ns}-{count}",
        "orderLinkId": "",
        "side": "Buy" if payment.quantity > 0 else "Sell",
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "orderType": "UNKNOWN",
        "execFee": number(-payment.amount),
        "execId": f"{payment.settled_ns // NS_PER_MS:012x}-{count:04x}-{account:04x}",
        "execType": "Funding",
        "execTime": str(payment.at_ns // NS_PER_MS),
        "feeCurrency": payment.asset,
        "isMaker": False,
        "feeRate": number(payment.rate),
        "createType": "",
        "seq": count,
    }


def _execution(instrument: Instrument, size: Decimal, price: Decimal) -> dict[str, Any]:
    return {
        "category": words.category_of(instrument),
        "symbol": instrument.market_id,
        "isLeverage": "0",
        "stopOrderType": "UNKNOWN",
        "execPrice": number(price),
        "execQty": number(size),
        "execValue": number(size * price),
        "tradeIv": "",
        "markIv": "",
        "markPrice": number(price),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "",
    }


def position_row(
    instrument: Instrument, told: VenuePosition | None, leverage: Decimal, now_ms: int
) -> dict[str, Any]:
    size = told.quantity if told else ZERO
    side = "" if not size else "Buy" if size > 0 else "Sell"
    terms = instrument.margin
    value = abs(size) * told.mark_price if told else ZERO
    return {
        "positionIdx": 0,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": instrument.market_id,
        "side": side,
        "size": number(abs(size)),
        "avgPrice": number(told.entry_price if told else ZERO),
        "entryPrice": number(told.entry_price if told else ZERO),
        "positionValue": number(value),
        "tradeMode": 1,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": number(leverage),
        "markPrice": number(told.mark_price if told else ZERO),
        "liqPrice": number(told.liquidation_price) if told and told.liquidation_price else "",
        "bustPrice": "",
        "positionBalance": number(told.margin if told else ZERO),
        "positionIM": number(told.margin if told else ZERO),
        "positionMM": number(terms.maintenance(value) if terms and value else ZERO),
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "sessionAvgPrice": "",
        "unrealisedPnl": number(told.unrealized_pnl if told else ZERO),
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "adlRankIndicator": told.adl_rank + 1 if told else 0,
        "createdTime": str(now_ms),
        "updatedTime": str(now_ms),
        "seq": -1,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
    }


def wallet_row(account: Account, prices: dict[str, Decimal]) -> dict[str, Any]:
    """The unified account; `prices` in USDT by coin."""
    margin = account.exchange.margin
    held: dict[str, Decimal] = {}
    for name, position in margin.positions.items():
        settle = account.instrument(name).settle
        held[settle] = held.get(settle, ZERO) + position.margin
    coins, total = [], ZERO
    for one in margin.balances():
        in_positions = held.get(one.asset, ZERO)
        usd = one.total * prices.get(one.asset, ZERO)
        total += usd
        coins.append(
            {
                "coin": one.asset,
                "equity": number(one.total),
                "usdValue": number(usd),
                "walletBalance": number(one.wallet),
                "locked": number(one.reserved - in_positions),
                "free": "",
                "borrowAmount": "0",
                "spotBorrow": "0",
                "availableToBorrow": "",
                "availableToWithdraw": number(max(one.free, ZERO)),
                "accruedInterest": "0",
                "totalOrderIM": "0",
                "totalPositionIM": number(in_positions),
                "totalPositionMM": "0",
                "unrealisedPnl": number(one.unrealized),
                "cumRealisedPnl": "0",
                "bonus": "0",
                "marginCollateral": True,
                "collateralSwitch": True,
            }
        )
    return {
        "accountType": "UNIFIED",
        "accountLTV": "0",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "totalEquity": number(total),
        "totalWalletBalance": number(total),
        "totalMarginBalance": number(total),
        "totalAvailableBalance": number(total),
        "totalPerpUPL": "0",
        "totalInitialMargin": "0",
        "totalMaintenanceMargin": "0",
        "coin": coins,
    }
