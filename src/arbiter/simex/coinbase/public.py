"""Coinbase's REST API without a key: products, books, prices, candles, currencies."""

from datetime import UTC, datetime
from typing import Any

from arbiter.model.money import plain
from arbiter.model.time import NS_PER_MS
from arbiter.simex.coinbase import words
from arbiter.simex.coinbase.calls import Context, Route
from arbiter.simex.venue import Shown, VenueServer

_CANDLES = 350
_GRAINS = {"ONE_MINUTE": 60}
_BROKERAGE = "/api/v3/brokerage"


class Public:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self.listed = {shown.market_id: shown for shown in server.shown.values()}
        market = f"{_BROKERAGE}/market"
        self.routes: dict[str, Route] = {
            f"{_BROKERAGE}/time": Route(self.time, signed=False),
            f"{market}/products": Route(self.products, signed=False),
            f"{market}/product_book": Route(self.book, signed=False),
            f"{_BROKERAGE}/products": Route(self.products),
            f"{_BROKERAGE}/product_book": Route(self.book),
            f"{_BROKERAGE}/best_bid_ask": Route(self.best),
            "/v2/time": Route(self.time_v2, signed=False),
            "/v2/currencies": Route(lambda _: {"data": []}, signed=False),
            "/v2/currencies/crypto": Route(self.currencies, signed=False),
            "/v2/exchange-rates": Route(self.rates, signed=False),
        }
        self.product_routes: dict[str, Route] = {
            "": Route(lambda context: self._product(self.find(context.tail)), signed=False),
            "ticker": Route(self.ticker, signed=False),
            "candles": Route(self.candles, signed=False),
        }
        """By what follows ``…/products/{product_id}/``."""

    def find(self, name: str) -> Shown:
        shown = self.listed.get(name)
        if shown is None:
            raise words.invalid(f'ProductID "{name}" is invalid')
        return shown

    def time(self, _: Context) -> dict[str, str]:
        now_ms = self._server.now_ms()
        iso = words.stamp(now_ms * NS_PER_MS)
        return {"iso": iso, "epochSeconds": str(now_ms // 1_000), "epochMillis": str(now_ms)}

    def time_v2(self, _: Context) -> dict[str, Any]:
        epoch = self._server.now_ms() // 1_000
        iso = f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return {"data": {"iso": iso, "epoch": epoch}}

    def products(self, context: Context) -> dict[str, Any]:
        if context.text("product_type", "SPOT") != "SPOT":
            return {"products": [], "num_products": 0}
        wanted = context.many("product_ids")
        told = [
            self._product(shown)
            for name, shown in self.listed.items()
            if not wanted or name in wanted
        ]
        return {"products": told, "num_products": len(told)}

    def _product(self, shown: Shown) -> dict[str, Any]:
        i, scale, bar = shown.instrument, shown.book.scale, shown.tape.day()
        last = bar.close or shown.book.top[0]
        flags = (
            "watched",
            "is_disabled",
            "new",
            "cancel_only",
            "limit_only",
            "post_only",
            "trading_disabled",
            "auction_mode",
            "view_only",
        )
        return dict.fromkeys(flags, False) | {
            "product_id": i.market_id,
            "price": scale.price(last),
            "price_percentage_change_24h": "0",
            "volume_24h": scale.size(bar.volume),
            "base_increment": plain(i.lot),
            "quote_increment": plain(i.tick),
            "price_increment": plain(i.tick),
            "quote_min_size": plain(i.min_notional),
            "quote_max_size": "150000000",
            "base_min_size": plain(i.min_size),
            "base_max_size": "100000000",
            "base_name": i.base,
            "quote_name": i.quote,
            "status": "online",
            "product_type": "SPOT",
            "quote_currency_id": i.quote,
            "base_currency_id": i.base,
            "mid_market_price": "",
            "alias": "",
            "alias_to": [],
            "base_display_symbol": i.base,
            "quote_display_symbol": i.quote,
            "display_name": i.market_id,
            "product_venue": "CBE",
        }

    def _pricebook(self, shown: Shown, limit: int) -> dict[str, Any]:
        scale = shown.book.scale
        bids, asks = (
            [{"price": scale.price(p), "size": scale.size(s)} for p, s in side[:limit]]
            for side in shown.book.levels()
        )
        time = words.stamp(shown.book.at_ns)
        return {"product_id": shown.market_id, "bids": bids, "asks": asks, "time": time}

    def book(self, context: Context) -> dict[str, Any]:
        shown = self.find(context.text("product_id"))
        return {"pricebook": self._pricebook(shown, context.whole("limit", 500))}

    def best(self, context: Context) -> dict[str, Any]:
        wanted = context.many("product_ids") or list(self.listed)
        return {"pricebooks": [self._pricebook(self.find(name), 1) for name in wanted]}

    def ticker(self, context: Context) -> dict[str, Any]:
        shown = self.find(context.tail)
        scale = shown.book.scale
        newest = list(shown.tape.trades)[-context.whole("limit", 100) :]
        bid, ask, _, _ = shown.book.top
        trades = [
            {
                "trade_id": str(one.number),
                "product_id": shown.market_id,
                "price": scale.price(one.price),
                "size": scale.size(one.size),
                "time": words.stamp(one.at_ms * NS_PER_MS),
                "side": "BUY" if one.sold else "SELL",
                "bid": "",
                "ask": "",
                "exchange": "coinbase",
            }
            for one in reversed(newest)
        ]
        return {"trades": trades, "best_bid": scale.price(bid), "best_ask": scale.price(ask)}

    def candles(self, context: Context) -> dict[str, Any]:
        """Newest first."""
        shown = self.find(context.tail)
        if context.text("granularity") not in _GRAINS:
            raise words.invalid("granularity is not supported")
        start, end = context.whole("start", 0), context.whole("end", 2**40)
        if (end - start) // _GRAINS["ONE_MINUTE"] > _CANDLES:
            raise words.invalid("number of candles requested should be less than 350")
        scale = shown.book.scale
        told = [
            {
                "start": str(at // 1_000),
                "low": scale.price(bar.low),
                "high": scale.price(bar.high),
                "open": scale.price(bar.open),
                "close": scale.price(bar.close),
                "volume": scale.size(bar.volume),
            }
            for at, bar in shown.tape.history.items()
            if start <= at // 1_000 <= end
        ]
        return {"candles": told[::-1]}

    def currencies(self, _: Context) -> dict[str, Any]:
        told = [
            {"asset_id": f"simex-{asset}", "code": asset, "name": asset, "type": "crypto"}
            for asset in self._server.accounts[0].balances
        ]
        return {"data": told}

    def rates(self, _: Context) -> dict[str, Any]:
        return {"data": {"currency": "USD", "rates": {"USDT": "1.0"}}}
