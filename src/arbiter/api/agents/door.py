"""Who may do what here: reading needs a viewer, trading a trader, settings an admin."""

from arbiter.access.tokens import Audience
from arbiter.api.agents.deps import STRANGER, AgentsDeps
from arbiter.api.common.admission import admission
from arbiter.api.common.auth import Door

needs = admission("A key made with arbiter keys", "An access token for this surface")


def make_door(deps: AgentsDeps) -> Door:
    return Door(
        deps.access,
        audience=Audience.AGENTS,
        required=deps.settings.auth_required,
        fixed_key=None,
        stranger=STRANGER,
    )
