"""Prices and spreads, as the board holds them and as minutes keep them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from arbiter.api.spot import bodies
from arbiter.api.spot.answers import FAILURES, answer, check_order, moment_ns
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.errors import exchange_down, invalid, resolve_symbol, resolve_venue
from arbiter.model.ids import Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.quotes import Candle, Quote
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_S, epoch_seconds
from arbiter.opportunities.spreads import current_spreads

INTERVALS: dict[bodies.Interval, int] = {
    "1m": NS_PER_MINUTE,
    "5m": 5 * NS_PER_MINUTE,
    "1h": NS_PER_HOUR,
    "1d": NS_PER_DAY,
}
MOST_BARS = 10_000

_Symbol = Annotated[str | None, Query(max_length=64, description="BTCUSDT or BTC/USDT")]
_Exchange = Annotated[str | None, Query(max_length=64)]


def leaf_of(quote: Quote) -> dict[str, float]:
    """One exchange's top of book; the time is that of its receipt."""
    return {
        "bid": quote.bid,
        "ask": quote.ask,
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
        "timestamp": epoch_seconds(quote.receive_ns),
    }


def price_routes(deps: SpotDeps) -> APIRouter:
    routes = APIRouter(tags=["prices"])
    core = deps.core
    registry, board = core.registry, core.board

    @routes.get("/prices/current", response_model=bodies.CurrentPrices, responses=FAILURES)
    async def current(symbol: _Symbol = None, exchange: _Exchange = None) -> Response:
        wanted = None if symbol is None else resolve_symbol(registry, symbol)
        venue = None if exchange is None else resolve_venue(registry, exchange)
        if venue is not None and not board.healthy(venue):
            raise exchange_down(venue, board.health_reason(venue))
        prices: dict[str, dict[str, dict[str, float]]] = {}
        for instrument in _chosen(registry.spot_instruments, wanted, venue):
            quote = board.quote(instrument.id)
            if quote is not None and board.healthy(instrument.venue):
                name = registry.compact_name(instrument.symbol)
                prices.setdefault(name, {})[instrument.venue] = leaf_of(quote)
        now = epoch_seconds(deps.clock.now_ns())
        return answer(bodies.CurrentPrices.model_validate({"timestamp": now, "prices": prices}))

    @routes.get("/prices/history", response_model=bodies.PriceHistory, responses=FAILURES)
    async def history(
        symbol: Annotated[str, Query(max_length=64)],
        start_time: Annotated[str, Query(max_length=64, description="Epoch seconds or RFC 3339")],
        end_time: Annotated[str, Query(max_length=64)],
        exchange: _Exchange = None,
        interval: bodies.Interval = "1h",
    ) -> Response:
        """Bars that open within the times, both ends included."""
        wanted = resolve_symbol(registry, symbol)
        venue = None if exchange is None else resolve_venue(registry, exchange)
        since, until = moment_ns(start_time, "start_time"), moment_ns(end_time, "end_time")
        check_order(since, until, ("start_time", "end_time"))
        step = INTERVALS[interval]
        first, last = -(-since // step) * step, until // step * step + step
        if (last - first) // step > MOST_BARS:
            raise invalid(
                f"more than {MOST_BARS} bars of {interval}; ask for a shorter time",
                fields=["start_time", "end_time", "interval"],
            )
        listed = _chosen(registry.listings(wanted), wanted, venue)
        if not listed:
            raise invalid(f"'{venue}' does not list '{symbol}'", fields=["exchange"])
        shown, bars = listed[0], list[Candle]()
        for instrument in listed:
            bars = list(await deps.candles.bars(instrument.id, step, first, last))
            if bars:
                shown = instrument
                break
        return answer(
            bodies.PriceHistory(
                symbol=registry.compact_name(wanted),
                exchange=shown.venue,
                interval=interval,
                data=[_bar(bar) for bar in bars],
            )
        )

    @routes.get("/spreads/current", response_model=bodies.CurrentSpreads, responses=FAILURES)
    async def spreads(
        symbol: _Symbol = None,
        min_profit: Annotated[
            float | None,
            Query(ge=-1, le=10, allow_inf_nan=False, description="A fraction: 0.005 is 0.5 %"),
        ] = None,
    ) -> Response:
        """Executable spreads, best first: bought at an ask, sold at a bid.

        The best pair of every symbol, or every pair of the one asked for; profit is net of both
        taker fees.
        """
        wanted = None if symbol is None else resolve_symbol(registry, symbol)
        now = deps.clock.now_ns()
        rows = current_spreads(board, registry, now, symbol=wanted, min_profit=min_profit)
        return answer(
            bodies.CurrentSpreads(
                timestamp=epoch_seconds(now),
                spreads=[
                    bodies.SpreadRow(
                        symbol=row.name,
                        buy_exchange=row.buy_venue,
                        sell_exchange=row.sell_venue,
                        buy_price=row.buy_price,
                        sell_price=row.sell_price,
                        spread=row.spread,
                        spread_percent=row.spread_percent,
                        profit_after_fees=row.profit_after_fees,
                        profit_percent=row.profit_percent,
                    )
                    for row in rows
                ],
            )
        )

    return routes


def _chosen(
    instruments: Sequence[Instrument], symbol: Symbol | None, venue: VenueId | None
) -> list[Instrument]:
    return [
        i
        for i in instruments
        if i.kind is InstrumentKind.SPOT
        and (symbol is None or i.symbol == symbol)
        and (venue is None or i.venue == venue)
    ]


def _bar(bar: Candle) -> bodies.CandleRow:
    return bodies.CandleRow(
        timestamp=bar.open_ns // NS_PER_S,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
    )
