"""Settings of the simulated perpetuals, and the venues that list them."""

import math
from collections.abc import Callable
from decimal import Decimal

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, VenueId
from arbiter.model.margin import MarginTerms, tiers
from arbiter.model.time import NS_PER_HOUR


class PerpetualVenue(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's character. Fees are of the order it charges its smaller customers."""

    venue: VenueId
    maker_fee: Decimal
    taker_fee: Decimal
    settle: Asset
    market_id: Callable[[Asset], str]
    intervals: tuple[int, ...]
    """Funding intervals in hours that its markets have, shared out in turn."""
    max_leverage: Decimal
    spread_bps: float
    min_notional: Decimal = Decimal(5)
    contract_usd: Decimal | None = None
    """Size of its inverse contracts; None lists none."""
    price_digits: int | None = None
    """Most significant digits of a price; None lets every price be on the tick alone."""
    decimals: int = 0
    """With `price_digits`: decimals of a price and of a size together."""
    by_default: bool = True
    """Whether it is among the venues simulated where none are named."""

    @property
    def terms(self) -> MarginTerms:
        return MarginTerms(
            max_leverage=self.max_leverage,
            tiers=tiers(
                (Decimal(50_000), Decimal("0.004")),
                (Decimal(250_000), Decimal("0.005")),
                (Decimal(1_000_000), Decimal("0.01")),
                (None, Decimal("0.025")),
            ),
            liquidation_fee=Decimal("0.005"),
        )


_USDT, _USDC = Asset("USDT"), Asset("USDC")

_VENUES = {
    profile.venue: profile
    for profile in (
        PerpetualVenue(
            venue=VenueId("binance_futures"),
            maker_fee=Decimal("0.0002"),
            taker_fee=Decimal("0.0005"),
            settle=_USDT,
            market_id=lambda base: f"{base}USDT",
            intervals=(8,),
            max_leverage=Decimal(100),
            spread_bps=0.8,
            contract_usd=Decimal(100),
        ),
        PerpetualVenue(
            venue=VenueId("bybit_futures"),
            maker_fee=Decimal("0.0002"),
            taker_fee=Decimal("0.00055"),
            settle=_USDT,
            market_id=lambda base: f"{base}USDT",
            intervals=(8, 8, 4),
            max_leverage=Decimal(100),
            spread_bps=1.0,
            contract_usd=Decimal(1),
        ),
        PerpetualVenue(
            venue=VenueId("hyperliquid"),
            maker_fee=Decimal("0.00015"),
            taker_fee=Decimal("0.00045"),
            settle=_USDC,
            market_id=str,
            intervals=(1,),
            max_leverage=Decimal(40),
            spread_bps=1.2,
            min_notional=Decimal(10),
            price_digits=5,
            decimals=6,
        ),
        PerpetualVenue(
            venue=VenueId("aster"),
            maker_fee=Decimal("0.0001"),
            taker_fee=Decimal("0.00035"),
            settle=_USDT,
            market_id=lambda base: f"{base}USDT",
            intervals=(8, 4),
            max_leverage=Decimal(50),
            spread_bps=1.6,
        ),
        PerpetualVenue(
            venue=VenueId("okx_futures"),
            maker_fee=Decimal("0.0002"),
            taker_fee=Decimal("0.0005"),
            settle=_USDT,
            market_id=lambda base: f"{base}-USDT-SWAP",
            intervals=(8, 8, 4),
            max_leverage=Decimal(100),
            spread_bps=1.0,
            by_default=False,
        ),
    )
}

PERPETUAL_VENUES = tuple(venue for venue, profile in _VENUES.items() if profile.by_default)


def perpetual_venue(venue: VenueId) -> PerpetualVenue:
    """Look a venue up. One that lists no simulated perpetuals is `BadConfig`."""
    try:
        return _VENUES[venue]
    except KeyError:
        raise BadConfig(
            f"sim.perpetuals.venues: {venue!r} is not simulated; there are {', '.join(_VENUES)}"
        ) from None


def _within(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise BadConfig(f"sim.perpetuals.{name} must lie in {low:g}..{high:g}, got {value:g}")


class PerpetualSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is listed and how funding behaves. Hours are the venues': `time_scale` shortens them."""

    symbols: int = 0
    """Base assets with perpetuals, the most liquid first; at most those of the spot market."""
    inverse: int = 0
    """Base assets that also have inverse contracts, the most liquid first."""
    venues: tuple[VenueId, ...] = PERPETUAL_VENUES
    quotes_per_second: float = 200.0
    depth_usd: float = 20_000.0
    depth_dispersion: float = 0.8
    basis_bps: float = 1.5
    """Usual distance of a venue's mark from the market's mid."""
    noise_bps: float = 0.2
    time_scale: float = 1.0
    """Funding hours that pass in one hour of real time: at 3600, an hour takes a second."""
    rate_level: float = 0.0001
    """Mean funding over eight hours."""
    rate_dispersion: float = 0.00035
    """Standard deviation of one venue's funding over eight hours around the mean."""
    rate_hours: float = 240.0
    """Time constant with which a venue's funding comes back to the mean."""
    interval_change_after_hours: float = 0.0
    """When the first venue's markets go to one hour; 0 is never."""
    squeeze_after_hours: float = 0.0
    """When the first symbol's price jumps; 0 is never."""
    squeeze_size: float = 0.5
    """Fraction of the price."""
    deleverage_share: float = 0.0
    """Part of the winners' positions that is auto-deleveraged in the jump."""

    def __post_init__(self) -> None:
        _within("symbols", self.symbols, 0, 200)
        _within("inverse", self.inverse, 0, self.symbols)
        _within("quotes_per_second", self.quotes_per_second, 1.0, 20_000.0)
        _within("depth_usd", self.depth_usd, 1.0, 1e9)
        _within("depth_dispersion", self.depth_dispersion, 0.0, 5.0)
        _within("basis_bps", self.basis_bps, 0.0, 500.0)
        _within("noise_bps", self.noise_bps, 0.0, 100.0)
        _within("time_scale", self.time_scale, 0.01, 100_000.0)
        _within("rate_level", self.rate_level, -0.01, 0.01)
        _within("rate_dispersion", self.rate_dispersion, 0.0, 0.01)
        _within("rate_hours", self.rate_hours, 1.0, 100_000.0)
        _within("interval_change_after_hours", self.interval_change_after_hours, 0.0, 1e6)
        _within("squeeze_after_hours", self.squeeze_after_hours, 0.0, 1e6)
        _within("squeeze_size", self.squeeze_size, -0.9, 9.0)
        _within("deleverage_share", self.deleverage_share, 0.0, 1.0)
        if len(set(self.venues)) != len(self.venues):
            raise BadConfig("sim.perpetuals.venues: a venue is named twice")
        for venue in self.venues:
            perpetual_venue(venue)

    @property
    def listed(self) -> tuple[VenueId, ...]:
        """Venues that list anything."""
        return self.venues if self.symbols else ()

    @property
    def hour_ns(self) -> int:
        """Real time of one funding hour."""
        return max(int(NS_PER_HOUR / self.time_scale), 1)
