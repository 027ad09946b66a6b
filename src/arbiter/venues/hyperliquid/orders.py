"""Orders and the margin account at Hyperliquid, on isolated margin."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arbiter.model.errors import InvalidValue, OutcomeUnknown, VenueRefused
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import Fill, Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.perpetuals import ForcedClose, FundingPayment, MarginBalance, VenuePosition
from arbiter.model.reports import (
    Ended,
    FillSettled,
    ForcedReported,
    FundingReported,
    Holding,
    OrderTruth,
)
from arbiter.model.time import NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.account import AccountWiring, KeyRights, VenueAccount, understood
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.used_names import UsedNames
from arbiter.venues.hyperliquid import rows
from arbiter.venues.hyperliquid.addresses import ENDPOINTS, STREAM
from arbiter.venues.hyperliquid.cloid import Cloids
from arbiter.venues.hyperliquid.errors import NO_MATCH, VERDICTS
from arbiter.venues.hyperliquid.http import WalletRest
from arbiter.venues.hyperliquid.listing import DEFAULT_FEES, USDC, perpetuals
from arbiter.venues.hyperliquid.private import PrivateTalk

SAFE_KEY = (
    "make an API wallet at app.hyperliquid.xyz/API, which may trade and not withdraw, and give its "
    "private key together with the address of the main wallet"
)
_SLIPPAGE = Decimal("0.05")
"""How far beyond the planned price a market order may trade: the venue has limit orders only."""
_GOOD_FOR_MS = 4_000
"""An order still under way after that is refused: then "no such order" is the last word on it."""
_CLOCK_MS = 1_000
"""The venue's clock is measured again when an answer of it is so far from ours."""
_FILLS, _PAYMENTS = 2_000, 500
"""Most rows of one answer."""
_PAGES = 50
_UNIFIED = ("unifiedAccount", "portfolioMargin")


class HyperliquidOrders(VenueAccount):
    """Also `ports.MarginClient`. Nothing of a builder or referrer is ever sent."""

    verdicts = VERDICTS
    _rest: WalletRest

    def __init__(self, wiring: AccountWiring) -> None:
        origin = (wiring.endpoints or ENDPOINTS).rest
        super().__init__(wiring, WalletRest(wiring.keys, origin, wiring.clock, wiring.timeout_s))
        self._numbers: dict[str, int] = {}
        """By which actions name a coin."""
        self._cloids = Cloids()
        self._used = UsedNames(VERDICTS)

    async def _server_ms(self) -> int:
        return int((await self._rest.call("exchangeStatus"))["time"])

    async def _last_prices(self) -> Mapping[str, Decimal]:
        told = await self._rest.call("allMids")
        return {coin: Decimal(price) for coin, price in told.items()}

    async def _list(self) -> Sequence[Instrument]:
        fees = DEFAULT_FEES
        if self._rest.account:
            told = await self._about("userFees")
            fees = Decimal(told["userAddRate"]), Decimal(told["userCrossRate"])
        found, self._numbers = perpetuals(await self._rest.call("meta"), self.venue, fees)
        return found

    async def _about(self, kind: str, **more: Any) -> Any:
        """Ask about our own account."""
        return await self._rest.call(kind, {"user": self._rest.account, **more})

    async def _pages(self, kind: str, since_ns: int, page: int, **more: Any) -> list[Any]:
        """Read from a time on, oldest first; a row on the edge of two pages comes twice."""
        start, found = max(since_ns // NS_PER_MS, 0), []
        for _ in range(_PAGES):
            told = await self._about(kind, startTime=start, **more)
            found += told
            if len(told) < page:
                return found
            newest = max(int(row["time"]) for row in told)
            start = newest if newest > start else start + 1
        raise OutcomeUnknown(f"{kind}: rows without end")

    # Orders.

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        if order.time_in_force is TimeInForce.FOK:
            raise InvalidValue(f"{self.venue} knows no order that is filled whole or not at all")
        cloid = self._cloids.of(order.client_order_id)
        wire = {
            "a": self._numbers[instrument.market_id],
            "b": order.side is Side.BUY,
            "p": plain(_limit(order, instrument)),
            "s": plain(order.size),
            "r": order.reduce_only,
            "t": {"limit": {"tif": _tif(order)}},
            "c": cloid,
        }
        action = {"type": "order", "orders": [wire], "grouping": "na"}
        try:
            with self._used.sending(order.client_order_id):
                told = await self._rest.act(action, _GOOD_FOR_MS)
        except Answered as answer:
            if answer.code != NO_MATCH:
                raise
            self._found_nothing(order)
            return VenueOrderId(cloid)
        return VenueOrderId(str(_number(told)))

    def _found_nothing(self, order: Order) -> None:
        """Elsewhere such an order is accepted and expires; here the answer says so at once."""
        self._say(
            Ended(
                venue=self.venue,
                at_ns=self._clock.now_ns(),
                client_order_id=order.client_order_id,
                status=OrderStatus.EXPIRED,
                filled_size=ZERO,
                reason=NO_MATCH,
            )
        )

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        cancel = {
            "asset": self._numbers[instrument.market_id],
            "cloid": self._cloids.of(order.client_order_id),
        }
        await self._rest.act({"type": "cancelByCloid", "cancels": [cancel]})

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        told = await self._about("orderStatus", oid=self._cloids.of(client_order_id))
        if told["status"] == "unknownOid":
            return None
        try:
            state = told["order"]
            row = state["order"]
            self._learn(row)
            return rows.order_truth(
                row,
                state["status"],
                state["statusTimestamp"],
                self.venue,
                instrument,
                client_order_id,
            )
        except (KeyError, ValueError, ArithmeticError) as error:
            raise OutcomeUnknown(f"an order's state without {error}") from None

    async def _open_orders(self) -> Sequence[OrderTruth]:
        def read(row: Any) -> OrderTruth | None:
            listed = self._by_market.get(row["coin"])
            if listed is None:
                return None
            at, name = row["timestamp"], self._learn(row)
            return rows.order_truth(row, "open", at, self.venue, listed, name)

        return each("the open order", await self._about("frontendOpenOrders"), read)

    def _learn(self, row: Any) -> ClientOrderId:
        """Our id of an order; the venue's number where it has none."""
        cloid = row.get("cloid")
        name = self._cloids.name(cloid) if cloid else ClientOrderId(str(row["oid"]))
        self._name(str(row["oid"]), name)
        return name

    def _known(self, row: Any) -> ClientOrderId | None:
        if row.get("cloid"):
            return self._learn(row)
        return self._names.get(str(row["oid"]))

    async def _owner(self, row: Any) -> ClientOrderId:
        known = self._known(row)
        if known is not None:
            return known
        told = await self._about("orderStatus", oid=int(row["oid"]))
        return self._learn(told["order"]["order"] if told["status"] == "order" else row)

    # Fills, forced closes, payments.

    async def _own(self, since_ns: int) -> list[Any]:
        """Rows of fills, each once, of what is traded here."""
        told = await self._pages("userFillsByTime", since_ns, _FILLS, aggregateByTime=False)
        found = {(row["coin"], row["tid"], row["side"]): row for row in told}
        return [row for row in found.values() if row["coin"] in self._by_market]

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        told = await self._own(since_ns)
        for row in told:
            if "oid" in row:
                await self._owner(row)

        def read(row: Any) -> Fill | None:
            if rows.forced_cause(row, self._rest.account) is not None:
                return None
            name = self._known(row) or ClientOrderId(str(row["oid"]))
            return rows.fill(row, self.venue, self._by_market[row["coin"]], name)

        return each("the fill", told, read)

    @understood
    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        await self._know_listing()
        made = []
        for row in await self._read("forced", lambda: self._own(since_ns)):
            cause = rows.forced_cause(row, self._rest.account)
            if cause is not None:
                listed = self._by_market[row["coin"]]
                made.append(rows.forced(row, cause, self.venue, listed))
        return sorted(made, key=lambda close: close.at_ns)

    @understood
    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        await self._know_listing()
        told = await self._read("payments", lambda: self._pages("userFunding", since_ns, _PAYMENTS))
        found = {}
        for row in told:
            listed = self._by_market.get(row["delta"]["coin"])
            if listed is not None:
                made = rows.payment(row["delta"], row["time"], self.venue, listed)
                found[made.payment_id] = made
        return sorted(found.values(), key=lambda paid: paid.at_ns)

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        for payment in await self.payments_since(since_ns):
            sink.on_report(FundingReported(venue=self.venue, at_ns=payment.at_ns, payment=payment))
        for forced in await self.forced_since(since_ns):
            sink.on_report(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))

    # The account.

    async def _state_of_account(self) -> Any:
        """Questions are not signed: only the time in their answers tells of a clock that is off."""
        told = await self._read("account", lambda: self._about("clearinghouseState"))
        if abs(int(told["time"]) - self._rest.now_ms()) > _CLOCK_MS:
            await self.correct_clock()
        return told

    @understood
    async def margin_balances(self) -> Sequence[MarginBalance]:
        """What may be withdrawn is what is free; all else of the account is set aside."""
        told = await self._state_of_account()
        worth, free = Decimal(told["marginSummary"]["accountValue"]), Decimal(told["withdrawable"])
        gained = sum(
            (Decimal(p["position"]["unrealizedPnl"]) for p in told["assetPositions"]), ZERO
        )
        return [
            MarginBalance(
                venue=self.venue,
                asset=USDC,
                wallet=worth - gained,
                unrealized=gained,
                reserved=worth - free,
            )
        ]

    async def _holdings(self) -> Sequence[Holding]:
        (told,) = await self.margin_balances()
        free = max(min(told.free, told.wallet), ZERO)
        return [Holding(venue=self.venue, asset=USDC, free=free, locked=told.wallet - free)]

    @understood
    async def positions(self) -> Sequence[VenuePosition]:
        await self._know_listing()
        told = await self._state_of_account()
        held = [row["position"] for row in told["assetPositions"]]
        return [
            rows.position(row, told["time"], self._by_market[row["coin"]])
            for row in held
            if row["coin"] in self._by_market and Decimal(row["szi"])
        ]

    @understood
    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        """The venue knows whole numbers only: a fraction is left away."""
        listed = await self._instrument(instrument)
        action = {
            "type": "updateLeverage",
            "asset": self._numbers[listed.market_id],
            "isCross": False,
            "leverage": int(leverage),
        }
        try:
            await self._rest.act(action)
        except Answered as answer:
            raise await self._raised("set_leverage", answer) from None

    @understood
    async def rights(self) -> KeyRights:
        """An API wallet ("agent") may trade for its account; the account's own key may do all.

        `VenueRefused` for an account whose money is not told where this client reads it.
        """
        wallet = self._rest.wallet
        assert wallet is not None, "asked of those who trade"
        mode = await self._read("rights", lambda: self._about("userAbstraction"))
        if mode in _UNIFIED:
            text = (
                f"{self.venue}: the account is in the mode {mode}, in which perpetuals share the "
                "spot balance; set it to the classic mode, or trade from a sub-account"
            )
            raise VenueRefused(text, code="unifiedAccount")
        if wallet.address == self._rest.account:
            return _rights(trade=True, withdraw=True)
        told = await self._read(
            "rights", lambda: self._rest.call("userRole", {"user": wallet.address})
        )
        data = told.get("data") or {}
        whose = str(data.get("user", "")).lower()
        return _rights(
            trade=told["role"] == "agent" and whose == self._rest.account, withdraw=False
        )

    async def _follow(self) -> None:
        wiring = self._wiring
        origin = wiring.private or (wiring.endpoints or ENDPOINTS).stream
        await self._stream(
            origin.rstrip("/") + STREAM,
            lambda link: PrivateTalk(
                link,
                self.venue,
                self._rest.account,
                self._by_market,
                self._say,
                self._known,
                self._learn,
            ),
        ).run()


def _rights(*, trade: bool, withdraw: bool) -> KeyRights:
    """The venue ties no key to an address of the network."""
    return KeyRights(
        can_trade=trade, can_withdraw=withdraw, restricted_to_ip=True, safe_key=SAFE_KEY
    )


def _tif(order: Order) -> str:
    if order.post_only:
        return "Alo"
    immediate = order.type is OrderType.MARKET or order.time_in_force is TimeInForce.IOC
    return "Ioc" if immediate else "Gtc"


def _limit(order: Order, instrument: Instrument) -> Decimal:
    if order.price is not None:
        return order.price
    worst = order.planned_price * (ONE + order.side.sign * _SLIPPAGE)
    return instrument.floor_price(worst)


def _number(told: Any) -> int:
    """Read the venue's number off the answer to an order that was taken."""
    try:
        (status,) = told["data"]["statuses"]
        taken = status.get("resting") or status["filled"]
        return int(taken["oid"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OutcomeUnknown(f"an order's answer without {error}") from None
