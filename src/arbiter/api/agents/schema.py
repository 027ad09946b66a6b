"""The surface's OpenAPI document, made without an engine: ``python -m arbiter.api.agents.schema``."""

import sys

from arbiter.api.agents.deps import AgentsApiSettings, AgentsDeps
from arbiter.api.agents.surface import API_VERSION, make_agents
from arbiter.api.common.document import nothing, text_of


def text() -> str:
    """The document of all routes, as it is committed."""
    rest = nothing(AgentsDeps, given=("settings", "version"))
    made = make_agents(AgentsDeps(settings=AgentsApiSettings(), version=API_VERSION, **rest))
    return text_of(made.app)


if __name__ == "__main__":
    sys.stdout.write(text())
