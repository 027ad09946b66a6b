"""The simulated venues: their fees, the way they name markets, how tight and lively they are.

Fees are of the order the venues charge their smaller customers. Kraken's and Coinbase's taker fees
are set below the published ones, which would leave nothing to trade at the default threshold.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import FeeCharge


class VenueProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's character; `spread_bps` is the usual full spread, `basis_bps` the usual
    distance of its mid from the market's."""

    venue: VenueId
    maker_fee: Decimal
    taker_fee: Decimal
    fee_charge: FeeCharge
    market_id: Callable[[Asset, Asset], str]
    tick_steps: int = 1
    """Price step in units of the finest one."""
    lot_scale: int = 0
    """Power of ten by which its lots are coarser (> 0) or finer (< 0) than the usual."""
    min_notional: Decimal = Decimal(5)
    spread_bps: float = 2.0
    basis_bps: float = 2.5


def _joined(base: Asset, quote: Asset) -> str:
    return f"{base}{quote}"


def _dashed(base: Asset, quote: Asset) -> str:
    return f"{base}-{quote}"


def _kraken(base: Asset, quote: Asset) -> str:
    """Kraken has names of its own for two assets."""
    own = {"BTC": "XBT", "DOGE": "XDG"}
    return f"{own.get(base, base)}/{quote}"


_PROFILES = {
    profile.venue: profile
    for profile in (
        VenueProfile(
            venue=VenueId("binance"),
            maker_fee=Decimal("0.001"),
            taker_fee=Decimal("0.001"),
            fee_charge=FeeCharge.RECEIVED,
            market_id=_joined,
            spread_bps=1.2,
            basis_bps=1.5,
        ),
        VenueProfile(
            venue=VenueId("bybit"),
            maker_fee=Decimal("0.001"),
            taker_fee=Decimal("0.001"),
            fee_charge=FeeCharge.RECEIVED,
            market_id=_joined,
            spread_bps=1.8,
            basis_bps=2.0,
        ),
        VenueProfile(
            venue=VenueId("okx"),
            maker_fee=Decimal("0.0008"),
            taker_fee=Decimal("0.001"),
            fee_charge=FeeCharge.RECEIVED,
            market_id=_dashed,
            tick_steps=5,
            min_notional=Decimal(1),
            spread_bps=2.0,
            basis_bps=2.0,
        ),
        VenueProfile(
            venue=VenueId("kraken"),
            maker_fee=Decimal("0.0010"),
            taker_fee=Decimal("0.0016"),
            fee_charge=FeeCharge.QUOTE,
            market_id=_kraken,
            tick_steps=10,
            lot_scale=-2,
            spread_bps=3.0,
            basis_bps=3.0,
        ),
        VenueProfile(
            venue=VenueId("coinbase"),
            maker_fee=Decimal("0.0008"),
            taker_fee=Decimal("0.0012"),
            fee_charge=FeeCharge.QUOTE,
            market_id=_dashed,
            lot_scale=-2,
            min_notional=Decimal(1),
            spread_bps=1.5,
            basis_bps=2.0,
        ),
    )
}

DEFAULT_VENUES = tuple(VenueId(name) for name in ("binance", "bybit", "okx", "kraken"))


def profile_of(venue: VenueId) -> VenueProfile:
    """Look a venue up. One that is not simulated is `BadConfig`."""
    try:
        return _PROFILES[venue]
    except KeyError:
        raise BadConfig(
            f"sim.markets.venues: {venue!r} is not simulated; there are {', '.join(_PROFILES)}"
        ) from None
