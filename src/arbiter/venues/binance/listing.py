"""Binance's listings, turned into instruments."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, MarginTier
from arbiter.model.money import ONE, ZERO

Fees = Mapping[str, tuple[Decimal, Decimal]]
"""(maker, taker) by the venue's name of a market."""

DEFAULT_SPOT_FEES = (Decimal("0.001"), Decimal("0.001"))
DEFAULT_FUTURES_FEES = (Decimal("0.0002"), Decimal("0.0005"))
_NO_TERMS = MarginTerms(
    max_leverage=Decimal(20), tiers=(MarginTier(up_to=None, rate=Decimal("0.025")),)
)


def market_key(instrument: Instrument, number: Any) -> str:
    """Name a trade or an order: numbers are unique within a market only."""
    return f"{instrument.market_id}:{number}"


def spot_instruments(told: Any, venue: VenueId, fees: Fees) -> list[Instrument]:
    return [
        _spot(row, venue, fees.get(row["symbol"], DEFAULT_SPOT_FEES))
        for row in told["symbols"]
        if row["status"] == "TRADING" and row.get("isSpotTradingAllowed", True)
    ]


def _spot(row: Any, venue: VenueId, fees: tuple[Decimal, Decimal]) -> Instrument:
    filters = _filters(row["filters"])
    base, quote = Asset(row["baseAsset"]), Asset(row["quoteAsset"])
    lot = filters["LOT_SIZE"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    return Instrument(
        id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
        venue=venue,
        market_id=row["symbol"],
        symbol=Symbol(f"{base}/{quote}"),
        base=base,
        quote=quote,
        settle=quote,
        tick=_step(filters["PRICE_FILTER"]["tickSize"]),
        lot=_step(lot["stepSize"]),
        min_size=_amount(lot["minQty"]),
        min_notional=_amount(notional.get("minNotional", "0")),
        maker_fee=fees[0],
        taker_fee=fees[1],
        fee_charge=FeeCharge.RECEIVED,
    )


def futures_instruments(
    told: Any, venue: VenueId, fees: Fees, terms: Mapping[str, MarginTerms]
) -> list[Instrument]:
    return [
        _perpetual(
            row,
            venue,
            fees.get(row["symbol"], DEFAULT_FUTURES_FEES),
            terms.get(row["symbol"], _NO_TERMS),
        )
        for row in told["symbols"]
        if row["status"] == "TRADING" and row["contractType"] == "PERPETUAL"
    ]


def _perpetual(
    row: Any, venue: VenueId, fees: tuple[Decimal, Decimal], terms: MarginTerms
) -> Instrument:
    filters = _filters(row["filters"])
    base, quote = Asset(row["baseAsset"]), Asset(row["quoteAsset"])
    return Instrument(
        id=InstrumentId(f"{base}{quote}-PERP.{venue.upper()}"),
        venue=venue,
        market_id=row["symbol"],
        symbol=Symbol(f"{base}/{quote}:PERP"),
        kind=InstrumentKind.LINEAR,
        base=base,
        quote=quote,
        settle=Asset(row["marginAsset"]),
        tick=_step(filters["PRICE_FILTER"]["tickSize"]),
        lot=_step(filters["LOT_SIZE"]["stepSize"]),
        min_size=_amount(filters["LOT_SIZE"]["minQty"]),
        min_notional=_amount(filters.get("MIN_NOTIONAL", {}).get("notional", "0")),
        contract_size=ONE,
        maker_fee=fees[0],
        taker_fee=fees[1],
        margin=terms,
    )


def margin_terms(rows: Any, liquidation_fees: Mapping[str, Decimal]) -> dict[str, MarginTerms]:
    """Read leverage brackets; the last has no bound here, as nothing beyond it is allowed."""
    made = {}
    for row in rows:
        brackets = sorted(row["brackets"], key=lambda bracket: int(bracket["bracket"]))
        tiers = [
            MarginTier(
                up_to=Decimal(str(bracket["notionalCap"])) if number < len(brackets) else None,
                rate=Decimal(str(bracket["maintMarginRatio"])),
                deduction=Decimal(str(bracket["cum"])),
            )
            for number, bracket in enumerate(brackets, 1)
        ]
        made[row["symbol"]] = MarginTerms(
            max_leverage=Decimal(str(brackets[0]["initialLeverage"])),
            tiers=tuple(tiers),
            liquidation_fee=liquidation_fees.get(row["symbol"], ZERO),
        )
    return made


def _filters(rows: Iterable[Any]) -> dict[str, Any]:
    return {row["filterType"]: row for row in rows}


def _step(text: str) -> Decimal:
    return Decimal(text).normalize()


def _amount(text: str) -> Decimal:
    return Decimal(text).normalize()
