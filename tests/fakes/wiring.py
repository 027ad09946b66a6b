"""Feeds on venues that are only a port on this machine."""

from collections.abc import Sequence
from decimal import Decimal

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.runtime.clock import SystemClock
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.stream import StreamSettings
from arbiter.venues.common.wiring import FeedWiring
from tests.fakes.wire_server import WireServer

HASTY = StreamSettings(
    silence_s=0.5,
    keepalive_s=0.1,
    request_gap_s=0.01,
    first_retry_s=0.02,
    longest_retry_s=0.1,
)
"""Everything within a second, so that tests need not wait."""


def listing(market_id: str, venue: str, kind: InstrumentKind = InstrumentKind.SPOT) -> Instrument:
    base, quote = Asset(market_id[:-4]), Asset(market_id[-4:])
    perpetual = "" if kind is InstrumentKind.SPOT else "-PERP"
    return Instrument(
        id=InstrumentId(f"{market_id}{perpetual}.{venue.upper()}"),
        venue=VenueId(venue),
        market_id=market_id,
        symbol=Symbol(f"{base}/{quote}"),
        kind=kind,
        base=base,
        quote=quote,
        settle=quote,
        tick=Decimal("0.01"),
        lot=Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def wiring_to(
    server: WireServer,
    venue: str,
    symbols: Sequence[str],
    kind: InstrumentKind = InstrumentKind.SPOT,
    stream: StreamSettings = HASTY,
) -> FeedWiring:
    """Wire symbols to slots 10, 20, 30 …"""
    instruments = [listing(symbol, venue, kind) for symbol in symbols]
    return FeedWiring(
        venue=VenueId(venue),
        instruments=instruments,
        slots={told.id: 10 * number for number, told in enumerate(instruments, 1)},
        clock=SystemClock(),
        endpoints=Endpoints(stream=server.stream, rest=server.rest),
        stream=stream,
    )
