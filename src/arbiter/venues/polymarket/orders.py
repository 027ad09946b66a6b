"""Orders and the account at Polymarket's CLOB, version 2.

A market is one instrument, its YES side. To sell YES is to buy NO at one minus the price, unless
YES is held on chain: then that is sold. Both ways come to the same position. An order's id is its
hash, known before it leaves; it is remembered with ours (`remembered`). IOC goes as FAK; where its
cost is no whole number of cents, which the venue wants of orders to buy at once, it rests for a
moment and is cancelled. A match is provisional until it is confirmed (`own`).
"""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import structlog
from msgspec.structs import replace

from arbiter.model.errors import (
    InvalidValue,
    OutcomeUnknown,
    TryAgain,
    VenueRefused,
    VenueUnreachable,
)
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, Order, OrderStatus, Side
from arbiter.model.perpetuals import (
    ForcedCause,
    ForcedClose,
    VenuePosition,
    contract_of,
    entry_price,
)
from arbiter.model.reports import (
    Ended,
    FillSettled,
    Holding,
    OrderTruth,
)
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.venues.common.account import AccountWiring, KeyRights, understood
from arbiter.venues.common.events import EventAccount
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.polymarket.addresses import USER_PATH, Api, stream_of
from arbiter.venues.polymarket.errors import DELAYED, KILLED, UNMATCHED, VERDICTS
from arbiter.venues.polymarket.feed import pace
from arbiter.venues.polymarket.heartbeats import beat
from arbiter.venues.polymarket.listing import PUSD, EventMarket
from arbiter.venues.polymarket.markets import Markets
from arbiter.venues.polymarket.own import Leg, OwnTrades, ended_as, read_legs
from arbiter.venues.polymarket.plan import plan
from arbiter.venues.polymarket.private import Row, UserTalk
from arbiter.venues.polymarket.redeem import Redeemer
from arbiter.venues.polymarket.remembered import KEEP, Remembered
from arbiter.venues.polymarket.rest import PolymarketRest
from arbiter.venues.polymarket.rights import read_rights
from arbiter.venues.polymarket.rows import Put, order_status, put_of
from arbiter.venues.polymarket.signing import Unsigned, wallet_of

log = structlog.get_logger(__name__)

_SCALE = Decimal(1_000_000)
_FILLS_S = 1.0
"""The stream tells an order's fills within this time, or they are asked for."""
_NEAR_MS = 1_000
"""The venue tells its time in whole seconds."""
_DELAY_NS = 30 * NS_PER_S
"""The venue holds some orders back for seconds before it matches them; it need not tell of them then."""


class PolymarketOrders(EventAccount):
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
        self._put: dict[str, Put] = {}
        """What is under way, by hash."""
        self._delayed: dict[str, int] = {}
        """Those that are held back: the monotonic time of sending."""
        self._over: dict[str, None] = {}
        """Those whose end was told; the newest."""
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
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
                for leg in self._legs(row):
                    self._own.take(leg)

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

    # Orders.

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        if self._known.by_name(order.client_order_id) is not None:
            raise InvalidValue(f"{order.client_order_id} has been used")
        owner = await self._owner()
        market = self._markets.of(instrument.id)
        put = plan(order, market, self._sellable)
        number, record = self._signed(put, market)
        self._put[number] = put  # nothing else may sell the same tokens from now on
        # On disk before it leaves: a name that was lost could never be found again.
        await asyncio.to_thread(self._known.add, order.client_order_id, number, order.size)
        self._name(number, order.client_order_id)
        body = {
            "order": record,
            "owner": owner,
            "orderType": put.kind,
            "deferExec": False,
            "postOnly": order.post_only,
        }
        try:
            told = await self._api.signed("POST", "/order", body=body)
        except VenueUnreachable:
            self._forget(number)
            raise
        except Answered as answer:
            await self._not_taken(number, put, answer)
        else:
            await self._placed(number, put, told)
        return VenueOrderId(number)

    async def _owner(self) -> str:
        """Log in where that is still to be done: should it fail, no order has left."""
        try:
            return (await self._api.login()).api_key
        except OutcomeUnknown as error:
            raise VenueUnreachable(f"no log-in: {error}") from None
        except Answered as answer:
            if VERDICTS.of(answer) is not Verdict.UNKNOWN:
                raise
            raise VenueUnreachable(f"no log-in: {answer}") from None

    async def _not_taken(self, number: str, put: Put, answer: Answered) -> None:
        """Raise it again, but where it is the end of an order that had to match at once."""
        if VERDICTS.of(answer) is Verdict.UNKNOWN:
            if answer.code == DELAYED:
                self._delayed[number] = self._clock.monotonic_ns()
            raise answer
        self._forget(number)
        if answer.code == "BALANCE":
            await self._look_again(put)
        if answer.code not in (UNMATCHED, KILLED):
            raise answer
        self._end(number, OrderStatus.EXPIRED, ZERO, answer.text)

    def _sellable(self, token: str) -> Decimal:
        """On chain, and in no other order of ours."""
        promised = sum(
            (
                put.size - self._own.seen(number)
                for number, put in self._put.items()
                if put.token == token and put.side is Side.SELL
            ),
            ZERO,
        )
        return self._own.tokens(on_chain=True).get(token, ZERO) - promised

    def _signed(self, put: Put, market: EventMarket) -> tuple[str, dict[str, Any]]:
        assert self._wallet is not None, "only those with keys place"
        size, cost = put.size * _SCALE, put.size * put.price * _SCALE
        if size != int(size) or cost != int(cost):
            raise InvalidValue(f"{put.size} at {put.price} is finer than a millionth")
        buys = put.side is Side.BUY
        unsigned = Unsigned(
            salt=secrets.randbits(48),
            token=put.token,
            buys=buys,
            maker_amount=int(cost if buys else size),
            taker_amount=int(size if buys else cost),
            timestamp_ms=self._clock.now_ns() // NS_PER_MS + self._api.offset_ms,
        )
        return self._wallet.order(unsigned, neg_risk=market.neg_risk)

    async def _placed(self, number: str, put: Put, told: Any) -> None:
        """See to the end of what does not rest.

        One that the venue holds back (``delayed``), or says nothing of, may match later: the user
        stream tells its end, or it is asked about.
        """
        status = str(told.get("status", "")).lower()
        amount = told.get("takingAmount" if put.side is Side.BUY else "makingAmount")
        filled = Decimal(str(amount)) if amount else ZERO
        if status == "delayed":
            self._delayed[number] = self._clock.monotonic_ns()
        if put.hurried:
            await self._hurry(number)
        elif status == "matched" and filled and (put.kind != "GTC" or filled >= put.size):
            self._finish(number, filled, put.size)

    async def _look_again(self, put: Put) -> None:
        """Let the venue read anew from the chain what it refused to believe in."""
        asked = {"asset_type": "COLLATERAL", "signature_type": str(self._kind)}
        if put.side is Side.SELL:
            asked |= {"asset_type": "CONDITIONAL", "token_id": put.token}
        try:
            await self._api.signed("GET", "/balance-allowance/update", query=asked)
        except (Answered, TryAgain, OutcomeUnknown) as error:
            log.debug("balances were not read anew", venue=self.venue, why=str(error))

    async def _hurry(self, number: str) -> None:
        """Cancel what was not matched at once; should that fail, the overdue are asked about."""
        try:
            await self._cancel_number(number)
        except (Answered, TryAgain, OutcomeUnknown) as error:
            log.warning("an order rests that should not", order=number, why=str(error))

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        known = self._known.by_name(order.client_order_id)
        if known is None:
            raise Answered(404, "NOT_FOUND", f"{order.client_order_id} was never sent")
        refused = await self._cancel_number(known.number)
        if refused:
            raise Answered(200, "ENDED", refused)

    async def _cancel_number(self, number: str) -> str:
        """Cancel by hash; gives why not, if it was not."""
        told = await self._api.signed("DELETE", "/order", body={"orderID": number})
        refused = told.get("not_canceled") or {}
        return str(refused[number]) if number in refused else ""

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        """By its hash; one that was matched is gone from there, and told of by its trades.

        None only when neither the open orders nor, read after those, the trades know of it.
        """
        known = self._known.by_name(client_order_id)
        if known is None:
            return None
        number = known.number
        row = await self._row_of(number)
        await self._refresh()
        if row is not None:
            return await self._told(number, self._truth(row))
        filled = self._own.filled(number)
        if filled < known.size and self._held_back(number):
            raise OutcomeUnknown(f"{client_order_id} is held back, and may still match")
        gone = not self._own.seen(number) and number not in self._over
        if gone and number not in self._delayed:
            self._forget(number)
            return None
        self._forget(number)
        return OrderTruth(
            venue=self.venue,
            client_order_id=client_order_id,
            venue_order_id=VenueOrderId(number),
            instrument=instrument.id,
            status=ended_as(filled, known.size),
            size=known.size,
            filled_size=filled,
            at_ns=self._own.last_ns(number) or self._clock.now_ns(),
        )

    async def _row_of(self, number: str) -> Row | None:
        try:
            row = await self._api.signed("GET", f"/data/order/{number}")
        except Answered as answer:
            if answer.status != 404 and VERDICTS.of(answer) is not Verdict.ABSENT:
                raise
            row = None
        if isinstance(row, dict) and row.get("id"):
            return row
        rows = await self._api.rows("/data/orders", {"id": number})
        return next((row for row in rows if str(row.get("id")) == number), None)

    async def _told(self, number: str, truth: OrderTruth) -> OrderTruth:
        put = self._put.get(number)
        if truth.status.terminal:
            self._forget(number)
        elif put is not None and put.hurried:
            await self._hurry(number)
        return truth

    def _held_back(self, number: str) -> bool:
        since_ns = self._delayed.get(number)
        return since_ns is not None and self._clock.monotonic_ns() - since_ns < _DELAY_NS

    def _forget(self, number: str) -> None:
        """Nothing of an order is under way."""
        self._put.pop(number, None)
        self._delayed.pop(number, None)

    def _truth(self, row: Row) -> OrderTruth:
        number = str(row["id"])
        market = self._markets.by_token[str(row["asset_id"])]
        size = Decimal(str(row["original_size"]))
        filled = Decimal(str(row.get("size_matched") or "0"))
        return OrderTruth(
            venue=self.venue,
            client_order_id=self._known.name_of(number),
            venue_order_id=VenueOrderId(number),
            instrument=market.instrument.id,
            status=order_status(str(row["status"]), size, filled),
            size=size,
            filled_size=self._own.filled(number) or filled,
            at_ns=int(row.get("created_at") or 0) * NS_PER_S,
        )

    async def _open_orders(self) -> Sequence[OrderTruth]:
        rows = await self._api.rows("/data/orders", {})
        listed = [row for row in rows if str(row["asset_id"]) in self._markets.by_token]
        for row in listed:
            self._put.setdefault(str(row["id"]), put_of(row, self._known, self._markets))
        there = {str(row["id"]) for row in listed}
        for number in [n for n in self._put if n not in there]:
            if (
                self._known.by_number(number) is None
            ):  # another's, which nothing else tells the end of
                self._forget(number)
        return [truth for truth in map(self._truth, listed) if not truth.status.terminal]

    # Trades.

    async def _refresh(self) -> None:
        """Ask for the trades that may be new or have changed, and tell what is."""
        since = self._own.since_s()
        rows = await self._api.rows("/data/trades", {"after": str(since)} if since else {})
        for row in reversed(rows):
            self._take_trade(row)
        self._own.complete = True

    def _take_trade(self, row: Row) -> None:
        """Tell what is new of it; `BadFrame` for one that cannot be read."""
        with self._reports:
            for leg in self._legs(row):
                for report in self._own.take(leg):
                    self._reports.add(report)
        self._news.set()

    def _legs(self, row: Row) -> list[Leg]:
        return read_legs(row, self._markets.by_token, self._mine)

    def _mine(self, order: Any) -> bool:
        number = str(order.get("order_id"))
        if self._known.by_number(number) is not None:
            return True
        assert self._wallet is not None, "only those with keys have trades"
        return str(order.get("maker_address", "")).lower() == self._wallet.holder.lower()

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        await self._refresh()
        return self._own.fills_since(since_ns)

    @understood
    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        await self._know_listing()
        await self._read("settled", self._refresh)
        return self._own.settled_since(since_ns)

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
        """Payouts of what was held at the end; told however long ago, and booked once."""
        del since_ns
        await self._know_listing()
        held = {n: p for n, p in self._own.positions().items() if p.quantity}
        if not held:
            return ()
        decided = await self.outcomes(tuple(held))
        made = []
        for name, payout in decided.items():
            market, position = self._markets.of(name), held[name]
            self._point_out(market, payout, position.quantity)
            made.append(
                ForcedClose(
                    venue=self.venue,
                    venue_trade_id=f"resolution:{market.condition}",
                    instrument=name,
                    side=Side.SELL if position.quantity > ZERO else Side.BUY,
                    size=abs(position.quantity),
                    price=payout,
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
        asked = {"asset_type": "COLLATERAL", "signature_type": str(self._kind)}
        # The venue keeps what it last read from the chain: it is to read again.
        await self._api.signed("GET", "/balance-allowance/update", query=asked)
        told = await self._api.signed("GET", "/balance-allowance", query=asked)
        return Decimal(str(told["balance"])) / _SCALE

    @property
    def _kind(self) -> int:
        assert self._wallet is not None, "only those with keys ask"
        return self._wallet.kind

    @understood
    async def rights(self) -> KeyRights:
        wallet = self._wallet
        assert wallet is not None, "only those with keys ask"
        assert self._redeemer is not None, "as wallets have"
        await self._know_listing()
        token = next((market.tokens[0] for market in self._markets.all()), "")
        rights = await self._read("rights", lambda: read_rights(self._api, wallet, token))
        return replace(rights, payouts=await self._redeemer.advice())

    # The user stream.

    async def _follow(self) -> None:
        login = await self._logged_in()
        origin = self._wiring.private.rstrip("/") or stream_of(self._wiring.endpoints)
        stream = self._stream(
            origin + USER_PATH,
            lambda link: UserTalk(link, login, self._on_order, self._take_trade),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(stream.run(), name=f"{self.venue} user stream")
            if self._redeemer is not None:
                group.create_task(self._redeemer.run(), name=f"{self.venue} redemptions")
            if self._wiring.dead_man:
                group.create_task(beat(self._api, self.venue), name=f"{self.venue} heartbeats")

    async def _logged_in(self) -> Any:
        while True:
            try:
                return await self._api.login()
            except (Answered, TryAgain, OutcomeUnknown) as error:
                log.warning("no log-in yet", venue=self.venue, why=str(error))
                await asyncio.sleep(1.0)

    def _on_order(self, row: Row) -> None:
        with self._reports:
            number, kind = str(row["id"]), str(row.get("type", "")).upper()
            filled = Decimal(str(row.get("size_matched") or "0"))
        known = self._known.by_number(number)
        if known is None:
            return
        if kind == "CANCELLATION" or (kind == "UPDATE" and filled >= known.size):
            self._finish(number, filled, known.size)

    def _finish(self, number: str, filled: Decimal, size: Decimal) -> None:
        """Tell of an order's end, once, when its fills have been told."""
        if number in self._ending or number in self._over:
            return
        if self._own.seen(number) >= filled:
            self._end(number, ended_as(filled, size), filled, "")
            return
        task = asyncio.create_task(self._end_later(number, filled, size), name=f"end of {number}")
        self._ending[number] = task
        task.add_done_callback(lambda _: self._ending.pop(number, None))

    async def _end_later(self, number: str, filled: Decimal, size: Decimal) -> None:
        try:
            async with asyncio.timeout(_FILLS_S):
                while self._own.seen(number) < filled:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            try:
                await self._read("fills", self._refresh)
            except (TryAgain, OutcomeUnknown, VenueRefused) as error:
                log.warning("fills are still to come", order=number, why=str(error))
        self._end(number, ended_as(filled, size), filled, "")

    def _end(self, number: str, status: OrderStatus, filled: Decimal, why: str) -> None:
        known = self._known.by_number(number)
        assert known is not None, "ours"
        self._forget(number)
        self._over[number] = None
        if len(self._over) > KEEP:
            del self._over[next(iter(self._over))]
        self._say(
            Ended(
                venue=self.venue,
                at_ns=self._clock.now_ns(),
                client_order_id=known.name,
                status=status,
                filled_size=filled,
                reason=why,
            )
        )

    async def aclose(self) -> None:
        for task in list(self._ending.values()):
            task.cancel()
        self._known.close()
        await super().aclose()
