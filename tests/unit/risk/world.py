"""A small world for the gate: two venues, one market, money on both, nothing wrong with it."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from uuid import UUID

import msgspec

from arbiter.model.errors import UnknownSymbol
from arbiter.model.holdings import Balance, Budget, KillSwitch, Position
from arbiter.model.ids import (
    Actor,
    Asset,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
)
from arbiter.model.instruments import FeeCharge, Instrument, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderType, Side
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.model.trades import PlannedLeg, Trade, TradeState
from arbiter.risk.gate import Approved, Gate
from arbiter.risk.limits import RiskLimits

NOW = 1_700_000_000 * NS_PER_S
A, B = VenueId("binance"), VenueId("bybit")
BTC, USDT = Asset("BTC"), Asset("USDT")
BTC_A, BTC_B = InstrumentId("BTCUSDT.BINANCE"), InstrumentId("BTCUSDT.BYBIT")
SPOT = StrategyId("spot-arbitrage")
D = Decimal


def instrument(
    name: InstrumentId,
    venue: VenueId,
    *,
    lot: str = "0.0001",
    kind: InstrumentKind = InstrumentKind.SPOT,
    contract_size: str = "1",
    base: Asset = BTC,
    quote: Asset = USDT,
    settle: Asset | None = None,
    taker_fee: str = "0.001",
    fee_charge: FeeCharge = FeeCharge.QUOTE,
) -> Instrument:
    return Instrument(
        id=name,
        venue=venue,
        market_id="BTCUSDT",
        symbol=Symbol("BTC/USDT"),
        kind=kind,
        base=base,
        quote=quote,
        settle=settle or quote,
        tick=D("0.01"),
        lot=D(lot),
        min_size=D("0.0002"),
        min_notional=D(10),
        contract_size=D(contract_size),
        maker_fee=D("0.0005"),
        taker_fee=D(taker_fee),
        fee_charge=fee_charge,
    )


class FakeEngine:
    def __init__(self) -> None:
        self.mode = "sim"
        self.started = True
        self.journal_healthy = True
        self.families = set(Family)

    def may_open(self, family: Family) -> bool:
        return family in self.families


class FakeBoard:
    """Every quote is 5 ms old until told otherwise."""

    def __init__(self) -> None:
        self.unhealthy: set[VenueId] = set()
        self.ages: dict[InstrumentId, int | None] = {}

    def healthy(self, venue: VenueId) -> bool:
        return venue not in self.unhealthy

    def age_ns(self, instrument_id: InstrumentId, now_ns: int) -> int | None:
        return self.ages.get(instrument_id, 5 * NS_PER_MS)


class FakeRegistry:
    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.instruments = {one.id: one for one in instruments}

    def by_id(self, instrument_id: InstrumentId) -> Instrument:
        found = self.instruments.get(instrument_id)
        if found is None:
            raise UnknownSymbol(instrument_id)
        return found


class FakeLedger:
    """Books reservations and fills as plainly as can be, to check the gate against."""

    def __init__(self) -> None:
        self.kill_switch = KillSwitch()
        self.strategies: dict[StrategyId, bool] = {}
        self.budgets: dict[tuple[StrategyId, Asset], Budget] = {}
        self.balances: dict[tuple[VenueId, Asset], Balance] = {}
        self.positions: dict[tuple[StrategyId, InstrumentId], Position] = {}
        self.orders: dict[ClientOrderId, Order] = {}
        self.trades: dict[TradeId, Trade] = {}
        self.cumulative_pnl = ZERO
        self.peak_pnl = ZERO
        self.today = ZERO

    def realized_today(self, now_ns: int) -> Decimal:
        return self.today

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        balance = self.balances.get((venue, asset))
        return ZERO if balance is None else balance.free

    def open_trades(self) -> tuple[Trade, ...]:
        return tuple(self.trades.values())

    def fund(self, venue: VenueId, asset: Asset, total: str | Decimal) -> None:
        self.balances[venue, asset] = Balance(venue=venue, asset=asset, total=D(total))

    def allocate(self, strategy: StrategyId, currency: Asset, allocated: str | None) -> None:
        self.budgets[strategy, currency] = Budget(
            strategy=strategy,
            currency=currency,
            allocated=None if allocated is None else D(allocated),
        )

    def hold(self, strategy: StrategyId, name: InstrumentId, quantity: str) -> None:
        self.positions[strategy, name] = Position(
            strategy=strategy, instrument=name, symbol=Symbol("BTC/USDT"), quantity=D(quantity)
        )

    def lock(self, venue: VenueId, asset: Asset, amount: Decimal) -> None:
        balance = self.balances[venue, asset]
        self.balances[venue, asset] = msgspec.structs.replace(
            balance, locked=balance.locked + amount
        )

    def spend(self, venue: VenueId, asset: Asset, amount: Decimal) -> None:
        balance = self.balances[venue, asset]
        self.balances[venue, asset] = msgspec.structs.replace(balance, total=balance.total - amount)

    def reserve(self, strategy: StrategyId, currency: Asset, amount: Decimal) -> None:
        budget = self.budgets[strategy, currency]
        self.budgets[strategy, currency] = msgspec.structs.replace(
            budget, reserved=budget.reserved + amount
        )


class World:
    """Everything a gate looks at, with both venues holding 1 BTC and 50 000 USDT."""

    def __init__(self, limits: RiskLimits | None = None, **lots: str) -> None:
        self.engine = FakeEngine()
        self.board = FakeBoard()
        self.registry = FakeRegistry(
            (
                instrument(BTC_A, A, lot=lots.get("lot_a", "0.0001")),
                instrument(BTC_B, B, lot=lots.get("lot_b", "0.0001")),
            )
        )
        self.ledger = FakeLedger()
        for venue in (A, B):
            self.ledger.fund(venue, BTC, "1")
            self.ledger.fund(venue, USDT, "50000")
        self.rates: dict[Asset, Decimal] = {USDT: D(1)}
        self.limits = limits or RiskLimits()
        self.leverage = D(1)
        self.hold_pairs(lambda: ZERO)

    def set_leverage(self, leverage: Decimal) -> None:
        """Have every contract on margin trade at so much."""
        self.leverage = leverage

    def hold_pairs(self, held_usd: Callable[[], Decimal]) -> None:
        """Have pairs between trades be worth so much."""
        self.gate = Gate(
            self.limits,
            engine=self.engine,
            board=self.board,
            registry=self.registry,
            ledger=self.ledger,
            usd_rate=self.rates.get,
            baselines={key: one.total for key, one in self.ledger.balances.items()},
            leverage=lambda _instrument: self.leverage,
            held_usd=held_usd,
        )

    def verdict(self, plan: Plan) -> str:
        """Print the gate's answer as people see it."""
        answer = self.gate.review(plan, NOW)
        return "approved" if isinstance(answer, Approved) else str(answer)

    def approved(self, plan: Plan) -> Approved:
        answer = self.gate.review(plan, NOW)
        assert isinstance(answer, Approved), str(answer)
        return answer


def leg(side: Side, name: InstrumentId, size: str = "0.01", price: str | None = "40000") -> Leg:
    return Leg(
        instrument=name,
        side=side,
        size=D(size),
        price=None if price is None else D(price),
        planned_price=D(price or "40000"),
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
    )


def plan(
    *legs: Leg,
    strategy: StrategyId = SPOT,
    family: Family = Family.SPOT,
    reduce_only: bool = False,
) -> Plan:
    return Plan(
        strategy=strategy,
        family=family,
        actor=Actor("strategy:spot-arbitrage"),
        symbol=Symbol("BTC/USDT"),
        legs=legs,
        reduce_only=reduce_only,
        created_ns=NOW,
    )


def spread_plan(size: str = "0.01", buy_price: str = "40000", sell_price: str = "40200") -> Plan:
    """Buy on binance, sell on bybit: worth 400 to 402 USDT at the default size."""
    return plan(leg(Side.BUY, BTC_A, size, buy_price), leg(Side.SELL, BTC_B, size, sell_price))


def reduction(side: Side, name: InstrumentId, size: str) -> Plan:
    return plan(leg(side, name, size), reduce_only=True)


def open_trade(
    seq: int,
    *,
    size: str = "0.01",
    buy_price: str = "40000",
    sell_price: str = "40200",
    unknown: bool = False,
    bought: str = "0",
    sold: str = "0",
    buy_at: InstrumentId = BTC_A,
    sell_at: InstrumentId = BTC_B,
) -> Trade:
    return Trade(
        id=TradeId(UUID(int=seq)),
        seq=seq,
        strategy=SPOT,
        family=Family.SPOT,
        actor=Actor("strategy:spot-arbitrage"),
        symbol=Symbol("BTC/USDT"),
        quote="USDT",
        legs=(
            _planned("a", Side.BUY, buy_at, size, buy_price),
            _planned("b", Side.SELL, sell_at, size, sell_price),
        ),
        state=TradeState.WORKING,
        unknown=unknown,
        started_ns=NOW,
        bought=D(bought),
        sold=D(sold),
    )


def _planned(role: str, side: Side, name: InstrumentId, size: str, price: str) -> PlannedLeg:
    return PlannedLeg(
        role=role,
        instrument=name,
        side=side,
        size=D(size),
        limit=D(price),
        planned_price=D(price),
        order=ClientOrderId(f"order-{role}"),
    )
