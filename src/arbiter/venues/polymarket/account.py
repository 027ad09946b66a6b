"""The account at Polymarket: what is listed for it, its trades, positions, payouts and collateral.

A match is provisional until it is confirmed (`own`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from arbiter.model.errors import OutcomeUnknown, Unreadable
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import Asset, InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, Side
from arbiter.model.perpetuals import (
    ForcedCause,
    ForcedClose,
    VenuePosition,
    contract_of,
    entry_price,
)
from arbiter.model.reports import FillSettled, Holding
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from arbiter.venues.common.account import AccountWiring, KeyRights, understood
from arbiter.venues.common.events import EventAccount
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.row_reading import UNREADABLE_ROWS, each
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.errors import VERDICTS
from arbiter.venues.polymarket.feed import pace
from arbiter.venues.polymarket.legs import Leg, matched_ns, read_legs
from arbiter.venues.polymarket.listing import PUSD, EventMarket
from arbiter.venues.polymarket.markets import Markets
from arbiter.venues.polymarket.own import OwnTrades
from arbiter.venues.polymarket.private import Row
from arbiter.venues.polymarket.redeem import Redeemer
from arbiter.venues.polymarket.remembered import Remembered
from arbiter.venues.polymarket.rest import PolymarketRest
from arbiter.venues.polymarket.rights import read_rights
from arbiter.venues.polymarket.signing import wallet_of

SCALE = Decimal(1_000_000)
_NEAR_MS = 1_000
"""The venue tells its time in whole seconds."""
_BEFORE_NS = NS_PER_MINUTE
"""What was matched longer ago when the client came is told to those who ask, and not by itself."""
_PAST_NS = NS_PER_DAY
"""Trades of the past are read from so much earlier: their last words come later."""
_SHOWN = 3
_POINTED_OUT_NS = NS_PER_HOUR
"""For so long after its decision a market is pointed out at each look: the chain comes later."""


class PolymarketAccount(EventAccount):
    verdicts = VERDICTS

    def __init__(self, wiring: AccountWiring) -> None:
        self._wallet = None if wiring.keys is None else wallet_of(wiring.keys)
        self._api = PolymarketRest(self._wallet, wiring.endpoints, wiring.timeout_s)
        super().__init__(replace(wiring, stream=pace(wiring.stream)), self._api)
        self._markets = Markets(self._api, wiring.venue)
        self._known = Remembered(wiring.folder)
        self._own = OwnTrades(wiring.venue, self._known.name_of)
        self._reports = Reports(self._say)
        self._found: dict[InstrumentId, tuple[EventMarket, list[Row]]] = {}
        """Markets that may be followed yet, and the account's trades there."""
        self._came_ns = wiring.clock.now_ns()
        self._decided_ns: dict[InstrumentId, int] = {}
        """When it was first read what a market that was held pays."""
        self._redeemer = (
            None
            if self._wallet is None or wiring.keys is None
            else Redeemer(
                self._wallet, self._api, self._markets, wiring.keys, wiring.clock, wiring.folder
            )
        )

    # Listing.

    async def _server_ms(self) -> int:
        told = await self._api.public(Api.CLOB, "/time")
        now = self._clock.now_ns() // NS_PER_MS
        venue = int(told) * 1_000 + 500
        return now if abs(venue - now) < _NEAR_MS else venue

    async def _list(self) -> Sequence[Instrument]:
        held: set[str] = set()
        wallets = list(self._wiring.wallets)
        if self._wallet is not None:
            wallets.append(self._wallet.holder)
        for wallet in wallets:
            held |= await self._markets.held_by(wallet)
        await self._markets.read(self._wiring.markets, held)
        return [market.instrument for market in self._markets.all()]

    async def _find(self, names: Collection[str]) -> Sequence[Instrument]:
        """Together with what the account traded there before, which nothing else would ask for."""
        found = [market for market in await self._markets.find(names, ()) if market.open]
        for market in found:
            before: list[Row] = []
            if self._wallet is not None:
                before = await self._api.rows("/data/trades", {"market": market.condition})
            self._found[market.instrument.id] = market, before
        return list({market.instrument.id: market.instrument for market in found}.values())

    def take_up(self, instruments: Sequence[Instrument]) -> None:
        super().take_up(instruments)
        for instrument in instruments:
            market, before = self._found.pop(instrument.id)
            self._markets.keep([market])
            for row in reversed(before):
                with self._noting(row):
                    self._take_trade(row, tell=False)

    async def listings(self) -> Sequence[EventListing]:
        await self._know_listing()
        await self._read("listings", self._markets.refresh)
        return [market.listing for market in self._markets.all() if market.open]

    @understood
    async def outcomes(
        self, instruments: Collection[InstrumentId]
    ) -> Mapping[InstrumentId, Decimal]:
        await self._know_listing()
        wanted = [m for m in self._markets.all() if m.instrument.id in instruments]
        await self._read("outcomes", lambda: self._markets.refresh(wanted))
        return {
            market.instrument.id: market.payout
            for market in self._markets.all()
            if market.instrument.id in instruments and market.payout is not None
        }

    # Trades.

    async def _refresh(self) -> None:
        """Ask for the trades that may be new or have changed, and tell what is."""
        now = self._clock.now_ns()
        since, first = self._own.since_s(now), not self._own.complete
        rows = await self._api.rows("/data/trades", {"after": str(since)} if since else {})
        for row in reversed(rows):
            self._take_told(row, of_before=first)
        self._own.complete = True
        for name in self._own.stuck(now):
            for row in await self._api.rows("/data/trades", {"id": name}):
                self._take_told(row, of_before=first)
        self._own.fold(now)
        if self._own.unread:
            raise Unreadable("; ".join(self._own.unread[:_SHOWN]))

    def _take_told(self, row: Row, *, of_before: bool) -> None:
        """Take a row of the list."""
        with self._noting(row):
            at_ns = matched_ns(row)
            tell = not of_before or at_ns >= self._came_ns - _BEFORE_NS
            self._take_trade(row, tell=tell)
            self._own.read_to(at_ns)

    @contextmanager
    def _noting(self, row: Row) -> Iterator[None]:
        """Note a row that cannot be read, and ask for it again."""
        name = str(row.get("id"))
        try:
            yield
        except (*UNREADABLE_ROWS, OutcomeUnknown) as error:
            self._own.cannot_read(name, f"the trade {str(row)[:400]} cannot be read ({error!r})")
        else:
            self._own.can_read(name)

    async def _past(self, since_ns: int) -> list[Leg]:
        """Read trades that are not kept any more; those that are, too."""
        after = max((since_ns - _PAST_NS) // NS_PER_S, 0)
        rows = await self._api.rows("/data/trades", {"after": str(after)} if after else {})
        found = each("the trade", rows, self._legs)
        read = {leg.id: leg for legs in found for leg in legs}
        return list(({leg.id: leg for leg in self._own.kept()} | read).values())

    def _take_trade(self, row: Row, *, tell: bool = True) -> None:
        """Tell what is new of it; `BadFrame` for one that cannot be read."""
        with self._reports:
            for leg in self._legs(row):
                for report in self._own.take(leg):
                    if tell:
                        self._reports.add(report)

    def _legs(self, row: Row) -> list[Leg]:
        return read_legs(row, self._markets.by_token, self._mine)

    def _mine(self, order: Any) -> bool:
        number = str(order.get("order_id"))
        if self._known.by_number(number) is not None:
            return True
        assert self._wallet is not None, "only those with keys have trades"
        return str(order.get("maker_address", "")).lower() == self._wallet.holder.lower()

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        unread: Unreadable | None = None
        try:
            await self._refresh()
        except Unreadable as error:
            unread = error
        past = None if since_ns >= self._own.whole_ns else await self._past(since_ns)
        found = self._own.fills_since(since_ns, past)
        if unread is not None:
            raise Unreadable(str(unread), rest=found)
        return found

    @understood
    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        await self._know_listing()
        return await self._read("settled", lambda: self._settled_since(since_ns))

    async def _settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        await self._refresh()
        if since_ns >= self._own.whole_ns:
            return self._own.settled_since(since_ns)
        return self._own.settled_since(since_ns, await self._past(since_ns))

    # The account.

    @understood
    async def positions(self) -> Sequence[VenuePosition]:
        await self._know_listing()
        await self._read("positions", self._refresh)
        now = self._clock.now_ns()
        made: list[VenuePosition] = []
        for name, position in self._own.positions().items():
            market = self._markets.of(name)
            if not position.quantity or market.payout is not None:
                continue
            contract = contract_of(market.instrument, ONE)
            entry = entry_price(position, contract)
            assert entry is not None, "it is open"
            made.append(
                VenuePosition(
                    instrument=name,
                    quantity=position.quantity,
                    entry_price=entry,
                    mark_price=entry,
                    unrealized_pnl=ZERO,
                    leverage=ONE,
                    liquidation_price=None,
                    margin=position.margin,
                    adl_rank=0,
                    at_ns=now,
                )
            )
        return made

    @understood
    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        """Payouts of what was held at the end, of markets whose payout was first read since then.

        The first look reads what was decided however long ago; it is booked once.
        """
        await self._know_listing()
        held = {n: p for n, p in self._own.positions().items() if p.quantity}
        undecided = [name for name in held if self._markets.of(name).payout is None]
        if undecided:
            await self.outcomes(undecided)
        now = self._clock.now_ns()
        made = []
        for name, position in held.items():
            market = self._markets.of(name)
            if market.payout is None:
                continue
            decided_ns = self._decided_ns.setdefault(name, now)
            if now - decided_ns <= _POINTED_OUT_NS:
                self._point_out(market, market.payout, position.quantity)
            if decided_ns < since_ns:
                continue
            made.append(
                ForcedClose(
                    venue=self.venue,
                    venue_trade_id=f"resolution:{market.condition}",
                    instrument=name,
                    side=Side.SELL if position.quantity > ZERO else Side.BUY,
                    size=abs(position.quantity),
                    price=market.payout,
                    fee=ZERO,
                    fee_asset=Asset(market.instrument.settle),
                    cause=ForcedCause.RESOLUTION,
                    at_ns=market.closed_ns,
                )
            )
        return made

    def _point_out(self, market: EventMarket, payout: Decimal, quantity: Decimal) -> None:
        """The venue turns no tokens into money by itself."""
        worth = quantity * payout if quantity > ZERO else -quantity * (ONE - payout)
        if self._redeemer is not None:
            self._redeemer.point_out(market, worth)

    async def _holdings(self) -> Sequence[Holding]:
        """Collateral: what is free, what orders and open contracts hold, what waits to be redeemed.

        Pairs of YES and NO are worth one each, and come free when they are merged.
        """
        await self._know_listing()
        await self._refresh()
        assert self._redeemer is not None, "only those with keys hold"
        balance, redeemable = await self._redeemer.beside(self._balance)
        cash = balance + self._own.under_way()
        tokens = self._own.tokens()
        bound = ZERO
        for name, position in self._own.positions().items():
            market = self._markets.of(name)
            if market.payout is not None:
                continue
            yes, no = (tokens.get(token, ZERO) for token in market.tokens)
            bound += position.margin + max(min(yes, no), ZERO)
        bound += redeemable
        orders = ZERO
        for row in await self._api.rows("/data/orders", {}):
            if str(row["side"]).upper() == "BUY":
                left = Decimal(str(row["original_size"])) - Decimal(str(row["size_matched"]))
                orders += left * Decimal(str(row["price"]))
        return [Holding(venue=self.venue, asset=PUSD, free=cash - orders, locked=bound + orders)]

    async def _balance(self) -> Decimal:
        told = await self._api.balance({"asset_type": "COLLATERAL"})
        return Decimal(str(told["balance"])) / SCALE

    @understood
    async def rights(self) -> KeyRights:
        wallet = self._wallet
        assert wallet is not None, "only those with keys ask"
        assert self._redeemer is not None, "as wallets have"
        await self._know_listing()
        token = next((market.tokens[0] for market in self._markets.all()), "")
        rights = await self._read("rights", lambda: read_rights(self._api, wallet, token))
        return replace(rights, payouts=await self._redeemer.advice())
