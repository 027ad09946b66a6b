"""Who is calling: an API key or a bearer token becomes a principal."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import msgspec

from arbiter.access.api_keys import same_key
from arbiter.access.roles import Principal, Role
from arbiter.access.tokens import Audience
from arbiter.model.errors import BadConfig, Forbidden, TryAgain, Unauthenticated
from arbiter.model.ids import Actor

SHORTEST_KEY = 16
_SAMPLES = frozenset({"your-secret-api-key", "your-api-key", "changeme", "secret-api-key"})
"""Keys that stand in published examples."""


AskAgain = Callable[[], Awaitable[Principal]]
"""Says who reads a stream, at any time later; `Unauthenticated` once nobody does any more."""


async def until_refused(shown: Callable[[], AskAgain | None], pause_s: float) -> None:
    """Ask every `pause_s` whether the reader of a stream still may; return once it may not.

    `shown` gives what it was let in by, which may change; None while it was not yet.
    """
    while True:
        await asyncio.sleep(pause_s)
        ask_again = shown()
        if ask_again is None:
            continue
        try:
            await ask_again()
        except TryAgain:
            continue  # who was let in stays while the database is away
        except (Unauthenticated, Forbidden):
            if shown() is ask_again:
                return


class Verifier(Protocol):
    """What is needed of `access.service.AccessService`."""

    async def verify_access(self, token: str, audience: Audience, /) -> Principal: ...

    async def follow_access(self, token: str, audience: Audience, /) -> AskAgain: ...

    async def verify_api_key(self, text: str, /) -> Principal: ...


def check_fixed_key(key: str, setting: str) -> str:
    """Refuse a key that is short or known, as `BadConfig`."""
    if len(key) < SHORTEST_KEY or key.lower() in _SAMPLES or len(set(key)) < 6:
        raise BadConfig(
            f"{setting} must be at least {SHORTEST_KEY} random characters; "
            "make one with: openssl rand -hex 24"
        )
    return key


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller showed."""

    api_key: str | None = None
    bearer: str | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"


class Door:
    """Lets callers of one surface in.

    `fixed_key` is the key set from outside; its bearer may do everything. Where nothing is
    `required` every caller is `stranger`.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        audience: Audience,
        required: bool,
        fixed_key: str | None,
        stranger: Actor,
    ) -> None:
        self._verifier = verifier
        self._audience = audience
        self._fixed_key = fixed_key
        self.required = required
        self.stranger = Principal(actor=stranger, user_id=None, role=Role.ADMIN)

    async def admit(self, shown: Credentials) -> Principal:
        """Say who calls; `Unauthenticated` for a stranger or a credential that is not good."""
        if not self.required:
            return self.stranger
        if shown.api_key is not None:
            return await self._by_key(shown.api_key)
        if shown.bearer is not None:
            return await self._verifier.verify_access(shown.bearer, self._audience)
        raise Unauthenticated("an API key (X-API-Key) or a bearer token is needed")

    async def admit_token(self, token: str) -> Principal:
        """The same for a credential of either kind, as a stream's first message carries it."""
        return await self.admit(self.either(token))

    async def follow(self, shown: Credentials) -> AskAgain:
        """Admit to a stream, which may outlive the access token but not what gave it.

        What is given asks anew: a key may be revoked, a user removed or given a new credential.
        """
        if self.required and shown.api_key is None and shown.bearer is not None:
            return await self._verifier.follow_access(shown.bearer, self._audience)
        await self.admit(shown)
        return partial(self.admit, shown)

    def either(self, token: str) -> Credentials:
        """Tell a key from an access token, where a caller does not say which it shows."""
        if token.count(".") == 2 and not self._is_fixed(token):
            return Credentials(bearer=token)
        return Credentials(api_key=token)

    def _is_fixed(self, key: str) -> bool:
        return self._fixed_key is not None and same_key(key, self._fixed_key)

    async def _by_key(self, key: str) -> Principal:
        if self._is_fixed(key):
            return Principal(actor=Actor("key:environment"), user_id=None, role=Role.ADMIN)
        return await self._verifier.verify_api_key(key)


def bearer_of(authorization: str | None) -> str | None:
    """Take the token out of an Authorization header; other schemes are not ours."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
