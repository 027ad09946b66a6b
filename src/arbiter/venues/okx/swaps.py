"""Linear swaps at OKX: positions, leverage, funding bills, forced closes."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from arbiter.model.errors import NO_ANSWER, OutcomeUnknown
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.margin import MarginTier
from arbiter.model.money import plain
from arbiter.model.orders import Order
from arbiter.model.perpetuals import ForcedClose, FundingPayment, MarginBalance, VenuePosition
from arbiter.model.reports import FillSettled, ForcedReported, FundingReported, Holding
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.account import AccountWiring, understood
from arbiter.venues.common.signed import Answered
from arbiter.venues.okx.listing import (
    contract_of,
    family_of,
    is_listed_swap,
    margin_tiers,
    swap_instruments,
    swap_symbol,
)
from arbiter.venues.okx.orders import OkxOrders
from arbiter.venues.okx.rows import amount, payment, position

ISOLATED = "isolated"
_FUNDING = "8"
"""Type of a bill."""
_FAMILIES = 3
"""Whose tiers are asked for at once."""
_BILLS_NS = 7 * NS_PER_DAY - NS_PER_HOUR
"""As far back as the quick list of bills reaches, with an hour to spare."""
_TARDY_NS = NS_PER_HOUR
"""A settlement so old whose rate is not published never gets one."""
_LOOKS_S = (0.0, 1.0, 3.0, 10.0)
"""Waits before each look for the bills of a settlement."""
_LATEST_NS = 10 * NS_PER_MINUTE
_AFTER_MS = 2_000
"""A bill's time may lie so much before that of its settlement."""

Rates = tuple[list[int], list[Decimal]]
"""Settlement times in ms, rising, and their rates."""


class OkxSwapOrders(OkxOrders):
    """Also `ports.MarginClient`."""

    kind = "SWAP"

    def __init__(self, wiring: AccountWiring) -> None:
        super().__init__(wiring)
        self._settlement = asyncio.Event()

    async def _list(self) -> Sequence[Instrument]:
        rows = [row for row in await self._listed_rows() if is_listed_swap(row)]
        wanted = self._wiring.symbols
        tiers = await self._tiers([row for row in rows if swap_symbol(row) in wanted])
        return swap_instruments(rows, self.venue, await self._fees(), tiers)

    async def _tiers(self, rows: Sequence[Any]) -> dict[str, tuple[MarginTier, ...]]:
        """Ask for those of markets that are wanted by name: all of them are too many questions."""
        if not rows:
            return {}
        prices = await self._last_prices()
        worth = {
            family_of(row): contract_of(row) * prices[row["instId"]]
            for row in rows
            if row["instId"] in prices
        }
        told: list[Any] = []
        families = sorted(worth)
        for start in range(0, len(families), _FAMILIES):
            asked = ",".join(families[start : start + _FAMILIES])
            told += await self._data(
                "public_get_public_position_tiers",
                {"instType": self.kind, "tdMode": ISOLATED, "instFamily": asked},
            )
        return margin_tiers(told, worth)

    def _more(self, order: Order) -> dict[str, Any]:
        return {"tdMode": ISOLATED} | ({"reduceOnly": True} if order.reduce_only else {})

    def _hindrance(self, told: Any) -> str:
        if told.get("acctLv") == "1":
            return "the account is in spot mode: choose futures mode at the venue"
        if told.get("posMode") != "net_mode":
            return "positions are kept in long/short mode: choose net mode at the venue"
        return ""

    # ports.MarginClient

    @understood
    async def margin_balances(self) -> Sequence[MarginBalance]:
        rows = await self._read("margin", self._coins)
        settles = self._settles()
        made = []
        for row in rows:
            if row["ccy"] in settles:
                unrealized = amount(row, "upl")
                wallet = amount(row, "eq") - unrealized
                made.append(
                    MarginBalance(
                        venue=self.venue,
                        asset=Asset(row["ccy"]),
                        wallet=wallet,
                        unrealized=unrealized,
                        reserved=wallet - amount(row, "availBal"),
                    )
                )
        return made

    async def _holdings(self) -> Sequence[Holding]:
        """Of the shared wallet only what swaps settle in: the rest is the spot venue's."""
        settles = self._settles()
        return [held for held in await super()._holdings() if held.asset in settles]

    def _settles(self) -> set[Asset]:
        return {listed.settle for listed in self._listed.values()}

    @understood
    async def positions(self) -> Sequence[VenuePosition]:
        await self._know_listing()
        rows = await self._read(
            "positions",
            lambda: self._data("private_get_account_positions", {"instType": self.kind}),
        )
        return [
            position(row, self._by_market[row["instId"]])
            for row in rows
            if amount(row, "pos") and row["instId"] in self._by_market
        ]

    @understood
    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        await self._know_listing()
        return await self._read("payments", lambda: self._payments(since_ns))

    async def _payments(self, since_ns: int) -> list[FundingPayment]:
        now = self._clock.now_ns()
        since_ns = since_ns if since_ns > 0 else now - _BILLS_NS
        quick = now - since_ns <= _BILLS_NS
        endpoint = "private_get_account_bills" if quick else "private_get_account_bills_archive"
        params = {"type": _FUNDING, "begin": str(since_ns // NS_PER_MS)}
        found = [
            row
            for row in await self._pages(endpoint, "billId", params)
            if row["instId"] in self._by_market
        ]
        rates = {name: await self._rates(name) for name in {row["instId"] for row in found}}
        made = [self._payment(row, rates[row["instId"]], now) for row in reversed(found)]
        return sorted(made, key=lambda one: one.at_ns)

    async def _rates(self, name: str) -> Rates:
        rows = await self._data("public_get_public_funding_rate_history", {"instId": name})
        told = sorted(
            (int(row["fundingTime"]), Decimal(row.get("realizedRate") or row["fundingRate"]))
            for row in rows
        )
        return [at for at, _ in told], [rate for _, rate in told]

    def _payment(self, row: Any, rates: Rates, now_ns: int) -> FundingPayment:
        """`OutcomeUnknown` for a fresh bill whose rate is not published yet."""
        at_ms = int(row["ts"])
        times, told = rates
        place = bisect_right(times, at_ms + _AFTER_MS) - 1
        rate, settled_ms = None, at_ms
        if place >= 0 and at_ms - times[place] < NS_PER_HOUR // NS_PER_MS:
            rate, settled_ms = told[place], times[place]
        elif now_ns - at_ms * NS_PER_MS < _TARDY_NS:
            raise OutcomeUnknown(f"{row['instId']}: the rate settled at {at_ms} is not told yet")
        listed = self._by_market[row["instId"]]
        return payment(row, self.venue, listed, rate, settled_ms * NS_PER_MS)

    @understood
    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        await self._know_listing()
        found = await self._read("forced", lambda: self._executions(since_ns))
        return [one for one in found if isinstance(one, ForcedClose)]

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    @understood
    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        listed = await self._instrument(instrument)
        params = {"instId": listed.market_id, "lever": plain(leverage), "mgnMode": ISOLATED}
        try:
            await self._data("private_post_account_set_leverage", params)
        except Answered as answer:
            raise await self._raised("set_leverage", answer) from None

    # Behind the stream.

    @property
    def _settled(self) -> Callable[[], None] | None:
        return self._settlement.set

    async def _follow(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super()._follow(), name=f"{self.venue} orders")
            group.create_task(self._tell_payments(), name=f"{self.venue} funding bills")

    async def _tell_payments(self) -> None:
        """Look for bills when the stream says that there are new ones, until one is found."""
        told: dict[str, None] = {}
        while True:
            await self._settlement.wait()
            self._settlement.clear()
            for wait_s in _LOOKS_S:
                await asyncio.sleep(wait_s)
                try:
                    found = await self.payments_since(self._clock.now_ns() - _LATEST_NS)
                except NO_ANSWER:
                    continue
                fresh = [one for one in found if one.payment_id not in told]
                told = dict.fromkeys(one.payment_id for one in found)
                for one in fresh:
                    self._say(FundingReported(venue=self.venue, at_ns=one.at_ns, payment=one))
                if fresh:
                    break

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        for paid in await self.payments_since(since_ns):
            sink.on_report(FundingReported(venue=self.venue, at_ns=paid.at_ns, payment=paid))
        for forced in await self.forced_since(since_ns):
            sink.on_report(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))


def make_okx(wiring: AccountWiring) -> OkxOrders:
    if wiring.venue == VenueId("okx_futures"):
        return OkxSwapOrders(wiring)
    return OkxOrders(wiring)
