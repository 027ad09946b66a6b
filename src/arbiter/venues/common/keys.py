"""Credentials of one venue. They are shown nowhere: not in logs, errors or representations."""

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.observe.redact import MASK


class VenueKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Under ccxt's names where venues need more than two."""

    api_key: str
    secret: str
    password: str = ""
    relayer_api_key: str = ""
    """Where a venue sends transactions for its users: what that asks for. Optional."""
    relayer_address: str = ""
    """Whose that key is; empty is the address that signs."""

    def __post_init__(self) -> None:
        if not self.api_key or not self.secret:
            raise BadConfig("a venue's key needs both its parts, key and secret")

    def __repr__(self) -> str:
        return f"VenueKeys({MASK})"

    __str__ = __repr__
