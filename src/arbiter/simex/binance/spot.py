"""Binance spot over REST: orders and the account."""

from collections.abc import Callable
from typing import Any

from arbiter.matching.faults import Fault
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, Side
from arbiter.model.reports import CancelRefused, Refused
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.binance import words
from arbiter.simex.binance.calls import KEYED, SIGNED, TRADING, Context, Route, order_request
from arbiter.simex.binance.public import PublicRest
from arbiter.simex.binance.words import fixed
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_EMPTY: list[Any] = []


class SpotRest:
    def __init__(self, server: VenueServer, fresh_id: Callable[[], str]) -> None:
        self._server = server
        self._fresh_id = fresh_id
        self.public = PublicRest(server, "/api/v3", futures=False)
        order = "/api/v3/order"
        self.routes: dict[tuple[str, str], Route] = {
            **self.public.routes,
            ("GET", "/api/v3/exchangeInfo"): Route(self.exchange_info, 20),
            ("POST", order): Route(self.place, 1, TRADING, "submit"),
            ("POST", "/api/v3/order/test"): Route(self.test, 1, TRADING),
            ("GET", order): Route(self.query, 4, SIGNED, "query"),
            ("DELETE", order): Route(self.cancel, 1, TRADING, "cancel"),
            ("GET", "/api/v3/openOrders"): Route(self.open_orders, 6, SIGNED, "open_orders"),
            ("DELETE", "/api/v3/openOrders"): Route(self.cancel_all, 1, TRADING, "cancel"),
            ("GET", "/api/v3/allOrders"): Route(self.all_orders, 20, SIGNED, "open_orders"),
            ("GET", "/api/v3/account"): Route(self.account, 20, SIGNED, "holdings"),
            ("GET", "/api/v3/account/commission"): Route(self.commission, 20, SIGNED),
            ("GET", "/api/v3/myTrades"): Route(self.my_trades, 20, SIGNED, "fills"),
            ("GET", "/api/v3/rateLimit/order"): Route(lambda _: _EMPTY, 40, SIGNED),
            ("POST", "/api/v3/userDataStream"): Route(_gone, 2, KEYED),
            ("GET", "/sapi/v1/capital/config/getall"): Route(self.coins, 10, SIGNED),
            ("GET", "/sapi/v1/account/apiRestrictions"): Route(self.restrictions, 1, SIGNED),
            ("GET", "/sapi/v1/asset/tradeFee"): Route(self.trade_fees, 1, SIGNED),
            ("GET", "/sapi/v1/margin/allPairs"): Route(lambda _: _EMPTY, 1, KEYED),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(lambda _: _EMPTY, 1, SIGNED),
            ("GET", "/dapi/v1/exchangeInfo"): Route(self.nothing_listed, 1),
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

    def exchange_info(self, context: Context) -> dict[str, Any]:
        which = self.public.listed
        if "symbol" in context.params:
            which = [self.public.find(context.params["symbol"])]
        limit = self._server.settings.weight_per_minute
        return {
            "timezone": "UTC",
            "serverTime": self._server.now_ms(),
            "rateLimits": [
                _limit("REQUEST_WEIGHT", "MINUTE", 1, limit),
                _limit("ORDERS", "SECOND", 10, 100),
                _limit("ORDERS", "DAY", 1, 200_000),
                _limit("RAW_REQUESTS", "MINUTE", 5, 61_000),
            ],
            "exchangeFilters": [],
            "symbols": [self._symbol(shown) for shown in which],
        }

    def _symbol(self, shown: Shown) -> dict[str, Any]:
        i = shown.instrument
        open_ = not self._server.faults.active(Fault.DELISTING, self._server.now_ns(), i.id)
        return {
            "symbol": i.market_id,
            "status": "TRADING" if open_ else "BREAK",
            "baseAsset": i.base,
            "baseAssetPrecision": 8,
            "quoteAsset": i.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": fixed(i.tick),
                    "maxPrice": "10000000.00000000",
                    "tickSize": fixed(i.tick),
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": fixed(i.min_size),
                    "maxQty": "900000000.00000000",
                    "stepSize": fixed(i.lot),
                },
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": "0.00000000",
                    "maxQty": "900000000.00000000",
                    "stepSize": "0.00000000",
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": fixed(i.min_notional),
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }

    def coins(self, context: Context) -> list[dict[str, Any]]:
        return [
            {
                "coin": asset,
                "depositAllEnable": False,
                "withdrawAllEnable": False,
                "name": asset,
                "free": fixed(total - locked),
                "locked": fixed(locked),
                "freeze": "0",
                "withdrawing": "0",
                "ipoing": "0",
                "ipoable": "0",
                "storage": "0",
                "isLegalMoney": False,
                "trading": True,
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
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": key.can_trade,
            "enablePortfolioMarginTrading": False,
        }

    def trade_fees(self, context: Context) -> list[dict[str, str]]:
        wanted = context.params.get("symbol")
        return [
            {
                "symbol": shown.market_id,
                "makerCommission": fixed(shown.instrument.maker_fee),
                "takerCommission": fixed(shown.instrument.taker_fee),
            }
            for shown in self.public.listed
            if wanted in (None, shown.market_id)
        ]

    # Orders.

    def place(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        book_best = shown.book.top[1] if context.params.get("side") == "BUY" else shown.book.top[0]
        request = order_request(
            context, shown, self._fresh_id, shown.instrument.tick * book_best or None
        )
        door(self._server, shown, marketable=not request.post_only)
        now_ns = self._server.now_ns()
        reports = context.account.submit(request, now_ns)
        for report in reports:
            if isinstance(report, Refused):
                raise words.refusal_error(report.reason, futures=False)
        view = context.account.orders[request.client_order_id]
        self._server.tell(context.account, reports)
        kind = context.params.get("newOrderRespType", "FULL")
        return self._placed(view, kind)

    def test(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        order_request(context, shown, self._fresh_id, shown.instrument.tick * shown.book.top[1])
        return {}

    def _placed(self, view: OrderView, kind: str) -> dict[str, Any]:
        order = view.order
        told: dict[str, Any] = {
            "symbol": view.instrument.market_id,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.client_order_id,
            "transactTime": order.accepted_ns // NS_PER_MS,
        }
        if kind == "ACK":
            return told
        told |= {
            **self._sizes(view),
            "workingTime": order.accepted_ns // NS_PER_MS,
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }
        if kind == "FULL":
            told["fills"] = [
                {
                    "price": fixed(fill.price),
                    "qty": fixed(fill.size),
                    "commission": fixed(fill.fee),
                    "commissionAsset": fill.fee_asset,
                    "tradeId": int(fill.venue_trade_id),
                }
                for fill in view.fills
            ]
        return told

    def _sizes(self, view: OrderView) -> dict[str, Any]:
        request = view.request
        return {
            "price": fixed(request.price or ZERO),
            "origQty": fixed(request.size),
            "executedQty": fixed(view.order.filled_size),
            "origQuoteOrderQty": "0.00000000",
            "cummulativeQuoteQty": fixed(view.value),
            "status": words.STATUS[view.order.status],
            "timeInForce": request.time_in_force.value,
            "type": words.spot_type(request),
            "side": request.side.value,
        }

    def query(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        view = find_order(context, shown)
        if view is None:
            raise words.NO_SUCH_ORDER
        return self._row(view)

    def _row(self, view: OrderView) -> dict[str, Any]:
        order = view.order
        return {
            "symbol": view.instrument.market_id,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.client_order_id,
            **self._sizes(view),
            "stopPrice": "0.00000000",
            "icebergQty": "0.00000000",
            "time": order.accepted_ns // NS_PER_MS,
            "updateTime": order.updated_ns // NS_PER_MS,
            "isWorking": not order.status.terminal,
            "workingTime": order.accepted_ns // NS_PER_MS,
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }

    def cancel(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        view = find_order(context, shown)
        if view is None:
            raise words.UNKNOWN_ORDER
        return self._cancelled(context, view)

    def _cancelled(self, context: Context, view: OrderView) -> dict[str, Any]:
        now_ns = self._server.now_ns()
        reports = context.account.cancel(view, now_ns)
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.UNKNOWN_ORDER
        self._server.tell(context.account, reports)
        return {
            "symbol": view.instrument.market_id,
            "origClientOrderId": view.order.client_order_id,
            "orderId": view.order.number,
            "orderListId": -1,
            "clientOrderId": context.params.get("newClientOrderId") or self._fresh_id(),
            "transactTime": now_ns // NS_PER_MS,
            **self._sizes(view),
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }

    def cancel_all(self, context: Context) -> list[dict[str, Any]]:
        shown = self.public.find(context.need("symbol"))
        mine = [v for v in context.account.open_orders() if v.instrument is shown.instrument]
        if not mine:
            raise words.UNKNOWN_ORDER
        return [self._cancelled(context, view) for view in mine]

    def open_orders(self, context: Context) -> list[dict[str, Any]]:
        which = context.account.open_orders()
        if "symbol" in context.params:
            shown = self.public.find(context.params["symbol"])
            which = [view for view in which if view.instrument is shown.instrument]
        return [self._row(view) for view in which]

    def all_orders(self, context: Context) -> list[dict[str, Any]]:
        shown = self.public.find(context.need("symbol"))
        limit = min(context.whole("limit", 500), 1_000)
        start = context.whole("startTime", 0) * NS_PER_MS
        rows = [
            self._row(view)
            for view in context.account.orders.values()
            if view.instrument is shown.instrument and view.order.accepted_ns >= start
        ]
        return rows[-limit:]

    # The account.

    def account(self, context: Context) -> dict[str, Any]:
        key, listed = context.key, self.public.listed
        assert key is not None, "signed"
        maker = max((s.instrument.maker_fee for s in listed), default=ZERO)
        taker = max((s.instrument.taker_fee for s in listed), default=ZERO)
        rows = [
            {"asset": asset, "free": fixed(total - locked), "locked": fixed(locked)}
            for asset, (total, locked) in context.account.balances.items()
            if total or context.params.get("omitZeroBalances") != "true"
        ]
        return {
            "makerCommission": int(maker * 10_000),
            "takerCommission": int(taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": fixed(maker),
                "taker": fixed(taker),
                "buyer": "0.00000000",
                "seller": "0.00000000",
            },
            "canTrade": key.can_trade,
            "canWithdraw": key.can_withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._server.now_ms(),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": 354_937_868 + context.account.number,
        }

    def commission(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        sides = {"buyer": "0.00000000", "seller": "0.00000000"}
        rates = {
            "maker": fixed(shown.instrument.maker_fee),
            "taker": fixed(shown.instrument.taker_fee),
        }
        return {
            "symbol": shown.market_id,
            "standardCommission": rates | sides,
            "specialCommission": none | sides,
            "taxCommission": none | sides,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.25000000",
            },
        }

    def my_trades(self, context: Context) -> list[dict[str, Any]]:
        shown = self.public.find(context.need("symbol"))
        return [
            {
                "symbol": shown.market_id,
                "id": int(fill.venue_trade_id),
                "orderId": context.account.orders[fill.client_order_id].order.number,
                "orderListId": -1,
                "price": fixed(fill.price),
                "qty": fixed(fill.size),
                "quoteQty": fixed(fill.price * fill.size),
                "commission": fixed(fill.fee),
                "commissionAsset": fill.fee_asset,
                "time": fill.at_ns // NS_PER_MS,
                "isBuyer": fill.side is Side.BUY,
                "isMaker": fill.liquidity is Liquidity.MAKER,
                "isBestMatch": True,
            }
            for fill in own_fills(context, shown)
        ]


def own_fills(context: Context, shown: Shown) -> list[Fill]:
    """Fills asked for by time, by trade id or by order; oldest first, 1000 at most."""
    limit = min(context.whole("limit", 500), 1_000)
    start, end = context.whole("startTime", 0), context.whole("endTime", 2**62)
    first = context.whole("fromId", 0)
    order = context.whole("orderId", 0)
    account: Account = context.account
    found = [
        fill
        for fill in account.fills
        if fill.instrument == shown.instrument.id
        and start <= fill.at_ns // NS_PER_MS <= end
        and int(fill.venue_trade_id) >= first
        and order in (0, account.orders[fill.client_order_id].order.number)
    ]
    # Without a start the newest are given, with one the oldest after it.
    return found[:limit] if start or first else found[-limit:]


def find_order(context: Context, shown: Shown) -> OrderView | None:
    """Find an order by the venue's id or by ours, in the market that was named."""
    number = context.whole("orderId", 0)
    name = context.params.get("origClientOrderId", "")
    if not number and not name:
        raise VenueError(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    if number:
        view = context.account.by_number(number)
    else:
        view = context.account.orders.get(ClientOrderId(name))
    if view is None or view.instrument is not shown.instrument:
        return None
    return view


def door(server: VenueServer, shown: Shown, *, marketable: bool) -> None:
    """Refuse what never reaches the matching engine."""
    fault = server.closed(shown.instrument.id)
    if fault is None:
        return
    if fault is Fault.DELISTING:
        raise VenueError(-1013, "Market is closed.")
    if not server.faults.refuses_takers(server.now_ns()):
        raise VenueError(
            -1008,
            "Server is currently overloaded with other requests. Please try again in a few minutes.",
            503,
        )
    if marketable:
        raise VenueError(-2010, "This action is disabled on this account.")


def _gone(_: Context) -> dict[str, Any]:
    raise VenueError(-1000, "This endpoint has been retired.", 410)


def _limit(kind: str, interval: str, count: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
