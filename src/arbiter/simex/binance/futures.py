"""Binance USD-M futures over REST: the listing, funding, orders."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbiter.model.money import ZERO
from arbiter.model.orders import Liquidity, OrderType, Side
from arbiter.model.reports import CancelRefused, Refused
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.binance import words
from arbiter.simex.binance.calls import KEYED, SIGNED, TRADING, Context, Route, order_request
from arbiter.simex.binance.futures_account import FuturesAccount
from arbiter.simex.binance.public import PublicRest
from arbiter.simex.binance.spot import door, find_order, own_fills
from arbiter.simex.binance.words import fixed, short
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_EMPTY: list[Any] = []


class FuturesRest:
    def __init__(
        self, server: VenueServer, fresh_id: Callable[[], str], one: str = "/fapi/v1"
    ) -> None:
        self._server = server
        self._fresh_id = fresh_id
        self.public = PublicRest(server, one, futures=True)
        self.routes: dict[tuple[str, str], Route] = {
            **self.public.routes,
            **FuturesAccount(server, self.public, one).routes,
            ("GET", f"{one}/exchangeInfo"): Route(self.exchange_info, 1),
            ("GET", f"{one}/premiumIndex"): Route(self.premium_index, 10),
            ("GET", f"{one}/fundingInfo"): Route(self.funding_info, 1),
            ("GET", f"{one}/fundingRate"): Route(lambda _: _EMPTY, 1),
            ("POST", f"{one}/order"): Route(self.place, 1, TRADING, "submit"),
            ("GET", f"{one}/order"): Route(self.query, 1, SIGNED, "query"),
            ("DELETE", f"{one}/order"): Route(self.cancel, 1, TRADING, "cancel"),
            ("GET", f"{one}/openOrders"): Route(self.open_orders, 1, SIGNED, "open_orders"),
            ("DELETE", f"{one}/allOpenOrders"): Route(self.cancel_all, 1, TRADING, "cancel"),
            ("GET", f"{one}/allOrders"): Route(self.all_orders, 5, SIGNED, "open_orders"),
            ("GET", f"{one}/userTrades"): Route(self.user_trades, 5, SIGNED, "fills"),
            ("GET", "/dapi/v1/exchangeInfo"): Route(self.nothing_listed, 1),
            ("GET", "/api/v3/exchangeInfo"): Route(self.nothing_listed, 1),
            ("GET", "/sapi/v1/capital/config/getall"): Route(self.coins, 10, SIGNED),
            ("GET", "/sapi/v1/account/apiRestrictions"): Route(self.restrictions, 1, SIGNED),
            ("GET", "/sapi/v1/margin/allPairs"): Route(lambda _: _EMPTY, 1, KEYED),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(lambda _: _EMPTY, 1, SIGNED),
        }

    # Listing.

    def nothing_listed(self, _: Context) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": self._server.now_ms(),
            "rateLimits": [],
            "exchangeFilters": [],
            "assets": [],
            "symbols": [],
        }

    def exchange_info(self, _: Context) -> dict[str, Any]:
        settles = {shown.instrument.settle for shown in self.public.listed}
        return self.nothing_listed(_) | {
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self._server.meter.per_minute,
                },
                {
                    "rateLimitType": "ORDERS",
                    "interval": "SECOND",
                    "intervalNum": 10,
                    "limit": 300,
                },
            ],
            "assets": [
                {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
                for asset in sorted(settles)
            ],
            "symbols": [self._symbol(shown) for shown in self.public.listed],
        }

    def _symbol(self, shown: Shown) -> dict[str, Any]:
        i = shown.instrument
        return {
            "symbol": i.market_id,
            "pair": i.market_id,
            "contractType": "PERPETUAL",
            "deliveryDate": 4_133_404_800_000,
            "onboardDate": 1_569_398_400_000,
            "status": "TRADING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": i.base,
            "quoteAsset": i.quote,
            "marginAsset": i.settle,
            "pricePrecision": _places(i.tick),
            "quantityPrecision": _places(i.lot),
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "triggerProtect": "0.0500",
            "liquidationFee": short(i.margin.liquidation_fee if i.margin else ZERO),
            "marketTakeBound": "0.05",
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": short(i.tick),
                    "maxPrice": "10000000",
                    "tickSize": short(i.tick),
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": short(i.min_size),
                    "maxQty": "100000000",
                    "stepSize": short(i.lot),
                },
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": short(i.min_size),
                    "maxQty": "100000000",
                    "stepSize": short(i.lot),
                },
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": short(i.min_notional)},
                {
                    "filterType": "PERCENT_PRICE",
                    "multiplierUp": "1.1000",
                    "multiplierDown": "0.9000",
                    "multiplierDecimal": "4",
                },
            ],
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }

    def premium_index(self, context: Context) -> Any:
        if "symbol" in context.params:
            return self._premium(self.public.find(context.params["symbol"]))
        return [self._premium(shown) for shown in self.public.listed]

    def _premium(self, shown: Shown) -> dict[str, Any]:
        rate = self._server.funding[shown.row]
        return {
            "symbol": shown.market_id,
            "markPrice": fixed(rate.mark),
            "indexPrice": fixed(rate.mark),
            "estimatedSettlePrice": fixed(rate.mark),
            "lastFundingRate": fixed(rate.rate),
            "interestRate": "0.00010000",
            "nextFundingTime": rate.next_funding_ns // NS_PER_MS,
            "time": self._server.now_ms(),
        }

    def funding_info(self, _: Context) -> list[dict[str, Any]]:
        return [
            {
                "symbol": shown.market_id,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": self._server.funding[shown.row].interval_hours,
                "disclaimer": False,
            }
            for shown in self.public.listed
        ]

    def coins(self, context: Context) -> list[dict[str, Any]]:
        return [
            {
                "coin": asset,
                "name": asset,
                "depositAllEnable": False,
                "withdrawAllEnable": False,
                "free": fixed(total - locked),
                "locked": fixed(locked),
                "trading": True,
                "isLegalMoney": False,
                "networkList": [],
            }
            for asset, (total, locked) in context.account.balances.items()
        ]

    def restrictions(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        return {
            "ipRestrict": False,
            "createTime": 1_698_645_219_000,
            "enableReading": True,
            "enableWithdrawals": key.can_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": key.can_trade,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableSpotAndMarginTrading": key.can_trade,
            "enablePortfolioMarginTrading": False,
        }

    # Orders.

    def place(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        if context.params.get("positionSide", "BOTH") != "BOTH":
            raise VenueError(-4061, "Order's position side does not match user's setting.")
        request = order_request(context, shown, self._fresh_id, None)
        door(self._server, shown, marketable=not request.post_only)
        reports = context.account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                raise words.refusal_error(report.reason, futures=True)
        self._server.tell(context.account, reports)
        return self.row(context.account.orders[request.client_order_id])

    def row(self, view: OrderView) -> dict[str, Any]:
        request, order = view.request, view.order
        kind = "MARKET" if request.type is OrderType.MARKET else "LIMIT"
        return {
            "orderId": order.number,
            "symbol": view.instrument.market_id,
            "status": words.STATUS[order.status],
            "clientOrderId": order.client_order_id,
            "price": short(request.price or ZERO),
            "avgPrice": short(view.average),
            "origQty": short(request.size),
            "executedQty": short(order.filled_size),
            "cumQty": short(order.filled_size),
            "cumQuote": short(view.value),
            "timeInForce": words.futures_tif(request),
            "type": kind,
            "reduceOnly": request.reduce_only,
            "closePosition": False,
            "side": request.side.value,
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "origType": kind,
            "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": 0,
            "time": order.accepted_ns // NS_PER_MS,
            "updateTime": order.updated_ns // NS_PER_MS,
        }

    def query(self, context: Context) -> dict[str, Any]:
        view = find_order(context, self.public.find(context.need("symbol")))
        if view is None:
            raise words.NO_SUCH_ORDER
        return self.row(view)

    def cancel(self, context: Context) -> dict[str, Any]:
        view = find_order(context, self.public.find(context.need("symbol")))
        if view is None:
            raise words.UNKNOWN_ORDER
        return self._cancelled(context.account, view)

    def _cancelled(self, account: Account, view: OrderView) -> dict[str, Any]:
        reports = account.cancel(view, self._server.now_ns())
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.UNKNOWN_ORDER
        self._server.tell(account, reports)
        return self.row(view)

    def cancel_all(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        for view in context.account.open_orders():
            if view.instrument is shown.instrument:
                self._cancelled(context.account, view)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def open_orders(self, context: Context) -> list[dict[str, Any]]:
        which = context.account.open_orders()
        if "symbol" in context.params:
            shown = self.public.find(context.params["symbol"])
            which = [view for view in which if view.instrument is shown.instrument]
        return [self.row(view) for view in which]

    def all_orders(self, context: Context) -> list[dict[str, Any]]:
        shown = self.public.find(context.need("symbol"))
        limit = min(context.whole("limit", 500), 1_000)
        mine = context.account.orders.values()
        return [self.row(view) for view in mine if view.instrument is shown.instrument][-limit:]

    def user_trades(self, context: Context) -> list[dict[str, Any]]:
        shown = self.public.find(context.need("symbol"))
        return [
            {
                "symbol": shown.market_id,
                "id": int(fill.venue_trade_id),
                "orderId": context.account.orders[fill.client_order_id].order.number,
                "side": fill.side.value,
                "price": short(fill.price),
                "qty": short(fill.size),
                "realizedPnl": "0",
                "quoteQty": short(fill.price * fill.size),
                "commission": short(fill.fee),
                "commissionAsset": fill.fee_asset,
                "time": fill.at_ns // NS_PER_MS,
                "positionSide": "BOTH",
                "buyer": fill.side is Side.BUY,
                "maker": fill.liquidity is Liquidity.MAKER,
            }
            for fill in own_fills(context, shown)
        ]


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(-int(exponent), 0)
