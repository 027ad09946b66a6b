"""The dependency that lets a caller in, as a FastAPI surface declares it to its documents."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from arbiter.access.roles import Principal, Role
from arbiter.api.common.auth import Credentials, Door

Ask = Callable[..., Awaitable[Principal]]


def admission(key_words: str, token_words: str) -> Callable[[Door, Role], Ask]:
    """Make a surface's `needs(door, role)`; the words tell its readers which credential is meant."""
    by_key = APIKeyHeader(name="X-API-Key", auto_error=False, description=key_words)
    by_token = HTTPBearer(auto_error=False, description=token_words)

    def needs(door: Door, role: Role) -> Ask:
        """A dependency that gives the caller, at least of that role."""

        async def admit(
            key: Annotated[str | None, Security(by_key)] = None,
            token: Annotated[HTTPAuthorizationCredentials | None, Security(by_token)] = None,
        ) -> Principal:
            shown = Credentials(api_key=key, bearer=None if token is None else token.credentials)
            principal = await door.admit(shown)
            principal.require(role)
            return principal

        return admit

    return needs
