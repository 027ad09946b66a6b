"""Coinbase's products, turned into instruments."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument

Fees = tuple[Decimal, Decimal]
"""(maker, taker), the same for every product."""

DEFAULT_FEES: Fees = (Decimal("0.006"), Decimal("0.012"))
"""Of somebody who trades little."""
_ELSEWHERE = {"CGLD": "CELO"}
_SHUT = ("is_disabled", "trading_disabled", "cancel_only", "post_only", "auction_mode", "view_only")


def asset_of(name: str) -> Asset:
    return Asset(_ELSEWHERE.get(name, name))


def spot_instruments(rows: Iterable[Any], venue: VenueId, fees: Fees) -> list[Instrument]:
    """Leave out what is shut, and what is another product's book under a second name.

    ``BTC-USDC`` is such a one: the streams tell of it as ``BTC-USD``.
    """
    made = []
    for row in rows:
        if row["product_type"] != "SPOT" or row.get("status", "online") != "online":
            continue
        if row.get("alias") or any(row.get(flag) for flag in _SHUT):
            continue
        base, quote = asset_of(row["base_currency_id"]), asset_of(row["quote_currency_id"])
        made.append(
            Instrument(
                id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
                venue=venue,
                market_id=row["product_id"],
                symbol=Symbol(f"{base}/{quote}"),
                base=base,
                quote=quote,
                settle=quote,
                tick=_amount(row.get("price_increment") or row["quote_increment"]),
                lot=_amount(row["base_increment"]),
                min_size=_amount(row["base_min_size"]),
                min_notional=_amount(row["quote_min_size"]),
                maker_fee=fees[0],
                taker_fee=fees[1],
                fee_charge=FeeCharge.QUOTE,
            )
        )
    return made


def fees_of(summary: Any) -> Fees:
    """Read ``transaction_summary``."""
    tier = summary["fee_tier"]
    return _amount(tier["maker_fee_rate"]), _amount(tier["taker_fee_rate"])


def _amount(text: str) -> Decimal:
    return Decimal(text).normalize()
