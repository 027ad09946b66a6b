"""What the spot surface needs of the engine, as one record."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from arbiter.access.service import AccessService
from arbiter.api.common.rate_limit import Rate
from arbiter.api.spot.backtests import Backtests
from arbiter.model.ids import Actor, Asset
from arbiter.ports.candles import CandleStore
from arbiter.ports.clock import Clock
from arbiter.ports.spot_history import SpotHistory
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.core import TradingCore
from arbiter.runtime.hub import EventHub
from arbiter.runtime.kill import KillSwitchControl
from arbiter.runtime.queries import Queries
from arbiter.runtime.spot_tally import SpotTally
from arbiter.runtime.tuning import Tuner

STRANGER = Actor("api:spot")
"""Who calls while no authentication is asked for."""


class SpotApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    auth_required: bool = False
    api_key: str | None = None
    """ARBOT_API_KEY: opens everything."""
    cors_enabled: bool = True
    cors_origins: tuple[str, ...] = ()
    """Pages beside this machine's own; ``*`` for all, only with authentication."""
    this_machine_only: bool = True
    """The listener is on a loopback address."""
    reads: Rate = Rate(1_000, 50)
    writes: Rate = Rate(100, 10)
    streams: Rate = Rate(10, 3)
    largest_body: int = 256 * 1024
    prices_per_second: int = 1_500
    """Price updates of all WebSocket clients together."""


class SpotDeps(msgspec.Struct, frozen=True, kw_only=True):
    settings: SpotApiSettings
    version: str
    clock: Clock
    core: TradingCore
    bus: CommandBus
    kill_switch: KillSwitchControl
    queries: Queries
    hub: EventHub
    history: SpotHistory
    written: Callable[[], Awaitable[None]]
    """Returns when the history holds everything that has been told."""
    candles: CandleStore
    backtests: Backtests
    access: AccessService
    tally: SpotTally
    tuner: Tuner
    usd_rate: Callable[[Asset], Decimal | None]
    home: Path
    """The data folder: its disk is watched."""
