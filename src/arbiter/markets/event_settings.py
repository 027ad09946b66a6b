"""Settings of the simulated event markets, and the venues that list them."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.event_fees import EventFee, kalshi_fee, polymarket_fee
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO
from arbiter.model.time import NS_PER_S


class EventVenue(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction venue's character."""

    venue: VenueId
    settle: Asset
    tick: Decimal
    lot: Decimal
    """Contracts; Kalshi trades whole ones."""
    min_size: Decimal
    fee: EventFee
    settles_fills: bool
    """Whether a match is only final once it is confirmed."""


EVENT_VENUES = {
    each.venue: each
    for each in (
        EventVenue(
            venue=VenueId("polymarket"),
            settle=Asset("USDC"),
            tick=Decimal("0.01"),
            lot=Decimal("0.01"),
            min_size=Decimal(5),
            fee=polymarket_fee(ZERO),
            settles_fills=True,
        ),
        EventVenue(
            venue=VenueId("kalshi"),
            settle=Asset("USD"),
            tick=Decimal("0.01"),
            lot=Decimal(1),
            min_size=Decimal(1),
            fee=kalshi_fee(),
            settles_fills=False,
        ),
    )
}


class EventMarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rounds follow each other in every market; their closes are staggered over the topics."""

    enabled: bool = True
    round_seconds: float = 240.0
    """From the opening of a round to its close; 5..604800."""
    pause_seconds: float = 5.0
    """Between a close, which pays, and the next opening."""
    quotes_per_second: float = 60.0
    """Over all markets; 1..100000."""
    volatility: float = 1.1
    """Of the log odds, over one round."""
    steady: bool = False
    """Quotes stand still around the topics' odds: half a spread and the usual depth, no more."""
    basis: float = 0.004
    """Usual distance of a venue from the common probability, in dollars."""
    dislocations_per_minute: float = 8.0
    smallest: float = 0.045
    """A dislocation, in dollars."""
    largest: float = 0.10
    hold_seconds: float = 2.5
    depth: float = 150.0
    """Contracts usually shown on each side."""
    confirm_seconds: float = 2.0
    """From a match to its confirmation, where a venue settles matches apart."""
    failing: float = 0.0
    """Share of such matches that fail."""
    divergent: float = 0.0
    """Share of rounds that both venues resolve differently."""
    void: float = 0.0
    """Share of rounds that are called off: stakes are returned at cost."""

    rules_change_after_seconds: float = 0.0
    """After so long the first market's text on the second venue says more; 0 is never."""

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float, float]] = {
            "round_seconds": (5.0, 604_800.0),
            "pause_seconds": (1.0, 3_600.0),
            "quotes_per_second": (1.0, 100_000.0),
            "volatility": (0.0, 10.0),
            "basis": (0.0, 0.2),
            "dislocations_per_minute": (0.0, 6_000.0),
            "smallest": (0.0, 0.5),
            "largest": (0.0, 0.5),
            "hold_seconds": (0.01, 600.0),
            "depth": (1.0, 1e9),
            "confirm_seconds": (0.0, 3_600.0),
            "failing": (0.0, 1.0),
            "divergent": (0.0, 1.0),
            "void": (0.0, 1.0),
            "rules_change_after_seconds": (0.0, 604_800.0),
        }
        for name, (low, high) in bounds.items():
            value: float = getattr(self, name)
            if not low <= value <= high:
                raise BadConfig(f"sim.events.{name} must lie in {low:g}..{high:g}, got {value:g}")
        if self.smallest > self.largest:
            raise BadConfig("sim.events.smallest must not exceed largest")

    @property
    def listed(self) -> tuple[VenueId, ...]:
        """Venues that list event markets."""
        return tuple(EVENT_VENUES) if self.enabled else ()

    @property
    def recurs_ns(self) -> int:
        return int((self.round_seconds + self.pause_seconds) * NS_PER_S)
