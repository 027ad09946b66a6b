"""Orders and the account at OKX v5: one class for spot, one for linear swaps.

Spot is traded in cash, swaps with isolated margin in net mode, one position per instrument. Client
order ids are written as `names` says; no order carries a tag, the venue's word for a broker's mark.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from arbiter.model.errors import InvalidValue, OutcomeUnknown
from arbiter.model.ids import Asset, ClientOrderId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import plain
from arbiter.model.orders import Fill, Order, OrderType, TimeInForce
from arbiter.model.perpetuals import ForcedClose
from arbiter.model.reports import Holding, OrderTruth
from arbiter.model.time import NS_PER_DAY, NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.account import AccountWiring, KeyRights, VenueAccount, understood
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import SignedRest
from arbiter.venues.okx.addresses import ENDPOINTS, PRIVATE
from arbiter.venues.okx.errors import VERDICTS, read_refusal
from arbiter.venues.okx.listing import read_fees, spot_instruments
from arbiter.venues.okx.names import to_okx
from arbiter.venues.okx.private import PrivateTalk
from arbiter.venues.okx.rows import amount, execution, order_truth
from arbiter.venues.okx.talk import pace

PAGE = 100
_PAGES = 200
"""Pages of a list that are read at most."""
_RECENT_NS = 3 * NS_PER_DAY - NS_PER_DAY // 24
"""As far back as the quick list of fills reaches, with an hour to spare."""
_WEEK_NS = 7 * NS_PER_DAY

_KINDS = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}


class OkxOrders(VenueAccount):
    """Spot."""

    verdicts = VERDICTS
    kind = "SPOT"

    def __init__(self, wiring: AccountWiring) -> None:
        rest = SignedRest(
            "okx",
            wiring.keys,
            wiring.endpoints,
            read_refusal,
            timeout_s=wiring.timeout_s,
            options={"brokerId": ""},
        )
        super().__init__(replace(wiring, stream=pace(wiring.stream)), rest)

    async def _data(self, endpoint: str, params: Mapping[str, Any] | None = None) -> list[Any]:
        told: list[Any] = (await self._rest.call(endpoint, params))["data"]
        return told

    async def _pages(self, endpoint: str, number: str, params: Mapping[str, Any]) -> list[Any]:
        """All pages of a list, newest first; each begins after the last `number` of the one before."""
        rows: list[Any] = []
        asked = {"instType": self.kind, "limit": str(PAGE)} | dict(params)
        for _ in range(_PAGES):
            page = await self._data(endpoint, asked)
            rows += page
            if len(page) < PAGE:
                return rows
            asked["after"] = page[-1][number]
        raise OutcomeUnknown(f"{endpoint}: rows without end")

    async def _last_prices(self) -> Mapping[str, Decimal]:
        told = await self._data("public_get_market_tickers", {"instType": self.kind})
        return {row["instId"]: Decimal(row["last"]) for row in told if row["last"]}

    async def _server_ms(self) -> int:
        return int((await self._data("public_get_public_time"))[0]["ts"])

    async def _fees(self) -> dict[str, tuple[Decimal, Decimal]]:
        if self._wiring.keys is None:
            return {}
        told = await self._data("private_get_account_trade_fee", {"instType": self.kind})
        return read_fees(told, swaps=self.kind == "SWAP")

    async def _listed_rows(self) -> list[Any]:
        return await self._data("public_get_public_instruments", {"instType": self.kind})

    async def _list(self) -> Sequence[Instrument]:
        return spot_instruments(await self._listed_rows(), self.venue, await self._fees())

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        params: dict[str, Any] = {
            "instId": instrument.market_id,
            "side": order.side.value.lower(),
            "ordType": "market",
            "sz": plain(order.size / instrument.wire_unit),
            "clOrdId": to_okx(order.client_order_id),
        }
        if order.type is OrderType.LIMIT:
            assert order.price is not None, "a limit order has a price"
            params["px"] = plain(order.price)
            params["ordType"] = _KINDS.get(order.time_in_force, "limit")
            if order.post_only:
                params["ordType"] = "post_only"
        told = await self._data("private_post_trade_order", params | self._more(order))
        return VenueOrderId(told[0]["ordId"])

    def _more(self, order: Order) -> dict[str, Any]:
        """Nothing is borrowed, and the size of a market buy is in base."""
        more = {"tdMode": "cash"}
        return more | {"tgtCcy": "base_ccy"} if order.type is OrderType.MARKET else more

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        params = {"instId": instrument.market_id, "clOrdId": to_okx(order.client_order_id)}
        await self._data("private_post_trade_cancel_order", params)

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        """The venue forgets a cancelled order without fills after two hours."""
        try:
            name = to_okx(client_order_id)
        except InvalidValue:
            return None  # such an order was never sent
        params = {"instId": instrument.market_id, "clOrdId": name}
        for row in await self._data("private_get_trade_order", params):
            return order_truth(row, self.venue, instrument)
        return None

    async def _open_orders(self) -> Sequence[OrderTruth]:
        rows = await self._pages("private_get_trade_orders_pending", "ordId", {})

        def read(row: Any) -> OrderTruth | None:
            listed = self._by_market.get(row["instId"])
            return None if listed is None else order_truth(row, self.venue, listed)

        return each("the open order", rows, read)

    async def _executions(self, since_ns: int) -> list[Fill | ForcedClose]:
        """A week unless told otherwise; what is older than three days is in a slower list."""
        now = self._clock.now_ns()
        since_ns = since_ns if since_ns > 0 else now - _WEEK_NS
        recent = now - since_ns < _RECENT_NS
        endpoint = "private_get_trade_fills" if recent else "private_get_trade_fills_history"
        params = {"begin": str(since_ns // NS_PER_MS)}

        def read(row: Any) -> Fill | ForcedClose | None:
            listed = self._by_market.get(row["instId"])
            return None if listed is None else execution(row, self.venue, listed)

        made: list[Fill | ForcedClose] = each(
            "the execution", await self._pages(endpoint, "billId", params), read
        )
        made.reverse()
        made.sort(key=lambda one: one.at_ns)
        return made

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        return [one for one in await self._executions(since_ns) if isinstance(one, Fill)]

    async def _coins(self) -> list[Any]:
        told = await self._data("private_get_account_balance")
        return [row for account in told for row in account["details"]]

    async def _holdings(self) -> Sequence[Holding]:
        """Equity without what is not yet won or lost; what is not available is locked."""

        def read(row: Any) -> Holding:
            total, free = amount(row, "eq") - amount(row, "upl"), amount(row, "availBal")
            return Holding(
                venue=self.venue, asset=Asset(row["ccy"]), free=free, locked=total - free
            )

        return each("the balance", await self._coins(), read)

    @understood
    async def rights(self) -> KeyRights:
        (told,) = await self._read("rights", lambda: self._data("private_get_account_config"))
        rights = str(told.get("perm", "")).split(",")
        return KeyRights(
            can_trade="trade" in rights,
            can_withdraw="withdraw" in rights,
            restricted_to_ip=bool(told.get("ip")),
            hindrance=self._hindrance(told),
        )

    def _hindrance(self, told: Any) -> str:
        del told
        return ""

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Fills and ends are all there is to miss."""

    async def _follow(self) -> None:
        wiring, keys = self._wiring, self._wiring.keys
        assert keys is not None, "only those who trade follow"
        origin = wiring.private or (wiring.endpoints or ENDPOINTS).stream
        await self._stream(
            f"{origin.rstrip('/')}{PRIVATE}",
            lambda link: PrivateTalk(
                link,
                self.venue,
                self.kind,
                keys,
                self._by_market,
                self._say,
                lambda: self._rest.offset_ms,
                self._settled,
            ),
        ).run()

    @property
    def _settled(self) -> Callable[[], None] | None:
        """What to call when the stream says that funding was settled."""
        return None
