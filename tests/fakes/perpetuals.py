"""Perpetuals for tests: round numbers, one tier, a venue of one's own."""

from decimal import Decimal

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, tiers

USDT = Asset("USDT")
TERMS = MarginTerms(
    max_leverage=Decimal(50),
    tiers=tiers((Decimal(50_000), Decimal("0.005")), (None, Decimal("0.01"))),
    liquidation_fee=Decimal("0.005"),
)


def perpetual(venue: str, base: str = "BTC", **changes: object) -> Instrument:
    """A linear contract of one base unit; `changes` are fields of the instrument."""
    fields: dict[str, object] = {
        "id": InstrumentId(f"{base}USDT-PERP.{venue.upper()}"),
        "venue": VenueId(venue),
        "market_id": f"{base}USDT",
        "symbol": Symbol(f"{base}/USDT:PERP"),
        "kind": InstrumentKind.LINEAR,
        "base": Asset(base),
        "quote": USDT,
        "settle": USDT,
        "tick": Decimal("0.1"),
        "lot": Decimal("0.001"),
        "min_size": Decimal("0.001"),
        "min_notional": Decimal(5),
        "maker_fee": Decimal("0.0002"),
        "taker_fee": Decimal("0.0005"),
        "margin": TERMS,
    }
    return Instrument(**(fields | changes))  # type: ignore[arg-type]


def inverse(venue: str, base: str = "BTC", **changes: object) -> Instrument:
    """A contract of 100 dollars, margined and settled in the base currency."""
    return perpetual(
        venue,
        base,
        id=InstrumentId(f"{base}USD-PERP.{venue.upper()}"),
        symbol=Symbol(f"{base}/USD:PERP"),
        kind=InstrumentKind.INVERSE,
        quote=Asset("USD"),
        settle=Asset(base),
        lot=Decimal(1),
        min_size=Decimal(1),
        contract_size=Decimal(100),
        **changes,
    )
