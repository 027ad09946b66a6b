"""The v5 REST API: routes, parameters, handlers."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue, VenueRefused
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.reports import CancelRefused, Refused
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, ApiKey, OrderView
from arbiter.simex.bybit import rows, words
from arbiter.simex.bybit.words import LINEAR, SPOT, number
from arbiter.simex.rest import VenueError
from arbiter.simex.tape import Bar
from arbiter.simex.venue import Shown, VenueServer

_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
INTERVALS = {"1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "240": 240, "D": 1_440}


class Context(msgspec.Struct, frozen=True):
    params: Mapping[str, Any]
    account: Account
    key: ApiKey | None
    headers: Mapping[str, str] = {}

    def text(self, name: str, default: str = "") -> str:
        value = self.params.get(name, default)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if value is not None else default

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise words.invalid(f"{name} can not be empty")
        return value

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise words.invalid(f"{name} invalid") from None

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"


Handler = Callable[[Context], Any]


class Route(msgspec.Struct, frozen=True):
    handler: Handler
    signed: bool = False
    trading: bool = False
    call: str | None = None


class Api:
    def __init__(self, server: VenueServer, fresh_id: Callable[[], str]) -> None:
        self._server = server
        self._fresh_id = fresh_id
        self._listed: dict[str, dict[str, Shown]] = {SPOT: {}, LINEAR: {}}
        for shown in server.shown.values():
            self._listed[words.category_of(shown.instrument)][shown.market_id] = shown
        market, order, account, position = (
            f"/v5/{part}" for part in ("market", "order", "account", "position")
        )
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", f"{market}/time"): Route(self.time),
            ("GET", f"{market}/instruments-info"): Route(self.instruments),
            ("GET", f"{market}/tickers"): Route(self.tickers),
            ("GET", f"{market}/orderbook"): Route(self.orderbook),
            ("GET", f"{market}/recent-trade"): Route(self.recent_trades),
            ("GET", f"{market}/kline"): Route(self.kline),
            ("GET", f"{market}/funding/history"): Route(lambda _: {"category": LINEAR, "list": []}),
            ("GET", f"{market}/risk-limit"): Route(self.risk_limits),
            ("POST", f"{order}/create"): Route(self.place, True, True, "submit"),
            ("POST", f"{order}/cancel"): Route(self.cancel, True, True, "cancel"),
            ("POST", f"{order}/cancel-all"): Route(self.cancel_all, True, True, "cancel"),
            ("GET", f"{order}/realtime"): Route(self.realtime, True, False, "query"),
            ("GET", f"{order}/history"): Route(self.history, True, False, "query"),
            ("GET", "/v5/execution/list"): Route(self.executions, True, False, "fills"),
            ("GET", f"{account}/wallet-balance"): Route(self.wallet, True, False, "holdings"),
            ("GET", f"{account}/info"): Route(self.info, True),
            ("GET", f"{account}/fee-rate"): Route(self.fee_rate, True),
            ("POST", f"{account}/set-margin-mode"): Route(lambda _: {"reasons": []}, True, True),
            ("GET", f"{position}/list"): Route(self.positions, True),
            ("POST", f"{position}/set-leverage"): Route(self.set_leverage, True, True),
            ("POST", f"{position}/switch-mode"): Route(self.switch_mode, True, True),
            ("POST", f"{position}/switch-isolated"): Route(self.switch_isolated, True, True),
            ("GET", "/v5/user/query-api"): Route(self.query_api, True),
            ("GET", "/v5/asset/coin/query-info"): Route(self.coins, True),
        }

    def find(self, category: str, name: str) -> Shown:
        listed = self._listed.get(category)
        if listed is None:
            raise words.invalid("Illegal category")
        shown = listed.get(name)
        if shown is None:
            raise words.refusal_error("UNKNOWN_INSTRUMENT", category)
        return shown

    def _category(self, context: Context) -> str:
        category = context.need("category")
        if category not in (SPOT, LINEAR, "inverse", "option"):
            raise words.invalid("Illegal category")
        return category

    def _which(self, context: Context) -> list[Shown]:
        category = self._category(context)
        if context.text("symbol"):
            return [self.find(category, context.text("symbol"))]
        return list(self._listed.get(category, {}).values())

    # Market data.

    def time(self, _: Context) -> dict[str, str]:
        now = self._server.now_ns()
        return {"timeSecond": str(now // 1_000_000_000), "timeNano": str(now)}

    def instruments(self, context: Context) -> dict[str, Any]:
        category = self._category(context)
        make = _spot_symbol if category == SPOT else self._linear_symbol
        told = [make(shown) for shown in self._which(context)]
        return {"category": category, "list": told, "nextPageCursor": ""}

    def _linear_symbol(self, shown: Shown) -> dict[str, Any]:
        i = shown.instrument
        assert i.margin is not None, "every perpetual has margin terms"
        return {
            "symbol": i.market_id,
            "contractType": "LinearPerpetual",
            "status": "Trading",
            "baseCoin": i.base,
            "quoteCoin": i.quote,
            "launchTime": "1585526400000",
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "priceScale": "2",
            "leverageFilter": {
                "minLeverage": "1",
                "maxLeverage": number(i.margin.max_leverage),
                "leverageStep": "0.01",
            },
            "priceFilter": {
                "minPrice": number(i.tick),
                "maxPrice": "10000000",
                "tickSize": number(i.tick),
            },
            "lotSizeFilter": {
                "maxOrderQty": "100000000",
                "minOrderQty": number(i.min_size),
                "qtyStep": number(i.lot),
                "postOnlyMaxOrderQty": "100000000",
                "maxMktOrderQty": "100000000",
                "minNotionalValue": number(i.min_notional),
            },
            "unifiedMarginTrade": True,
            "fundingInterval": self._server.funding[shown.row].interval_hours * 60,
            "settleCoin": i.settle,
            "copyTrading": "none",
            "upperFundingRate": "0.00375",
            "lowerFundingRate": "-0.00375",
            "isPreListing": False,
            "preListingInfo": None,
        }

    def tickers(self, context: Context) -> dict[str, Any]:
        told = [self.ticker(shown) for shown in self._which(context)]
        return {"category": self._category(context), "list": told}

    def ticker(self, shown: Shown) -> dict[str, Any]:
        scale, bar = shown.book.scale, shown.tape.day()
        bid, ask, bid_size, ask_size = shown.book.top
        last = bar.close or bid
        opened = bar.open or last
        turnover = bar.turnover * float(shown.instrument.tick) * float(shown.instrument.lot)
        told: dict[str, Any] = {
            "symbol": shown.market_id,
            "lastPrice": scale.price(last),
            "prevPrice24h": scale.price(opened),
            "price24hPcnt": f"{last / opened - 1:.6f}" if opened else "0",
            "highPrice24h": scale.price(bar.high or last),
            "lowPrice24h": scale.price(bar.low or last),
            "turnover24h": f"{turnover:.8f}",
            "volume24h": scale.size(bar.volume),
            "bid1Price": scale.price(bid),
            "bid1Size": scale.size(bid_size),
            "ask1Price": scale.price(ask),
            "ask1Size": scale.size(ask_size),
        }
        if not shown.perpetual:
            return told | {"usdIndexPrice": scale.price(last)}
        rate = self._server.funding[shown.row]
        return told | {
            "markPrice": number(rate.mark),
            "indexPrice": number(rate.mark),
            "prevPrice1h": scale.price(opened),
            "openInterest": "1000",
            "openInterestValue": number(rate.mark * 1_000),
            "fundingRate": number(rate.rate),
            "nextFundingTime": str(rate.next_funding_ns // NS_PER_MS),
            "fundingIntervalHour": str(rate.interval_hours),
            "fundingCap": "0.00375",
            "predictedDeliveryPrice": "",
            "basisRate": "",
            "deliveryFeeRate": "",
            "deliveryTime": "0",
            "basis": "",
        }

    def orderbook(self, context: Context) -> dict[str, Any]:
        shown = self.find(self._category(context), context.need("symbol"))
        bids, asks = shown.book.levels()
        scale, limit = shown.book.scale, context.whole("limit", 25)
        return {
            "s": shown.market_id,
            "b": [[scale.price(p), scale.size(s)] for p, s in bids[:limit]],
            "a": [[scale.price(p), scale.size(s)] for p, s in asks[:limit]],
            "ts": shown.book.at_ns // NS_PER_MS,
            "u": shown.book.last_id,
            "seq": shown.book.last_id,
            "cts": shown.book.at_ns // NS_PER_MS,
        }

    def recent_trades(self, context: Context) -> dict[str, Any]:
        shown = self.find(self._category(context), context.need("symbol"))
        scale = shown.book.scale
        newest = list(shown.tape.trades)[-min(context.whole("limit", 60), 1_000) :]
        told = [
            {
                "execId": str(one.number),
                "symbol": shown.market_id,
                "price": scale.price(one.price),
                "size": scale.size(one.size),
                "side": "Sell" if one.sold else "Buy",
                "time": str(one.at_ms),
                "isBlockTrade": False,
            }
            for one in reversed(newest)
        ]
        return {"category": self._category(context), "list": told}

    def kline(self, context: Context) -> dict[str, Any]:
        shown = self.find(self._category(context), context.need("symbol"))
        if context.need("interval") not in INTERVALS:
            raise words.invalid("interval invalid")
        start, end = context.whole("start", 0), context.whole("end", 2**62)
        limit = min(context.whole("limit", 200), 1_000)
        found = [(at, bar) for at, bar in shown.tape.bars.items() if start <= at <= end]
        told = [_kline(shown, at, bar) for at, bar in found[-limit:]]
        return {
            "category": self._category(context),
            "symbol": shown.market_id,
            "list": told[::-1],
        }

    def risk_limits(self, context: Context) -> dict[str, Any]:
        told = []
        for shown in self._which(context):
            terms = shown.instrument.margin
            if terms is None:
                continue
            for tier_number, tier in enumerate(terms.tiers, 1):
                cap = tier.up_to if tier.up_to is not None else Decimal(100_000_000)
                told.append(
                    {
                        "id": tier_number,
                        "symbol": shown.market_id,
                        "riskLimitValue": number(cap),
                        "maintenanceMargin": number(tier.rate),
                        "initialMargin": number(1 / terms.max_leverage),
                        "isLowestRisk": int(tier_number == 1),
                        "maxLeverage": number(terms.max_leverage),
                        "mmDeduction": number(tier.deduction),
                    }
                )
        return {"category": LINEAR, "list": told, "nextPageCursor": ""}

    # Orders.

    def place(self, context: Context) -> dict[str, str]:
        if context.headers.get("Referer"):
            self._server.brokers["Referer"] += 1
            if self._server.settings.refuse_brokers:
                raise VenueError(10005, "Orders that carry a broker's mark are refused here.", 200)
        category = self._category(context)
        shown = self.find(category, context.need("symbol"))
        request = self._request(context, shown)
        self._door(shown, marketable=not request.post_only)
        reports = context.account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                raise words.refusal_error(report.reason, category)
        self._server.tell(context.account, reports)
        view = context.account.orders[request.client_order_id]
        return _ids(view, context.account)

    def _request(self, context: Context, shown: Shown) -> OrderRequest:
        side, kind = context.need("side"), context.need("orderType")
        if side not in ("Buy", "Sell"):
            raise words.invalid("Side invalid")
        if kind not in ("Limit", "Market"):
            raise words.invalid("OrderType invalid")
        tif = context.text("timeInForce") or ("GTC" if kind == "Limit" else "IOC")
        if tif not in ("GTC", "IOC", "FOK", "PostOnly"):
            raise words.invalid("timeInForce invalid")
        size = _decimal(context, "qty")
        price = _decimal(context, "price") if kind == "Limit" else None
        # Spot market buys are in quote unless they say otherwise.
        spot_buy = kind == "Market" and side == "Buy" and not shown.perpetual
        if spot_buy and context.text("marketUnit", "quoteCoin") == "quoteCoin":
            best = shown.book.top[1] * shown.instrument.tick
            size = shown.instrument.floor_size(size / best)
        name = context.text("orderLinkId") or self._fresh_id()
        if not _ID.fullmatch(name):
            raise words.invalid("OrderLinkedID invalid")
        try:
            return OrderRequest(
                client_order_id=ClientOrderId(name),
                instrument=shown.instrument.id,
                side=Side.BUY if side == "Buy" else Side.SELL,
                type=OrderType.MARKET if kind == "Market" else OrderType.LIMIT,
                time_in_force=TimeInForce(tif if tif in ("IOC", "FOK") else "GTC"),
                post_only=tif == "PostOnly",
                reduce_only=context.flag("reduceOnly") and shown.perpetual,
                size=size,
                price=price,
            )
        except InvalidValue:
            raise words.invalid("Qty invalid") from None

    def _door(self, shown: Shown, *, marketable: bool) -> None:
        fault = self._server.closed(shown.instrument.id)
        if fault is None:
            return
        if fault is Fault.DELISTING:
            raise VenueError(170121, "Invalid symbol.", 200)
        if marketable or not self._server.faults.refuses_takers(self._server.now_ns()):
            raise VenueError(10016, "Server error.", 200)

    def _own(self, context: Context, category: str) -> OrderView | None:
        by_number = words.order_number(context.text("orderId"))
        if by_number:
            view = context.account.by_number(by_number)
        else:
            view = context.account.orders.get(ClientOrderId(context.text("orderLinkId")))
        if view is None or words.category_of(view.instrument) != category:
            return None
        return view

    def cancel(self, context: Context) -> dict[str, str]:
        category = self._category(context)
        view = self._own(context, category)
        if view is None:
            raise words.no_such_order(category)
        return self._cancelled(context.account, view)

    def _cancelled(self, account: Account, view: OrderView) -> dict[str, str]:
        reports = account.cancel(view, self._server.now_ns())
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.no_such_order(words.category_of(view.instrument))
        self._server.tell(account, reports)
        return _ids(view, account)

    def cancel_all(self, context: Context) -> dict[str, Any]:
        category, wanted = self._category(context), context.text("symbol")
        told = [
            self._cancelled(context.account, view)
            for view in context.account.open_orders()
            if words.category_of(view.instrument) == category
            and wanted in ("", view.instrument.market_id)
        ]
        return {"list": told, "success": "1"}

    def realtime(self, context: Context) -> dict[str, Any]:
        """Open orders; asked for by id, an ended one too."""
        category, wanted = self._category(context), context.text("symbol")
        if context.text("orderId") or context.text("orderLinkId"):
            view = self._own(context, category)
            found = [] if view is None else [view]
        else:
            found = [
                view
                for view in context.account.open_orders()
                if words.category_of(view.instrument) == category
                and wanted in ("", view.instrument.market_id)
            ]
        return self._page(context, [rows.order_row(v, context.account.number) for v in found])

    def history(self, context: Context) -> dict[str, Any]:
        category, wanted = self._category(context), context.text("symbol")
        view = self._own(context, category)
        found = [] if view is None else [view]
        if not context.text("orderId") and not context.text("orderLinkId"):
            found = [
                view
                for view in reversed(context.account.orders.values())
                if view.order.status.terminal
                and words.category_of(view.instrument) == category
                and wanted in ("", view.instrument.market_id)
            ]
        return self._page(context, [rows.order_row(v, context.account.number) for v in found])

    def executions(self, context: Context) -> dict[str, Any]:
        """Newest first, as the venue does."""
        account, category = context.account, self._category(context)
        start, end = context.whole("startTime", 0), context.whole("endTime", 2**62)
        kind = context.text("execType")
        made: list[dict[str, Any]] = []
        if kind in ("", "Trade"):
            made += [
                rows.execution_row(account.orders[f.client_order_id], f, account.number)
                for f in account.fills
            ]
        if kind in ("", "Funding"):
            made += [
                rows.funding_row(account.instrument(p.instrument), p, n, account.number)
                for n, p in enumerate(account.payments, 1)
            ]
        made += [
            row
            for close in account.forced
            for row in [
                rows.forced_row(account.instrument(close.instrument), close, account.number)
            ]
            if kind in ("", row["execType"])
        ]
        wanted, order = context.text("symbol"), context.text("orderId")
        link = context.text("orderLinkId")
        found = [
            row
            for row in made
            if row["category"] == category
            and wanted in ("", row["symbol"])
            and order in ("", row["orderId"])
            and link in ("", row["orderLinkId"])
            and start <= int(row["execTime"]) <= end
        ]
        found.sort(key=lambda row: (int(row["execTime"]), row["seq"]), reverse=True)
        return self._page(context, found, most=100)

    def _page(
        self, context: Context, found: list[dict[str, Any]], most: int = 50
    ) -> dict[str, Any]:
        limit = min(context.whole("limit", 50), most)
        first = context.whole("cursor", 0)
        more = first + limit < len(found)
        return {
            "category": self._category(context),
            "list": found[first : first + limit],
            "nextPageCursor": str(first + limit) if more else "",
        }

    # The account.

    def prices(self) -> dict[str, Decimal]:
        made = {"USDT": Decimal(1)}
        for shown in self._listed[SPOT].values():
            made[shown.instrument.base] = shown.book.top[0] * shown.instrument.tick
        return made

    def wallet(self, context: Context) -> dict[str, Any]:
        return {"list": [rows.wallet_row(context.account, self.prices())]}

    def info(self, _: Context) -> dict[str, Any]:
        return {
            "marginMode": "ISOLATED_MARGIN",
            "updatedTime": str(self._server.now_ms()),
            "unifiedMarginStatus": 6,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def fee_rate(self, context: Context) -> dict[str, Any]:
        told = [
            {
                "symbol": shown.market_id,
                "takerFeeRate": number(shown.instrument.taker_fee),
                "makerFeeRate": number(shown.instrument.maker_fee),
                "baseCoin": "",
            }
            for shown in self._which(context)
        ]
        return {"list": told}

    def positions(self, context: Context) -> dict[str, Any]:
        account, wanted = context.account, context.text("symbol")
        if self._category(context) != LINEAR:
            return {"category": context.text("category"), "list": [], "nextPageCursor": ""}
        held = {p.instrument: p for p in account.exchange.margin.told(self._server.now_ns())}
        told = [
            rows.position_row(
                shown.instrument,
                held.get(shown.instrument.id),
                account.exchange.margin.contracts[shown.instrument.id].leverage,
                self._server.now_ms(),
            )
            for shown in self._listed[LINEAR].values()
            if wanted == shown.market_id or (not wanted and shown.instrument.id in held)
        ]
        return {"category": LINEAR, "list": told, "nextPageCursor": ""}

    def set_leverage(self, context: Context) -> dict[str, Any]:
        shown = self.find(self._category(context), context.need("symbol"))
        times = _decimal(context, "buyLeverage")
        contract = context.account.exchange.margin.contracts[shown.instrument.id]
        if contract.leverage == times:
            raise VenueError(110043, "leverage not modified", 200)
        try:
            context.account.exchange.set_leverage(shown.instrument.id, times, self._server.now_ns())
        except VenueRefused:
            raise VenueError(110013, "cannot set leverage due to risk limit", 200) from None
        return {}

    def switch_mode(self, context: Context) -> dict[str, Any]:
        if context.text("mode") == "0":
            raise VenueError(110025, "Position mode is not modified", 200)
        raise VenueError(
            110024, "You have an existing position, so the position mode cannot be switched.", 200
        )

    def switch_isolated(self, _: Context) -> dict[str, Any]:
        raise VenueError(110026, "Cross/isolated margin mode is not modified", 200)

    def query_api(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        wallet = ["AccountTransfer"] + (["Withdraw"] if key.can_withdraw else [])
        return {
            "id": "2208369",
            "note": "simex",
            "apiKey": key.key,
            "readOnly": int(not key.can_trade),
            "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"],
                "Spot": ["SpotTrade"],
                "Wallet": wallet if key.can_withdraw else [],
                "Options": [],
                "Derivatives": ["DerivativesTrade"],
                "Exchange": [],
            },
            "ips": ["*"],
            "type": 1,
            "deadlineDay": 90,
            "unified": 0,
            "uta": 1,
            "userID": 1_448_939 + key.account,
            "vipLevel": "No VIP",
            "isMaster": True,
        }

    def coins(self, context: Context) -> dict[str, Any]:
        told = [
            {"name": asset, "coin": asset, "remainAmount": "0", "chains": []}
            for asset in context.account.balances
        ]
        return {"rows": told}


def _ids(view: OrderView, account: Account) -> dict[str, str]:
    return {
        "orderId": words.order_id(view.order.number, account.number),
        "orderLinkId": view.order.client_order_id,
    }


def _decimal(context: Context, name: str) -> Decimal:
    try:
        value = Decimal(context.need(name))
    except InvalidOperation:
        raise words.invalid(f"{name} invalid") from None
    if not value.is_finite() or value <= 0:
        raise words.invalid(f"{name} invalid")
    return value


def _spot_symbol(shown: Shown) -> dict[str, Any]:
    i = shown.instrument
    return {
        "symbol": i.market_id,
        "baseCoin": i.base,
        "quoteCoin": i.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": number(i.lot),
            "quotePrecision": "0.00000001",
            "minOrderQty": number(i.min_size),
            "maxOrderQty": "100000000",
            "minOrderAmt": number(i.min_notional),
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": number(i.tick)},
        "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.05"},
    }


def _kline(shown: Shown, at: int, bar: Bar) -> list[str]:
    scale = shown.book.scale
    turnover = bar.turnover * float(shown.instrument.tick) * float(shown.instrument.lot)
    prices = [scale.price(p) for p in (bar.open, bar.high, bar.low, bar.close)]
    return [str(at), *prices, scale.size(bar.volume), f"{turnover:.8f}"]
