"""What the desk shows of this moment, from memory: strategies, positions, budgets, quotes, risk."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from uuid import UUID

import msgspec

from arbiter.books.board import BestPair
from arbiter.ledger.ledger import Ledger
from arbiter.ledger.trades import planned_notional
from arbiter.model.agents import session_of
from arbiter.model.holdings import Balance, Budget, KillSwitch, Position
from arbiter.model.ids import Asset, InstrumentId, StrategyId, Symbol, VenueId, strategy_uuid
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, from_float, quotient
from arbiter.model.plans import Family
from arbiter.model.quotes import Quote
from arbiter.ports.clock import Clock
from arbiter.risk.inventory import SkewRow
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import RateRow
from arbiter.risk.staircase import Assessment
from arbiter.risk.view import UsdRate
from arbiter.runtime.core import TradingCore
from arbiter.runtime.queries import EngineFacts, Queries


class StrategyCard(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy this engine runs; `kinds` are the instruments it may trade."""

    name: StrategyId
    family: Family
    kinds: tuple[InstrumentKind, ...]


class StrategyFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: StrategyId
    family: Family | None
    """None for one that only the ledger remembers."""
    running: bool
    instruments: tuple[InstrumentId, ...]


class OpenPosition(msgspec.Struct, frozen=True, kw_only=True):
    position: Position
    quote: Asset | None
    mark: Decimal | None
    """Mid of the last quote, however old."""
    unrealized: Decimal | None
    """In quote, before fees."""
    dust: bool = False
    """Too small for an order there: below the lot, or worth less than the smallest."""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy's fills made in one currency, at average cost; fees are beside it."""

    realized: Decimal = ZERO
    fees: Decimal = ZERO


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's top of book; None without a quote to use."""

    instrument: Instrument
    quote: Quote | None
    age_ns: int | None


class MatrixRow(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Symbol
    name: str
    cells: tuple[Cell, ...]
    best: "Pair | None"


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Bought at the ask of one venue, sold at the bid of another; `edge` net, a fraction."""

    buy_venue: VenueId
    sell_venue: VenueId
    buy_price: float
    sell_price: float
    edge: float


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    balance: Balance
    usd: Decimal | None
    """Worth of the total; None where no price is known."""
    skew: SkewRow | None
    frozen: bool
    """It moved without an order of ours, or what its venue tells cannot be read."""


class RiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    limits: RiskLimits
    assessment: Assessment
    exposure_usd: Decimal
    open_trades: int
    kill_switch: KillSwitch
    usd_rates: tuple[RateRow, ...]


class DeskView:
    """Reads of the running engine; every one is quick and of one moment."""

    def __init__(
        self,
        *,
        core: TradingCore,
        queries: Queries,
        clock: Clock,
        usd_rate: UsdRate,
        strategies: Sequence[StrategyCard],
        sessions: Callable[[], Sequence[StrategyFacts]] = tuple,
        rates: Callable[[int], Sequence[RateRow]] = lambda _now_ns: (),
    ) -> None:
        """`sessions` gives the strategies that come and go while the engine runs.

        `rates` gives all USD rates at a time, `usd_rate` the one by which holdings are valued.
        """
        self._core = core
        self._queries = queries
        self._clock = clock
        self._usd_rate = usd_rate
        self._cards = {card.name: card for card in strategies}
        self._sessions = sessions
        self._rates = rates
        self._by_uuid = {strategy_uuid(name): name for name in self._cards}
        self._priced: dict[tuple[VenueId, Asset], list[Instrument]] = {}
        for listed in core.registry.instruments:
            if listed.kind is InstrumentKind.SPOT:
                self._priced.setdefault((listed.venue, listed.base), []).append(listed)

    @property
    def ledger(self) -> Ledger:
        return self._core.ledger

    @property
    def journal_healthy(self) -> bool:
        """The database takes what happens."""
        return self._core.state.journal_healthy

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._core.registry.instruments

    @property
    def currencies(self) -> frozenset[Asset]:
        """Everything that something listed is paid or margined in."""
        listed = self._core.registry.instruments
        return frozenset(asset for each in listed for asset in (each.quote, each.settle))

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def facts(self) -> EngineFacts:
        return self._queries.facts()

    # Strategies

    def strategies(self) -> list[StrategyFacts]:
        """List those this engine runs, then those only the ledger remembers."""
        sessions = {facts.name: facts for facts in self._sessions()}
        remembered = [name for name in self._remembered() if name not in sessions]
        return [
            *(self.strategy(name) for name in self._cards),
            *sessions.values(),
            *(self.strategy(name) for name in remembered),
        ]

    def strategy_of(self, uuid: UUID) -> StrategyId | None:
        """Find the strategy that goes by a UUID."""
        found = self._by_uuid.get(uuid)
        if found is not None:
            return found
        others = (*(facts.name for facts in self._sessions()), *self._remembered())
        return next((name for name in others if strategy_uuid(name) == uuid), None)

    def family_of(self, strategy: StrategyId) -> Family | None:
        """Sessions are agents, those that have ended too."""
        card = self._cards.get(strategy)
        if card is not None:
            return card.family
        return None if session_of(strategy) is None else Family.AGENTS

    def _remembered(self) -> list[StrategyId]:
        ledger = self.ledger
        named = {name for name, _ in ledger.positions} | {name for name, _ in ledger.budgets}
        return sorted((named | set(ledger.strategies)) - self._cards.keys())

    def strategy(self, name: StrategyId) -> StrategyFacts:
        card = self._cards.get(name)
        session = None if card else next((s for s in self._sessions() if s.name == name), None)
        if session is not None:
            return session
        listed = self._core.registry.instruments
        return StrategyFacts(
            name=name,
            family=None if card is None else card.family,
            running=card is not None and self.ledger.strategies.get(name, True),
            instruments=()
            if card is None
            else tuple(each.id for each in listed if each.kind in card.kinds),
        )

    # Positions and budgets

    def open_positions(
        self, strategy: StrategyId | None = None, instrument: InstrumentId | None = None
    ) -> list[OpenPosition]:
        """List what is held or owed now, the newest first."""
        found = [
            self.valued(row)
            for row in self.ledger.positions.values()
            if row.quantity
            and strategy in (None, row.strategy)
            and instrument in (None, row.instrument)
        ]
        found.sort(key=lambda each: (-each.position.opened_ns, each.position.instrument))
        return found

    def earned(self, strategy: StrategyId) -> dict[Asset, Earned]:
        """Sum what the strategy's fills made, by currency: every fill since the first."""
        sums: dict[Asset, Earned] = {}
        for (owner, _), row in self.ledger.positions.items():
            if owner != strategy:
                continue
            currency = self._currency(row)
            so_far = sums.get(currency, Earned())
            sums[currency] = Earned(
                realized=so_far.realized + row.realized_pnl, fees=so_far.fees + row.fees
            )
        return sums

    def budgets(self, strategy: StrategyId) -> list[Budget]:
        """List the strategy's budgets by currency, those without a limit too."""
        found = (row for (owner, _), row in self.ledger.budgets.items() if owner == strategy)
        return sorted(found, key=lambda row: row.currency)

    def valued(self, row: Position) -> OpenPosition:
        """Put a position beside its last mark."""
        instrument = self._core.registry.get(row.instrument)
        mark = None if instrument is None else self._core.board.mark(row.instrument)
        if instrument is None or mark is None:
            quote = None if instrument is None else instrument.quote
            dust = (
                instrument is not None
                and bool(row.quantity)
                and instrument.is_dust(row.quantity, quotient(row.cost, abs(row.quantity)))
            )
            return OpenPosition(position=row, quote=quote, mark=None, unrealized=None, dust=dust)
        price = from_float(mark)
        worth = abs(row.quantity) * price - row.cost
        return OpenPosition(
            position=row,
            quote=instrument.quote,
            mark=price,
            unrealized=worth if row.quantity > ZERO else -worth,
            dust=instrument.is_dust(row.quantity, price),
        )

    def _currency(self, row: Position) -> Asset:
        instrument = self._core.registry.get(row.instrument)
        if instrument is not None:
            return instrument.quote
        return Asset(row.symbol.partition("/")[2] or row.symbol)

    # Markets

    def resolve_symbol(self, name: str) -> Symbol:
        """Find a symbol by any of its names; `UnknownSymbol` tells the nearest."""
        return self._core.registry.resolve_symbol(name)

    def resolve_instrument(self, symbol: Symbol, venue: VenueId | None) -> Instrument:
        """Find one listing of a symbol, the first venue's by default; else `NotFound`."""
        found = self._core.registry.resolve(symbol, venue)
        return found[0] if isinstance(found, tuple) else found

    @property
    def venues(self) -> tuple[VenueId, ...]:
        return self._core.registry.venues

    def matrix(self, limit: int, symbol: Symbol | None = None) -> list[MatrixRow]:
        """Show top of book by symbol and venue, the best net spread first."""
        return list(self.each_market(limit, symbol))

    def each_market(self, limit: int, symbol: Symbol | None = None) -> Iterator[MatrixRow]:
        """Do as `matrix`, row by row; the order is of the first row's moment."""
        registry, now = self._core.registry, self._clock.now_ns()
        best = {
            pair.buy_slot // len(registry.venues): pair
            for pair in self._core.board.spread_rows(now)
        }
        wanted = [registry.symbols[index] for index in best]
        wanted += [each for index, each in enumerate(registry.symbols) if index not in best]
        by_symbol = {registry.symbols[index]: pair for index, pair in best.items()}
        if symbol is not None:
            wanted = [symbol]
        for each in wanted[:limit]:
            yield self._matrix_row(each, by_symbol.get(each), now)

    def pairs(self, symbol: Symbol) -> list[Pair]:
        """Show every pair of venues for a symbol, both ways, best edge first."""
        first = self._core.registry.listings(symbol)[0]
        slot = self._core.registry.slot(first.id)
        rows = self._core.board.pairs_of(slot, self._clock.now_ns())
        return [pair for row in rows if (pair := self._pair(row)) is not None]

    @property
    def least_edge(self) -> Decimal:
        """Net edge from which the spot strategy trades, a fraction."""
        return self._core.spot.settings.min_profit_threshold

    def _matrix_row(self, symbol: Symbol, best: BestPair | None, now_ns: int) -> MatrixRow:
        registry, board = self._core.registry, self._core.board
        return MatrixRow(
            symbol=symbol,
            name=registry.compact_name(symbol),
            cells=tuple(
                Cell(
                    instrument=listed,
                    quote=quote,
                    age_ns=None if quote is None else now_ns - quote.receive_ns,
                )
                for listed in registry.listings(symbol)
                for quote in (board.quote(listed.id),)
            ),
            best=None if best is None else self._pair(best),
        )

    def _pair(self, row: BestPair) -> Pair | None:
        registry = self._core.registry
        buy, sell = registry.instrument_at(row.buy_slot), registry.instrument_at(row.sell_slot)
        if buy is None or sell is None:
            return None
        return Pair(
            buy_venue=buy.venue,
            sell_venue=sell.venue,
            buy_price=row.buy_price,
            sell_price=row.sell_price,
            edge=row.edge,
        )

    # Holdings and risk

    def holdings(self) -> list[Holding]:
        """List every balance by venue and asset, with its worth and how far it was drawn down."""
        balances = self.ledger.balances
        skew = {(row.venue, row.asset): row for row in self._core.gate.inventory.rows(balances)}
        return [
            Holding(
                balance=balances[key],
                usd=self._worth(balances[key]),
                skew=skew.get(key),
                frozen=key in self._core.frozen,
            )
            for key in sorted(balances)
        ]

    def usd(self, currency: Asset, amount: Decimal) -> Decimal | None:
        """Value an amount of a quote currency; None where its rate is not known."""
        rate = self._usd_rate(currency)
        return None if rate is None else amount * rate

    def _worth(self, row: Balance) -> Decimal | None:
        direct = self.usd(row.asset, row.total)
        if direct is not None:
            return direct
        for listed in self._priced.get((row.venue, row.asset), ()):
            mark = self._core.board.mark(listed.id)
            if mark is not None:
                return self.usd(listed.quote, row.total * from_float(mark))
        return None

    def risk(self) -> RiskFacts:
        core, now_ns = self._core, self._clock.now_ns()
        return RiskFacts(
            limits=core.gate.limits,
            assessment=core.gate.assess(now_ns),
            exposure_usd=self._exposure_usd(),
            open_trades=len(core.ledger.trades),
            kill_switch=core.ledger.kill_switch,
            usd_rates=tuple(self._rates(now_ns)),
        )

    def _exposure_usd(self) -> Decimal:
        """Planned notional of open trades, and what funding pairs held between trades are worth.

        The gate counts both, trades at their limits. A quote currency without any rate counts as
        dollars.
        """
        return sum(
            [
                planned_notional(trade) * (self._usd_rate(Asset(trade.quote)) or ONE)
                for trade in self.ledger.trades.values()
            ],
            self.ledger.pairs_notional(),
        )
