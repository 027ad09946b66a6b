"""Orders at Polymarket's CLOB, version 2.

A market is one instrument, its YES side. To sell YES is to buy NO at one minus the price, unless
YES is held on chain: then that is sold. Both ways come to the same position. An order's id is its
hash, known before it leaves; it is remembered with ours (`remembered`). IOC goes as FAK; where its
cost is no whole number of cents, which the venue wants of orders to buy at once, it rests for a
moment and is cancelled.
"""

import asyncio
import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import structlog

from arbiter.model.errors import NO_ANSWER, InvalidValue, OutcomeUnknown, TryAgain, VenueUnreachable
from arbiter.model.ids import ClientOrderId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.reports import Ended, OrderTruth
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.polymarket.account import SCALE, PolymarketAccount
from arbiter.venues.polymarket.addresses import USER_PATH, stream_of
from arbiter.venues.polymarket.endings import Endings
from arbiter.venues.polymarket.errors import DELAYED, KILLED, UNMATCHED, VERDICTS
from arbiter.venues.polymarket.heartbeats import beat
from arbiter.venues.polymarket.listing import EventMarket
from arbiter.venues.polymarket.own import ended_as
from arbiter.venues.polymarket.plan import plan
from arbiter.venues.polymarket.private import Row, UserTalk
from arbiter.venues.polymarket.remembered import KEEP
from arbiter.venues.polymarket.rows import Put, order_status, put_of
from arbiter.venues.polymarket.signing import Unsigned

log = structlog.get_logger(__name__)

_DELAY_NS = 30 * NS_PER_S
"""The venue holds some orders back for seconds before it matches them; it need not tell of them then."""


class PolymarketOrders(PolymarketAccount):
    def __init__(self, wiring: AccountWiring) -> None:
        super().__init__(wiring)
        self._put: dict[str, Put] = {}
        """What is under way, by hash."""
        self._delayed: dict[str, int] = {}
        """Those that are held back: the monotonic time of sending."""
        self._over: dict[str, None] = {}
        """Those whose end was told; the newest."""
        self._endings = Endings()

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
        size, cost = put.size * SCALE, put.size * put.price * SCALE
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
        asset = {"asset_type": "COLLATERAL"}
        if put.side is Side.SELL:
            asset = {"asset_type": "CONDITIONAL", "token_id": put.token}
        try:
            await self._api.read_anew(asset)
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
        self._known.over(number)

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
        listed = [row for row in rows if str(row.get("asset_id")) in self._markets.by_token]
        found = each("the open order", listed, self._truth)
        for row in listed:
            self._put.setdefault(str(row["id"]), put_of(row, self._known, self._markets))
        there = {str(row["id"]) for row in listed}
        for number in [n for n in self._put if n not in there]:
            if self._known.by_number(number) is None:  # nothing else tells of another's end
                self._forget(number)
        return [truth for truth in found if not truth.status.terminal]

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
            group.create_task(self._see_to_ends(), name=f"{self.venue} ends of orders")
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

    def _take_trade(self, row: Row, *, tell: bool = True) -> None:
        super()._take_trade(row, tell=tell)
        for number, ending in self._endings.waiting():
            if self._own.seen(number) >= ending.filled:
                self._end(number, ended_as(ending.filled, ending.size), ending.filled, "")

    def _finish(self, number: str, filled: Decimal, size: Decimal) -> None:
        """Tell of an order's end, once, when its fills have been told."""
        if number in self._endings or number in self._over:
            return
        if self._own.seen(number) >= filled:
            self._end(number, ended_as(filled, size), filled, "")
        else:
            self._endings.add(number, filled, size)

    async def _see_to_ends(self) -> None:
        """Ask for the fills that the stream does not tell in time. What fails here fails the client."""
        while True:
            late = await self._endings.overdue()
            try:
                await self._read("fills", self._refresh)
            except NO_ANSWER as error:
                log.warning("fills are still to come", orders=sorted(late), why=str(error))
            for number, ending in late.items():
                if number in self._endings:
                    self._end(number, ended_as(ending.filled, ending.size), ending.filled, "")

    def _end(self, number: str, status: OrderStatus, filled: Decimal, why: str) -> None:
        known = self._known.by_number(number)
        assert known is not None, "ours"
        self._forget(number)
        self._endings.drop(number)
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
        self._known.close()
        await super().aclose()
