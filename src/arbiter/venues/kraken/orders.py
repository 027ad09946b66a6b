"""Orders and the account at Kraken spot.

Every signed request carries a nonce that must rise from one to the next. Requests that are under
way together may arrive in another order, so they take turns (`turns`), unless the key has a nonce
window. The nonce is this machine's clock, never the venue's: a correction downwards would make it
fall.
"""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import structlog

from arbiter.model.errors import NO_ANSWER, OutcomeUnknown
from arbiter.model.ids import ClientOrderId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Order, OrderType, TimeInForce
from arbiter.model.reports import Holding, OrderTruth
from arbiter.model.time import NS_PER_DAY, NS_PER_MS, NS_PER_S
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.account import AccountWiring, KeyRights, VenueAccount, understood
from arbiter.venues.common.clock_offset import ClockReading
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Link
from arbiter.venues.common.used_names import UsedNames
from arbiter.venues.kraken.addresses import PRIVATE, STREAM, asset_of, rest_name
from arbiter.venues.kraken.errors import FULL, VERDICTS
from arbiter.venues.kraken.listing import instruments
from arbiter.venues.kraken.names import Names
from arbiter.venues.kraken.private import PrivateTalk, order_truth, trade_fill
from arbiter.venues.kraken.reads import HISTORY, ReadCounter
from arbiter.venues.kraken.rest import KrakenRest
from arbiter.venues.kraken.turns import Turns

log = structlog.get_logger(__name__)

_NEEDED = {
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "create-ws-token",
}
SAFE_KEY = (
    "make a key with Query funds, Query open and closed orders & trades, Create & modify orders, "
    "Cancel & close orders and WebSocket interface, and with nothing of withdrawals"
)
_TAKING_OUT = {"withdraw-funds", "add-withdraw-address", "update-withdraw-address"}
_PAGE = 50
_PAGES = 200
_KEEP = 50_000
_ASKED_AT_ONCE = 20
"""Orders in one question by the venue's numbers."""
_PRICED_AT_ONCE = 100
_LOOK_BACK_NS = 7 * NS_PER_DAY
_READ_TRIES = 6
_TOKEN_EVERY_S = 600.0
"""A token must be used within 15 minutes."""
_TOKEN_RETRY_S = 1.0
_WIDE_WINDOW = 1_000
"""A nonce window of so much, in our nonce's milliseconds, lets requests overtake each other."""
_NO_WINDOW = (
    "orders and cancels wait for each other, as the key has no nonce window: set its nonce window "
    "to 10000 (pro.kraken.com, Settings, API, edit the key)"
)


class KrakenOrders(VenueAccount):
    verdicts = VERDICTS

    def __init__(self, wiring: AccountWiring) -> None:
        rest = KrakenRest(wiring.keys, wiring.endpoints, wiring.timeout_s)
        super().__init__(wiring, rest)
        self._ids = Names()
        self._used = UsedNames(VERDICTS)
        self._numbers: dict[ClientOrderId, str] = {}
        """The venue's numbers by our ids."""
        self._pairs: dict[str, str] = {}
        """Names of markets (`market_id`) by each of REST's names for them."""
        self._altnames: dict[str, str] = {}
        """Of assets, by the names that balances have."""
        self._turns = Turns(lambda: rest.last_nonce)
        self._reads = ReadCounter()
        self._token = ""
        self._token_wanted = asyncio.Event()

    # Asking.

    async def _public(self, endpoint: str, params: dict[str, Any] | None = None) -> Any:
        return (await self._rest.call(endpoint, params))["result"]

    async def _change(self, endpoint: str, params: dict[str, Any]) -> Any:
        return (await self._turns.change(lambda: self._rest.call(endpoint, params)))["result"]

    async def _signed(self, endpoint: str, params: dict[str, Any] | None) -> Any:
        async def ask() -> Any:
            return await self._rest.call(endpoint, params)

        return (await self._turns.read(ask))["result"]

    async def _counted(
        self, endpoint: str, params: dict[str, Any] | None = None, cost: float = 1.0
    ) -> Any:
        """Read when the key's counter allows; where the venue has counted more, once more."""
        for _ in range(_READ_TRIES - 1):
            await asyncio.sleep(self._reads.wait_s(cost, self._now_s()))
            try:
                return await self._signed(endpoint, params)
            except Answered as answer:
                if answer.code != FULL:
                    raise
            self._reads.full(self._now_s())
        await asyncio.sleep(self._reads.wait_s(cost, self._now_s()))
        return await self._signed(endpoint, params)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / NS_PER_S

    async def correct_clock(self) -> ClockReading | None:
        """Measure the venue's clock. Nothing is signed by it: the nonce only has to rise."""
        reading = await super().correct_clock()
        self._rest.offset_ms = 0
        return reading

    async def _server_ms(self) -> int:
        """Kraken tells whole seconds: ours when it lies within that second, else its middle."""
        second = int((await self._public("publicGetTime"))["unixtime"])
        now_ms = self._clock.now_ns() // NS_PER_MS
        return now_ms if now_ms // 1_000 == second else second * 1_000 + 500

    # The listing.

    async def _list(self) -> Sequence[Instrument]:
        pairs = await self._public("publicGetAssetPairs")
        assets = await self._public("publicGetAssets")
        self._altnames = {name: row["altname"] for name, row in assets.items()}
        found = instruments(pairs, self.venue, ZERO, {})
        by_altname = {rest_name(one.market_id): one.market_id for one in found}
        self._pairs = by_altname | {
            number: by_altname[row["altname"]]
            for number, row in pairs.items()
            if row["altname"] in by_altname
        }
        if self._wiring.keys is None:
            return found
        info = await self._counted("privatePostGetApiKeyInfo")
        self._turns.wide = _has_window(info)
        wanted = [rest_name(i.market_id) for i in found if i.symbol in self._wiring.symbols]
        params = {"pair": ",".join(wanted[:_PRICED_AT_ONCE])} if wanted else {}
        told = await self._counted("privatePostTradeVolume", params)
        return instruments(pairs, self.venue, Decimal(told["volume"]), _fees(told, pairs))

    async def _last_prices(self) -> Mapping[str, Decimal]:
        told = await self._public("publicGetTicker")
        return {
            self._pairs[name]: Decimal(row["c"][0])
            for name, row in told.items()
            if name in self._pairs
        }

    # Orders.

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        params: dict[str, Any] = {
            "pair": rest_name(instrument.market_id),
            "type": order.side.value.lower(),
            "ordertype": "market" if order.type is OrderType.MARKET else "limit",
            "volume": plain(order.size),
            "cl_ord_id": self._ids.venues(order.client_order_id),
            "oflags": "post,fciq" if order.post_only else "fciq",
        }
        if order.type is OrderType.LIMIT:
            assert order.price is not None, "a limit order has a price"
            params["price"] = plain(order.price)
            if order.time_in_force is not TimeInForce.GTC:
                params["timeinforce"] = order.time_in_force.value
        with self._used.sending(order.client_order_id):
            told = await self._change("privatePostAddOrder", params)
        try:
            return VenueOrderId(told["txid"][0])
        except (KeyError, IndexError, TypeError):
            raise OutcomeUnknown("an order without a number") from None

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        params = {"cl_ord_id": self._ids.venues(order.client_order_id)}
        await self._change("privatePostCancelOrder", params)

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        """By its number where that is known; else among the open ones, then the closed ones."""
        number = self._numbers.get(client_order_id)
        if number is not None:
            rows = await self._counted("privatePostQueryOrders", {"txid": number})
            if number in rows:
                return order_truth(number, rows[number], self.venue, instrument, client_order_id)
        name = self._ids.venues(client_order_id)
        for endpoint, part in (
            ("privatePostOpenOrders", "open"),
            ("privatePostClosedOrders", "closed"),
        ):
            rows = (await self._counted(endpoint, {"cl_ord_id": name}))[part]
            own = {number: row for number, row in rows.items() if row.get("cl_ord_id") == name}
            if own:
                number = max(own, key=lambda one: Decimal(str(own[one]["opentm"])))
                self._name(number, client_order_id)
                return order_truth(number, own[number], self.venue, instrument, client_order_id)
        return None

    async def _open_orders(self) -> Sequence[OrderTruth]:
        rows = (await self._counted("privatePostOpenOrders"))["open"]

        def read(told: tuple[str, Any]) -> OrderTruth | None:
            number, row = told
            instrument = self._listed_as(row["descr"]["pair"])
            if instrument is None:
                return None
            name = self._name_of(number, row.get("cl_ord_id"))
            return order_truth(number, row, self.venue, instrument, name)

        return each("the open order", rows.items(), read)

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        if since_ns <= 0:
            since_ns = self._clock.now_ns() - _LOOK_BACK_NS
        rows = await self._trades(since_ns)
        await self._learn_names({row["ordertxid"] for row in rows.values() if "ordertxid" in row})

        def read(told: tuple[str, Any]) -> Fill | None:
            number, row = told
            instrument = self._listed_as(row["pair"])
            if instrument is None:
                return None
            name = self._name_of(row["ordertxid"], None)
            return trade_fill(number, row, self.venue, instrument, name)

        made = each("the trade", rows.items(), read)
        made.sort(key=lambda fill: (fill.at_ns, fill.venue_trade_id))
        return [fill for fill in made if fill.at_ns >= since_ns]

    async def _trades(self, since_ns: int) -> dict[str, Any]:
        """All pages, each execution by itself, as the stream tells them.

        New trades shift the pages while they are read: each is kept once.
        """
        rows: dict[str, Any] = {}
        asked = {"start": since_ns // NS_PER_S - 1, "consolidate_taker": "false"}
        for page in range(_PAGES):
            params = asked | {"ofs": page * _PAGE}
            told = (await self._counted("privatePostTradesHistory", params, HISTORY))["trades"]
            rows |= told
            if len(told) < _PAGE:
                return rows
        raise OutcomeUnknown("trades: rows without end")

    async def _learn_names(self, numbers: set[str]) -> None:
        """Trades name their order by the venue's number alone: ask what we called it."""
        unknown = sorted(number for number in numbers if number not in self._names)
        for start in range(0, len(unknown), _ASKED_AT_ONCE):
            asked = ",".join(unknown[start : start + _ASKED_AT_ONCE])
            rows = await self._counted("privatePostQueryOrders", {"txid": asked})
            for number, row in rows.items():
                # One without a name is somebody else's: it goes by its number.
                self._name_of(number, row.get("cl_ord_id") or number)

    def _name(self, number: str, name: ClientOrderId) -> None:
        super()._name(number, name)
        self._numbers[name] = number
        if len(self._numbers) > _KEEP:
            del self._numbers[next(iter(self._numbers))]

    def _name_of(self, number: str, told: str | None) -> ClientOrderId:
        if told:
            name = self._ids.ours(told)
            self._name(number, name)
            return name
        return self._names.get(number, ClientOrderId(number))

    def _listed_as(self, pair: str) -> Instrument | None:
        return self._by_market.get(self._pairs.get(pair, ""))

    # The account.

    async def _holdings(self) -> Sequence[Holding]:
        def read(told: tuple[str, Any]) -> Holding:
            name, row = told
            total, locked = Decimal(row["balance"]), Decimal(row["hold_trade"])
            asset = asset_of(self._altnames.get(name, name))
            return Holding(venue=self.venue, asset=asset, free=total - locked, locked=locked)

        return each("the balance", (await self._counted("privatePostBalanceEx")).items(), read)

    @understood
    async def rights(self) -> KeyRights:
        """To trade takes all that orders and their private stream need."""
        told = await self._read("rights", lambda: self._counted("privatePostGetApiKeyInfo"))
        granted = set(told["permissions"])
        return KeyRights(
            can_trade=granted >= _NEEDED,
            can_withdraw=bool(granted & _TAKING_OUT),
            restricted_to_ip=bool(told.get("ipAllowlist")),
            safe_key=SAFE_KEY,
            advice="" if _has_window(told) else _NO_WINDOW,
        )

    # The private stream.

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Fills and ends are all there is to miss."""

    async def _follow(self) -> None:
        wiring = self._wiring
        origin = wiring.private or (wiring.endpoints.stream if wiring.endpoints else PRIVATE)

        def talk(link: Link) -> PrivateTalk:
            return PrivateTalk(
                link,
                self.venue,
                self._token,
                self._by_market,
                self._say,
                self._name_of,
                self._token_wanted.set,
                self._clock.now_ns,
            )

        await self._renew_token()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_token(), name=f"{self.venue} stream token")
            stream = self._stream(origin.rstrip("/") + STREAM, talk)
            group.create_task(stream.run(), name=f"{self.venue} executions")

    async def _keep_token(self) -> None:
        """Have a fresh one at hand for the next connection."""
        while True:
            try:
                async with asyncio.timeout(_TOKEN_EVERY_S):
                    await self._token_wanted.wait()
            except TimeoutError:
                pass
            self._token_wanted.clear()
            await self._renew_token()

    async def _renew_token(self) -> None:
        while True:
            try:
                self._token = await self._read("token", self._ask_token)
            except NO_ANSWER as error:
                log.warning("no token for the private stream", venue=self.venue, why=str(error))
                await asyncio.sleep(_TOKEN_RETRY_S)
            else:
                return

    async def _ask_token(self) -> str:
        return str((await self._counted("privatePostGetWebSocketsToken"))["token"])


def _has_window(info: Any) -> bool:
    return int(info.get("nonceWindow") or 0) >= _WIDE_WINDOW


def _fees(told: Any, pairs: Mapping[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
    """Read ``TradeVolume``: (maker, taker) as fractions by altname."""
    taken, made = told.get("fees") or {}, told.get("fees_maker") or {}
    fees = {}
    for name, row in taken.items():
        altname = pairs[name]["altname"] if name in pairs else name
        maker = made.get(name, row)
        fees[altname] = (Decimal(maker["fee"]) / 100, Decimal(row["fee"]) / 100)
    return fees
