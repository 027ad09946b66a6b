"""Kraken's listings, turned into instruments."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument
from arbiter.model.money import ONE
from arbiter.venues.kraken.addresses import asset_of, normal_name, rest_name

_PERCENT = Decimal(100)


def instruments(
    pairs: Mapping[str, Any],
    venue: VenueId,
    volume: Decimal,
    fees: Mapping[str, tuple[Decimal, Decimal]],
) -> list[Instrument]:
    """Read ``AssetPairs``. `fees` are (maker, taker) by altname where the venue told them.

    Elsewhere they are what the pair's own schedule says for a 30-day `volume`.
    """
    made = []
    for row in pairs.values():
        name, altname = row.get("wsname", ""), row["altname"]
        if row.get("status", "online") != "online" or "/" not in name:
            continue
        base_name, _, quote_name = name.partition("/")
        market_id = f"{normal_name(base_name)}/{normal_name(quote_name)}"
        if rest_name(market_id) != altname:
            continue  # not to be reached under the name we would use
        base, quote = asset_of(base_name), asset_of(quote_name)
        maker, taker = fees.get(altname) or (
            schedule(row.get("fees_maker") or row["fees"], volume),
            schedule(row["fees"], volume),
        )
        made.append(
            Instrument(
                id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
                venue=venue,
                market_id=market_id,
                symbol=Symbol(f"{base}/{quote}"),
                base=base,
                quote=quote,
                settle=quote,
                tick=_tick(row),
                lot=ONE.scaleb(-int(row["lot_decimals"])),
                min_size=Decimal(row.get("ordermin") or 0).normalize(),
                min_notional=Decimal(row.get("costmin") or 0).normalize(),
                maker_fee=maker,
                taker_fee=taker,
                fee_charge=FeeCharge.QUOTE,
            )
        )
    return made


def _tick(row: Any) -> Decimal:
    told = row.get("tick_size")
    return Decimal(told).normalize() if told else ONE.scaleb(-int(row["pair_decimals"]))


def schedule(steps: Any, volume: Decimal) -> Decimal:
    """Give the fee at a volume as a fraction, from rows of (volume from which on, per cent)."""
    found = Decimal(str(steps[0][1]))
    for least, fee in steps:
        if volume >= Decimal(str(least)):
            found = Decimal(str(fee))
    return (found / _PERCENT).normalize()
