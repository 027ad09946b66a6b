"""What the venue tells everybody: coins, their contexts, books, trades, candles."""

from decimal import Decimal
from typing import Any

from arbiter.model.money import ONE
from arbiter.model.time import NS_PER_MS
from arbiter.simex.hyperliquid.words import number, short
from arbiter.simex.tape import Bar, Print
from arbiter.simex.venue import Shown, VenueServer

LEVELS = 20
INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1_440}
_MINUTE_MS = 60_000
_NOBODY = ["0x" + "0" * 40, "0x" + "0" * 40]


class MarketData:
    """Coins in the order of their numbers."""

    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self.listed = list(server.shown.values())
        self.by_coin = {shown.market_id: shown for shown in self.listed}
        self.numbers = {shown.market_id: n for n, shown in enumerate(self.listed)}

    def meta(self) -> dict[str, Any]:
        return {
            "universe": [
                {
                    "szDecimals": -shown.instrument.lot.adjusted(),
                    "name": shown.market_id,
                    "maxLeverage": int(shown.instrument.margin.max_leverage),
                    "marginTableId": 51 + n,
                }
                for n, shown in enumerate(self.listed)
                if shown.instrument.margin is not None
            ],
            "marginTables": [[51 + n, _table(shown)] for n, shown in enumerate(self.listed)],
            "collateralToken": 0,
        }

    def context(self, shown: Shown) -> dict[str, Any]:
        rate, bar = self._server.funding[shown.row], shown.tape.day()
        bid, ask, _, _ = shown.book.top
        tick = shown.instrument.tick
        mid = (bid + ask) * tick / 2
        opened = (bar.open or bid) * tick
        turnover = bar.turnover * tick * shown.instrument.lot
        return {
            "funding": number(rate.rate),
            "openInterest": "1000.0",
            "prevDayPx": number(opened),
            "dayNtlVlm": number(turnover),
            "premium": "0.0",
            "oraclePx": number(rate.mark),
            "markPx": number(rate.mark),
            "midPx": number(mid),
            "impactPxs": [number(bid * tick), number(ask * tick)],
            "dayBaseVlm": number(bar.volume * shown.instrument.lot),
        }

    def mids(self) -> dict[str, str]:
        return {shown.market_id: self.context(shown)["midPx"] for shown in self.listed}

    def predicted(self) -> list[Any]:
        told = []
        for shown in self.listed:
            rate = self._server.funding[shown.row]
            ours = {
                "fundingRate": number(rate.rate),
                "nextFundingTime": rate.next_funding_ns // NS_PER_MS,
                "fundingIntervalHours": rate.interval_hours,
            }
            told.append([shown.market_id, [["HlPerp", ours]]])
        return told

    def book(self, shown: Shown) -> dict[str, Any]:
        return {
            "coin": shown.market_id,
            "time": shown.book.at_ns // NS_PER_MS,
            "levels": [
                [_level(shown, p, s) for p, s in side[:LEVELS]] for side in shown.book.levels()
            ],
        }

    def best(self, shown: Shown, *, crossed: bool = False) -> dict[str, Any]:
        bid, ask, bid_size, ask_size = shown.book.top
        if crossed:
            bid, ask = ask, bid
        return {
            "coin": shown.market_id,
            "time": shown.book.at_ns // NS_PER_MS,
            "bbo": [_level(shown, bid, bid_size), _level(shown, ask, ask_size)],
        }

    def bbo(self, shown: Shown) -> str:
        scale, (bid, ask, _, _) = shown.book.scale, shown.book.top
        return f"{short(scale.price(bid))}@{short(scale.price(ask))}"

    def trade(self, shown: Shown, one: Print) -> dict[str, Any]:
        scale = shown.book.scale
        return {
            "coin": shown.market_id,
            "side": "A" if one.sold else "B",
            "px": short(scale.price(one.price)),
            "sz": short(scale.size(one.size)),
            "time": one.at_ms,
            "hash": f"0x{one.number:064x}",
            "tid": one.number,
            "users": _NOBODY,
        }

    def trades(self, shown: Shown) -> list[dict[str, Any]]:
        """The newest ten, newest first."""
        return [self.trade(shown, one) for one in list(shown.tape.trades)[:-11:-1]]

    def candle(self, shown: Shown, interval: str, opens: int, bar: Bar) -> dict[str, Any]:
        scale, minutes = shown.book.scale, INTERVALS[interval]
        return {
            "t": opens,
            "T": opens + minutes * _MINUTE_MS - 1,
            "s": shown.market_id,
            "i": interval,
            "o": short(scale.price(bar.open)),
            "c": short(scale.price(bar.close)),
            "h": short(scale.price(bar.high)),
            "l": short(scale.price(bar.low)),
            "v": short(scale.size(bar.volume)),
            "n": bar.count,
        }

    def candles(self, shown: Shown, interval: str, start: int, end: int) -> list[dict[str, Any]]:
        made: dict[int, Bar] = {}
        length = INTERVALS[interval] * _MINUTE_MS
        for at, bar in shown.tape.history.items():
            opens = at - at % length
            into = made.setdefault(opens, Bar(bar.open, bar.high, bar.low, bar.close))
            into.high, into.low = max(into.high, bar.high), min(into.low, bar.low)
            into.close = bar.close
            into.volume += bar.volume
            into.count += bar.count
        return [
            self.candle(shown, interval, opens, bar)
            for opens, bar in made.items()
            if start <= opens <= end
        ]


def _level(shown: Shown, price: int, size: int) -> dict[str, Any]:
    scale = shown.book.scale
    return {"px": short(scale.price(price)), "sz": short(scale.size(size)), "n": 1 + size % 5}


def _table(shown: Shown) -> dict[str, Any]:
    """The maintenance margin is half the initial one at a tier's greatest leverage."""
    terms = shown.instrument.margin
    assert terms is not None, "every perpetual has margin terms"
    bounds = [Decimal(0), *(tier.up_to for tier in terms.tiers if tier.up_to is not None)]
    return {
        "description": f"tiers of {shown.market_id}",
        "marginTiers": [
            {"lowerBound": number(bound), "maxLeverage": int(ONE / (2 * tier.rate))}
            for bound, tier in zip(bounds, terms.tiers, strict=True)
        ],
    }
