"""What `arbiter simex` serves."""

import math
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from arbiter.markets.event_settings import EventMarketSettings
from arbiter.markets.perpetual_settings import PerpetualSettings
from arbiter.markets.settings import DislocationSettings, MarketSettings, PathSettings
from arbiter.matching.fault_plan import FaultSettings
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId

SERVERS: dict[str, tuple[VenueId, ...]] = {
    "aster": (VenueId("aster"),),
    "binance": (VenueId("binance"),),
    "binance_futures": (VenueId("binance_futures"),),
    "bybit": (VenueId("bybit"), VenueId("bybit_futures")),
    "hyperliquid": (VenueId("hyperliquid"),),
    "kraken": (VenueId("kraken"),),
    "coinbase": (VenueId("coinbase"),),
    "kalshi": (VenueId("kalshi"),),
    "okx": (VenueId("okx"), VenueId("okx_futures")),
    "polymarket": (VenueId("polymarket"),),
}
"""Every server, and the venues of the simulated market whose instruments it lists."""

STILL = PathSettings(market_volatility=0.0, own_volatility=0.0, trend_share=0.0)
_PERPETUALS = ("aster", "binance_futures", "bybit_futures", "okx_futures", "hyperliquid")
_EVENTS = ("polymarket", "kalshi")


class SimexSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The same seed gives the same market; accounts start anew with every start."""

    venues: tuple[str, ...] = tuple(SERVERS)
    seed: int = 7
    symbols: int = 10
    """Base assets, each against USDT: spot and perpetual."""
    host: str = "127.0.0.1"
    ports: dict[str, int] = {}
    """Port by server; any free one where none is set."""
    quotes_per_second: float = 400.0
    """Over all spot markets together, and again over all perpetuals."""
    depth_usd: float = 3_000.0
    depth_dispersion: float = 1.2
    """Standard deviation of the logarithm of the displayed size."""
    dislocations_per_minute: float = 15.0
    still: bool = False
    """Prices stand still."""
    starting_quote: Decimal = Decimal(50_000)
    """Units of USDT in every account."""
    starting_base_usd: Decimal = Decimal(5_000)
    """Of every base asset in spot accounts, worth this much at the start."""
    accounts: int = 2
    """Accounts per server; the first is the one announced."""
    time_scale: float = 1.0
    """Funding hours that pass in one hour of real time."""
    funding_dispersion: float = 0.00035
    """Standard deviation of one venue's funding over eight hours around the mean."""
    weight_per_minute: int = 6_000
    """Request weight one address may use in a minute before it is told 429, then banned."""
    order_latency_ms: float = 0.0
    """Added to every signed request before it is carried out."""
    refuse_brokers: bool = False
    """Refuse orders that carry a broker, builder or referral mark instead of counting them."""
    events: EventMarketSettings = EventMarketSettings(
        round_seconds=604_800.0, volatility=0.5, dislocations_per_minute=4.0, confirm_seconds=1.0
    )
    """Each market of an event venue has one round and ends with it."""
    faults: FaultSettings = FaultSettings()

    def __post_init__(self) -> None:
        for name in self.venues:
            if name not in SERVERS:
                raise BadConfig(
                    f"--venues: {name!r} is not simulated; there are {', '.join(SERVERS)}"
                )
        if not self.venues or len(set(self.venues)) != len(self.venues):
            raise BadConfig("--venues: name at least one venue, none twice")
        if not 1 <= self.symbols <= 200:
            raise BadConfig(f"--symbols must lie in 1..200, got {self.symbols}")
        if not 1 <= self.accounts <= 20:
            raise BadConfig(f"--accounts must lie in 1..20, got {self.accounts}")
        if not math.isfinite(self.order_latency_ms) or not 0 <= self.order_latency_ms <= 60_000:
            raise BadConfig("--latency-ms must lie in 0..60000")

    @property
    def listed(self) -> tuple[VenueId, ...]:
        return tuple(venue for name in self.venues for venue in SERVERS[name])

    @property
    def markets(self) -> MarketSettings:
        """Spot markets; where only perpetuals are served, of a venue nobody is shown."""
        spot = tuple(v for v in self.listed if v not in (*_PERPETUALS, *_EVENTS))
        return MarketSettings(
            seed=self.seed,
            venues=spot or (VenueId("binance"),),
            symbols=self.symbols,
            quotes_per_second=self.quotes_per_second,
            depth_usd=self.depth_usd,
            depth_dispersion=self.depth_dispersion,
            path=STILL if self.still else PathSettings(),
            dislocations=DislocationSettings(per_minute=self.dislocations_per_minute),
        )

    @property
    def event_markets(self) -> EventMarketSettings:
        """Of both venues where one is served; nothing where none is."""
        events = replace(self.events, enabled=any(v in _EVENTS for v in self.listed))
        if not self.still:
            return events
        return replace(events, volatility=0.0, basis=0.0, dislocations_per_minute=0.0, steady=True)

    @property
    def perpetuals(self) -> PerpetualSettings:
        venues = tuple(v for v in self.listed if v in _PERPETUALS)
        return PerpetualSettings(
            symbols=self.symbols if venues else 0,
            venues=venues or (VenueId("binance_futures"),),
            quotes_per_second=self.quotes_per_second,
            depth_usd=self.depth_usd * 5,
            depth_dispersion=self.depth_dispersion,
            time_scale=self.time_scale,
            rate_dispersion=self.funding_dispersion,
        )
