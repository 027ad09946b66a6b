"""Looks at a venue over weeks: how far back they read, and what they do about bad rows."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.denials import Denied
from arbiter.model.errors import Unreadable
from arbiter.model.events import AlertRaised, ExternalChange
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, Side
from arbiter.model.reports import Absent, Accepted, Holding, OrderTruth, Refused, Unknown
from arbiter.model.time import NS_PER_DAY, NS_PER_S
from arbiter.ports.venue import ReportSink
from arbiter.runtime.reconciled import VenueRecovery
from arbiter.runtime.reconciler import DENIALS, FILL_MARGIN_NS, Reconciler
from tests.fakes.engine import Desk
from tests.unit.runtime.test_single_orders import plan, propose, quoted

VENUE = VenueId("binance")
BTC, USDT = Asset("BTC"), Asset("USDT")
BAD = "the trade {'id': 7} cannot be read (KeyError('price'))"


class Venue:
    """Implements `OrderClient`, as far as a look asks: tells what a test gives it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.fills: list[Fill] = []
        self.working: dict[ClientOrderId, OrderTruth] = {}
        self.asked_from: list[int] = []
        self.bad_row = ""
        self.cash = ZERO
        """Moved without us."""

    @property
    def venue(self) -> VenueId:
        return VENUE

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        self.asked_from.append(since_ns)
        found = [fill for fill in self.fills if fill.at_ns >= since_ns]
        if self.bad_row:
            raise Unreadable(self.bad_row, rest=found)
        return found

    async def open_orders(self) -> Sequence[OrderTruth]:
        return list(self.working.values())

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        known = self.working.get(client_order_id)
        return known or Absent(venue=VENUE, client_order_id=client_order_id, at_ns=0)

    async def holdings(self) -> Sequence[Holding]:
        """What the ledger has, and what moved without us."""
        rows = self._desk.ledger.balances
        return [
            Holding(
                venue=VENUE,
                asset=asset,
                free=row.total + (self.cash if asset == USDT else ZERO),
                locked=ZERO,
            )
            for (venue, asset), row in rows.items()
            if venue == VENUE
        ]

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        raise AssertionError("a look sends nothing")

    async def cancel(self, order: Order) -> None:
        raise AssertionError("what rests is left alone")

    async def instruments(self) -> Sequence[Instrument]:
        raise AssertionError("a look lists nothing")

    async def run(self, sink: ReportSink) -> None:
        raise AssertionError("a look follows nothing")


class Scene:
    """A limit that rests at one venue, and the reconciler that looks after it."""

    def __init__(self) -> None:
        self.desk = quoted()
        self.venue = Venue(self.desk)
        self.reconciler = Reconciler(
            ledger=self.desk.ledger,
            recorder=self.desk.core.recorder,
            outcomes=self.desk.core.outcomes,
            floor=self.desk.core.floor,
            clients={VENUE: self.venue},
            frozen=self.desk.core.frozen,
        )
        trade = propose(self.desk, plan(self.desk, Side.BUY, "0.5", "99"))
        (self._first,) = self.desk.ledger.orders_of(trade.id)
        self.desk.accept(self._first)
        self.show(self.order)

    @property
    def order(self) -> Order:
        return self.desk.ledger.orders[self._first.client_order_id]

    def show(self, order: Order, filled: str = "0") -> None:
        """Let the venue work an order of which so much is filled."""
        self.venue.working[order.client_order_id] = OrderTruth(
            venue=VENUE,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id or VenueOrderId("v"),
            instrument=order.instrument,
            status=OrderStatus.PARTIALLY_FILLED if Decimal(filled) else OrderStatus.WORKING,
            size=order.size,
            filled_size=Decimal(filled),
            at_ns=0,
        )

    def fill(self, size: str, at_ns: int, trade_id: str = "t1") -> None:
        self.venue.fills.append(
            Fill(
                venue=VENUE,
                venue_trade_id=trade_id,
                client_order_id=self.order.client_order_id,
                instrument=self.order.instrument,
                side=self.order.side,
                size=Decimal(size),
                price=Decimal(99),
                fee=ZERO,
                fee_asset=USDT,
                liquidity=Liquidity.MAKER,
                at_ns=at_ns,
            )
        )

    async def look(self) -> VenueRecovery:
        (found,) = await self.reconciler.cycle()
        return found

    def alerts(self, code: str) -> list[str]:
        return [
            event.text
            for event in self.desk.journal.of(AlertRaised)
            if isinstance(event, AlertRaised) and event.code == code
        ]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_look_at_an_order_that_has_rested_for_weeks_reads_no_more_than_one_at_a_new_one(
    scene: Scene,
) -> None:
    await scene.look()
    for _ in range(30):
        scene.desk.clock.advance(NS_PER_DAY)
        last = scene.desk.clock.now_ns()
        assert (await scene.look()).agrees
        scene.desk.clock.advance(15 * NS_PER_S)
        await scene.look()
        assert scene.venue.asked_from[-1] == last - FILL_MARGIN_NS


async def test_a_fill_that_no_look_saw_is_read_from_the_orders_beginning_when_two_looks_lack_it(
    scene: Scene,
) -> None:
    began = scene.order.created_ns
    await scene.look()
    scene.desk.clock.advance(20 * NS_PER_DAY)
    await scene.look()
    scene.fill("0.2", at_ns=began + NS_PER_DAY)  # told of late: behind every look's beginning
    scene.show(scene.order, "0.2")
    assert (await scene.look()).fills_booked == 0, "it may be of this very moment"
    assert (await scene.look()).fills_booked == 1
    assert scene.venue.asked_from[-1] == began - FILL_MARGIN_NS
    assert scene.order.filled_size == Decimal("0.2")
    await scene.look()
    assert scene.venue.asked_from[-1] > began, "and then no more"


async def test_an_order_is_not_given_up_before_its_fills_were_read_from_its_beginning(
    scene: Scene,
) -> None:
    began = scene.order.created_ns
    await scene.look()
    scene.desk.clock.advance(20 * NS_PER_DAY)
    scene.venue.working.clear()
    await scene.look()
    scene.fill("0.5", at_ns=began + NS_PER_DAY)
    for _ in range(DENIALS):
        await scene.look()
    assert began - FILL_MARGIN_NS in scene.venue.asked_from
    assert scene.order.filled_size == Decimal("0.5"), "filled, and not forgotten"
    assert scene.alerts("VENUE_FORGOT") == []


async def test_around_a_row_that_cannot_be_read_what_can_be_is_booked_and_no_balance_is_believed(
    scene: Scene,
) -> None:
    await scene.look()
    scene.venue.bad_row = BAD
    scene.venue.cash = Decimal(-50)
    scene.fill("0.2", at_ns=scene.desk.clock.now_ns())
    scene.show(scene.order, "0.2")
    for _ in range(4):
        found = await scene.look()
        assert found.unread == (BAD,)
        assert not found.agrees
    assert scene.order.filled_size == Decimal("0.2")
    assert scene.desk.journal.of(ExternalChange) == []
    (told,) = scene.alerts("UNREADABLE_ROW")
    assert BAD in told


async def test_no_absence_is_believed_beside_a_row_that_cannot_be_read(scene: Scene) -> None:
    await scene.look()
    scene.venue.working.clear()
    scene.venue.bad_row = BAD
    for _ in range(3 * DENIALS):
        await scene.look()
    assert scene.order.open


async def test_nothing_is_opened_at_a_venue_that_cannot_be_read_until_it_can(scene: Scene) -> None:
    await scene.look()
    scene.venue.bad_row = BAD
    await scene.look()
    refused = scene.desk.core.propose(plan(scene.desk, Side.BUY, "0.1", "99"))
    assert isinstance(refused, Denied)
    scene.venue.bad_row = ""
    assert (await scene.look()).agrees
    assert scene.alerts("READABLE_AGAIN")
    assert not isinstance(scene.desk.core.propose(plan(scene.desk, Side.BUY, "0.1", "99")), Denied)


async def test_fills_behind_a_bad_row_are_read_again_once_it_can_be_read(scene: Scene) -> None:
    await scene.look()
    last_good = scene.desk.clock.now_ns()
    scene.venue.bad_row = BAD
    for _ in range(3):
        scene.desk.clock.advance(NS_PER_DAY)
        await scene.look()
    scene.venue.bad_row = ""
    await scene.look()
    assert scene.venue.asked_from[-1] == last_good - FILL_MARGIN_NS


async def test_what_is_remembered_of_strangers_and_denied_orders_is_that_of_the_last_look(
    scene: Scene,
) -> None:
    for number in range(200):
        stranger = replace(scene.order, client_order_id=ClientOrderId(f"theirs-{number}"))
        scene.venue.working = {}
        scene.show(stranger)
        scene.show(scene.order)
        assert (await scene.look()).strangers == 1
    assert len(scene.alerts("FOREIGN_ORDER")) == 200
    assert scene.reconciler._strangers == {VENUE: frozenset({ClientOrderId("theirs-199")})}
