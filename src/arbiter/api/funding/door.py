"""Who may read funding data: everybody on this machine, elsewhere whoever shows a key."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from arbiter.access.roles import Principal, Role
from arbiter.access.tokens import Audience
from arbiter.api.common.auth import Credentials, Door, Verifier
from arbiter.model.ids import Actor

Ask = Callable[..., Awaitable[Principal]]

_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="A key made by `arbiter keys`")
_TOKEN = HTTPBearer(auto_error=False, description="A token of this surface")


def make_ask(access: Verifier, *, required: bool) -> Ask:
    """A dependency that gives the caller, at least a viewer."""
    door = Door(
        access,
        audience=Audience.FUNDING,
        required=required,
        fixed_key=None,
        stranger=Actor("ops:local"),
    )

    async def admit(
        key: Annotated[str | None, Security(_KEY)] = None,
        token: Annotated[HTTPAuthorizationCredentials | None, Security(_TOKEN)] = None,
    ) -> Principal:
        shown = Credentials(api_key=key, bearer=None if token is None else token.credentials)
        principal = await door.admit(shown)
        principal.require(Role.VIEWER)
        return principal

    return admit
