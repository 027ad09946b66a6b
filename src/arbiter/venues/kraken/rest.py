"""Kraken's signed requests, each numbered higher than the one before it."""

from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import SignedRest
from arbiter.venues.kraken.errors import read_refusal


class KrakenRest(SignedRest):
    """The nonce rises even where this machine's clock stands still or is set back."""

    def __init__(
        self, keys: VenueKeys | None, endpoints: Endpoints | None, timeout_s: float
    ) -> None:
        super().__init__("kraken", keys, endpoints, read_refusal, timeout_s=timeout_s)
        self.last_nonce = 0

    def nonce(self) -> int:
        self.last_nonce = max(self.last_nonce + 1, super().nonce())
        return self.last_nonce
