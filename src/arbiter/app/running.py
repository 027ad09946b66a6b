"""A running engine, as shown to whoever serves or steers it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.access.service import AccessService
from arbiter.app.copying_service import CopyingService
from arbiter.app.tuning import Tuning
from arbiter.observe.metrics import Metrics
from arbiter.ports.clock import Clock
from arbiter.risk.rates import UsdRates
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.runtime.desk_view import StrategyFacts
from arbiter.runtime.engine import Engine
from arbiter.runtime.event_watch import EventWatch
from arbiter.runtime.funding_watch import FundingWatch
from arbiter.runtime.hub import EventHub
from arbiter.runtime.late_listing import LateListing
from arbiter.runtime.pair_desk import PairDesk
from arbiter.runtime.queries import Queries
from arbiter.runtime.spot_tally import SpotTally

if TYPE_CHECKING:
    from arbiter.app.agents_service import AgentService


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a running engine offers to whoever shows or steers it."""

    engine: Engine
    bus: CommandBus
    queries: Queries
    hub: EventHub
    clock: Clock
    reads: AsyncEngine
    """The database, for reading."""
    database: str
    """Its URL, password included."""
    written: Callable[[], Awaitable[None]]
    """Returns when `reads` finds everything that has been told."""
    access: AccessService
    tuning: Tuning
    spot_tally: SpotTally
    funding: FundingWatch
    depth: DepthWatch
    copying: CopyingService
    pairs: PairDesk | None
    """None where no venue lists event markets."""
    late: LateListing | None
    """None where no market can be listed while the engine runs."""
    events: EventWatch | None
    """None where no event market is listed."""
    metrics: Metrics
    agents: "AgentService | None"
    """None while they are switched off."""
    sessions: Callable[[], Sequence[StrategyFacts]]
    """Strategies that come and go while the engine runs."""
    usd_rates: UsdRates
    listeners: Mapping[str, tuple[str, ...]]
    """Addresses by name of the listener."""
