"""Orders and the account at Kalshi.

Orders go to the V2 endpoints, which know one book per market, that of YES: a buy is a ``bid``, a
sell an ``ask``, whether it sells YES or buys NO. Every order is a limit order; a market order is
sent as one that takes whatever there is, at the end of the prices.

Client order ids go as they are: up to 64 characters of ``[A-Za-z0-9_:+=/-]``, good for one order
ever, refused ones included. No endpoint finds an order by them, so orders of the market are read
through for it. What is read of the account may be a moment old: "no such order" is believed only
when the venue says that its answer is younger than the order.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import structlog

from arbiter.model.binaries import cost
from arbiter.model.errors import NO_ANSWER, InvalidValue, OutcomeUnknown, VenueRefused
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import Fill, Order, OrderType, Side, TimeInForce
from arbiter.model.perpetuals import ForcedClose, VenuePosition, contract_of
from arbiter.model.reports import FillSettled, ForcedReported, Holding, OrderTruth
from arbiter.model.time import NS_PER_DAY, NS_PER_MS, NS_PER_S
from arbiter.venues.common.account import AccountWiring, KeyRights, understood
from arbiter.venues.common.events import EventAccount
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import Answered
from arbiter.venues.kalshi.addresses import ENDPOINTS, STREAM
from arbiter.venues.kalshi.costs import HeldCost, nothing_held
from arbiter.venues.kalshi.errors import VERDICTS
from arbiter.venues.kalshi.listing import OPEN, instrument_of, listing_of
from arbiter.venues.kalshi.private import PrivateTalk
from arbiter.venues.kalshi.rest import KalshiRest
from arbiter.venues.kalshi.rows import (
    USD,
    fill_of,
    forced_of,
    free_of,
    moment_ns,
    order_truth,
    payout_of,
    position_of,
    price_text,
    side_of,
)

log = structlog.get_logger(__name__)

ORDERS = "/portfolio/events/orders"
SETTLEMENTS_EVERY_S = 60.0
_PAGES = 200
_LIMIT = 200
_TICKERS = 100
"""Markets asked for in one request."""
_LIFETIMES = {
    TimeInForce.GTC: "good_till_canceled",
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
}
_ANY_SHARD = -1
"""The exchange finds the instance a market lives on by its ticker."""
_SLACK_NS = 50 * NS_PER_MS
"""So much two clocks that agree may differ."""
_EVENT_NS = 600 * NS_PER_S
"""For so long an event's title and the number of its markets are taken to be what they were."""
SAFE_KEY = (
    "make one with the permissions read and write::trade alone (write by itself includes transfers)"
)


class KalshiOrders(EventAccount):
    verdicts = VERDICTS

    def __init__(self, wiring: AccountWiring) -> None:
        self._api = KalshiRest(wiring.keys, wiring.endpoints, wiring.clock, wiring.timeout_s)
        super().__init__(wiring, self._api)
        self._began_ns = wiring.clock.now_ns()
        self._numbers: dict[ClientOrderId, str] = {}
        self._series: dict[str, Any] = {}
        self._events: dict[str, tuple[int, Any]] = {}
        """With the monotonic time of reading."""
        self._costs: dict[InstrumentId, HeldCost] = {}
        self._told: dict[str, int] = {}
        """Settlements of the last day that were told, with their time."""
        self._ended = asyncio.Event()
        """A position became none: there may be a settlement."""

    async def _server_ms(self) -> int:
        return await self._api.server_ms()

    # Listings.

    async def _list(self) -> Sequence[Instrument]:
        return await self._read_all(await self._markets(await self._wanted()))

    async def _find(self, names: Collection[str]) -> Sequence[Instrument]:
        found = await self._markets([name.upper() for name in names])
        return await self._read_all([row for row in found if row.get("status") in OPEN])

    async def _read_all(self, markets: Sequence[Any]) -> list[Instrument]:
        made = []
        for market in markets:
            event = await self._event(market)
            series = await self._series_of(event)
            made.append(instrument_of(market, series, self.venue))
        return made

    async def _wanted(self) -> list[str]:
        """What is named, what is followed since, and what the account holds or has ordered."""
        names = dict.fromkeys(name.upper() for name in self._wiring.markets)
        names |= dict.fromkeys(self._by_market)
        if self._wiring.keys is not None:
            for row in [*await self._held_rows(), *await self._resting()]:
                names[row["ticker"]] = None
        return list(names)

    async def _markets(self, names: Sequence[str]) -> list[Any]:
        """Markets by their tickers; a name that is none is taken for that of an event."""
        found: dict[str, Any] = {}
        for start in range(0, len(names), _TICKERS):
            tickers = ",".join(names[start : start + _TICKERS])
            params = {"tickers": tickers, "limit": 1_000}
            for row in await self._rows("/markets", "markets", params):
                found[row["ticker"]] = row
        for name in names:
            if name not in found:
                params = {"event_ticker": name, "limit": 1_000}
                for row in await self._rows("/markets", "markets", params):
                    found[row["ticker"]] = row
        return list(found.values())

    async def _event(self, market: Any) -> Any:
        """The event with its markets; what little a market says of it where there is none."""
        name, now = market["event_ticker"], self._clock.monotonic_ns()
        kept = self._events.get(name)
        if kept is not None and now - kept[0] < _EVENT_NS:
            return kept[1]
        try:
            told = await self._api.call(f"GET /events/{name}", {"with_nested_markets": "true"})
        except Answered as answer:
            if answer.status != 404:
                raise
            event: Any = {"series_ticker": "", "title": market.get("title", "")}
        else:
            event = {"markets": told.get("markets") or ()} | told["event"]
        self._events[name] = (now, event)
        return event

    async def _series_of(self, event: Any) -> Any:
        name = event.get("series_ticker") or ""
        if name and name not in self._series:
            told = await self._api.call(f"GET /series/{name}")
            self._series[name] = told["series"]
        return self._series.get(name, {})

    async def listings(self) -> Sequence[EventListing]:
        await self._know_listing()
        return await self._read("listings", self._listings)

    async def _listings(self) -> Sequence[EventListing]:
        made = []
        for market in await self._markets([i.market_id for i in self._listed.values()]):
            if market.get("status") in OPEN:
                event = await self._event(market)
                series = await self._series_of(event)
                made.append(listing_of(market, event, series, self.venue))
        return made

    @understood
    async def outcomes(
        self, instruments: Collection[InstrumentId]
    ) -> Mapping[InstrumentId, Decimal]:
        await self._know_listing()
        names = [self._listed[i].market_id for i in instruments if i in self._listed]
        markets = await self._read("outcomes", lambda: self._markets(names))
        paid = {self._by_market[row["ticker"]].id: payout_of(row) for row in markets}
        return {name: payout for name, payout in paid.items() if payout is not None}

    # Orders.

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        market = order.type is OrderType.MARKET
        price = order.price
        if market or price is None:
            price = ONE - instrument.tick if order.side is Side.BUY else instrument.tick
        lifetime = TimeInForce.IOC if market else order.time_in_force
        if order.reduce_only and lifetime is TimeInForce.GTC:
            # Without the mark it could rest until it opens, with it the venue refuses it.
            raise InvalidValue(f"{self.venue} lets no order rest that may only reduce")
        params: dict[str, Any] = {
            "ticker": instrument.market_id,
            "client_order_id": order.client_order_id,
            "side": "bid" if order.side is Side.BUY else "ask",
            "count": plain(order.size),
            "price": price_text(price),
            "time_in_force": _LIFETIMES[lifetime],
            "self_trade_prevention_type": "taker_at_cross",
            "exchange_index": _ANY_SHARD,
        }
        if order.post_only:
            params["post_only"] = True
        if order.reduce_only:
            params["reduce_only"] = True
        told = await self._api.call(f"POST {ORDERS}", params)
        if not told.get("order_id"):
            raise OutcomeUnknown("an order was answered without its number")
        self._know(order.client_order_id, told["order_id"])
        return VenueOrderId(told["order_id"])

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        number = order.venue_order_id or self._numbers.get(order.client_order_id)
        if number is None:
            truth = await self._query(order.client_order_id, instrument)
            if truth is None:
                raise Answered(404, "not_found", "not found")
            number = truth.venue_order_id
        params = {"exchange_index": _ANY_SHARD, "market_ticker": instrument.market_id}
        await self._api.call(f"DELETE {ORDERS}/{number}", params)

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        number = self._numbers.get(client_order_id)
        if number is not None:
            try:
                told = await self._api.call(f"GET /portfolio/orders/{number}")
            except Answered as answer:
                if answer.status != 404:
                    raise
            else:
                return order_truth(told["order"], self.venue, instrument)
        # Asked first: the orders that are read after it are at least as young.
        told = await self._api.call("GET /exchange/user_data_timestamp")
        params = {"ticker": instrument.market_id, "limit": _LIMIT}
        for row in await self._rows("/portfolio/orders", "orders", params):
            if row.get("client_order_id") == client_order_id:
                self._know(client_order_id, row["order_id"])
                return order_truth(row, self.venue, instrument)
        self._believe(client_order_id, told["as_of_time"])
        return None

    def _believe(self, client_order_id: ClientOrderId, as_of: str) -> None:
        """Raise `OutcomeUnknown` where what was read is older than the order may be.

        One that was not sent from here was sent before this client began.
        """
        known, sent_ns = self._unended.get(client_order_id), self._began_ns
        if known is not None:
            sent_ns = self._clock.now_ns() - (self._clock.monotonic_ns() - known[1])
        at_ns = moment_ns(as_of) - self._api.offset_ms * NS_PER_MS
        if at_ns < sent_ns - _SLACK_NS:
            raise OutcomeUnknown(f"what the venue tells of orders is of {as_of}")

    async def _open_orders(self) -> Sequence[OrderTruth]:
        def read(row: Any) -> OrderTruth | None:
            listed = self._by_market.get(row["ticker"])
            return None if listed is None else order_truth(row, self.venue, listed)

        return each("the open order", await self._resting(), read)

    async def _resting(self) -> list[Any]:
        return await self._rows(
            "/portfolio/orders", "orders", {"status": "resting", "limit": _LIMIT}
        )

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        return await self._fills(since_ns, {})

    async def _fills(self, since_ns: int, params: Mapping[str, Any]) -> list[Fill]:
        """Oldest first; of one moment in the order of the venue."""
        asked: dict[str, Any] = {"limit": _LIMIT} | dict(params)
        if since_ns > 0:
            asked["min_ts"] = since_ns // NS_PER_S
        rows = [*reversed(await self._rows("/portfolio/fills", "fills", asked))]
        for row in rows:
            if "order_id" in row and self._market_of(row) is not None:
                await self._name_of(row)

        def read(row: Any) -> Fill | None:
            listed = self._market_of(row)
            if listed is None:
                return None
            fill = fill_of(row, self.venue, listed, self._named(row["order_id"]))
            return fill if fill.at_ns >= since_ns else None

        made = each("the fill", rows, read)
        made.sort(key=lambda fill: fill.at_ns)
        return made

    def _market_of(self, row: Any) -> Instrument | None:
        return self._by_market.get(row.get("ticker") or row.get("market_ticker") or "")

    async def _name_of(self, row: Any) -> ClientOrderId:
        """A fill's order by our name; asked for where neither row nor memory has it."""
        number = row["order_id"]
        if row.get("client_order_id"):
            self._know(ClientOrderId(row["client_order_id"]), number)
        elif number not in self._names:
            told = await self._api.call(f"GET /portfolio/orders/{number}")
            name = told["order"].get("client_order_id") or number
            self._know(ClientOrderId(name), number)
        return self._named(number)

    # The account.

    async def _held_rows(self) -> list[Any]:
        params = {"count_filter": "position", "limit": _LIMIT}
        rows = await self._rows("/portfolio/positions", "market_positions", params)
        return [row for row in rows if Decimal(row["position_fp"])]

    @understood
    async def positions(self) -> Sequence[VenuePosition]:
        await self._know_listing()
        now = self._clock.now_ns()
        rows = await self._read("positions", self._held_rows)
        made = [
            position_of(row, self._by_market[row["ticker"]], now)
            for row in rows
            if row["ticker"] in self._by_market
        ]
        return [position for position in made if position is not None]

    async def _holdings(self) -> Sequence[Holding]:
        """Free money, and what stands in contracts and in orders at cost."""
        await self._know_listing()
        balance = await self._api.call("GET /portfolio/balance")
        held = await self._held_rows()
        locked = sum([await self._cost(row) for row in held], ZERO)
        quantities = {row["ticker"]: Decimal(row["position_fp"]) for row in held}
        locked += collateral(await self._resting(), quantities)
        return [Holding(venue=self.venue, asset=USD, free=free_of(balance), locked=locked)]

    async def _cost(self, row: Any) -> Decimal:
        """Of one position: counted from its fills, as told where they do not add up to it."""
        exposure = Decimal(row.get("market_exposure_dollars") or 0)
        listed = self._by_market.get(row["ticker"])
        if listed is None:
            return exposure
        kept = self._costs.get(listed.id) or nothing_held(listed)
        kept.add(await self._fills(kept.since_ns, {"ticker": row["ticker"]}))
        if kept.position.quantity != Decimal(row["position_fp"]):
            self._costs.pop(listed.id, None)
            return exposure
        self._costs[listed.id] = kept
        return contract_of(listed, ONE).margin(kept.position.quantity, kept.position.value)

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        await self._know_listing()
        return await self._read("settlements", lambda: self._settlements(since_ns))

    async def _settlements(self, since_ns: int) -> list[ForcedClose]:
        params: dict[str, Any] = {"limit": _LIMIT}
        if since_ns > 0:
            params["min_ts"] = since_ns // NS_PER_S
        made = [
            forced_of(row, self.venue, self._by_market[row["ticker"]])
            for row in await self._rows("/portfolio/settlements", "settlements", params)
            if row["ticker"] in self._by_market
        ]
        return sorted((m for m in made if m.at_ns >= since_ns), key=lambda close: close.at_ns)

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    @understood
    async def rights(self) -> KeyRights:
        """By the scopes of the key; ``write`` grants transfers, and so withdrawals, too."""
        keys = self._wiring.keys
        assert keys is not None, "only those who trade ask for rights"
        told = await self._read("rights", lambda: self._api.call("GET /api_keys"))
        rows = [row for row in told.get("api_keys") or () if row["api_key_id"] == keys.api_key]
        if not rows:
            raise VenueRefused("the key is not among the account's keys", code="not_found")
        scopes = set(rows[0].get("scopes") or ())
        return KeyRights(
            can_trade=bool(scopes & {"write", "write::trade"}),
            can_withdraw=bool(scopes & {"write", "write::transfer"}),
            restricted_to_ip=True,
            safe_key=SAFE_KEY,
        )

    # The private stream.

    async def _follow(self) -> None:
        wiring = self._wiring
        assert wiring.keys is not None, "only those who trade follow"
        origin = wiring.private or (wiring.endpoints or ENDPOINTS).stream
        stream = self._stream(
            origin.rstrip("/") + STREAM,
            lambda link: PrivateTalk(
                link, self.venue, self._by_market, self._say, self._named, self._ended.set
            ),
            lambda: self._api.stream_headers(STREAM),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(stream.run(), name=f"{self.venue} private")
            group.create_task(self._watch_settlements(), name=f"{self.venue} settlements")

    async def _watch_settlements(self) -> None:
        """Tell payouts soon after a position became none, and every so often in any case."""
        since_ns = self._clock.now_ns() - 5 * NS_PER_S
        while True:
            try:
                async with asyncio.timeout(SETTLEMENTS_EVERY_S):
                    await self._ended.wait()
            except TimeoutError:
                pass
            self._ended.clear()
            try:
                since_ns = await self._tell_payouts(since_ns)
            except NO_ANSWER as error:
                log.info("settlements wait", venue=self.venue, why=str(error))
                self._ended.set()
                await asyncio.sleep(1.0)

    async def _tell_payouts(self, since_ns: int) -> int:
        """Tell those that are new; gives from when on to look the next time."""
        began_ns = self._clock.now_ns()
        for forced in await self.forced_since(since_ns):
            if forced.venue_trade_id not in self._told:
                self._told[forced.venue_trade_id] = forced.at_ns
                self._say(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))
        since_ns = max(since_ns, began_ns - NS_PER_DAY)
        self._told = {name: at_ns for name, at_ns in self._told.items() if at_ns >= since_ns}
        return since_ns

    def _know(self, name: ClientOrderId, number: str) -> None:
        self._name(number, name)
        self._numbers[name] = number
        if len(self._numbers) > len(self._names):
            del self._numbers[next(iter(self._numbers))]

    def _named(self, number: str) -> ClientOrderId:
        return self._names.get(number, ClientOrderId(number))

    async def _rows(self, path: str, name: str, params: Mapping[str, Any]) -> list[Any]:
        """All pages of a list; the last one has no cursor."""
        rows: list[Any] = []
        asked = dict(params)
        for _ in range(_PAGES):
            told = await self._api.call(f"GET {path}", asked)
            rows += told.get(name) or ()
            if not told.get("cursor") or not told.get(name):
                return rows
            asked["cursor"] = told["cursor"]
        raise OutcomeUnknown(f"{path} is told without end")


def collateral(resting: Sequence[Any], held: Mapping[str, Decimal]) -> Decimal:
    """What orders that rest have set aside; one that only sells what is held sets nothing aside."""
    reducible = dict(held)
    total = ZERO
    for row in resting:
        side, left = side_of(row), Decimal(row["remaining_count_fp"])
        there = reducible.get(row["ticker"], ZERO)
        covered = min(max(-there * side.sign, ZERO), left)
        reducible[row["ticker"]] = there + covered * side.sign
        total += (left - covered) * cost(side, Decimal(row["yes_price_dollars"]))
    return total


def make_kalshi(wiring: AccountWiring) -> KalshiOrders:
    return KalshiOrders(wiring)
