"""Faults of several venues over time: what is scripted, and what comes by chance from a seed.

Pure: whoever carries messages and shows quotes asks here. Settings are those of ``[sim.faults]``.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np

from arbiter.matching.faults import Fault, FaultRates, Faults, Window
from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.time import NS_PER_MS, NS_PER_S

_FOR_EVER_NS = 2**62
_LASTING = (Fault.STALL, Fault.BLACKHOLE, Fault.MAINTENANCE)
SCRIPTED = (*_LASTING, Fault.CLOCK_OFFSET, Fault.DELISTING, Fault.EXTERNAL_CHANGE)
"""Faults that can be put in a script; the others come by chance."""


class FaultEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scripted fault, `at_s` seconds after the venues' process started."""

    at_s: float
    fault: Fault
    venue: VenueId
    seconds: float = 0.0
    """How long it lasts; a delisting for which nothing is said lasts for ever."""
    instrument: InstrumentId | None = None
    """For a delisting."""
    asset: Asset | None = None
    """For an external change."""
    amount: Decimal = Decimal(0)
    """Of an external change, in units of the asset; no more goes than is free."""
    offset_ms: float = 0.0
    """How far the clock is ahead, for a clock offset."""

    def __post_init__(self) -> None:
        where = f"sim.faults.script: {self.fault} at {self.at_s:g} s"
        if self.fault not in SCRIPTED:
            raise BadConfig(f"{where}: only {', '.join(SCRIPTED)} can be scripted")
        if self.at_s < 0 or self.seconds < 0:
            raise BadConfig(f"{where}: times must be zero or more")
        if self.fault in (*_LASTING, Fault.CLOCK_OFFSET) and not self.seconds:
            raise BadConfig(f"{where}: say how many seconds it lasts")
        if self.fault is Fault.DELISTING and self.instrument is None:
            raise BadConfig(f"{where}: say which instrument")
        if self.fault is Fault.EXTERNAL_CHANGE and (self.asset is None or not self.amount):
            raise BadConfig(f"{where}: say which asset, and the amount")


class FaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Off unless some rate is above zero or something is scripted."""

    seed: int = 0
    rates: FaultRates = FaultRates()
    stalls_per_minute: float = 0.0
    """Per venue, as the three below."""
    blackholes_per_minute: float = 0.0
    maintenances_per_minute: float = 0.0
    external_changes_per_minute: float = 0.0
    longest_s: float = 5.0
    """Of stalls, blackholes and maintenances that come by chance."""
    until_s: float = 0.0
    """Nothing more is injected from then on; 0 means never to stop."""
    script: tuple[FaultEvent, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "stalls_per_minute",
            "blackholes_per_minute",
            "maintenances_per_minute",
            "external_changes_per_minute",
            "longest_s",
            "until_s",
        ):
            if not 0 <= getattr(self, name) <= 86_400:
                raise BadConfig(f"sim.faults.{name} must lie in 0..86400")

    @property
    def enabled(self) -> bool:
        quiet = FaultSettings(
            seed=self.seed,
            rates=FaultRates(delay_ms=self.rates.delay_ms),
            longest_s=self.longest_s,
            until_s=self.until_s,
        )
        return self != quiet


class Move(msgspec.Struct, frozen=True):
    """A balance changes as no order of ours did. Without an amount: some of what is free."""

    venue: VenueId
    asset: Asset | None
    amount: Decimal | None
    share: float = 0.0
    """Of what is free, where there is no amount; -1..1."""


class FaultPlan:
    """The faults of all venues of one process."""

    def __init__(
        self,
        settings: FaultSettings,
        venues: Sequence[VenueId],
        started_ns: int,
    ) -> None:
        self._settings = settings
        self._started_ns = self._stepped_ns = started_ns
        self._by_venue = {
            venue: Faults(settings.rates, np.random.default_rng([settings.seed, n]).random)
            for n, venue in enumerate(venues)
        }
        self._draw = np.random.default_rng([settings.seed, len(venues)]).random
        self._script = sorted(settings.script, key=lambda event: event.at_s)
        self._healed = False

    def at(self, venue: VenueId) -> Faults:
        return self._by_venue[venue]

    def counts(self) -> dict[str, int]:
        """Faults injected so far, by kind, over all venues."""
        told: dict[str, int] = {}
        for faults in self._by_venue.values():
            for kind, count in faults.counts.items():
                told[kind.value] = told.get(kind.value, 0) + count
        return told

    def step(self, now_ns: int) -> list[Move]:
        """Begin what is due by now; give the balances that are to change."""
        passed_s = (now_ns - self._started_ns) / NS_PER_S
        if self._settings.until_s and passed_s >= self._settings.until_s:
            if not self._healed:
                self._healed = True
                for faults in self._by_venue.values():
                    faults.heal()
            return []
        moves = []
        while self._script and self._script[0].at_s <= passed_s:
            moves += self._begin(self._script.pop(0), now_ns)
        minutes = max(now_ns - self._stepped_ns, 0) / NS_PER_S / 60
        self._stepped_ns = now_ns
        for venue in self._by_venue:
            moves += self._by_chance(venue, minutes, now_ns)
        return moves

    def closed(self, venue: VenueId, instrument: InstrumentId, now_ns: int) -> str | None:
        """Say why the venue takes no order for an instrument now, if it takes none."""
        faults = self._by_venue[venue]
        if faults.active(Fault.DELISTING, now_ns, instrument):
            faults.counts[Fault.DELISTING] += 1
            return "the symbol is no longer listed"
        if faults.active(Fault.MAINTENANCE, now_ns):
            faults.counts[Fault.MAINTENANCE] += 1
            if faults.refuses_takers(now_ns):
                return "post-only while the matching engine restarts"
            return "the matching engine restarts"
        return None

    def _begin(self, event: FaultEvent, now_ns: int) -> list[Move]:
        if event.fault is Fault.EXTERNAL_CHANGE:
            self._by_venue[event.venue].counts[event.fault] += 1
            return [Move(event.venue, event.asset, event.amount)]
        lasts_ns = int(event.seconds * NS_PER_S) or _FOR_EVER_NS
        window = Window(
            fault=event.fault,
            start_ns=now_ns,
            end_ns=now_ns + lasts_ns,
            instrument=event.instrument,
            offset_ns=int(event.offset_ms * NS_PER_MS),
        )
        self._by_venue[event.venue].windows.append(window)
        if event.fault is Fault.CLOCK_OFFSET:
            self._by_venue[event.venue].counts[event.fault] += 1
        return []

    def _by_chance(self, venue: VenueId, minutes: float, now_ns: int) -> list[Move]:
        settings, faults = self._settings, self._by_venue[venue]
        faults.windows = [w for w in faults.windows if now_ns < w.end_ns]
        for fault, rate in zip(
            _LASTING,
            (
                settings.stalls_per_minute,
                settings.blackholes_per_minute,
                settings.maintenances_per_minute,
            ),
            strict=True,
        ):
            if rate and self._draw() < rate * minutes:
                end_ns = now_ns + int(self._draw() * settings.longest_s * NS_PER_S)
                faults.windows.append(Window(fault=fault, start_ns=now_ns, end_ns=end_ns))
        rate = settings.external_changes_per_minute
        if rate and self._draw() < rate * minutes:
            faults.counts[Fault.EXTERNAL_CHANGE] += 1
            return [Move(venue, None, None, share=0.02 * self._draw() - 0.01)]
        return []
