"""Hyperliquid's perpetuals, turned into instruments."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, MarginTier, tiers
from arbiter.model.money import ONE, quotient

USDC = Asset("USDC")
DEFAULT_FEES = (Decimal("0.00015"), Decimal("0.00045"))
"""(maker, taker) of the lowest tier."""
DECIMALS = 6
"""Of a price and of a size together."""
DIGITS = 5
MIN_NOTIONAL = Decimal(10)


def perpetuals(
    meta: Any, venue: VenueId, fees: tuple[Decimal, Decimal]
) -> tuple[list[Instrument], dict[str, int]]:
    """Give what is traded, and the number by which orders name each coin.

    Every venue's perpetual on one asset has the same symbol, whatever its collateral.
    """
    tables = {int(number): table for number, table in meta.get("marginTables", ())}
    made, numbers = [], {}
    for number, row in enumerate(meta["universe"]):
        if row.get("isDelisted"):
            continue
        coin = row["name"]
        numbers[coin] = number
        lot = ONE.scaleb(-int(row["szDecimals"]))
        made.append(
            Instrument(
                id=InstrumentId(f"{coin}USDT-PERP.{venue.upper()}"),
                venue=venue,
                market_id=coin,
                symbol=Symbol(f"{coin}/USDT:PERP"),
                kind=InstrumentKind.LINEAR,
                base=Asset(coin),
                quote=USDC,
                settle=USDC,
                tick=ONE.scaleb(int(row["szDecimals"]) - DECIMALS),
                price_digits=DIGITS,
                lot=lot,
                min_size=lot,
                min_notional=MIN_NOTIONAL,
                contract_size=ONE,
                maker_fee=fees[0],
                taker_fee=fees[1],
                margin=_terms(row, tables),
            )
        )
    return made, numbers


def _terms(row: Any, tables: Mapping[int, Any]) -> MarginTerms:
    """The maintenance margin is half the initial margin at a tier's greatest leverage."""
    most = Decimal(int(row["maxLeverage"]))
    table = tables.get(int(row.get("marginTableId") or 0))
    return MarginTerms(
        max_leverage=most,
        tiers=_tiers(table["marginTiers"]) if table else _flat(most),
    )


def _flat(most: Decimal) -> tuple[MarginTier, ...]:
    return tiers((None, quotient(ONE, 2 * most)))


def _tiers(rows: Any) -> tuple[MarginTier, ...]:
    bounds = [Decimal(row["lowerBound"]) for row in rows[1:]]
    rates = [quotient(ONE, 2 * Decimal(int(row["maxLeverage"]))) for row in rows]
    return tiers(*zip([*bounds, None], rates, strict=True))
