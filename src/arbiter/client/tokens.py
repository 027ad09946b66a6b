"""The tokens of one sign-in."""

import dataclasses
import time
from collections.abc import Awaitable, Callable

import arbiter_pb2 as pb


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokens:
    """Keep them where others cannot read: they are the user."""

    access: str = dataclasses.field(repr=False)
    refresh: str = dataclasses.field(repr=False)
    expires_at: float
    """Of the access token, epoch seconds."""

    def fresh(self, margin_s: float = 30.0) -> bool:
        """Whether the access token is good for a while yet."""
        return time.time() + margin_s < self.expires_at


Keep = Callable[[Tokens], Awaitable[None]]
"""Called with new tokens before they are used: an older refresh token never works again."""


def tokens_of(answer: pb.AuthResponse) -> Tokens:
    return Tokens(
        access=answer.access_token,
        refresh=answer.refresh_token,
        expires_at=answer.expires_at.ToNanoseconds() / 1e9,
    )
