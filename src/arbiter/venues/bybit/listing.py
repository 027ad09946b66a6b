"""Bybit's listings, turned into instruments."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, MarginTier
from arbiter.model.money import ONE

Fees = Mapping[str, tuple[Decimal, Decimal]]
"""(maker, taker) by the venue's name of a market."""

DEFAULT_SPOT_FEES = (Decimal("0.001"), Decimal("0.001"))
DEFAULT_LINEAR_FEES = (Decimal("0.0002"), Decimal("0.00055"))


def spot_instruments(rows: Iterable[Any], venue: VenueId, fees: Fees) -> list[Instrument]:
    made = []
    for row in rows:
        if row["status"] != "Trading":
            continue
        base, quote = Asset(row["baseCoin"]), Asset(row["quoteCoin"])
        sizes = row["lotSizeFilter"]
        maker, taker = fees.get(row["symbol"], DEFAULT_SPOT_FEES)
        made.append(
            Instrument(
                id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
                venue=venue,
                market_id=row["symbol"],
                symbol=Symbol(f"{base}/{quote}"),
                base=base,
                quote=quote,
                settle=quote,
                tick=_amount(row["priceFilter"]["tickSize"]),
                lot=_amount(sizes["basePrecision"]),
                min_size=_amount(sizes["minOrderQty"]),
                min_notional=_amount(sizes["minOrderAmt"]),
                maker_fee=maker,
                taker_fee=taker,
                fee_charge=FeeCharge.RECEIVED,
            )
        )
    return made


def linear_instruments(
    rows: Iterable[Any], venue: VenueId, fees: Fees, tiers: Mapping[str, tuple[MarginTier, ...]]
) -> list[Instrument]:
    made = []
    for row in rows:
        if row["status"] != "Trading" or row["contractType"] != "LinearPerpetual":
            continue
        base, quote = Asset(row["baseCoin"]), Asset(row["quoteCoin"])
        sizes = row["lotSizeFilter"]
        maker, taker = fees.get(row["symbol"], DEFAULT_LINEAR_FEES)
        made.append(
            Instrument(
                id=InstrumentId(f"{base}{quote}-PERP.{venue.upper()}"),
                venue=venue,
                market_id=row["symbol"],
                symbol=Symbol(f"{base}/{quote}:PERP"),
                kind=InstrumentKind.LINEAR,
                base=base,
                quote=quote,
                settle=Asset(row["settleCoin"]),
                tick=_amount(row["priceFilter"]["tickSize"]),
                lot=_amount(sizes["qtyStep"]),
                min_size=_amount(sizes["minOrderQty"]),
                min_notional=_amount(sizes.get("minNotionalValue", "0")),
                contract_size=ONE,
                maker_fee=maker,
                taker_fee=taker,
                margin=MarginTerms(
                    max_leverage=_amount(row["leverageFilter"]["maxLeverage"]),
                    tiers=tiers.get(row["symbol"]) or _SAFE_TIERS,
                ),
            )
        )
    return made


_SAFE_TIERS = (MarginTier(up_to=None, rate=Decimal("0.025")),)
"""Where a venue tells no tiers: earlier alarms than needed, never later ones."""


def margin_tiers(rows: Iterable[Any]) -> dict[str, tuple[MarginTier, ...]]:
    """Read risk limits; the last has no bound here, as nothing beyond it is allowed."""
    by_symbol: dict[str, list[Any]] = {}
    for row in rows:
        by_symbol.setdefault(row["symbol"], []).append(row)
    made = {}
    for symbol, limits in by_symbol.items():
        limits.sort(key=lambda row: Decimal(row["riskLimitValue"]))
        made[symbol] = tuple(
            MarginTier(
                up_to=Decimal(row["riskLimitValue"]) if number < len(limits) else None,
                rate=Decimal(row["maintenanceMargin"]),
                deduction=Decimal(row.get("mmDeduction") or "0"),
            )
            for number, row in enumerate(limits, 1)
        )
    return made


def _amount(text: str) -> Decimal:
    return Decimal(text).normalize()
