"""How long tokens are good for."""

import msgspec

from arbiter.model.errors import BadConfig


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    access_expiry_seconds: int = 3_600
    refresh_expiry_seconds: int = 604_800
    leeway_seconds: int = 5
    """Allowed difference between the clocks that issued and that verify; at most 60."""

    def __post_init__(self) -> None:
        if self.access_expiry_seconds < 1:
            raise BadConfig("tokens.access_expiry_seconds must be at least 1")
        if self.refresh_expiry_seconds < self.access_expiry_seconds:
            raise BadConfig("tokens.refresh_expiry_seconds must not be below the access expiry")
        if not 0 <= self.leeway_seconds <= 60:
            raise BadConfig("tokens.leeway_seconds must be 0 to 60")
