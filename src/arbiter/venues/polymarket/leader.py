"""A Polymarket wallet as a leader: its trades, splits, merges and redemptions, read again and again.

`wallet` is the proxy or deposit wallet, which holds the contracts, not the key's own address.
Trades come from the trades route with `takerOnly=false`: without it, whatever the wallet made as a
maker is missing. Pages are read newest first until they reach back far enough; rows that arrive
meanwhile push others onto the next page, where they are told again and known by their keys.
"""

from collections.abc import Sequence

import structlog

from arbiter.model.copying import LeaderAction, LeaderHolding, Wallet
from arbiter.model.errors import VenueRefused, VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_S
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.polymarket import activity

log = structlog.get_logger(__name__)

PAGE = 500
LAST_OFFSET_V1 = 5_000
MOST_PAGES = 200
_OTHERS = "SPLIT,MERGE,REDEEM"


class PolymarketLeaders:
    """Reads v2; where a server has no v2 (404), v1 from then on."""

    def __init__(self, rest: PublicRest) -> None:
        self._rest = rest
        self._version = 2

    @property
    def venue(self) -> VenueId:
        return activity.POLYMARKET

    def follows(self, wallet: Wallet) -> bool:
        return bool(wallet)

    async def actions_since(self, wallet: Wallet, since_ns: int) -> Sequence[LeaderAction]:
        try:
            return await self._actions(wallet, since_ns)
        except VenueRefused as error:
            if self._version == 1 or error.code != "404":
                raise
            self._version = 1
            log.info("polymarket's data api has no v2 here", why=str(error))
            return await self._actions(wallet, since_ns)

    async def holdings(self, wallet: Wallet) -> Sequence[LeaderHolding]:
        rows: list[activity.PositionRow] = []
        if self._version == 2:
            cursor: str | None = ""
            for _ in range(MOST_PAGES):
                query: dict[str, str | int] = {"user": wallet, "limit": PAGE, "status": "OPEN"}
                if cursor:
                    query["cursor"] = cursor
                page = activity.read_position_page(await self._rest.get("/v2/positions", query))
                rows += page.data or ()
                cursor = page.pagination.next_cursor
                if not cursor:
                    return activity.holdings(rows)
            raise VenueUnreachable("polymarket tells positions without end")
        for offset in range(0, LAST_OFFSET_V1 + 1, PAGE):
            query = {"user": wallet, "limit": PAGE, "offset": offset, "sizeThreshold": 0}
            found = activity.read_positions_v1(await self._rest.get("/positions", query))
            rows += found
            if len(found) < PAGE:
                return activity.holdings(rows)
        log.warning("a leader holds more than v1 of polymarket's data api can tell", wallet=wallet)
        return activity.holdings(rows)

    async def _actions(self, wallet: Wallet, since_ns: int) -> list[LeaderAction]:
        told: list[LeaderAction] = []
        trades: dict[str, str | int] = {"user": wallet, "takerOnly": "false"}
        others: dict[str, str | int] = {
            "user": wallet,
            "type": _OTHERS,
            "start": since_ns // NS_PER_S,
        }
        for route, query in (("trades", trades), ("activity", others)):
            answers: Sequence[Sequence[activity.Row]]
            if self._version == 2:
                answers = [await self._rows_v2(route, query, since_ns)]
            else:
                answers = await self._pages_v1(route, query, since_ns)
            for rows in answers:
                acts, left_out = activity.actions(wallet, rows)
                told += (act for act in acts if act.at_ns >= since_ns)
                if left_out:
                    log.debug("acts that are not copied", wallet=wallet, rows=left_out)
        return told

    async def _rows_v2(
        self, route: str, query: dict[str, str | int], since_ns: int
    ) -> list[activity.Row]:
        """Read along a cursor, which holds its place: all pages together are one answer."""
        asked = {**query, "limit": PAGE}
        found: list[activity.Row] = []
        for _ in range(MOST_PAGES):
            page = activity.read_page(await self._rest.get(f"/v2/{route}", asked))
            rows = page.data or ()
            found += rows
            cursor = page.pagination.next_cursor
            if not cursor or _reaches(rows, since_ns):
                return found
            asked = {**query, "limit": PAGE, "cursor": cursor}
        raise VenueUnreachable(f"polymarket tells {route} without end")

    async def _pages_v1(
        self, route: str, query: dict[str, str | int], since_ns: int
    ) -> list[Sequence[activity.Row]]:
        """Read by offset: what comes meanwhile pushes rows onto the next page, told twice."""
        pages: list[Sequence[activity.Row]] = []
        for offset in range(0, LAST_OFFSET_V1 + 1, PAGE):
            asked = {**query, "limit": PAGE, "offset": offset}
            rows = activity.read_rows_v1(await self._rest.get(f"/{route}", asked))
            pages.append(rows)
            if len(rows) < PAGE or _reaches(rows, since_ns):
                return pages
        log.warning("a leader did more than v1 of polymarket's data api can tell", route=route)
        return pages


def _reaches(rows: Sequence[activity.Row], since_ns: int) -> bool:
    return any(activity.at_ns(row) < since_ns for row in rows)
