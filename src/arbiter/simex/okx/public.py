"""The v5 REST API without a key: instruments, prices, candles, funding."""

from collections import deque
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from arbiter.model.time import NS_PER_HOUR, NS_PER_MS
from arbiter.simex.depth import Scale
from arbiter.simex.okx import words
from arbiter.simex.okx.calls import Context, Route
from arbiter.simex.okx.words import KINDS, SPOT, SWAP, number
from arbiter.simex.rest import VenueError
from arbiter.simex.tape import Bar
from arbiter.simex.venue import Shown, VenueServer

BARS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "4H": 240, "1D": 1_440}
_KEPT_RATES = 400

Level = list[str]


class Settled:
    """Rates of the settlements that there were."""

    def __init__(self) -> None:
        self._rows: dict[Shown, deque[dict[str, Any]]] = {}

    def add(self, shown: Shown, rate: Decimal, due_ns: int) -> None:
        row = {
            "instType": SWAP,
            "instId": shown.market_id,
            "formulaType": "noRate",
            "fundingRate": number(rate),
            "realizedRate": number(rate),
            "fundingTime": str(due_ns // NS_PER_MS),
            "method": "current_period",
        }
        self._rows.setdefault(shown, deque(maxlen=_KEPT_RATES)).appendleft(row)

    def of(self, shown: Shown) -> list[dict[str, Any]]:
        return list(self._rows.get(shown, ()))


class Public:
    """Sizes go out in contracts: `scales` write them."""

    def __init__(self, server: VenueServer, settled: Settled) -> None:
        self._server = server
        self._settled = settled
        self.listed: dict[str, Shown] = {s.market_id: s for s in server.shown.values()}
        self.scales: dict[Shown, Scale] = {
            shown: Scale(
                replace(shown.instrument, lot=shown.instrument.lot / shown.instrument.wire_unit)
            )
            for shown in self.listed.values()
        }
        public, market = "/api/v5/public", "/api/v5/market"
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", f"{public}/time"): Route(self.time),
            ("GET", f"{public}/instruments"): Route(self.instruments),
            ("GET", f"{public}/position-tiers"): Route(self.tiers),
            ("GET", f"{public}/mark-price"): Route(self.marks),
            ("GET", f"{public}/funding-rate"): Route(self.rates),
            ("GET", f"{public}/funding-rate-history"): Route(self.past_rates),
            ("GET", f"{market}/tickers"): Route(self.tickers),
            ("GET", f"{market}/ticker"): Route(lambda c: [self.ticker(self.named(c))]),
            ("GET", f"{market}/books"): Route(self.books),
            ("GET", f"{market}/trades"): Route(self.trades),
            ("GET", f"{market}/candles"): Route(self.candles),
            ("GET", f"{market}/history-candles"): Route(self.candles),
        }

    def find(self, name: str) -> Shown:
        shown = self.listed.get(name)
        if shown is None:
            raise VenueError(
                51001, "Instrument ID, Instrument ID code, or Spread ID doesn't exist.", 200
            )
        return shown

    def named(self, context: Context) -> Shown:
        return self.find(context.need("instId"))

    def of_kind(self, context: Context) -> list[Shown]:
        kind = context.need("instType")
        if kind not in KINDS:
            raise words.invalid("instType")
        wanted = context.text("instId")
        return [
            shown
            for shown in self.listed.values()
            if words.kind_of(shown.instrument) == kind and wanted in ("", shown.market_id)
        ]

    def swaps(self, context: Context) -> list[Shown]:
        wanted = context.text("instId")
        if wanted not in ("", "ANY"):
            return [self.find(wanted)]
        return [shown for shown in self.listed.values() if shown.perpetual]

    def time(self, _: Context) -> list[Any]:
        return [{"ts": str(self._server.now_ms())}]

    def instruments(self, context: Context) -> list[Any]:
        return [_instrument(shown) for shown in self.of_kind(context)]

    def tiers(self, context: Context) -> list[Any]:
        if context.text("tdMode") not in ("isolated", "cross"):
            raise words.invalid("tdMode")
        families = (context.text("instFamily") or context.need("uly")).split(",")
        told: list[Any] = []
        for shown in self.listed.values():
            terms, family = shown.instrument.margin, _family(shown)
            if terms is None or family not in families:
                continue
            contract = self._server.market.mark(shown.row) * shown.instrument.wire_unit
            least = Decimal(0)
            for place, tier in enumerate(terms.tiers, 1):
                most = (tier.up_to or Decimal(100_000_000)) // contract
                told.append(
                    {
                        "uly": family,
                        "instFamily": family,
                        "instId": "",
                        "tier": str(place),
                        "minSz": number(least),
                        "maxSz": number(most),
                        "mmr": number(tier.rate),
                        "imr": number(1 / terms.max_leverage),
                        "maxLever": number(terms.max_leverage),
                        "optMgnFactor": "",
                        "quoteMaxLoan": "",
                        "baseMaxLoan": "",
                    }
                )
                least = most
        return told

    # Prices.

    def tickers(self, context: Context) -> list[Any]:
        return [self.ticker(shown) for shown in self.of_kind(context)]

    def ticker(self, shown: Shown) -> dict[str, Any]:
        scale, bar = self.scales[shown], shown.tape.day()
        bid, ask, bid_size, ask_size = shown.book.top
        last = bar.close or bid
        tick, lot = float(shown.instrument.tick), float(shown.instrument.lot)
        volume = bar.volume * lot
        return {
            "instType": words.kind_of(shown.instrument),
            "instId": shown.market_id,
            "last": scale.price(last),
            "lastSz": scale.size(1),
            "askPx": scale.price(ask),
            "askSz": scale.size(ask_size),
            "bidPx": scale.price(bid),
            "bidSz": scale.size(bid_size),
            "open24h": scale.price(bar.open or last),
            "high24h": scale.price(bar.high or last),
            "low24h": scale.price(bar.low or last),
            "sodUtc0": scale.price(bar.open or last),
            "sodUtc8": scale.price(bar.open or last),
            "volCcy24h": f"{volume if shown.perpetual else bar.turnover * tick * lot:.8f}",
            "vol24h": scale.size(bar.volume),
            "ts": str(shown.book.at_ns // NS_PER_MS),
        }

    def levels(self, shown: Shown, most: int = 400) -> tuple[list[Level], list[Level]]:
        """Asks and bids as rows."""
        bids, asks = shown.book.levels()
        scale = self.scales[shown]
        made = [[level_row(scale, *level) for level in side[:most]] for side in (asks, bids)]
        return made[0], made[1]

    def books(self, context: Context) -> list[Any]:
        shown = self.named(context)
        asks, bids = self.levels(shown, context.whole("sz", 1))
        at = str(shown.book.at_ns // NS_PER_MS)
        return [{"asks": asks, "bids": bids, "ts": at, "seqId": shown.book.last_id}]

    def trades(self, context: Context) -> list[Any]:
        shown = self.named(context)
        newest = list(shown.tape.trades)[-min(context.whole("limit", 100), 500) :]
        return [self.trade(shown, one) for one in reversed(newest)]

    def trade(self, shown: Shown, made: Any) -> dict[str, Any]:
        scale = self.scales[shown]
        return {
            "instId": shown.market_id,
            "tradeId": str(made.number),
            "px": scale.price(made.price),
            "sz": scale.size(made.size),
            "side": "sell" if made.sold else "buy",
            "ts": str(made.at_ms),
        }

    def candles(self, context: Context) -> list[Any]:
        """`after` asks for what is older, `before` for what is newer."""
        shown = self.named(context)
        if context.text("bar", "1m") not in BARS:
            raise words.invalid("bar")
        older, newer = context.whole("after", 2**62), context.whole("before", -1)
        found = [(at, bar) for at, bar in shown.tape.history.items() if newer < at < older]
        limit = min(context.whole("limit", 100), 300)
        return [self.candle(shown, at, bar) for at, bar in reversed(found[-limit:])]

    def candle(self, shown: Shown, at: int, bar: Bar) -> list[str]:
        scale = self.scales[shown]
        tick, lot = float(shown.instrument.tick), float(shown.instrument.lot)
        turnover = f"{bar.turnover * tick * lot:.8f}"
        in_base = f"{bar.volume * lot:.8f}" if shown.perpetual else turnover
        prices = [scale.price(p) for p in (bar.open, bar.high, bar.low, bar.close)]
        over = self._server.now_ms() >= at + 60_000
        return [str(at), *prices, scale.size(bar.volume), in_base, turnover, str(int(over))]

    # Funding.

    def marks(self, context: Context) -> list[Any]:
        return [self.mark(shown) for shown in self.of_kind(context) if shown.perpetual]

    def mark(self, shown: Shown) -> dict[str, Any]:
        return {
            "instType": SWAP,
            "instId": shown.market_id,
            "markPx": number(self._server.market.mark(shown.row)),
            "ts": str(self._server.now_ms()),
        }

    def rates(self, context: Context) -> list[Any]:
        return [self.rate(shown) for shown in self.swaps(context)]

    def rate(self, shown: Shown) -> dict[str, Any]:
        told = self._server.funding[shown.row]
        after_ns = told.next_funding_ns + told.interval_hours * NS_PER_HOUR
        return {
            "instType": SWAP,
            "instId": shown.market_id,
            "formulaType": "withRate",
            "method": "current_period",
            "fundingRate": number(told.rate),
            "fundingTime": str(told.next_funding_ns // NS_PER_MS),
            "nextFundingRate": "",
            "nextFundingTime": str(after_ns // NS_PER_MS),
            "minFundingRate": "-0.00375",
            "maxFundingRate": "0.00375",
            "interestRate": "0.0001",
            "impactValue": "20000",
            "settState": "settled",
            "settFundingRate": number(told.rate),
            "premium": "0",
            "ts": str(self._server.now_ms()),
        }

    def past_rates(self, context: Context) -> list[Any]:
        return self._settled.of(self.named(context))[: context.whole("limit", 400)]


def level_row(scale: Scale, ticks: int, lots: int) -> Level:
    return [scale.price(ticks), scale.size(lots) if lots else "0", "0", str(int(bool(lots)))]


def _family(shown: Shown) -> str:
    return f"{shown.instrument.base}-{shown.instrument.quote}"


def _instrument(shown: Shown) -> dict[str, Any]:
    i = shown.instrument
    swap = shown.perpetual
    return {
        "instType": SWAP if swap else SPOT,
        "instId": i.market_id,
        "instFamily": _family(shown) if swap else "",
        "uly": _family(shown) if swap else "",
        "category": "1",
        "groupId": "1",
        "baseCcy": "" if swap else i.base,
        "quoteCcy": "" if swap else i.quote,
        "settleCcy": i.settle if swap else "",
        "ctVal": number(i.wire_unit) if swap else "",
        "ctMult": "1" if swap else "",
        "ctValCcy": i.base if swap else "",
        "ctType": "linear" if swap else "",
        "optType": "",
        "stk": "",
        "listTime": "1606468572000",
        "expTime": "",
        "lever": number(i.margin.max_leverage) if i.margin else "",
        "tickSz": number(i.tick),
        "lotSz": words.contracts(i, i.lot),
        "minSz": words.contracts(i, i.min_size),
        "maxLmtSz": "99999999",
        "maxMktSz": "1000000",
        "maxLmtAmt": "20000000",
        "maxMktAmt": "1000000",
        "alias": "",
        "state": "live",
        "ruleType": "normal",
    }
