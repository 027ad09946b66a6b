"""Listings for tests: spot pairs and perpetuals with plain rules unless told otherwise."""

from decimal import Decimal

from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind

BINANCE, BYBIT, OKX, KRAKEN = (VenueId(v) for v in ("binance", "bybit", "okx", "kraken"))
BTC = Symbol("BTC/USDT")
T0 = 1_790_000_000_000_000_000
S = 1_000_000_000


def spot(
    venue: VenueId,
    base: str = "BTC",
    quote: str = "USDT",
    *,
    market_id: str | None = None,
    fee: str = "0.001",
    tick: str = "0.01",
    lot: str = "0.00001",
    min_size: str = "0",
    min_notional: str = "5",
) -> Instrument:
    return Instrument(
        id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
        venue=venue,
        market_id=market_id or f"{base}{quote}",
        symbol=Symbol(f"{base}/{quote}"),
        base=Asset(base),
        quote=Asset(quote),
        settle=Asset(quote),
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_size=Decimal(min_size),
        min_notional=Decimal(min_notional),
        maker_fee=Decimal(fee),
        taker_fee=Decimal(fee),
    )


def perpetual(venue: VenueId, base: str = "BTC", quote: str = "USDT") -> Instrument:
    return Instrument(
        id=InstrumentId(f"{base}{quote}-PERP.{venue.upper()}"),
        venue=venue,
        market_id=f"{base}{quote}",
        symbol=Symbol(f"{base}/{quote}:{quote}"),
        kind=InstrumentKind.LINEAR,
        base=Asset(base),
        quote=Asset(quote),
        settle=Asset(quote),
        tick=Decimal("0.1"),
        lot=Decimal("0.001"),
        min_size=Decimal(0),
        min_notional=Decimal(0),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
    )


def make_board(*instruments: Instrument, settings: BoardSettings | None = None) -> QuoteBoard:
    return QuoteBoard(MarketRegistry(instruments), settings or BoardSettings())


def quote(
    board: QuoteBoard,
    instrument: Instrument,
    bid: float,
    ask: float,
    *,
    bid_size: float = 1.0,
    ask_size: float = 1.0,
    at_ns: int = T0,
    exchange_ns: int | None = None,
) -> int:
    slot = board.registry.slot(instrument.id)
    sent_ns = at_ns if exchange_ns is None else exchange_ns
    return board.update(slot, bid, ask, bid_size, ask_size, sent_ns, at_ns)
