"""Weeks of running: what clients remember of orders and trades stays bounded, and stays right."""

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.model.errors import Unreadable
from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import OrderStatus
from arbiter.model.reports import Accepted, Ended, Filled, FillSettled, VenueReport
from arbiter.model.time import NS_PER_HOUR, NS_PER_MINUTE, NS_PER_S
from arbiter.venues.common import account as common_account
from arbiter.venues.common import used_names
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.kraken import orders as kraken_orders
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.polymarket import own as polymarket_own
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.legs import Leg, read_legs
from arbiter.venues.polymarket.own import KEPT_NS, OwnTrades
from arbiter.venues.polymarket.remembered import KEEP, Remembered
from arbiter.venues.polymarket.rest import Query
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing
from tests.unit.venues.test_polymarket import BY_TOKEN, NO_TOKEN, ROW, TOKEN, trade
from tests.unit.venues.test_polymarket_orders import VENUE, Client, House, order
from tests.unit.venues.test_unreadable_answers import order_of

ORDERS = 200_000
KEPT = 1_000


# Any client ---------------------------------------------------------------------------------


class Taker:
    """Takes every order, under a number of its own."""

    def __init__(self) -> None:
        self.offset_ms = 0
        self.number = 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        assert endpoint == "privatePostAddOrder"
        self.number += 1
        return {"result": {"txid": [f"O{self.number}"]}}

    async def close(self) -> None:
        """Nothing is open."""


def sizes(thing: object, seen: set[int] | None = None) -> int:
    """Everything in a client's own collections, and in those of its parts."""
    seen = set() if seen is None else seen
    total = 0
    for value in vars(thing).values():
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict | set | list | tuple):
            total += len(value)
        elif type(value).__module__.startswith("arbiter.venues") and hasattr(value, "__dict__"):
            total += sizes(value, seen)
    return total


@pytest.mark.slow
async def test_two_hundred_thousand_orders_leave_behind_what_is_kept_of_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in (
        (common_account, "_KEEP_NAMES"),
        (used_names, "_KEEP"),
        (kraken_orders, "_KEEP"),
    ):
        monkeypatch.setattr(module, name, KEPT)
    account: Any = KrakenOrders(
        AccountWiring(venue=VenueId("kraken"), keys=None, clock=FakeClock())
    )
    listed = listing("BTCUSDT", "kraken")
    account._listed, account._by_market = {listed.id: listed}, {listed.market_id: listed}
    account._turns.wide = True
    account._rest = Taker()
    before = sizes(account)
    resting = replace(order_of(listed), client_order_id=ClientOrderId("rests"))
    assert isinstance(await account.submit(resting), Accepted)
    for number in range(ORDERS):
        name = ClientOrderId(f"o{number}")
        await account.submit(replace(resting, client_order_id=name))
        end = Ended(
            venue=account.venue,
            at_ns=0,
            client_order_id=name,
            status=OrderStatus.CANCELLED,
            filled_size=ZERO,
        )
        account._say(end)
    assert account._unended.keys() == {"rests"}
    assert account._name_of("O1", None) == "rests", "known as long as it rests"
    assert sizes(account) - before <= 4 * KEPT


# Polymarket's trades ------------------------------------------------------------------------

START_S = 1_700_000_000


def leg_of(row: dict[str, Any]) -> Leg:
    (leg,) = read_legs(row, BY_TOKEN, lambda _: False)
    return leg


def own() -> OwnTrades:
    return OwnTrades(VENUE, ClientOrderId)


@pytest.mark.slow
def test_two_hundred_thousand_trades_are_added_up_and_not_kept() -> None:
    trades, most = own(), 0
    first = leg_of(trade("CONFIRMED", size="1"))
    for number in range(ORDERS):
        at_ns = (START_S + number) * NS_PER_S
        name = f"0x{number:x}"
        trades.take(replace(first, id=name, order=name, at_ns=at_ns, changed_ns=at_ns))
        if not number % 1_000:
            trades.fold(at_ns)
            most = max(most, len(trades.kept()))
    trades.fold((START_S + ORDERS) * NS_PER_S)
    assert most <= 2 * KEPT_NS // NS_PER_S
    assert trades.tokens() == {TOKEN: Decimal(ORDERS)}
    (position,) = trades.positions().values()
    assert position.quantity == ORDERS
    assert sizes(trades) < 2.5 * KEEP


told_trades = st.lists(
    st.tuples(
        st.sampled_from((TOKEN, NO_TOKEN)),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 99),
        st.sampled_from(("MATCHED", "MINED", "CONFIRMED", "FAILED")),
        st.integers(0, 40),
    ),
    max_size=30,
)


@given(told_trades, st.integers(0, 6))
def test_what_is_added_up_comes_to_what_it_came_to_one_by_one(
    told: list[tuple[str, str, int, str, int]], later: int
) -> None:
    folded, whole = own(), own()
    at = START_S
    for number, (token, side, price, status, minutes) in enumerate(told):
        at += minutes * 60
        row = trade(
            status,
            number=f"t{number}",
            size="5",
            price=f"0.{price:02}",
            side=side,
            token=token,
            at=at,
        ) | {"taker_order_id": f"0x{number % 3}"}
        for trades in (folded, whole):
            trades.take(leg_of(row))
        folded.fold(at * NS_PER_S)
        assert folded.take(leg_of(row)) == [], "told twice, booked once"
    folded.fold(at * NS_PER_S + later * NS_PER_HOUR)
    assert folded.positions() == whole.positions()
    assert folded.tokens() == whole.tokens()
    assert folded.tokens(on_chain=True) == whole.tokens(on_chain=True)
    assert folded.under_way() == whole.under_way()
    for name in ("0x0", "0x1", "0x2"):
        assert folded.filled(name) == whole.filled(name)
        assert folded.seen(name) == whole.seen(name)
        assert folded.last_ns(name) == whole.last_ns(name)
    assert folded.fills_since(folded.whole_ns) == whole.fills_since(folded.whole_ns)
    assert folded.settled_since(folded.whole_ns) == whole.settled_since(folded.whole_ns)


# Polymarket's client ------------------------------------------------------------------------


class Told(House):
    """Tells trades as the venue does: since a time, or one by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, str]] = []
        self.market: dict[str, Any] = dict(ROW)
        self.looked_up = 0

    async def public(self, api: Api, path: str, query: Query | None = None) -> Any:
        if api is Api.GAMMA and path == "/markets" and ("closed", "false") in (query or ()):
            self.looked_up += 1
            return [self.market]
        return await super().public(api, path, query)

    async def signed(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
    ) -> Any:
        if path != "/data/trades":
            return await super().signed(method, path, query=query, body=body)
        asked = dict(query or {})
        self.asked.append(asked)
        after = int(asked.get("after", 0))
        rows = [
            row
            for row in self.trades
            if int(row["match_time"]) >= after and row["id"] == asked.get("id", row["id"])
        ]
        return {"data": rows[::-1], "next_cursor": "LTE="}


class Long(Client):
    """A client that is in its market for long."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told()
        self.house = self._api = self._rest = self.told
        self._markets._rest = self.told

    def match(self, name: str, status: str = "CONFIRMED", size: str = "1") -> dict[str, Any]:
        at = self.clock.now_ns() // NS_PER_S
        row = trade(status, number=name, size=size, at=at)
        self.told.trades.append(row)
        return row

    async def refresh(self) -> None:
        await self.fills_since(self.clock.now_ns())

    async def fills(self, since_ns: int) -> set[str]:
        return {fill.venue_trade_id for fill in await self.fills_since(since_ns)}


@pytest.fixture
async def client() -> Long:
    made = Long()
    await made.instruments()
    return made


async def test_a_trade_that_stays_matched_does_not_have_all_since_it_read_again(
    client: Long,
) -> None:
    client.match("stuck", "MATCHED")
    await client.refresh()
    for _ in range(20):
        client.clock.advance(NS_PER_HOUR)
        client.match(f"t{client.clock.now_ns()}")
        await client.refresh()
    last = int(client.told.trades[-1]["match_time"])
    await client.refresh()
    since = [int(asked["after"]) for asked in client.told.asked if "after" in asked]
    assert since[-1] >= last - 60
    assert {"id": "stuck"} in client.told.asked, "it is asked for by itself"
    client.said.clear()
    client.told.trades[0] |= {"status": "FAILED"}
    client.clock.advance(2 * NS_PER_MINUTE)
    await client.refresh()
    (final,) = [told for told in client.said if isinstance(told, FillSettled)]
    assert (final.venue_trade_id, final.ok) == ("stuck", False)


async def test_fills_from_before_what_is_kept_are_read_from_the_venue(client: Long) -> None:
    began = client.clock.now_ns()
    for number in range(5):
        client.match(f"t{number}")
        client.clock.advance(NS_PER_HOUR)
    everything = {f"t{number}" for number in range(5)}
    assert await client.fills(began) == everything
    assert len(client._own.kept()) < 5
    assert await client.fills(began) == everything
    assert {told.venue_trade_id for told in await client.settled_since(began)} == everything
    asked = len(client.told.asked)
    await client.fills(client.clock.now_ns() - NS_PER_MINUTE)
    assert len(client.told.asked) == asked + 1, "what is asked every time is kept"


async def test_trades_from_before_the_client_came_are_told_to_who_asks_and_not_by_themselves(
    client: Long,
) -> None:
    began = client.clock.now_ns()
    client.match("before")
    client.told.trades[0] |= {"match_time": str(began // NS_PER_S - 3_600)}
    client.match("now")
    assert await client.fills(began - 2 * NS_PER_HOUR) == {"before", "now"}
    assert [t.fill.venue_trade_id for t in client.said if isinstance(t, Filled)] == ["now"]


async def test_a_market_that_is_decided_is_told_and_then_asked_about_no_more(client: Long) -> None:
    client.match("t1", size="10")
    await client.refresh()
    assert not await client.forced_since(0)
    client.told.market |= {
        "closed": True,
        "umaResolutionStatus": "resolved",
        "outcomePrices": '["1", "0"]',
    }
    (paid,) = await client.forced_since(0)
    assert (paid.size, paid.price) == (Decimal(10), Decimal(1))
    looked_up = client.told.looked_up
    assert len(await client.forced_since(client.clock.now_ns() - NS_PER_MINUTE)) == 1
    client.clock.advance(NS_PER_HOUR)
    assert not await client.forced_since(client.clock.now_ns() - NS_PER_MINUTE)
    await client.listings()
    assert client.told.looked_up == looked_up


async def test_a_trade_that_cannot_be_read_is_shown_until_it_can_be_and_spoils_no_other(
    client: Long,
) -> None:
    client.match("good")
    bad = client.match("bad")
    price = bad.pop("price")
    for _ in range(3):
        client.clock.advance(2 * NS_PER_MINUTE)
        with pytest.raises(Unreadable, match="'id': 'bad'") as raised:
            await client.fills_since(0)
        assert [fill.venue_trade_id for fill in raised.value.rest] == ["good"]
    bad["price"] = price
    client.clock.advance(2 * NS_PER_MINUTE)
    assert await client.fills(0) == {"good", "bad"}


class Late(Long):
    """Follows no market from the start."""

    async def _list(self) -> Sequence[Instrument]:
        return []


async def test_a_market_is_taken_up_around_a_trade_of_before_that_cannot_be_read() -> None:
    client = Late()
    await client.instruments()
    client.match("good")
    bad = client.match("bad")
    price = bad.pop("price")
    client.take_up(await client.find(["will-it-be-warm"]))
    (kept,) = client._own.kept()
    assert kept.id == "good"
    with pytest.raises(Unreadable, match="'id': 'bad'"):
        await client.positions()
    bad["price"] = price
    client.clock.advance(2 * NS_PER_MINUTE)
    (held,) = await client.positions()
    assert held.quantity == 2


async def test_an_end_that_cannot_be_told_fails_the_client(client: Long) -> None:
    class Broken(Exception):
        """Of whoever is told."""

    def broken(report: VenueReport) -> None:
        raise Broken

    await client.submit(order())
    client.hear_order("CANCELLATION", "3")
    assert client.ends == []
    client.on_report = broken  # type: ignore[method-assign]
    with pytest.raises(Broken):
        await asyncio.wait_for(client._see_to_ends(), 30)


@pytest.mark.slow
async def test_orders_of_weeks_leave_the_newest_behind(
    client: Long, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polymarket_own, "KEEP", KEPT)
    monkeypatch.setattr("arbiter.venues.polymarket.orders.KEEP", KEPT)
    monkeypatch.setattr(common_account, "_KEEP_NAMES", KEPT)
    client._known = Remembered(None, KEPT)
    client._own._name_of = client._known.name_of
    numbers = iter(range(1_000_000))
    client._signed = lambda put, market: (f"0x{next(numbers):x}", {})  # type: ignore[method-assign]
    client.house.answer |= {"status": "live"}  # type: ignore[operator]
    await client.submit(order("rests"))
    first = client.number
    for number in range(10 * KEPT):
        await client.submit(order(f"o{number}"))
        at = client.clock.now_ns() // NS_PER_S
        name = client.number
        row = client.trade("10", id=f"t{number}", status="CONFIRMED", match_time=str(at))
        client._take_trade(row)
        client._on_order({"id": name, "type": "UPDATE", "size_matched": "10"})
        client.said.clear()
        client.clock.advance(60 * NS_PER_S)
        if not number % 100:
            client._own.fold(client.clock.now_ns())
    assert client._put.keys() == {first}
    assert client._known.name_of(first) == "rests", "it may rest for months"
    assert sizes(client) < 12 * KEPT


# Names on disk ------------------------------------------------------------------------------


def test_an_order_that_rests_is_known_after_any_number_of_newer_ones(tmp_path: Path) -> None:
    known = Remembered(tmp_path, 10)
    known.add(ClientOrderId("rests"), "0xrests", Decimal(1))
    for number in range(500):
        known.add(ClientOrderId(f"o{number}"), f"0x{number}", Decimal(1))
        known.over(f"0x{number}")
    known.close()
    lines = (tmp_path / "orders").read_text().splitlines()
    assert len(lines) < 100, "the file is made small while it grows"
    again = Remembered(tmp_path, 10)
    for one in (known, again):
        assert one.name_of("0xrests") == "rests"
        assert one.by_name(ClientOrderId("o499")) is not None
        assert one.by_name(ClientOrderId("o0")) is None
    again.close()


def test_an_order_that_is_sent_while_the_file_is_made_small_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Remembered(tmp_path, 10)
    really_close, sent = os.close, list[str]()

    def add(name: str) -> None:
        known.add(ClientOrderId(name), f"0x{name}", Decimal(1))
        sent.append(name)

    def close(file: int) -> None:
        """Have an order added, as they are by a thread of its own, the moment a file is closed."""
        really_close(file)
        sender = threading.Thread(target=add, args=(f"sent{file}-{len(sent)}",))
        sender.start()
        sender.join()

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", close)
        for number in range(500):
            known.add(ClientOrderId(f"o{number}"), f"0x{number}", Decimal(1))
            known.over(f"0x{number}")
    assert sent
    known.close()
    again = Remembered(tmp_path, 10)
    assert [name for name in sent if again.by_name(ClientOrderId(name)) is None] == []
    again.close()


def test_names_of_an_order_that_ended_twice_or_is_not_ours_are_no_error(tmp_path: Path) -> None:
    known = Remembered(tmp_path, 10)
    known.over("0xtheirs")
    known.add(ClientOrderId("one"), "0x1", Decimal(1))
    known.over("0x1")
    known.over("0x1")
    known.close()
    again = Remembered(tmp_path, 10)
    assert again.name_of("0x1") == "one"
    again.close()
