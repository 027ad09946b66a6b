"""Who may do what here: reading needs a viewer, trading a trader, settings an admin."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from arbiter.access.roles import Principal, Role
from arbiter.access.tokens import Audience
from arbiter.api.agents.deps import STRANGER, AgentsDeps
from arbiter.api.common.auth import Credentials, Door

Ask = Callable[..., Awaitable[Principal]]

_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="A key made with arbiter keys")
_TOKEN = HTTPBearer(auto_error=False, description="An access token for this surface")


def make_door(deps: AgentsDeps) -> Door:
    return Door(
        deps.access,
        audience=Audience.AGENTS,
        required=deps.settings.auth_required,
        fixed_key=None,
        stranger=STRANGER,
    )


def needs(door: Door, role: Role) -> Ask:
    """A dependency that gives the caller, at least of that role."""

    async def admit(
        key: Annotated[str | None, Security(_KEY)] = None,
        token: Annotated[HTTPAuthorizationCredentials | None, Security(_TOKEN)] = None,
    ) -> Principal:
        shown = Credentials(api_key=key, bearer=None if token is None else token.credentials)
        principal = await door.admit(shown)
        principal.require(role)
        return principal

    return admit
