"""The markets that are followed: found by their names at gamma, or because a wallet holds them."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.listing import EventMarket, read_market
from arbiter.venues.polymarket.rest import PolymarketRest

log = structlog.get_logger(__name__)

_CHUNK = 40
"""Names in one request."""
_GAMMA_PAGE = 100
_PAGE = 500
_LAST_OFFSET = 10_000
"""Of positions: the venue tells none beyond."""
_SIX_PLACES = Decimal("0.000001")


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet holds of one outcome."""

    condition: str
    outcome: int
    """0 is YES."""
    size: Decimal
    redeemable: bool
    """The chain knows what it pays."""


class Markets:
    """`by_token` knows both tokens of each."""

    def __init__(self, rest: PolymarketRest, venue: VenueId) -> None:
        self._rest = rest
        self._venue = venue
        self._by_condition: dict[str, EventMarket] = {}
        self._by_id: dict[InstrumentId, EventMarket] = {}
        self._events: dict[str, Any] = {}
        """Of several outcomes, by slug: a market's own row does not tell how many."""
        self.by_token: dict[str, EventMarket] = {}

    def all(self) -> list[EventMarket]:
        return list(self._by_condition.values())

    def of(self, instrument: InstrumentId) -> EventMarket:
        return self._by_id[instrument]

    async def read(self, names: Iterable[str], conditions: Collection[str]) -> None:
        """Find markets, and follow them."""
        self.keep(await self.find(names, conditions))

    def keep(self, markets: Iterable[EventMarket]) -> None:
        """Follow these."""
        for market in markets:
            self._keep(market)

    async def find(self, names: Iterable[str], conditions: Collection[str]) -> list[EventMarket]:
        """Find markets by slug, events by slug (all their open markets), and by condition id."""
        asked = [name.lower() for name in names]
        slugs = [name for name in asked if not name.startswith("0x")]
        ids = {*conditions, *(name for name in asked if name.startswith("0x"))}
        found = await self._read_rows("slug", slugs)
        known = {market.slug for market in found}
        found += await self._read_events([slug for slug in slugs if slug not in known])
        found += await self._read_rows("condition_ids", sorted(ids))
        return found

    async def _read_rows(self, by: str, names: Sequence[str]) -> list[EventMarket]:
        made = []
        for row in await self._rows(by, names):
            market = read_market(row, self._venue, await self._event_of(row))
            if market is not None:
                made.append(market)
        return made

    async def refresh(self, markets: Sequence[EventMarket] | None = None) -> None:
        """Read anew what is followed, or these of them; what is decided for good stays so."""
        followed = self.all() if markets is None else markets
        wanted = [market for market in followed if market.payout is None]
        for row in await self._rows("condition_ids", [m.condition for m in wanted]):
            market = read_market(row, self._venue, await self._event_of(row))
            known = None if market is None else self._by_condition.get(market.condition)
            if market is not None and known is not None:
                self._keep(market)

    async def held_by(self, wallet: str) -> set[str]:
        """Condition ids of what a wallet holds."""
        return {held.condition for held in await self.tokens_of(wallet)}

    async def tokens_of(self, wallet: str) -> list[Tokens]:
        """What a wallet holds, worth most first: the venue tells no more than some thousands."""
        made: list[Tokens] = []
        for offset in range(0, _LAST_OFFSET + 1, _PAGE):
            query = {
                "user": wallet,
                "limit": str(_PAGE),
                "offset": str(offset),
                "sizeThreshold": "0",
                "sortBy": "CURRENT",
                "sortDirection": "DESC",
            }
            told = await self._rest.public(Api.DATA, "/positions", query)
            rows = told if isinstance(told, list) else []
            made += [_token(row) for row in rows if row.get("size")]
            if len(rows) < _PAGE:
                return made
        log.warning("a wallet holds more than the venue tells", wallet=wallet, told=len(made))
        return made

    async def _event_of(self, row: Any) -> Any:
        """The event of a market that is one of several outcomes; None for any other."""
        events = row.get("events")
        if not row.get("negRisk") or not isinstance(events, list) or not events:
            return None
        slug = str(events[0].get("slug") or "")
        if slug not in self._events:
            told = await self._rest.public(Api.GAMMA, "/events", {"slug": slug})
            self._events[slug] = told[0] if isinstance(told, list) and told else None
        return self._events[slug]

    async def _read_events(self, slugs: Sequence[str]) -> list[EventMarket]:
        made = []
        for slug in slugs:
            told = await self._rest.public(Api.GAMMA, "/events", {"slug": slug})
            for event in told if isinstance(told, list) else []:
                for row in event.get("markets") or []:
                    market = read_market(row, self._venue, event)
                    if market is not None and market.open:
                        made.append(market)
        return made

    async def _rows(self, by: str, names: Sequence[str]) -> list[Any]:
        """Open and closed ones: gamma leaves one kind out where it is not asked for."""
        rows: list[Any] = []
        for start in range(0, len(names), _CHUNK):
            chunk = names[start : start + _CHUNK]
            for closed in ("false", "true"):
                query = [(by, name) for name in chunk]
                query += [("closed", closed), ("limit", str(_GAMMA_PAGE))]
                told = await self._rest.public(Api.GAMMA, "/markets", query)
                if not isinstance(told, list):
                    raise OutcomeUnknown("gamma: no list of markets")
                rows += told
        return rows

    def _keep(self, market: EventMarket) -> None:
        self._by_condition[market.condition] = market
        self._by_id[market.instrument.id] = market
        for token in market.tokens:
            self.by_token[token] = market


def _token(row: Any) -> Tokens:
    try:
        return Tokens(
            condition=str(row["conditionId"]),
            outcome=int(row["outcomeIndex"]),
            size=Decimal(str(row["size"])).quantize(_SIX_PLACES),
            redeemable=bool(row.get("redeemable")),
        )
    except (KeyError, ValueError, ArithmeticError) as error:
        raise OutcomeUnknown(f"a position that cannot be read: {error}") from None
