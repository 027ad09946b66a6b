"""Kraken's REST API without a key: assets, markets, prices, candles."""

from collections.abc import Iterable
from typing import Any

from arbiter.model.money import plain
from arbiter.model.time import NS_PER_S
from arbiter.simex.kraken import words
from arbiter.simex.kraken.calls import Context, Route
from arbiter.simex.tape import Bar
from arbiter.simex.venue import Shown, VenueServer

_INTERVALS = (1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600)
_CANDLES = 720
_TIERS = (0, 10_000, 50_000, 100_000)
"""30-day volumes from which the fees of later rows apply; here they are all the same."""


class Public:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self._by_name: dict[str, Shown] = {}
        for shown in server.shown.values():
            instrument = shown.instrument
            for name in (words.pair_name(instrument), instrument.market_id):
                self._by_name[name] = shown
            self._by_name[words.stream_name(instrument)] = shown
        self.routes: dict[str, Route] = {
            "Time": Route(self.time),
            "SystemStatus": Route(self.status),
            "Assets": Route(self.assets),
            "AssetPairs": Route(self.pairs),
            "Ticker": Route(self.ticker),
            "Depth": Route(self.depth),
            "Trades": Route(self.trades),
            "OHLC": Route(self.candles),
        }

    def find(self, name: str) -> Shown:
        shown = self._by_name.get(name)
        if shown is None:
            raise words.error("EQuery:Unknown asset pair")
        return shown

    def which(self, context: Context) -> list[Shown]:
        names = context.text("pair")
        if names:
            return [self.find(name) for name in names.split(",")]
        return list(self._server.shown.values())

    def time(self, _: Context) -> dict[str, Any]:
        seconds = self._server.now_ns() // NS_PER_S
        return {"unixtime": seconds, "rfc1123": "Thu, 01 Jan 26 00:00:00 +0000"}

    def status(self, _: Context) -> dict[str, str]:
        return {"status": "online", "timestamp": "2026-01-01T00:00:00Z"}

    def assets(self, _: Context) -> dict[str, Any]:
        return {
            words.asset_id(asset): {
                "aclass": "currency",
                "altname": words.altname(asset),
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
            for asset in self._server.accounts[0].balances
        }

    def pairs(self, context: Context) -> dict[str, Any]:
        return {words.pair_name(shown.instrument): _pair(shown) for shown in self.which(context)}

    def ticker(self, context: Context) -> dict[str, Any]:
        return {words.pair_name(s.instrument): self._ticker(s) for s in self.which(context)}

    def _ticker(self, shown: Shown) -> dict[str, Any]:
        scale, bar = shown.book.scale, shown.tape.day()
        bid, ask, bid_size, ask_size = shown.book.top
        last = bar.close or bid
        volume = scale.size(bar.volume)
        return {
            "a": [scale.price(ask), "1", scale.size(ask_size)],
            "b": [scale.price(bid), "1", scale.size(bid_size)],
            "c": [scale.price(last), scale.size(1)],
            "v": [volume, volume],
            "p": [scale.price(last), scale.price(last)],
            "t": [bar.count, bar.count],
            "l": [scale.price(bar.low or last)] * 2,
            "h": [scale.price(bar.high or last)] * 2,
            "o": scale.price(bar.open or last),
        }

    def depth(self, context: Context) -> dict[str, Any]:
        shown = self.find(context.need("pair"))
        count, at_s = context.whole("count", 100), shown.book.at_ns // NS_PER_S
        bids, asks = shown.book.levels()
        scale = shown.book.scale

        def side(levels: Iterable[tuple[int, int]]) -> list[list[Any]]:
            return [[scale.price(p), scale.size(s), at_s] for p, s in list(levels)[:count]]

        return {words.pair_name(shown.instrument): {"asks": side(asks), "bids": side(bids)}}

    def trades(self, context: Context) -> dict[str, Any]:
        shown = self.find(context.need("pair"))
        scale, count = shown.book.scale, context.whole("count", 1_000)
        newest = list(shown.tape.trades)[-count:]
        rows = [
            [
                scale.price(one.price),
                scale.size(one.size),
                one.at_ms / 1_000,
                "s" if one.sold else "b",
                "m",
                "",
                one.number,
            ]
            for one in newest
        ]
        last = newest[-1].at_ms * 1_000_000 if newest else 0
        return {words.pair_name(shown.instrument): rows, "last": str(last)}

    def candles(self, context: Context) -> dict[str, Any]:
        shown = self.find(context.need("pair"))
        if context.whole("interval", 1) not in _INTERVALS:
            raise words.invalid("interval")
        since = context.whole("since", 0)
        found = [
            (at // 1_000, bar) for at, bar in shown.tape.history.items() if at // 1_000 > since
        ]
        rows = [_candle(shown, at, bar) for at, bar in found[-_CANDLES:]]
        last = rows[-1][0] if rows else 0
        return {words.pair_name(shown.instrument): rows, "last": last}


def _pair(shown: Shown) -> dict[str, Any]:
    i = shown.instrument
    return {
        "altname": words.pair_name(i),
        "wsname": i.market_id,
        "aclass_base": "currency",
        "base": words.asset_id(i.base),
        "aclass_quote": "currency",
        "quote": words.asset_id(i.quote),
        "lot": "unit",
        "cost_decimals": 8,
        "pair_decimals": words.decimals(i.tick),
        "lot_decimals": words.decimals(i.lot),
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[volume, float(i.taker_fee * 100)] for volume in _TIERS],
        "fees_maker": [[volume, float(i.maker_fee * 100)] for volume in _TIERS],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": plain(i.min_size),
        "costmin": plain(i.min_notional),
        "tick_size": plain(i.tick),
        "status": "online",
    }


def _candle(shown: Shown, at_s: int, bar: Bar) -> list[Any]:
    scale = shown.book.scale
    prices = [scale.price(p) for p in (bar.open, bar.high, bar.low, bar.close)]
    return [at_s, *prices, scale.price(bar.close), scale.size(bar.volume), bar.count]
