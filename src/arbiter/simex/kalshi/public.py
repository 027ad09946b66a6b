"""What Kalshi tells everybody: markets, events, series, books, trades, candles, its own state."""

from decimal import Decimal
from typing import Any

from arbiter.markets.event_catalogue import listing
from arbiter.matching.faults import Fault
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS
from arbiter.simex.kalshi import rows, words
from arbiter.simex.kalshi.calls import Context, Handler, Route, split
from arbiter.simex.kalshi.words import cents, count, dollars
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

VENUE = VenueId("kalshi")
_MARKET_ID = "9b0f6b43-5b68-4f9f-9f02-{:012x}"
_STATES = {"open": ("active",), "closed": ("closed",), "settled": ("finalized",)}


class Public:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self.listed = {shown.market_id: shown for shown in server.shown.values()}
        self.lag_ns = 0
        """How old the answers about orders say that they are."""

    def routes(self) -> list[Route]:
        def get(path: str, handler: Handler) -> Route:
            return Route("GET", split(path), handler)

        return [
            get("/markets", self.markets),
            get("/markets/trades", self.trades),
            get("/markets/orderbooks", self.books),
            get("/markets/{ticker}", lambda c: {"market": self.market_row(self.find(c))}),
            get("/markets/{ticker}/orderbook", lambda c: {"orderbook_fp": self.book(self.find(c))}),
            get("/events", self.events),
            get("/events/{event}", self.event),
            get("/series", self.all_series),
            get("/series/{series}", lambda c: {"series": self.series(c.parts["series"])}),
            get("/series/{series}/markets/{ticker}/candlesticks", self.candles),
            get("/exchange/status", self.status),
            get("/exchange/user_data_timestamp", self.as_of),
        ]

    def find(self, context: Context) -> Shown:
        shown = self.listed.get(context.parts["ticker"])
        if shown is None:
            raise words.not_found()
        return shown

    # Markets.

    def markets(self, context: Context) -> dict[str, Any]:
        tickers = set(filter(None, context.text("tickers").split(",")))
        event, series = context.text("event_ticker"), context.text("series_ticker")
        states = _STATES.get(context.text("status"), ())
        found = [
            row
            for ticker, shown in self.listed.items()
            if (not tickers or ticker in tickers)
            and event in ("", ticker)
            and series in ("", series_of(ticker))
            for row in [self.market_row(shown)]
            if not states or row["status"] in states
        ]
        return context.page(found, "markets")

    def words_of(self, shown: Shown) -> EventListing:
        closes = self._server.market.closes_ns(shown.row)
        return listing(
            self._server.market.topic(shown.row),
            VENUE,
            shown.instrument.id,
            opens_ns=closes - 8 * 24 * NS_PER_HOUR,
            closes_ns=closes,
            payout_ns=closes + NS_PER_HOUR,
        )

    def top(self, shown: Shown) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Best bid and ask of YES and their sizes; 0 and 1 without size where there is none."""
        if shown.row in self._server.decided:
            return ZERO, ONE, ZERO, ZERO
        bid, ask, bid_size, ask_size = shown.book.top
        tick, lot = shown.instrument.tick, shown.instrument.lot
        return bid * tick, ask * tick, bid_size * lot, ask_size * lot

    def last(self, shown: Shown) -> Decimal:
        made = shown.tape.trades
        return made[-1].price * shown.instrument.tick if made else ZERO

    def volume(self, shown: Shown) -> Decimal:
        return sum((p.size * shown.instrument.lot for p in shown.tape.trades), ZERO)

    def market_row(self, shown: Shown) -> dict[str, Any]:
        told = self.words_of(shown)
        bid, ask, bid_size, ask_size = self.top(shown)
        last, volume = self.last(shown), self.volume(shown)
        payout = self._server.decided.get(shown.row)
        prices = {
            "yes_bid": bid,
            "yes_ask": ask,
            "no_bid": ONE - ask,
            "no_ask": ONE - bid,
            "last_price": last,
            "previous_yes_bid": bid,
            "previous_yes_ask": ask,
            "previous_price": last,
            "notional_value": ONE,
            "liquidity": ZERO,
        }
        row: dict[str, Any] = {
            "ticker": shown.market_id,
            "event_ticker": shown.market_id,
            "market_type": "binary",
            "title": told.title,
            "subtitle": told.outcome,
            "yes_sub_title": told.outcome or "Yes",
            "no_sub_title": "No" if not told.outcome else f"Not {told.outcome}",
            "created_time": words.moment(told.opens_ns),
            "open_time": words.moment(told.opens_ns),
            "close_time": words.moment(told.closes_ns),
            "expected_expiration_time": words.moment(told.payout_ns),
            "expiration_time": words.moment(told.payout_ns),
            "latest_expiration_time": words.moment(told.payout_ns),
            "settlement_timer_seconds": 0,
            "status": self._state(shown),
            "response_price_units": "usd_cent",
            **{f"{name}_dollars": dollars(value) for name, value in prices.items()},
            **{name: cents(value) for name, value in prices.items()},
            "yes_bid_size_fp": count(bid_size),
            "yes_ask_size_fp": count(ask_size),
            "no_bid_size_fp": count(ask_size),
            "no_ask_size_fp": count(bid_size),
            "volume_fp": count(volume),
            "volume_24h_fp": count(volume),
            "open_interest_fp": count(volume),
            "volume": int(volume),
            "volume_24h": int(volume),
            "open_interest": int(volume),
            "result": "" if payout is None else rows.result(payout).replace("scalar", ""),
            "can_close_early": True,
            "expiration_value": "",
            "category": told.category.title(),
            "risk_limit_cents": 0,
            "tick_size": cents(shown.instrument.tick),
            "rules_primary": told.rules,
            "rules_secondary": "",
            "price_level_structure": "linear_cent",
            "price_ranges": [
                {"start": "0.0000", "end": "1.0000", "step": dollars(shown.instrument.tick)}
            ],
            "fractional_trading_enabled": shown.instrument.lot < ONE,
            "exchange_index": 0,
        }
        if payout is not None:
            row |= {"settlement_value_dollars": dollars(payout), "settlement_value": cents(payout)}
        return row

    def _state(self, shown: Shown) -> str:
        if shown.row in self._server.decided:
            return "finalized"
        now, name = self._server.now_ns(), shown.instrument.id
        return "closed" if self._server.faults.active(Fault.DELISTING, now, name) else "active"

    # Events and series.

    def event_row(self, shown: Shown) -> dict[str, Any]:
        told = self.words_of(shown)
        return {
            "event_ticker": shown.market_id,
            "series_ticker": series_of(shown.market_id),
            "title": told.title,
            "sub_title": told.outcome,
            "collateral_return_type": "binary",
            "mutually_exclusive": False,
            "category": told.category.title(),
            "strike_period": "",
            "available_on_brokers": True,
            "product_metadata": {},
        }

    def events(self, context: Context) -> dict[str, Any]:
        series = context.text("series_ticker")
        states = _STATES.get(context.text("status"), ())
        found = []
        for ticker, shown in self.listed.items():
            market = self.market_row(shown)
            if series not in ("", series_of(ticker)) or (states and market["status"] not in states):
                continue
            row = self.event_row(shown)
            if context.text("with_nested_markets").lower() == "true":
                row["markets"] = [market]
            found.append(row)
        return context.page(found, "events")

    def event(self, context: Context) -> dict[str, Any]:
        shown = self.listed.get(context.parts["event"])
        if shown is None:
            raise words.not_found()
        row, markets = self.event_row(shown), [self.market_row(shown)]
        if context.text("with_nested_markets").lower() == "true":
            return {"event": row | {"markets": markets}}
        return {"event": row, "markets": markets}

    def all_series(self, context: Context) -> dict[str, Any]:
        wanted = context.text("category").lower()
        names = dict.fromkeys(series_of(ticker) for ticker in self.listed)
        found = [self.series(name) for name in names]
        return {"series": [s for s in found if wanted in ("", s["category"].lower())]}

    def series(self, name: str) -> dict[str, Any]:
        for ticker, shown in self.listed.items():
            if series_of(ticker) != name:
                continue
            told, fee = self.words_of(shown), shown.instrument.event_fee
            rate = Decimal("0.07") if fee is None else fee.rate
            return {
                "ticker": name,
                "frequency": "one_off",
                "title": told.title,
                "category": told.category.title(),
                "tags": [told.category],
                "settlement_sources": [{"name": told.resolution_source, "url": ""}],
                "contract_url": "",
                "contract_terms_url": "",
                "fee_type": "quadratic",
                "fee_multiplier": float(rate / Decimal("0.07")),
                "additional_prohibitions": [],
            }
        raise words.not_found()

    # Books, trades, candles.

    def levels(self, shown: Shown) -> tuple[dict[int, int], dict[int, int]]:
        """Bids and asks of YES: size in lots by price in ticks, none at 0 or 1."""
        if shown.row in self._server.decided:
            return {}, {}
        bids, asks = shown.book.levels()
        one = int(ONE / shown.instrument.tick)
        return {p: s for p, s in bids if 0 < p < one}, {p: s for p, s in asks if 0 < p < one}

    def book(self, shown: Shown) -> dict[str, Any]:
        """Both sides are bids, worst first: those for NO at one minus their price of YES."""
        bids, asks = self.levels(shown)
        tick, lot = shown.instrument.tick, shown.instrument.lot
        return {
            "yes_dollars": [[dollars(p * tick), count(s * lot)] for p, s in sorted(bids.items())],
            "no_dollars": [
                [dollars(ONE - p * tick), count(s * lot)]
                for p, s in sorted(asks.items(), reverse=True)
            ],
        }

    def books(self, context: Context) -> dict[str, Any]:
        wanted = [self.listed[t] for t in context.text("tickers").split(",") if t in self.listed]
        return {
            "orderbooks": [{"ticker": s.market_id, "orderbook_fp": self.book(s)} for s in wanted]
        }

    def trades(self, context: Context) -> dict[str, Any]:
        wanted = context.text("ticker")
        made = [
            trade_row(shown, told)
            for ticker, shown in self.listed.items()
            if wanted in ("", ticker)
            for told in shown.tape.trades
        ]
        made.sort(key=lambda row: row["ts_ms"], reverse=True)
        return context.page(made, "trades")

    def candles(self, context: Context) -> dict[str, Any]:
        shown = self.find(context)
        start, end = context.whole("start_ts", 0), context.whole("end_ts", 2**40)
        tick, lot = shown.instrument.tick, shown.instrument.lot
        made = []
        for opens, bar in shown.tape.bars.items():
            ends = opens // 1_000 + 60
            if start <= ends <= end:
                prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
                told = {f"{name}_dollars": dollars(ticks * tick) for name, ticks in prices.items()}
                made.append(
                    {
                        "end_period_ts": ends,
                        "price": told,
                        "yes_bid": told,
                        "yes_ask": told,
                        "volume_fp": count(bar.volume * lot),
                        "open_interest_fp": "0.00",
                    }
                )
        return {"ticker": shown.market_id, "candlesticks": made}

    # The exchange.

    def status(self, _: Context) -> dict[str, Any]:
        paused = self._server.faults.active(Fault.MAINTENANCE, self._server.now_ns())
        return {
            "exchange_active": True,
            "trading_active": not paused,
            "exchange_index_statuses": [{"exchange_index": 0, "trading_active": not paused}],
        }

    def as_of(self, _: Context) -> dict[str, Any]:
        return {"as_of_time": words.moment(self._server.now_ns() - self.lag_ns)}


def series_of(ticker: str) -> str:
    """As clients derive it: the event's name without its last part."""
    return ticker.rpartition("-")[0] or ticker


def market_id(shown: Shown) -> str:
    return _MARKET_ID.format(shown.row)


def trade_row(shown: Shown, told: Print) -> dict[str, Any]:
    price = told.price * shown.instrument.tick
    leg = "no" if told.sold else "yes"
    size = told.size * shown.instrument.lot
    return {
        "trade_id": f"{told.number:08x}-ee49-470d-82d8-{shown.row:012x}",
        "ticker": shown.market_id,
        "yes_price_dollars": dollars(price),
        "no_price_dollars": dollars(ONE - price),
        "count_fp": count(size),
        "taker_side": leg,
        "taker_outcome_side": leg,
        "taker_book_side": "ask" if told.sold else "bid",
        "is_block_trade": False,
        "created_time": words.moment(told.at_ms * NS_PER_MS),
        "ts": told.at_ms // 1_000,
        "ts_ms": told.at_ms,
        "count": int(size),
        "yes_price": cents(price),
        "no_price": cents(ONE - price),
        "price": float(price),
    }
