"""What the control API needs of the engine, as one record."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from arbiter.access.service import AccessService
from arbiter.api.control.desks import CopyTrading, EventArbitrage
from arbiter.model.agents import AgentSession
from arbiter.model.ids import Actor
from arbiter.ports.clock import Clock
from arbiter.runtime.agent_news import AgentStatus
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.core import TradingCore
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.runtime.desk_view import DeskView
from arbiter.runtime.hub import EventHub
from arbiter.runtime.kill import KillSwitchControl
from arbiter.runtime.manual_desk import ManualDesk
from arbiter.runtime.queries import Queries


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    agents: Sequence[AgentStatus] = ()
    sessions: Sequence[AgentSession] = ()


class DoctorCheck(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    verdict: str
    """``pass``, ``warn`` or ``fail``."""
    detail: str
    mend: str = ""


class ControlDeps(msgspec.Struct, frozen=True, kw_only=True):
    clock: Clock
    core: TradingCore
    bus: CommandBus
    queries: Queries
    hub: EventHub
    view: DeskView
    depth: DepthWatch
    desk: ManualDesk
    access: AccessService
    kill_switch: KillSwitchControl
    release_kill_switch: Callable[[Actor], Awaitable[None]]
    arbitrage: EventArbitrage
    copying: CopyTrading
    agents: Callable[[], AgentFacts]
    """Nobody while they are switched off."""
    doctor: Callable[[], Awaitable[Sequence[DoctorCheck]]]
