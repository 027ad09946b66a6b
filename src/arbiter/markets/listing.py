"""The instruments the simulated venues list, with ticks and lots that fit each price."""

from decimal import Decimal

from arbiter.markets.assets import BaseAsset, base_assets
from arbiter.markets.profiles import VenueProfile, profile_of
from arbiter.markets.settings import MarketSettings
from arbiter.model.ids import Asset, InstrumentId, Symbol
from arbiter.model.instruments import Instrument

TICK_DIGITS = 5
"""The finest tick is 10⁻⁵ of the price's magnitude: 0.1 at 43,250, 0.00001 at 3.38."""


def list_instruments(settings: MarketSettings) -> tuple[Instrument, ...]:
    """Give every instrument, symbol by symbol, venues in the order of the settings."""
    quote = Asset(settings.quote)
    return tuple(
        _instrument(asset, profile_of(venue), quote)
        for asset in base_assets(settings.symbols)
        for venue in settings.venues
    )


def _instrument(asset: BaseAsset, profile: VenueProfile, quote: Asset) -> Instrument:
    lot = lot_of(asset.price).scaleb(profile.lot_scale)
    return Instrument(
        id=InstrumentId(f"{asset.name}{quote}.{profile.venue.upper()}"),
        venue=profile.venue,
        market_id=profile.market_id(asset.name, quote),
        symbol=Symbol(f"{asset.name}/{quote}"),
        base=asset.name,
        quote=quote,
        settle=quote,
        tick=tick_of(asset.price) * profile.tick_steps,
        lot=lot,
        min_size=lot,
        min_notional=profile.min_notional,
        maker_fee=profile.maker_fee,
        taker_fee=profile.taker_fee,
        fee_charge=profile.fee_charge,
    )


def tick_of(price: Decimal) -> Decimal:
    """The finest price step of an asset at this starting price."""
    return Decimal(1).scaleb(price.adjusted() - TICK_DIGITS)


def lot_of(price: Decimal) -> Decimal:
    """The power of ten worth between 4 cents and 50 cents."""
    return Decimal(1).scaleb((Decimal("0.5") / price).adjusted())
