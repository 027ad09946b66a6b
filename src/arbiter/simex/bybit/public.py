"""The v5 REST API without a key: instruments, prices, candles."""

from decimal import Decimal
from typing import Any

from arbiter.model.time import NS_PER_MS
from arbiter.simex.bybit import words
from arbiter.simex.bybit.calls import Context, Route
from arbiter.simex.bybit.words import LINEAR, SPOT, number
from arbiter.simex.tape import Bar
from arbiter.simex.venue import Shown, VenueServer

INTERVALS = {"1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "240": 240, "D": 1_440}


class Public:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self.listed: dict[str, dict[str, Shown]] = {SPOT: {}, LINEAR: {}}
        for shown in server.shown.values():
            self.listed[words.category_of(shown.instrument)][shown.market_id] = shown
        market = "/v5/market"
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", f"{market}/time"): Route(self.time),
            ("GET", f"{market}/instruments-info"): Route(self.instruments),
            ("GET", f"{market}/tickers"): Route(self.tickers),
            ("GET", f"{market}/orderbook"): Route(self.orderbook),
            ("GET", f"{market}/recent-trade"): Route(self.recent_trades),
            ("GET", f"{market}/kline"): Route(self.kline),
            ("GET", f"{market}/funding/history"): Route(lambda _: {"category": LINEAR, "list": []}),
            ("GET", f"{market}/risk-limit"): Route(self.risk_limits),
        }

    def find(self, category: str, name: str) -> Shown:
        listed = self.listed.get(category)
        if listed is None:
            raise words.invalid("Illegal category")
        shown = listed.get(name)
        if shown is None:
            raise words.refusal_error("UNKNOWN_INSTRUMENT", category)
        return shown

    def category(self, context: Context) -> str:
        category = context.need("category")
        if category not in (SPOT, LINEAR, "inverse", "option"):
            raise words.invalid("Illegal category")
        return category

    def which(self, context: Context) -> list[Shown]:
        category = self.category(context)
        if context.text("symbol"):
            return [self.find(category, context.text("symbol"))]
        return list(self.listed.get(category, {}).values())

    def time(self, _: Context) -> dict[str, str]:
        now = self._server.now_ns()
        return {"timeSecond": str(now // 1_000_000_000), "timeNano": str(now)}

    def instruments(self, context: Context) -> dict[str, Any]:
        category = self.category(context)
        make = _spot_symbol if category == SPOT else self._linear_symbol
        told = [make(shown) for shown in self.which(context)]
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
        told = [self.ticker(shown) for shown in self.which(context)]
        return {"category": self.category(context), "list": told}

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
        shown = self.find(self.category(context), context.need("symbol"))
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
        shown = self.find(self.category(context), context.need("symbol"))
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
        return {"category": self.category(context), "list": told}

    def kline(self, context: Context) -> dict[str, Any]:
        shown = self.find(self.category(context), context.need("symbol"))
        if context.need("interval") not in INTERVALS:
            raise words.invalid("interval invalid")
        start, end = context.whole("start", 0), context.whole("end", 2**62)
        limit = min(context.whole("limit", 200), 1_000)
        found = [(at, bar) for at, bar in shown.tape.history.items() if start <= at <= end]
        told = [_kline(shown, at, bar) for at, bar in found[-limit:]]
        return {
            "category": self.category(context),
            "symbol": shown.market_id,
            "list": told[::-1],
        }

    def risk_limits(self, context: Context) -> dict[str, Any]:
        told = []
        for shown in self.which(context):
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
