"""What follows when a venue bans our key: it is left alone, and said so, until the ban is over."""

import asyncio

from arbiter.model.events import AlertRaised
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_MS
from arbiter.runtime.core import TradingCore


class BanWatch:
    """Takes bans as the rate budgets hear of them (`BudgetedClient.on_ban`)."""

    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._until_ns: dict[VenueId, int] = {}
        self._reason: dict[VenueId, str] = {}

    def on_ban(self, venue: VenueId, for_ms: int) -> None:
        """Open nothing at `venue` for so long; a second ban lengthens the first."""
        now = self._core.recorder.now_ns()
        until = now + for_ms * NS_PER_MS
        if until <= self._until_ns.get(venue, 0):
            return
        first = venue not in self._until_ns
        self._until_ns[venue] = until
        board = self._core.board
        if board.healthy(venue) or board.health_reason(venue) == self._reason.get(venue):
            reason = self._reason[venue] = f"banned for {for_ms / 1_000:g} s"
            board.set_venue_health(venue, False, reason)
        asyncio.get_running_loop().call_later(for_ms / 1_000, self._over, venue)
        if first:
            text = f"{venue} has banned our key for {for_ms / 1_000:g} s; nothing is sent there"
            self._core.recorder.record(
                AlertRaised(at_ns=now, severity="critical", code="VENUE_BANNED", text=text)
            )

    def _over(self, venue: VenueId) -> None:
        """Take the venue up again, unless it was banned longer or is unhealthy for another reason."""
        if self._core.recorder.now_ns() < self._until_ns.get(venue, 0):
            return
        self._until_ns.pop(venue, None)
        reason = self._reason.pop(venue, None)
        if reason is not None and self._core.board.health_reason(venue) == reason:
            self._core.board.set_venue_health(venue, True)
