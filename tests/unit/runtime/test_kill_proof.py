"""The kill switch's proof of venues where less is left than any order may be."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from arbiter.model.commands import EngageKillSwitch
from arbiter.model.errors import VenueUnreachable
from arbiter.model.events import ContractSet
from arbiter.model.ids import ENGINE, Actor, InstrumentId, StrategyId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE
from arbiter.model.orders import Fill, OrderStatus, Side
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.reports import Filled, FillSettled, OrderTruth
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.kill import KillReport, KillSwitchControl
from arbiter.runtime.kill_proof import VenueProof
from tests.fakes.binaries import binary
from tests.fakes.engine import VENUES, Desk, spot_instrument
from tests.fakes.perpetuals import USDT, perpetual

D = Decimal
CENT = D("0.01")
RAIN = binary("polymarket", lot=CENT, min_size=D(5), quote=USDT, settle=USDT)
PERP = perpetual("bybit", lot=D("0.001"), min_size=D("0.005"), min_notional=D(100))
BTC = spot_instrument(VENUES[0], "BTC")
LATE = binary(
    "polymarket", "LATE", lot=CENT, min_size=D(5), quote=USDT, settle=USDT, settles_fills=True
)
PAYOUT = "below the venue's minimum of 5: no order closes it, it ends with the payout"
AGENT = StrategyId("agents:one")
LIMITS = RiskLimits(max_trade_usd=D(1_000_000), max_total_exposure_usd=D(1_000_000))


class Open(msgspec.Struct, frozen=True):
    """A position as its venue tells it."""

    instrument: InstrumentId
    quantity: Decimal


class Client:
    """A venue that works no order; `silence` keeps it from answering."""

    def __init__(self, account: "Account", listed: Instrument) -> None:
        self.venue = listed.venue
        self.looks = 0
        self.silence = False
        self.differs: dict[InstrumentId, Decimal] = {}
        """What it tells otherwise than the ledger does."""
        self._account = account

    async def open_orders(self) -> Sequence[OrderTruth]:
        self.looks += 1
        if self.silence:
            raise VenueUnreachable("no route")
        return ()

    async def positions(self) -> Sequence[Open]:
        there = self._account.desk.ledger.open_positions() | self.differs
        listed = self._account.listed
        return [
            Open(name, size)
            for name, size in there.items()
            if name == listed.id and listed.kind is not InstrumentKind.SPOT
        ]


class Account:
    """One account at one venue, and what of it was filled."""

    def __init__(self, listed: Instrument) -> None:
        self.listed = listed
        self.desk = desk = Desk(instruments=(listed,), limits=LIMITS)
        if listed.kind is not InstrumentKind.SPOT:
            contract = contract_of(listed, ONE)
            desk.core.recorder.record(ContractSet(at_ns=1, contract=contract))
        self.client = Client(self, listed)
        self.fills: list[Fill] = []

    def hold(self, size: str, price: str = "0.4", strategy: str = "manual") -> None:
        """Have an order filled in this part, at this price, and nothing more of it."""
        desk, listed = self.desk, self.listed
        side = Side.BUY if D(size) > 0 else Side.SELL
        value = float(price)
        desk.quote(listed.id, value, value, 100_000, 100_000)
        leg = Leg(
            instrument=listed.id,
            side=side,
            size=listed.floor_size(abs(D(size))) + 10,
            price=D(price),
            planned_price=D(price),
        )
        plan = Plan(
            strategy=StrategyId(strategy),
            family=Family.MANUAL,
            actor=ENGINE,
            symbol=listed.symbol,
            legs=(leg,),
            created_ns=desk.clock.now_ns(),
        )
        desk.core.propose(plan)
        order = desk.outbox.sent[-1]
        desk.accept(order)
        fill = msgspec.structs.replace(desk.fill_of(order, abs(D(size))), fee=D(0))
        self.fills.append(fill)
        desk.core.on_report(Filled(venue=order.venue, at_ns=1, fill=fill))
        desk.end(order, OrderStatus.CANCELLED, abs(D(size)))

    async def kill(self, *, flatten: bool = True, spoken_to: bool = True) -> KillReport:
        desk = self.desk
        client: Any = self.client
        control = KillSwitchControl(
            bus=CommandBus(ledger=desk.ledger, recorder=desk.core.recorder, strategies=()),
            ledger=desk.ledger,
            floor=desk.core.floor,
            clients={self.listed.venue: client} if spoken_to else {},
            listings=desk.registry,
            holdings={self.listed.venue: self.client},
            marks=desk.core.board,
        )
        command = EngageKillSwitch(actor=Actor("test"), reason="test", flatten=flatten)
        return await control.engage(command)

    async def proof(self, *, flatten: bool = False) -> VenueProof:
        report = await self.kill(flatten=flatten)
        (proof,) = report.venues
        assert proof.flat is report.flat is False
        return proof


async def test_what_is_held_at_a_venue_that_this_run_does_not_speak_to_is_never_flat() -> None:
    assert (await Account(RAIN).kill(spoken_to=False)).venues == ()
    account = Account(RAIN)
    account.hold("50")
    report = await account.kill(spoken_to=False)
    (proof,) = report.venues
    assert not report.flat
    assert (proof.venue, proof.reachable) == ("polymarket", False)
    assert proof.positions == ("RAIN.POLYMARKET long 50 (not asked)",)
    assert proof.note == "this run does not speak to it; start the engine with it"


async def test_contracts_below_the_venues_minimum_end_with_the_payout() -> None:
    account = Account(RAIN)
    account.hold("-4.31")
    proof = await account.proof(flatten=True)
    assert proof.positions == proof.dust == (f"RAIN.POLYMARKET short 4.31, {PAYOUT}",)
    assert proof.quiet


async def test_contracts_that_an_order_can_close_are_told_plainly() -> None:
    account = Account(RAIN)
    account.hold("5.004")
    proof = await account.proof()
    assert (proof.positions, proof.dust) == (("RAIN.POLYMARKET long 5.004",), ())


async def test_flatten_does_not_wait_for_what_no_order_closes() -> None:
    account = Account(RAIN)
    account.hold("-4.31")
    await account.proof(flatten=True)
    assert account.client.looks == 1


async def test_a_perpetual_below_the_least_size_is_left_to_the_venue_or_a_later_trade() -> None:
    account = Account(PERP)
    account.hold("0.003", "5000")
    (told,) = (await account.proof()).positions
    assert told == (
        "BTCUSDT-PERP.BYBIT long 0.003, below the venue's minimum of 0.005: no order closes it, "
        "close it at the venue or let a later trade take it along"
    )


async def test_a_perpetual_worth_less_than_the_least_order_can_still_be_closed() -> None:
    account = Account(PERP)
    account.hold("0.006", "5000")  # worth 30, and 100 is the least
    proof = await account.proof()
    assert (proof.positions, proof.dust) == (("BTCUSDT-PERP.BYBIT long 0.006",), ())


async def test_a_coin_that_fell_below_the_least_worth_waits_for_its_price() -> None:
    account = Account(BTC)
    account.hold("0.1", "60", strategy=AGENT)
    before = await account.proof()
    assert (before.positions, before.dust) == (("BTCUSDT.BINANCE long 0.1 of agents:one",), ())
    account.desk.quote(BTC.id, 39.0, 41.0)
    after = await account.proof(flatten=True)
    assert after.positions == after.dust
    assert after.positions == (
        "BTCUSDT.BINANCE long 0.1 of agents:one, worth less than the venue's minimum of 5 USDT: "
        "no order sells it until it is more",
    )


async def test_parts_that_are_each_too_small_are_told_by_strategy() -> None:
    account = Account(RAIN)
    account.hold("-4.31", strategy="event-arbitrage")
    account.hold("-3.2", strategy="copy-trading")
    (told,) = (await account.proof(flatten=True)).dust
    assert told == (
        "RAIN.POLYMARKET short 7.51, in parts below the venue's minimum of 5 (copy-trading short "
        "3.2, event-arbitrage short 4.31): no order closes one, it ends with the payout"
    )


async def test_one_part_that_is_large_enough_is_no_leftover() -> None:
    account = Account(RAIN)
    account.hold("-6", strategy="event-arbitrage")
    account.hold("-3.2", strategy="copy-trading")
    proof = await account.proof()
    assert (proof.positions, proof.dust) == (("RAIN.POLYMARKET short 9.2",), ())


async def test_a_position_that_the_venue_tells_otherwise_is_not_called_too_small() -> None:
    account = Account(RAIN)
    account.hold("-4.31")
    account.client.differs[RAIN.id] = D("-4")
    proof = await account.proof()
    assert proof.positions == ("RAIN.POLYMARKET short 4 (the ledger has -4.31)",)
    assert proof.dust == ()
    account.client.differs[RAIN.id] = D(0)
    assert (await account.proof()).positions == (
        "RAIN.POLYMARKET short 4.31 (in the ledger alone)",
    )


async def test_a_stranger_below_the_minimum_is_told_as_such() -> None:
    account = Account(RAIN)
    account.client.differs[RAIN.id] = D(2)
    (told,) = (await account.proof()).positions
    assert told == f"RAIN.POLYMARKET long 2 (not in the ledger), {PAYOUT}"


async def test_a_fill_that_may_still_fail_leaves_open_what_can_be_closed() -> None:
    account = Account(LATE)
    account.hold("4.31")
    assert (await account.proof()).positions == ("LATE.POLYMARKET long 4.31",)
    (fill,) = account.fills
    account.desk.core.on_report(
        FillSettled(
            venue=fill.venue,
            at_ns=2,
            instrument=LATE.id,
            venue_trade_id=fill.venue_trade_id,
            ok=True,
        )
    )
    assert (await account.proof()).positions == (f"LATE.POLYMARKET long 4.31, {PAYOUT}",)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (PERP, "BTCUSDT-PERP.BYBIT long 2"),
        (BTC, "BTCUSDT.BINANCE long 2 of manual (not listed here any more)"),
    ],
)
async def test_a_position_in_what_is_not_listed_any_more_is_told_as_ever(
    listed: Instrument, told: str
) -> None:
    account = Account(listed)
    account.hold("2", price="100")
    del account.desk.registry._by_id[listed.id]
    assert (await account.proof()).positions == (told,)


async def test_a_silent_venue_is_not_proven_and_its_leftover_told_from_the_books(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("arbiter.runtime.kill.PROOF_TIMEOUT_S", 0)
    account = Account(RAIN)
    account.hold("-4.31")
    account.client.silence = True
    proof = await account.proof()
    assert (proof.reachable, proof.quiet) == (False, False)
    assert proof.positions == (f"RAIN.POLYMARKET short 4.31 (not asked), {PAYOUT}",)
