"""What the agents surface needs of the engine, as one record."""

import msgspec

from arbiter.access.service import AccessService
from arbiter.model.ids import Actor
from arbiter.ports.agent_store import AgentStore
from arbiter.ports.clock import Clock
from arbiter.runtime.agent_desk import AgentDesk
from arbiter.runtime.agent_records import AgentRecords
from arbiter.runtime.core import TradingCore
from arbiter.runtime.hub import EventHub

STRANGER = Actor("api:agents")
"""Who calls while no authentication is asked for."""


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of the language models; no secret among it."""

    gateway: str = "none"
    primary_model: str = "rules"
    fallback_model: str = "rules"
    caching: bool = False


class AgentsApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    auth_required: bool = False
    this_machine_only: bool = True
    largest_body: int = 64 * 1024
    environment: str = "sim"
    log_level: str = "info"


class AgentsDeps(msgspec.Struct, frozen=True, kw_only=True):
    settings: AgentsApiSettings
    version: str
    clock: Clock
    core: TradingCore
    desk: AgentDesk
    agents: AgentRecords
    store: AgentStore
    hub: EventHub
    access: AccessService
    models: ModelFacts
