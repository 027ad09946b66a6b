"""The surface over a scripted engine: what venues and the clock do is what the test says."""

from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from arbiter.api.agents.deps import AgentsApiSettings, AgentsDeps, ModelFacts
from arbiter.api.agents.surface import AgentsSurface, make_agents
from tests.fakes.access import Access
from tests.fakes.access_store import MemoryAccessStore
from tests.fakes.agents import AgentHouse


def surface_of(house: AgentHouse, access: Access | None = None, **changes: object) -> AgentsSurface:
    """Make the surface; `changes` are of its settings."""
    settings = replace(AgentsApiSettings(), **changes)
    return make_agents(
        AgentsDeps(
            settings=settings,
            version="1.0.0",
            clock=house.engine.clock,
            core=house.engine.core,
            desk=house.desk,
            agents=house.orchestrator.records,
            store=house.store,
            hub=house.engine.hub,
            access=(access or Access(MemoryAccessStore())).service,
            models=ModelFacts(),
        )
    )


@pytest.fixture
async def house() -> AgentHouse:
    house = await AgentHouse().open()
    house.quote(100.0)
    return house


@pytest.fixture
def surface(house: AgentHouse) -> AgentsSurface:
    return surface_of(house)


@pytest.fixture
async def client(surface: AgentsSurface) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(surface.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
