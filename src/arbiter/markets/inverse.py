"""Simulated inverse perpetuals: contracts of so many dollars, margined and settled in the base."""

from decimal import Decimal

from arbiter.markets.assets import BaseAsset
from arbiter.markets.listing import tick_of
from arbiter.markets.perpetual_settings import PerpetualVenue
from arbiter.model.ids import Asset, InstrumentId, Symbol
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, tiers
from arbiter.model.money import floor_to

_USD = Asset("USD")
_AMOUNT = Decimal("0.00000001")


def list_inverse(asset: BaseAsset, profile: PerpetualVenue, contract_usd: Decimal) -> Instrument:
    """Whole contracts; the maintenance tiers' bounds are dollars at the asset's first price."""
    return Instrument(
        id=InstrumentId(f"{asset.name}USD-PERP.{profile.venue.upper()}"),
        venue=profile.venue,
        market_id=f"{asset.name}USD_PERP",
        symbol=Symbol(f"{asset.name}/USD:PERP"),
        kind=InstrumentKind.INVERSE,
        base=asset.name,
        quote=_USD,
        settle=asset.name,
        tick=tick_of(asset.price),
        lot=Decimal(1),
        min_size=Decimal(1),
        min_notional=contract_usd,
        maker_fee=profile.maker_fee,
        taker_fee=profile.taker_fee,
        contract_size=contract_usd,
        margin=_in_base(profile.terms, asset.price),
    )


def starting_base(asset: BaseAsset, usd: Decimal) -> Decimal:
    """Collateral of so many dollars at the asset's first price."""
    return floor_to(usd / asset.price, _AMOUNT)


def _in_base(terms: MarginTerms, price: Decimal) -> MarginTerms:
    steps = [
        (None if tier.up_to is None else floor_to(tier.up_to / price, _AMOUNT), tier.rate)
        for tier in terms.tiers
    ]
    return MarginTerms(
        max_leverage=terms.max_leverage,
        tiers=tiers(*steps),
        liquidation_fee=terms.liquidation_fee,
    )
