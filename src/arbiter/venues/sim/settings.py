"""Settings of the simulated venues, as handed to their process."""

from decimal import Decimal
from hashlib import sha256

import msgspec

from arbiter.markets.assets import base_assets
from arbiter.markets.event_settings import EVENT_VENUES, EventMarketSettings
from arbiter.markets.leader import LeaderSettings
from arbiter.markets.perpetual_settings import PerpetualSettings, perpetual_venue
from arbiter.markets.settings import MarketSettings
from arbiter.matching.latency import LatencySettings
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.venues.sim.faults import FaultSettings
from arbiter.venues.sim.wire import VERSION

_ENCODER = msgspec.json.Encoder(order="sorted")


class SimSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is simulated, how far away it is, and what an account starts with.

    Starting balances are given once, at the first sight of an asset on a venue: later changes
    here leave existing balances alone.
    """

    markets: MarketSettings = MarketSettings()
    perpetuals: PerpetualSettings = PerpetualSettings()
    events: EventMarketSettings = EventMarketSettings()
    latency: LatencySettings = LatencySettings(order_ms=4.0, report_ms=3.0, jitter=0.5)
    starting_quote: Decimal = Decimal(50_000)
    """Units of the quote currency per venue; of its settlement currency elsewhere."""
    starting_base_usd: Decimal = Decimal(5_000)
    """Inventory of every base asset per venue, worth this much at the first start."""
    starting_balances: dict[VenueId, dict[str, Decimal]] = {}
    """Exact amounts per venue and asset; they win over the two above."""
    tick_ms: float = 10.0
    """How often quotes leave, in batches; 1..1000."""
    leader: LeaderSettings = LeaderSettings()
    faults: FaultSettings = FaultSettings()

    def __post_init__(self) -> None:
        for name in ("starting_quote", "starting_base_usd"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise BadConfig(f"sim.{name} must be zero or more, got {value}")
        if not 1.0 <= self.tick_ms <= 1_000.0:
            raise BadConfig(f"sim.tick_ms must lie in 1..1000, got {self.tick_ms:g}")
        if self.perpetuals.symbols > self.markets.symbols:
            raise BadConfig(
                f"sim.perpetuals.symbols must not exceed sim.symbols, {self.markets.symbols}"
            )
        for event in self.faults.script:
            if event.venue not in self.venues:
                raise BadConfig(
                    f"sim.faults.script: {event.venue} is not among the simulated venues "
                    f"({', '.join(self.venues)})"
                )
        known = {
            self.markets.quote,
            *(a.name for a in base_assets(self.markets.symbols)),
            *(perpetual_venue(venue).settle for venue in self.perpetuals.listed),
            *(EVENT_VENUES[venue].settle for venue in self.events.listed),
        }
        for venue, balances in self.starting_balances.items():
            if venue not in self.venues:
                raise BadConfig(
                    f"sim.starting_balances.{venue}: not among the simulated venues "
                    f"({', '.join(self.venues)})"
                )
            for asset, amount in balances.items():
                if asset not in known:
                    raise BadConfig(
                        f"sim.starting_balances.{venue}.{asset}: no simulated market trades "
                        f"{asset}; there are {', '.join(sorted(known))}"
                    )
                if not amount.is_finite() or amount < 0:
                    raise BadConfig(
                        f"sim.starting_balances.{venue}.{asset} must be zero or more, got {amount}"
                    )

    @property
    def venues(self) -> tuple[VenueId, ...]:
        """Spot venues, then those of perpetuals, then those of event markets."""
        return (*self.markets.venues, *self.perpetuals.listed, *self.events.listed)

    def to_json(self) -> str:
        return _ENCODER.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "SimSettings":
        """Read what `to_json` wrote. Anything else is `BadConfig`."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise BadConfig(f"sim settings: {error}") from error

    def digest(self) -> str:
        """Name these settings and the protocol, so that a running process can be asked for them."""
        as_read = SimSettings.from_json(self.to_json())  # 24 and 24.0 are one setting
        return sha256(_ENCODER.encode([VERSION, as_read])).hexdigest()[:16]
