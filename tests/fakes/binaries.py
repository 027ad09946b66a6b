"""Event markets for tests: one topic on a venue that settles its fills later, and on one that does not."""

from decimal import Decimal

from arbiter.model.event_fees import kalshi_fee, polymarket_fee
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind

USD = Asset("USD")


def binary(venue: str, topic: str = "RAIN", **changes: object) -> Instrument:
    """The YES side of a topic; `changes` are fields of the instrument."""
    fields: dict[str, object] = {
        "id": InstrumentId(f"{topic}.{venue.upper()}"),
        "venue": VenueId(venue),
        "market_id": topic,
        "symbol": Symbol(f"{topic}/USD:EVENT"),
        "kind": InstrumentKind.BINARY,
        "base": Asset(topic),
        "quote": USD,
        "settle": USD,
        "tick": Decimal("0.01"),
        "lot": Decimal(1),
        "min_size": Decimal(1),
        "min_notional": Decimal(0),
        "maker_fee": Decimal(0),
        "taker_fee": Decimal(0),
    }
    return Instrument(**(fields | changes))  # type: ignore[arg-type]


POLYMARKET = binary("polymarket", event_fee=polymarket_fee(Decimal(200)), settles_fills=True)
KALSHI = binary("kalshi", event_fee=kalshi_fee())
