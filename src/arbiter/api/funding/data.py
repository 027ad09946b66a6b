"""The funding data: positions fetched live, everything else from what the engine knows already."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from fastapi import APIRouter, Depends
from starlette.responses import Response

from arbiter.api.common.admission import Ask
from arbiter.api.common.apps import json_response
from arbiter.api.common.errors import Refused
from arbiter.api.funding.names import decimal_text, exchange_name, symbol_name
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.money import ZERO
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import FundingRate, MarginBalance, VenuePosition
from arbiter.model.time import rfc3339
from arbiter.observe.metrics import Reading
from arbiter.ports.clock import Clock

ALL_FAILED = "Failed to fetch positions from all exchanges"


class FundingFacts(Protocol):
    """What this API asks of the engine."""

    async def live_positions(self) -> Mapping[VenueId, Sequence[VenuePosition] | None]:
        """Ask every venue now, in parallel; None where one did not answer."""
        ...

    def rates(self) -> Iterable[FundingRate]: ...

    def balances(self) -> Iterable[MarginBalance]: ...

    def pairs(self) -> Iterable[tuple[FundingPair, Decimal]]:
        """Active pairs with the base units both legs hold."""
        ...

    def symbol_of(self, instrument: InstrumentId) -> Symbol: ...

    def units_of(self, instrument: InstrumentId, contracts: Decimal, mark: Decimal) -> Decimal:
        """Base units of so many contracts."""
        ...

    def readings(self) -> Iterable[Reading]: ...

    @property
    def clock(self) -> Clock: ...


def data_routes(facts: FundingFacts, ask: Ask) -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["funding"], dependencies=[Depends(ask)])

    def now() -> str:
        return rfc3339(facts.clock.now_ns())

    @routes.get("/positions")
    async def positions() -> Response:
        told = await facts.live_positions()
        if told and all(found is None for found in told.values()):
            raise Refused(500, "POSITIONS", ALL_FAILED)
        rows = [
            {"exchange": exchange_name(venue), "position": _position(facts, held)}
            for venue, found in told.items()
            for held in found or ()
        ]
        return json_response({"positions": rows, "timestamp": now()})

    @routes.get("/funding_rates")
    async def funding_rates() -> Response:
        rows = [_rate(told) for told in sorted(facts.rates(), key=lambda r: (r.symbol, r.venue))]
        return json_response({"rates": rows, "timestamp": now()})

    @routes.get("/balances")
    async def balances() -> Response:
        rows = [_balance(h) for h in sorted(facts.balances(), key=lambda h: (h.venue, h.asset))]
        return json_response({"balances": rows, "timestamp": now()})

    @routes.get("/arbitrage_positions")
    async def arbitrage_positions() -> Response:
        pairs = list(facts.pairs())
        total = sum((pair.funding_collected for pair, _ in pairs), ZERO)
        body = {
            "positions": [_pair(pair, size) for pair, size in pairs],
            "total_funding_collected": decimal_text(total),
            "timestamp": now(),
        }
        return json_response(body)

    return routes


def _position(facts: FundingFacts, held: VenuePosition) -> dict[str, object]:
    units = facts.units_of(held.instrument, abs(held.quantity), held.mark_price)
    liquidation = held.liquidation_price
    return {
        "symbol": symbol_name(facts.symbol_of(held.instrument)),
        "side": "Long" if held.quantity > ZERO else "Short",
        "quantity": decimal_text(units),
        "entry_price": decimal_text(held.entry_price),
        "mark_price": decimal_text(held.mark_price),
        "unrealized_pnl": decimal_text(held.unrealized_pnl),
        "leverage": decimal_text(held.leverage),
        "liquidation_price": None if liquidation is None else decimal_text(liquidation),
    }


def _rate(told: FundingRate) -> dict[str, object]:
    """The rate raw, per the venue's own interval, which is told beside it."""
    return {
        "exchange": exchange_name(told.venue),
        "symbol": symbol_name(told.symbol),
        "rate": decimal_text(told.rate),
        "next_funding_time": rfc3339(told.next_funding_ns),
        "last_updated": rfc3339(told.updated_ns),
        "interval_hours": told.interval_hours,
    }


def _balance(held: MarginBalance) -> dict[str, object]:
    return {
        "exchange": exchange_name(held.venue),
        "asset": held.asset,
        "free": decimal_text(held.free),
        "total": decimal_text(held.total),
        "wallet_balance": decimal_text(held.wallet),
        "reserved": decimal_text(held.reserved),
    }


def _pair(pair: FundingPair, size: Decimal) -> dict[str, object]:
    return {
        "symbol": symbol_name(pair.symbol),
        "long_exchange": exchange_name(pair.long_venue),
        "short_exchange": exchange_name(pair.short_venue),
        "entry_spread": decimal_text(pair.entry_spread),
        "position_size": decimal_text(size),
        "entry_time": rfc3339(pair.opened_ns),
        "funding_collected": decimal_text(pair.funding_collected),
    }
