"""Market data that needs no key, over REST: the same shapes under `/api/v3` and `/fapi/v1`."""

from typing import Any

from arbiter.model.time import NS_PER_MS
from arbiter.simex.binance import words
from arbiter.simex.binance.calls import Context, Route
from arbiter.simex.rest import VenueError
from arbiter.simex.tape import Bar, Print
from arbiter.simex.venue import Shown, VenueServer

_MINUTE_MS = 60_000
INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1_440}


class PublicRest:
    def __init__(self, server: VenueServer, prefix: str, *, futures: bool) -> None:
        self._server = server
        self._futures = futures
        self._by_market = {
            shown.market_id: shown for shown in server.shown.values() if shown.perpetual is futures
        }
        depth = {5: 2, 100: 5, 500: 10, 1_000: 20} if futures else {100: 5, 500: 25, 1_000: 50}
        self.depth_weights = depth
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", f"{prefix}/ping"): Route(lambda _: {}),
            ("GET", f"{prefix}/time"): Route(lambda _: {"serverTime": server.now_ms()}),
            ("GET", f"{prefix}/depth"): Route(self.depth, 5),
            ("GET", f"{prefix}/trades"): Route(self.trades, 5 if futures else 25),
            ("GET", f"{prefix}/aggTrades"): Route(self.agg_trades, 4),
            ("GET", f"{prefix}/klines"): Route(self.klines, 2),
            ("GET", f"{prefix}/ticker/bookTicker"): Route(self.book_ticker, 2),
            ("GET", f"{prefix}/ticker/price"): Route(self.price, 2),
            ("GET", f"{prefix}/ticker/24hr"): Route(self.day, 2 if not futures else 1),
        }

    @property
    def listed(self) -> list[Shown]:
        return list(self._by_market.values())

    def find(self, name: str) -> Shown:
        shown = self._by_market.get(name)
        if shown is None:
            raise words.INVALID_SYMBOL
        return shown

    def depth(self, context: Context) -> dict[str, Any]:
        shown = self.find(context.need("symbol"))
        limit = min(context.whole("limit", 500 if self._futures else 100), 5_000)
        bids, asks = shown.book.levels()
        scale = shown.book.scale
        told: dict[str, Any] = {"lastUpdateId": shown.book.last_id}
        if self._futures:
            told |= {"E": self._server.now_ms(), "T": shown.book.at_ns // NS_PER_MS}
        told["bids"] = [[scale.price(p), scale.size(s)] for p, s in bids[:limit]]
        told["asks"] = [[scale.price(p), scale.size(s)] for p, s in asks[:limit]]
        return told

    def trades(self, context: Context) -> list[dict[str, Any]]:
        shown = self.find(context.need("symbol"))
        limit = min(context.whole("limit", 500), 1_000)
        return [self._trade(shown, one) for one in list(shown.tape.trades)[-limit:]]

    def _trade(self, shown: Shown, one: Print) -> dict[str, Any]:
        scale = shown.book.scale
        price, size = scale.price(one.price), scale.size(one.size)
        told: dict[str, Any] = {
            "id": one.number,
            "price": price,
            "qty": size,
            "quoteQty": f"{float(price) * float(size):.8f}",
            "time": one.at_ms,
            "isBuyerMaker": one.sold,
        }
        if not self._futures:
            told["isBestMatch"] = True
        return told

    def agg_trades(self, context: Context) -> list[dict[str, Any]]:
        shown = self.find(context.need("symbol"))
        limit = min(context.whole("limit", 500), 1_000)
        scale = shown.book.scale
        return [
            {
                "a": one.number,
                "p": scale.price(one.price),
                "q": scale.size(one.size),
                "f": one.number,
                "l": one.number,
                "T": one.at_ms,
                "m": one.sold,
                "M": True,
            }
            for one in list(shown.tape.trades)[-limit:]
        ]

    def klines(self, context: Context) -> list[list[Any]]:
        shown = self.find(context.need("symbol"))
        minutes = INTERVALS.get(context.need("interval"))
        if minutes is None:
            raise VenueError(-1120, "Invalid interval.")
        limit = min(context.whole("limit", 500), 1_000)
        start, end = context.whole("startTime", 0), context.whole("endTime", 2**62)
        bars = [(at, bar) for at, bar in joined(shown.tape.history, minutes) if start <= at <= end]
        page = bars[:limit] if start else bars[-limit:]
        return [self._kline(shown, at, bar, minutes) for at, bar in page]

    def _kline(self, shown: Shown, at: int, bar: Bar, minutes: int) -> list[Any]:
        scale = shown.book.scale
        turnover = bar.turnover * float(shown.instrument.tick) * float(shown.instrument.lot)
        return [
            at,
            scale.price(bar.open),
            scale.price(bar.high),
            scale.price(bar.low),
            scale.price(bar.close),
            scale.size(bar.volume),
            at + minutes * _MINUTE_MS - 1,
            f"{turnover:.8f}",
            bar.count,
            scale.size(bar.volume // 2),
            f"{turnover / 2:.8f}",
            "0",
        ]

    def _one_or_all(self, context: Context) -> tuple[bool, list[Shown]]:
        if "symbols" in context.params:
            names = context.params["symbols"].strip("[]").replace('"', "").split(",")
            return False, [self.find(name) for name in names]
        if "symbol" in context.params:
            return True, [self.find(context.params["symbol"])]
        return False, self.listed

    def book_ticker(self, context: Context) -> Any:
        one, which = self._one_or_all(context)
        rows = [self._top(shown) for shown in which]
        return rows[0] if one else rows

    def _top(self, shown: Shown) -> dict[str, Any]:
        bid, ask, bid_size, ask_size = shown.book.top
        scale = shown.book.scale
        told: dict[str, Any] = {
            "symbol": shown.market_id,
            "bidPrice": scale.price(bid),
            "bidQty": scale.size(bid_size),
            "askPrice": scale.price(ask),
            "askQty": scale.size(ask_size),
        }
        if self._futures:
            told |= {"time": shown.book.at_ns // NS_PER_MS, "lastUpdateId": shown.book.last_id}
        return told

    def price(self, context: Context) -> Any:
        one, which = self._one_or_all(context)
        rows = [{"symbol": s.market_id, "price": s.book.scale.price(s.book.top[0])} for s in which]
        return rows[0] if one else rows

    def day(self, context: Context) -> Any:
        one, which = self._one_or_all(context)
        rows = [day_row(shown, self._server.now_ms()) for shown in which]
        return rows[0] if one else rows


def joined(bars: dict[int, Bar], minutes: int) -> list[tuple[int, Bar]]:
    """Minute bars put together to longer ones, oldest first."""
    if minutes == 1:
        return list(bars.items())
    made: dict[int, Bar] = {}
    for at, bar in bars.items():
        opens = at - at % (minutes * _MINUTE_MS)
        into = made.get(opens)
        if into is None:
            made[opens] = Bar(
                bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover, bar.count
            )
            continue
        into.high, into.low = max(into.high, bar.high), min(into.low, bar.low)
        into.close = bar.close
        into.volume += bar.volume
        into.turnover += bar.turnover
        into.count += bar.count
    return list(made.items())


def day_row(shown: Shown, now_ms: int) -> dict[str, Any]:
    """Figures of the day, as REST tells them."""
    scale, bar = shown.book.scale, shown.tape.day()
    bid, ask, bid_size, ask_size = shown.book.top
    last = bar.close or bid
    opened = bar.open or last
    change = float(scale.price(last)) - float(scale.price(opened))
    turnover = bar.turnover * float(shown.instrument.tick) * float(shown.instrument.lot)
    average = turnover / float(scale.size(bar.volume)) if bar.volume else float(scale.price(last))
    newest = shown.tape.trades[-1] if shown.tape.trades else None
    return {
        "symbol": shown.market_id,
        "priceChange": f"{change:.8f}",
        "priceChangePercent": f"{change / float(scale.price(opened)) * 100:.3f}",
        "weightedAvgPrice": f"{average:.8f}",
        "prevClosePrice": scale.price(opened),
        "lastPrice": scale.price(last),
        "lastQty": scale.size(newest.size if newest else 1),
        "bidPrice": scale.price(bid),
        "bidQty": scale.size(bid_size),
        "askPrice": scale.price(ask),
        "askQty": scale.size(ask_size),
        "openPrice": scale.price(opened),
        "highPrice": scale.price(bar.high or last),
        "lowPrice": scale.price(bar.low or last),
        "volume": scale.size(bar.volume),
        "quoteVolume": f"{turnover:.8f}",
        "openTime": now_ms - 86_400_000,
        "closeTime": now_ms,
        "firstId": 1,
        "lastId": newest.number if newest else 1,
        "count": bar.count,
    }
