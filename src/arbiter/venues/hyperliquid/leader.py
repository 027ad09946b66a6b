"""A Hyperliquid wallet as a leader: its public fills."""

from collections.abc import Sequence

from arbiter.model.copying import LeaderAction, LeaderHolding, Wallet
from arbiter.model.errors import VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_MS
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.hyperliquid import fills

PAGE = 2_000
"""Most fills of one answer, oldest first."""
MOST_PAGES = 50


class HyperliquidLeaders:
    def __init__(self, rest: PublicRest, page: int = PAGE) -> None:
        self._rest = rest
        self._page = page

    @property
    def venue(self) -> VenueId:
        return fills.HYPERLIQUID

    def follows(self, wallet: Wallet) -> bool:
        return bool(wallet)

    async def actions_since(self, wallet: Wallet, since_ns: int) -> Sequence[LeaderAction]:
        """Read from the oldest on; a full answer is followed by one from its last moment."""
        since_ms = since_ns // NS_PER_MS
        told: list[LeaderAction] = []
        for _ in range(MOST_PAGES):
            asked = {
                "type": "userFillsByTime",
                "user": wallet,
                "startTime": since_ms,
                "aggregateByTime": False,
            }
            rows = fills.read_fills(await self._rest.post("/info", asked))
            told += fills.actions(wallet, rows)
            if len(rows) < self._page:
                return told
            newest_ms = max(row.time for row in rows)
            since_ms = newest_ms if newest_ms > since_ms else since_ms + 1
        raise VenueUnreachable("hyperliquid tells fills without end")

    async def holdings(self, wallet: Wallet) -> Sequence[LeaderHolding]:
        """Nothing: each fill tells the position it began with."""
        del wallet
        return ()
