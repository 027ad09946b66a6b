"""OKX's listings, turned into instruments.

A swap is counted in contracts of `ctVal` × `ctMult` base units on the wire and in base units here,
as the other venues' perpetuals are; `Instrument.wire_unit` is the factor between the two.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, MarginTier
from arbiter.model.money import ZERO

Fees = Mapping[str, tuple[Decimal, Decimal]]
"""(maker, taker) by the venue's group of instruments; the group ``""`` is for all others."""

DEFAULT_SPOT_FEES = (Decimal("0.0008"), Decimal("0.001"))
DEFAULT_SWAP_FEES = (Decimal("0.0002"), Decimal("0.0005"))
QUOTE = "USDT"
_SAFE_TIERS = (MarginTier(up_to=None, rate=Decimal("0.025")),)
"""Where no tiers are known: earlier alarms than needed, never later ones."""


def spot_instruments(rows: Iterable[Any], venue: VenueId, fees: Fees) -> list[Instrument]:
    made = []
    for row in rows:
        if row["state"] != "live":
            continue
        base, quote = Asset(row["baseCcy"]), Asset(row["quoteCcy"])
        maker, taker = _fees(row, fees, DEFAULT_SPOT_FEES)
        made.append(
            Instrument(
                id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
                venue=venue,
                market_id=row["instId"],
                symbol=Symbol(f"{base}/{quote}"),
                base=base,
                quote=quote,
                settle=quote,
                tick=_amount(row["tickSz"]),
                lot=_amount(row["lotSz"]),
                min_size=_amount(row["minSz"]),
                min_notional=ZERO,
                maker_fee=maker,
                taker_fee=taker,
                fee_charge=FeeCharge.RECEIVED,
            )
        )
    return made


def is_listed_swap(row: Any) -> bool:
    """Linear, in and against USDT, and open; a listing in preparation lacks most fields."""
    return (
        row.get("state") == "live"
        and row.get("ctType") == "linear"
        and row.get("settleCcy") == QUOTE
        and family_of(row).endswith(f"-{QUOTE}")
    )


def family_of(row: Any) -> str:
    """``BTC-USDT``"""
    return str(row.get("instFamily") or row.get("uly") or "")


def swap_symbol(row: Any) -> Symbol:
    base, _, quote = family_of(row).partition("-")
    return Symbol(f"{base}/{quote}:PERP")


def contract_of(row: Any) -> Decimal:
    """Base units in one contract."""
    return _amount(row["ctVal"]) * _amount(row.get("ctMult") or "1")


def swap_instruments(
    rows: Iterable[Any], venue: VenueId, fees: Fees, tiers: Mapping[str, tuple[MarginTier, ...]]
) -> list[Instrument]:
    made = []
    for row in filter(is_listed_swap, rows):
        base, _, quote = family_of(row).partition("-")
        contract = contract_of(row)
        maker, taker = _fees(row, fees, DEFAULT_SWAP_FEES)
        made.append(
            Instrument(
                id=InstrumentId(f"{base}{quote}-PERP.{venue.upper()}"),
                venue=venue,
                market_id=row["instId"],
                symbol=swap_symbol(row),
                kind=InstrumentKind.LINEAR,
                base=Asset(base),
                quote=Asset(quote),
                settle=Asset(row["settleCcy"]),
                tick=_amount(row["tickSz"]),
                lot=(_amount(row["lotSz"]) * contract).normalize(),
                min_size=(_amount(row["minSz"]) * contract).normalize(),
                min_notional=ZERO,
                wire_unit=contract,
                maker_fee=maker,
                taker_fee=taker,
                margin=MarginTerms(
                    max_leverage=max(_amount(row["lever"]), Decimal(1)),
                    tiers=tiers.get(family_of(row)) or _SAFE_TIERS,
                ),
            )
        )
    return made


def margin_tiers(
    rows: Iterable[Any], worth: Mapping[str, Decimal]
) -> dict[str, tuple[MarginTier, ...]]:
    """Read position tiers by family.

    The venue bounds them in contracts: `worth` gives what one is worth now, in quote. A position is
    charged the rate of its tier as a whole, so nothing is deducted. The last has no bound here, as
    nothing beyond it is allowed.
    """
    by_family: dict[str, list[Any]] = {}
    for row in rows:
        by_family.setdefault(family_of(row), []).append(row)
    made = {}
    for family, found in by_family.items():
        price = worth.get(family)
        if price is None:
            continue
        found.sort(key=lambda row: Decimal(row["maxSz"]))
        made[family] = tuple(
            MarginTier(
                up_to=Decimal(row["maxSz"]) * price if number < len(found) else None,
                rate=Decimal(row["mmr"]),
            )
            for number, row in enumerate(found, 1)
        )
    return made


def read_fees(rows: Iterable[Any], *, swaps: bool) -> dict[str, tuple[Decimal, Decimal]]:
    """Read the fee tier. The venue writes what it takes as a negative rate."""
    made: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        maker, taker = row.get("maker"), row.get("taker")
        if swaps:
            maker, taker = row.get("makerU") or maker, row.get("takerU") or taker
        if maker and taker:
            made[""] = (-Decimal(maker), -Decimal(taker))
        for group in row.get("feeGroup") or ():
            made[str(group["groupId"])] = (-Decimal(group["maker"]), -Decimal(group["taker"]))
    return made


def _fees(row: Any, fees: Fees, otherwise: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return fees.get(str(row.get("groupId") or ""), fees.get("", otherwise))


def _amount(text: str) -> Decimal:
    return Decimal(text).normalize()
