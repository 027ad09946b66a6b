"""What the desk's surface needs of the engine, as one record."""

from collections.abc import Awaitable, Callable

import msgspec

from arbiter.access.service import AccessService
from arbiter.model.ids import Actor, Asset
from arbiter.ports.agent_store import AgentStore
from arbiter.ports.candles import CandleStore
from arbiter.ports.clock import Clock
from arbiter.ports.desk_history import DeskHistory
from arbiter.runtime.agent_desk import AgentDesk
from arbiter.runtime.agent_records import AgentRecords
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.runtime.desk_view import DeskView
from arbiter.runtime.hub import EventHub
from arbiter.runtime.kill import KillSwitchControl
from arbiter.runtime.tuning import Tuner

STRANGER = Actor("api:desk")
"""Who calls while no authentication is asked for."""


class DeskApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    auth_required: bool = False
    this_machine_only: bool = True
    """The listener is on a loopback address."""
    largest_body: int = 64 * 1024
    currencies: tuple[Asset, ...] = ()
    """What a budget may be in, beside every currency that something is quoted in."""
    updates_per_second: float = 4.0
    """At most, to each open stream."""


class DeskAgents(msgspec.Struct, frozen=True, kw_only=True):
    """The agents, for reading alone."""

    records: AgentRecords
    desk: AgentDesk
    store: AgentStore


class DeskDeps(msgspec.Struct, frozen=True, kw_only=True):
    settings: DeskApiSettings
    version: str
    clock: Clock
    view: DeskView
    depth: DepthWatch
    history: DeskHistory
    written: Callable[[], Awaitable[None]]
    """Returns when the history holds everything that has been told."""
    candles: CandleStore
    bus: CommandBus
    kill_switch: KillSwitchControl
    release_kill_switch: Callable[[Actor], Awaitable[None]]
    """Returns after the commit."""
    hub: EventHub
    access: AccessService
    tuner: Tuner | None = None
    """None where no setting changes while the engine runs."""
    agents: DeskAgents | None = None
    """None where this engine runs none."""
