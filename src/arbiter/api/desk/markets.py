"""``/api/desk/markets``: the matrix of symbols and venues, one symbol's books, its candles."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from arbiter.api.desk import page_rows, pages
from arbiter.api.desk.answers import Text, answer, failures
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.times import stamp
from arbiter.model.errors import NotFound, UnknownSymbol
from arbiter.model.ids import Symbol, VenueId
from arbiter.model.time import NS_PER_HOUR, NS_PER_MINUTE

SymbolPath = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9/_.:-]+$")]

ROWS = 100


class Interval(StrEnum):
    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"


_LENGTH_NS = {
    Interval.M1: NS_PER_MINUTE,
    Interval.M5: 5 * NS_PER_MINUTE,
    Interval.M15: 15 * NS_PER_MINUTE,
    Interval.H1: NS_PER_HOUR,
    Interval.H4: 4 * NS_PER_HOUR,
    Interval.D1: 24 * NS_PER_HOUR,
}


def market_routes(deps: DeskDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["markets"])
    view = deps.view

    @routes.get("/markets", response_model=pages.Markets, responses=failures(404))
    async def markets(
        symbol: Text | None = None, limit: Annotated[int, Query(ge=1, le=2_000)] = ROWS
    ) -> Response:
        """Show top of book by symbol and venue, the best net spread first."""
        only = None if symbol is None else symbol_of(deps, symbol)
        least = float(view.least_edge)
        shown = view.matrix(limit, only)
        return answer(
            page_rows.markets_body(
                stamp(view.now_ns()),
                view.venues,
                least,
                [page_rows.market_row(row, least) for row in shown],
            )
        )

    @routes.get("/markets/{symbol:path}", response_model=pages.Market, responses=failures(404))
    async def market(symbol: SymbolPath) -> Response:
        """Show one symbol at every venue and every pair of venues."""
        return answer(market_body(deps, symbol_of(deps, symbol)))

    @routes.get("/candles/{symbol:path}", response_model=pages.Candles, responses=failures(404))
    async def candles(
        symbol: SymbolPath,
        venue: Text | None = None,
        interval: Interval = Interval.M1,
        limit: Annotated[int, Query(ge=1, le=1_500)] = 300,
    ) -> Response:
        """Show a symbol's bars at one venue, its first by default; the oldest first."""
        found = symbol_of(deps, symbol)
        where = None if venue is None else VenueId(venue.lower())
        instrument = view.resolve_instrument(found, where)
        length, now = _LENGTH_NS[interval], view.now_ns()
        since = now - now % length - (limit - 1) * length
        bars = await deps.candles.bars(instrument.id, length, since, now + 1)
        return answer(
            pages.Candles.model_construct(
                symbol=found,
                instrument_id=instrument.id,
                interval=interval.value,
                candles=[page_rows.candle_body(bar) for bar in bars],
            )
        )

    return routes


def symbol_of(deps: DeskDeps, name: str) -> Symbol:
    """Find a symbol by any of its names; an unknown one is a 404 with the nearest."""
    try:
        return deps.view.resolve_symbol(name)
    except UnknownSymbol as error:
        raise NotFound(str(error)) from None


def market_body(deps: DeskDeps, symbol: Symbol) -> pages.Market:
    view = deps.view
    row, least = view.matrix(1, symbol)[0], float(view.least_edge)
    now, seen = view.now_ns(), [(cell, deps.depth.look(cell.instrument.id)) for cell in row.cells]
    return pages.Market.model_construct(
        ts=stamp(now),
        symbol=row.symbol,
        name=row.name,
        quotes=[page_rows.top_body(cell) for cell in row.cells],
        depth=[page_rows.depth_body(cell, book, now) for cell, book in seen if book is not None],
        pairs=[page_rows.pair_body(pair, least) for pair in view.pairs(symbol)],
    )
