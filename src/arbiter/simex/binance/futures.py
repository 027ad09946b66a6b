"""Binance USD-M futures over REST: orders, positions, funding."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbiter.model.errors import VenueRefused
from arbiter.model.money import ZERO
from arbiter.model.orders import Liquidity, OrderType, Side
from arbiter.model.perpetuals import ForcedCause, MarginBalance, VenuePosition
from arbiter.model.reports import CancelRefused, Refused
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.binance import words
from arbiter.simex.binance.calls import KEYED, SIGNED, TRADING, Context, Route, order_request
from arbiter.simex.binance.public import PublicRest
from arbiter.simex.binance.spot import door, find_order, own_fills
from arbiter.simex.binance.words import fixed, short
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_EMPTY: list[Any] = []
_BROUGHT = ("FUNDING_FEE", "COMMISSION", "REALIZED_PNL")


class FuturesRest:
    def __init__(self, server: VenueServer, fresh_id: Callable[[], str]) -> None:
        self._server = server
        self._fresh_id = fresh_id
        self.public = PublicRest(server, "/fapi/v1", futures=True)
        one = "/fapi/v1"
        routes: dict[tuple[str, str], Route] = {
            **self.public.routes,
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
            ("GET", f"{one}/income"): Route(self.income, 30, SIGNED),
            ("GET", f"{one}/forceOrders"): Route(self.force_orders, 50, SIGNED),
            ("GET", f"{one}/commissionRate"): Route(self.commission_rate, 20, SIGNED),
            ("GET", f"{one}/leverageBracket"): Route(self.leverage_bracket, 1, SIGNED),
            ("POST", f"{one}/leverage"): Route(self.leverage, 1, TRADING),
            ("POST", f"{one}/marginType"): Route(self.margin_type, 1, TRADING),
            ("GET", f"{one}/positionSide/dual"): Route(
                lambda _: {"dualSidePosition": False}, 30, SIGNED
            ),
            ("POST", f"{one}/positionSide/dual"): Route(self.position_side, 1, TRADING),
            ("GET", f"{one}/multiAssetsMargin"): Route(
                lambda _: {"multiAssetsMargin": False}, 30, SIGNED
            ),
            ("GET", f"{one}/adlQuantile"): Route(self.adl_quantile, 5, SIGNED),
            ("GET", f"{one}/accountConfig"): Route(self.account_config, 5, SIGNED),
            ("GET", f"{one}/symbolConfig"): Route(self.symbol_config, 5, SIGNED),
            ("GET", "/dapi/v1/exchangeInfo"): Route(self.nothing_listed, 1),
            ("GET", "/api/v3/exchangeInfo"): Route(self.nothing_listed, 1),
            ("GET", "/sapi/v1/capital/config/getall"): Route(self.coins, 10, SIGNED),
            ("GET", "/sapi/v1/account/apiRestrictions"): Route(self.restrictions, 1, SIGNED),
            ("GET", "/sapi/v1/margin/allPairs"): Route(lambda _: _EMPTY, 1, KEYED),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(lambda _: _EMPTY, 1, SIGNED),
        }
        for version in ("v2", "v3"):
            routes["GET", f"/fapi/{version}/account"] = Route(self.account, 5, SIGNED, "holdings")
            routes["GET", f"/fapi/{version}/balance"] = Route(self.balance, 5, SIGNED, "holdings")
            routes["GET", f"/fapi/{version}/positionRisk"] = Route(self.position_risk, 5, SIGNED)
        self.routes = routes

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

    # The account.

    def _positions(self, account: Account) -> dict[str, VenuePosition]:
        told = account.exchange.margin.told(self._server.now_ns())
        return {account.instrument(one.instrument).market_id: one for one in told}

    def _leverage(self, account: Account, shown: Shown) -> Decimal:
        return account.exchange.margin.contracts[shown.instrument.id].leverage

    def balance(self, context: Context) -> list[dict[str, Any]]:
        return [
            {
                "accountAlias": "SgsR",
                "asset": told.asset,
                "balance": fixed(told.wallet),
                "crossWalletBalance": fixed(told.wallet),
                "crossUnPnl": fixed(told.unrealized),
                "availableBalance": fixed(max(told.free, ZERO)),
                "maxWithdrawAmount": fixed(max(told.free, ZERO)),
                "marginAvailable": True,
                "updateTime": self._server.now_ms(),
            }
            for told in context.account.exchange.margin.balances()
        ]

    def account(self, context: Context) -> dict[str, Any]:
        account, key = context.account, context.key
        assert key is not None, "signed"
        balances = account.exchange.margin.balances()
        wallet = sum((b.wallet for b in balances), ZERO)
        floating = sum((b.unrealized for b in balances), ZERO)
        free = sum((max(b.free, ZERO) for b in balances), ZERO)
        reserved = sum((b.reserved for b in balances), ZERO)
        return {
            "feeTier": 0,
            "canTrade": key.can_trade,
            "canDeposit": True,
            "canWithdraw": key.can_withdraw,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
            "totalInitialMargin": fixed(reserved),
            "totalMaintMargin": "0.00000000",
            "totalWalletBalance": fixed(wallet),
            "totalUnrealizedProfit": fixed(floating),
            "totalMarginBalance": fixed(wallet + floating),
            "totalPositionInitialMargin": fixed(reserved),
            "totalOpenOrderInitialMargin": "0.00000000",
            "totalCrossWalletBalance": fixed(wallet),
            "totalCrossUnPnl": fixed(floating),
            "availableBalance": fixed(free),
            "maxWithdrawAmount": fixed(free),
            "assets": [self._asset(told) for told in balances],
            "positions": [self._held(account, shown) for shown in self.public.listed],
        }

    def _asset(self, told: MarginBalance) -> dict[str, Any]:
        return {
            "asset": told.asset,
            "walletBalance": fixed(told.wallet),
            "unrealizedProfit": fixed(told.unrealized),
            "marginBalance": fixed(told.total),
            "maintMargin": "0.00000000",
            "initialMargin": fixed(told.reserved),
            "positionInitialMargin": fixed(told.reserved),
            "openOrderInitialMargin": "0.00000000",
            "crossWalletBalance": fixed(told.wallet),
            "crossUnPnl": fixed(told.unrealized),
            "availableBalance": fixed(max(told.free, ZERO)),
            "maxWithdrawAmount": fixed(max(told.free, ZERO)),
            "marginAvailable": True,
            "updateTime": self._server.now_ms(),
        }

    def _held(self, account: Account, shown: Shown) -> dict[str, Any]:
        told = self._positions(account).get(shown.market_id)
        margin = fixed(told.margin if told else ZERO)
        return {
            "symbol": shown.market_id,
            "initialMargin": margin,
            "maintMargin": "0",
            "unrealizedProfit": fixed(told.unrealized_pnl if told else ZERO),
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "leverage": short(self._leverage(account, shown)),
            "isolated": True,
            "entryPrice": short(told.entry_price if told else ZERO),
            "maxNotional": "1000000",
            "bidNotional": "0",
            "askNotional": "0",
            "positionSide": "BOTH",
            "positionAmt": short(told.quantity if told else ZERO),
            "isolatedWallet": margin,
            "notional": short(told.quantity * told.mark_price if told else ZERO),
            "updateTime": self._server.now_ms(),
        }

    def position_risk(self, context: Context) -> list[dict[str, Any]]:
        """The newest version tells of open positions alone; the older one of every market too."""
        account = context.account
        held = self._positions(account)
        wanted = context.params.get("symbol")
        return [
            self._risk(account, shown, held[shown.market_id])
            for shown in self.public.listed
            if shown.market_id in held and wanted in (None, shown.market_id)
        ]

    def _risk(self, account: Account, shown: Shown, told: VenuePosition) -> dict[str, Any]:
        leverage = self._leverage(account, shown)
        notional = told.quantity * told.mark_price
        terms = shown.instrument.margin
        return {
            "symbol": shown.market_id,
            "positionSide": "BOTH",
            "positionAmt": short(told.quantity),
            "entryPrice": short(told.entry_price),
            "breakEvenPrice": short(told.entry_price),
            "markPrice": fixed(told.mark_price),
            "unRealizedProfit": fixed(told.unrealized_pnl),
            "liquidationPrice": short(told.liquidation_price or ZERO),
            "leverage": short(leverage),
            "maxNotionalValue": "1000000",
            "marginType": "isolated",
            "isAutoAddMargin": "false",
            "isolatedMargin": fixed(told.margin + told.unrealized_pnl),
            "notional": short(notional),
            "marginAsset": shown.instrument.settle,
            "isolatedWallet": fixed(told.margin),
            "initialMargin": fixed(told.margin),
            "maintMargin": fixed(terms.maintenance(abs(notional)) if terms else ZERO),
            "positionInitialMargin": fixed(told.margin),
            "openOrderInitialMargin": "0",
            "adl": told.adl_rank,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": self._server.now_ms(),
        }

    def adl_quantile(self, context: Context) -> list[dict[str, Any]]:
        held = self._positions(context.account)
        return [
            {"symbol": name, "adlQuantile": {"BOTH": told.adl_rank}} for name, told in held.items()
        ]

    def income(self, context: Context) -> list[dict[str, Any]]:
        account = context.account
        start, end = context.whole("startTime", 0), context.whole("endTime", 2**62)
        kind, wanted = context.params.get("incomeType"), context.params.get("symbol")
        limit = min(context.whole("limit", 100), 1_000)
        if kind not in (None, *_BROUGHT):
            return []
        rows = []
        if kind in (None, "FUNDING_FEE"):
            for number, payment in enumerate(account.payments, 1):
                rows.append(
                    {
                        "symbol": account.instrument(payment.instrument).market_id,
                        "incomeType": "FUNDING_FEE",
                        "income": fixed(payment.amount),
                        "asset": payment.asset,
                        "time": payment.at_ns // NS_PER_MS,
                        "info": "FUNDING_FEE",
                        "tranId": 9_689_322_000 + number,
                        "tradeId": "",
                    }
                )
        found = [
            row
            for row in rows
            if start <= int(str(row["time"])) <= end and wanted in (None, row["symbol"])
        ]
        return found[:limit]

    def force_orders(self, context: Context) -> list[dict[str, Any]]:
        account = context.account
        start = context.whole("startTime", 0)
        kind, wanted = context.params.get("autoCloseType"), context.params.get("symbol")
        names = {ForcedCause.LIQUIDATION: "LIQUIDATION", ForcedCause.ADL: "ADL"}
        rows = []
        for close in account.forced:
            market_id = account.instrument(close.instrument).market_id
            at = close.at_ns // NS_PER_MS
            if at < start or wanted not in (None, market_id):
                continue
            if kind not in (None, names[close.cause]):
                continue
            adl = close.cause is ForcedCause.ADL
            rows.append(
                {
                    "orderId": forced_number(close.venue_trade_id),
                    "symbol": market_id,
                    "status": "FILLED",
                    "clientOrderId": forced_id(close.venue_trade_id, adl=adl),
                    "price": short(close.price),
                    "avgPrice": short(close.price),
                    "origQty": short(close.size),
                    "executedQty": short(close.size),
                    "cumQuote": short(close.size * close.price),
                    "timeInForce": "IOC",
                    "type": "LIMIT",
                    "reduceOnly": False,
                    "closePosition": False,
                    "side": close.side.value,
                    "positionSide": "BOTH",
                    "stopPrice": "0",
                    "workingType": "CONTRACT_PRICE",
                    "origType": "LIMIT",
                    "time": at,
                    "updateTime": at,
                }
            )
        return rows

    def commission_rate(self, context: Context) -> dict[str, str]:
        shown = self.public.find(context.need("symbol"))
        return {
            "symbol": shown.market_id,
            "makerCommissionRate": short(shown.instrument.maker_fee),
            "takerCommissionRate": short(shown.instrument.taker_fee),
        }

    def leverage_bracket(self, context: Context) -> Any:
        if "symbol" in context.params:
            return [_brackets(self.public.find(context.params["symbol"]))]
        return [_brackets(shown) for shown in self.public.listed]

    def leverage(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(context.need("symbol"))
        times = context.whole("leverage", 0)
        try:
            context.account.exchange.set_leverage(
                shown.instrument.id, Decimal(times), self._server.now_ns()
            )
        except VenueRefused as error:
            if "position is open" in str(error):
                text = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
                raise VenueError(-4161, text) from None
            raise VenueError(-4028, f"Leverage {times} is not valid") from None
        return {"leverage": times, "maxNotionalValue": "1000000", "symbol": shown.market_id}

    def margin_type(self, context: Context) -> dict[str, Any]:
        self.public.find(context.need("symbol"))
        if context.need("marginType") == "ISOLATED":
            raise VenueError(-4046, "No need to change margin type.")
        raise VenueError(-4047, "Margin type cannot be changed if there exists open orders.")

    def position_side(self, context: Context) -> dict[str, Any]:
        if context.need("dualSidePosition") == "false":
            raise VenueError(-4059, "No need to change position side.")
        raise VenueError(-4068, "Position side cannot be changed if there exists position.")

    def account_config(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        return {
            "feeTier": 0,
            "canTrade": key.can_trade,
            "canDeposit": True,
            "canWithdraw": key.can_withdraw,
            "dualSidePosition": False,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def symbol_config(self, context: Context) -> list[dict[str, Any]]:
        wanted = context.params.get("symbol")
        return [
            {
                "symbol": shown.market_id,
                "marginType": "ISOLATED",
                "isAutoAddMargin": False,
                "leverage": int(self._leverage(context.account, shown)),
                "maxNotionalValue": "1000000",
            }
            for shown in self.public.listed
            if wanted in (None, shown.market_id)
        ]


def forced_id(trade_id: str, *, adl: bool) -> str:
    """The client order id under which the venue closes a position."""
    return "adl_autoclose" if adl else f"autoclose-{trade_id}"


def forced_number(trade_id: str) -> int:
    return 10_000_000 + int(trade_id)


def _brackets(shown: Shown) -> dict[str, Any]:
    terms = shown.instrument.margin
    assert terms is not None, "every perpetual has margin terms"
    rows, floor = [], ZERO
    for number, tier in enumerate(terms.tiers, 1):
        cap = tier.up_to if tier.up_to is not None else Decimal(100_000_000)
        rows.append(
            {
                "bracket": number,
                "initialLeverage": max(int(terms.max_leverage) >> (number - 1), 1),
                "notionalCap": int(cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(tier.rate),
                "cum": float(tier.deduction),
            }
        )
        floor = cap
    return {"symbol": shown.market_id, "brackets": rows}


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(-int(exponent), 0)
