"""Settings of the market simulator, with the values that `arbiter up` starts from."""

import math

import msgspec

from arbiter.markets.profiles import DEFAULT_VENUES, profile_of
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId


def _within(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise BadConfig(f"sim.markets.{name} must lie in {low:g}..{high:g}, got {value:g}")


class DislocationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Moments in which one venue's price runs away from the others: what arbitrage lives on."""

    per_minute: float = 15.0
    """Mean number over all symbols and venues together.

    With the default spot settings a third or so of the venue pairs they open pass the trend
    filter and the cooldown: 10 to 25 trades a minute.
    """
    opening_seconds: float = 30.0
    opening_factor: float = 2.0
    """How many times as often for so long after a start: nobody should wait for the first trade."""
    smallest: float = 0.004
    largest: float = 0.02
    """Fraction of the price; sizes are spread evenly between the two, up and down alike."""
    hold_ms_shortest: float = 300.0
    hold_ms_longest: float = 2_500.0
    """How long it stands in full."""
    decay_ms: float = 500.0
    """Time constant of the way back."""

    def __post_init__(self) -> None:
        _within("dislocations.per_minute", self.per_minute, 0.0, 60_000.0)
        _within("dislocations.opening_seconds", self.opening_seconds, 0.0, 86_400.0)
        _within("dislocations.opening_factor", self.opening_factor, 0.0, 1_000.0)
        _within("dislocations.smallest", self.smallest, 0.0, 0.5)
        _within("dislocations.largest", self.largest, self.smallest, 0.5)
        _within("dislocations.hold_ms_shortest", self.hold_ms_shortest, 0.0, 600_000.0)
        _within(
            "dislocations.hold_ms_longest", self.hold_ms_longest, self.hold_ms_shortest, 600_000.0
        )
        _within("dislocations.decay_ms", self.decay_ms, 1.0, 600_000.0)


class PathSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How mids move. Volatilities are standard deviations of log returns over one second."""

    market_volatility: float = 5e-5
    """Of the factor all symbols share."""
    own_volatility: float = 6e-5
    """Of each symbol alone, times the asset's own factor."""
    trend_share: float = 0.6
    """Fraction of time a symbol spends in a trend."""
    trend_seconds: float = 60.0
    """Mean length of a trend."""
    trend_slowest: float = 1.0e-4
    trend_fastest: float = 2.5e-4
    """Drift within a trend, fraction per second, up or down."""
    pull_hours: float = 0.5
    """Half-life of the pull back to the starting price, which keeps weeks of running sane."""

    def __post_init__(self) -> None:
        _within("path.market_volatility", self.market_volatility, 0.0, 0.01)
        _within("path.own_volatility", self.own_volatility, 0.0, 0.01)
        _within("path.trend_share", self.trend_share, 0.0, 0.95)
        _within("path.trend_seconds", self.trend_seconds, 1.0, 86_400.0)
        _within("path.trend_slowest", self.trend_slowest, 0.0, 0.01)
        _within("path.trend_fastest", self.trend_fastest, self.trend_slowest, 0.01)
        _within("path.pull_hours", self.pull_hours, 0.01, 10_000.0)


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what the simulated market looks like; the same seed, the same one."""

    seed: int = 7
    venues: tuple[VenueId, ...] = DEFAULT_VENUES
    symbols: int = 50
    """Number of base assets, each quoted against `quote` on every venue."""
    quote: str = "USDT"
    quotes_per_second: float = 2_000.0
    """Over all instruments together, 1..50000."""
    depth_usd: float = 3_000.0
    """Median notional displayed at the best price."""
    depth_dispersion: float = 1.2
    """Standard deviation of its logarithm."""
    noise_bps: float = 0.4
    """Standard deviation of a single quote's mid around the venue's."""
    basis_seconds: float = 20.0
    """Time constant with which a venue's mid comes back to the market's."""
    path: PathSettings = PathSettings()
    dislocations: DislocationSettings = DislocationSettings()

    def __post_init__(self) -> None:
        _within("seed", self.seed, 0, 2**63 - 1)
        _within("symbols", self.symbols, 1, 2_000)
        _within("quotes_per_second", self.quotes_per_second, 1.0, 50_000.0)
        _within("depth_usd", self.depth_usd, 1.0, 1e9)
        _within("depth_dispersion", self.depth_dispersion, 0.0, 5.0)
        _within("noise_bps", self.noise_bps, 0.0, 100.0)
        _within("basis_seconds", self.basis_seconds, 0.01, 86_400.0)
        if not self.venues:
            raise BadConfig("sim.markets.venues: at least one venue is needed")
        if len(set(self.venues)) != len(self.venues):
            raise BadConfig("sim.markets.venues: a venue is named twice")
        for venue in self.venues:
            profile_of(venue)
