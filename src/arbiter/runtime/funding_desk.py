"""The funding desk: opens pairs, keeps their legs equal, and closes them.

Every decision is made from state, never from the event that woke it: what the ledger holds, what
the venues say of rates and positions, what the board shows. Looking twice changes nothing. While a
trade of a pair is under way the pair is left alone, so that nothing is ever ordered twice.
"""

from collections.abc import Sequence
from decimal import Decimal

import structlog

from arbiter.model.denials import Denied
from arbiter.model.events import ContractSet, PairAdvanced, PairNoted, PairOpened, TradeOpened
from arbiter.model.ids import (
    ENGINE,
    InstrumentId,
    Symbol,
    VenueId,
)
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms
from arbiter.model.money import ONE, ZERO, common_step, floor_to, from_float, quotient
from arbiter.model.orders import Side
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.model.perpetuals import (
    Contract,
    FundingRate,
    MarginPosition,
    VenuePosition,
    contract_of,
    liquidation_price,
)
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import TradeState
from arbiter.opportunities.funding_settings import FUNDING_ARBITRAGE, FundingSettings
from arbiter.opportunities.funding_spread import (
    FundingCandidate,
    FundingSpread,
    PairMemory,
    PairView,
)
from arbiter.ports.clock import Clock, IdSource
from arbiter.runtime.core import TradingCore

log = structlog.get_logger(__name__)

_MARGIN_USED = Decimal("0.9")
"""Part of an account's free margin that one pair may take."""
_FAILED_REST_NS = 60 * NS_PER_S
"""Before a symbol whose opening failed is tried again."""


class FundingDesk:
    """`tick` is the whole of it; call it often and after anything that moved a position."""

    def __init__(
        self, *, core: TradingCore, settings: FundingSettings, clock: Clock, ids: IdSource
    ) -> None:
        self.rates: dict[InstrumentId, FundingRate] = {}
        """As last told, whatever their age."""
        self.positions: dict[InstrumentId, VenuePosition] = {}
        """As last told; what a venue no longer mentions is gone."""
        self.enabled = True
        self.unready: set[InstrumentId] = set()
        """Perpetuals whose leverage the venue has not confirmed: no pair is opened in them."""
        self._core = core
        self._clock = clock
        self._ids = ids
        self._strategy = FundingSpread(settings)
        self._memory: dict[PairId, PairMemory] = {}
        self._liquidations: dict[InstrumentId, tuple[MarginPosition, Contract, Decimal | None]] = {}
        self._wait_until: dict[Symbol | PairId, int] = {}
        self._listed: dict[Symbol, tuple[Instrument, ...]] = {}
        self._others: tuple[Instrument, ...] = ()
        for symbol in core.registry.symbols:
            listed = tuple(i for i in core.registry.listings(symbol) if self._tradable(i))
            if len({i.venue for i in listed}) > 1:
                self._listed[symbol] = listed
            self._others += tuple(
                i
                for i in core.registry.listings(symbol)
                if _is_linear(i) and i not in self._listed.get(symbol, ())
            )

    @property
    def settings(self) -> FundingSettings:
        return self._strategy.settings

    def reconfigure(self, settings: FundingSettings) -> None:
        """Decide by other settings from the next tick on; what is listed stays as it was."""
        self._strategy.reconfigure(settings)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every perpetual the desk may trade."""
        return tuple(i for listed in self._listed.values() for i in listed)

    @property
    def perpetuals(self) -> tuple[Instrument, ...]:
        """Those, and the others that are listed: they are copied and traded by hand."""
        return (*self.instruments, *self._others)

    def leverage(self, symbol: Symbol) -> Decimal:
        """The same on every venue: the setting, or the lowest maximum among them."""
        listed = filter(_is_linear, self._core.registry.listings(symbol))
        maxima = [i.margin.max_leverage for i in listed if i.margin is not None]
        return min(self.settings.leverage, *maxima)

    def set_contracts(self) -> None:
        """Record terms and leverage of everything tradable, before the first order."""
        now = self._clock.now_ns()
        ledger = self._core.ledger
        wanted = [contract_of(i, self.leverage(i.symbol)) for i in self.perpetuals]
        # Inverse contracts are for orders by hand: leverage is as the venues begin with it.
        wanted += [
            contract_of(i, ONE)
            for i in self._core.registry.instruments
            if i.kind is InstrumentKind.INVERSE and i.margin is not None
        ]
        for contract in wanted:
            instrument = self._core.registry.by_id(contract.instrument)
            position = ledger.margin_positions.get(instrument.id)
            held = position is not None and position.quantity
            if ledger.contracts.get(instrument.id) != contract and not held:
                self._core.recorder.record(ContractSet(at_ns=now, contract=contract))

    # What the world says

    def on_funding(self, rates: Sequence[FundingRate]) -> None:
        self.rates.update((told.instrument, told) for told in rates)

    def on_positions(self, venue: VenueId, positions: Sequence[VenuePosition]) -> None:
        for instrument in self.perpetuals:
            if instrument.venue == venue:
                self.positions.pop(instrument.id, None)
        self.positions.update((told.instrument, told) for told in positions)

    def tick(self) -> None:
        """Look at every pair, then for new ones."""
        if not self._core.state.started:
            return
        now = self._clock.now_ns()
        for pair in self._pairs():
            self._look(pair, now)
        if self.enabled and not self._core.state.stopping:
            self._seek(now)

    # Pairs that are open

    def _pairs(self) -> tuple[FundingPair, ...]:
        return tuple(p for p in self._core.ledger.active_pairs() if p.strategy == FUNDING_ARBITRAGE)

    def held(self, instrument: InstrumentId) -> Decimal:
        """Signed contracts of this strategy."""
        row = self._core.ledger.positions.get((FUNDING_ARBITRAGE, instrument))
        return ZERO if row is None else row.quantity

    def _look(self, pair: FundingPair, now: int) -> None:
        if self._busy(pair):
            return
        long, short = self.held(pair.long_instrument), -self.held(pair.short_instrument)
        legs = ((pair.long_instrument, long), (pair.short_instrument, short))
        closable = [self._closable(name, size) for name, size in legs]
        lost = any(size and self._core.registry.get(name) is None for name, size in legs)
        if not lost and not any(closable):
            # Too little for an order stays in the books: the next pair there takes it along.
            over = max(long, short) <= ZERO
            why = self._why_never(pair) if over else "what is left is too small for an order"
            self._advance(pair, PairState.CLOSED, pair.reason or why)
            self._memory.pop(pair.id, None)
            rest = self.settings.hours_ns(self.settings.cooldown_hours)
            if pair.state is PairState.OPENING:
                rest = min(rest, _FAILED_REST_NS)
            self._wait_until[pair.symbol] = now + rest
            return
        if long != short and self._even_out(pair, long, short, now):
            return
        if lost:  # not listed here any more: no order ends that leg, and the other one hedges it
            return
        if pair.state is PairState.OPENING and all(closable):
            self._advance(pair, PairState.OPEN)
            return
        reason = self._exit_reason(pair, now)
        if reason is None and not all(closable):
            reason = "LEG_GONE: what is left of the other leg is too small for an order"
        if reason is not None and pair.state is not PairState.CLOSING:
            self._advance(pair, PairState.CLOSING, reason)
        if reason is not None or pair.state is PairState.CLOSING:
            self._close(pair, long, short, now)

    def _busy(self, pair: FundingPair) -> bool:
        return any(
            trade.strategy == FUNDING_ARBITRAGE
            and any(leg.instrument in pair.instruments for leg in trade.legs)
            for trade in self._core.ledger.open_trades()
        )

    def _even_out(self, pair: FundingPair, long: Decimal, short: Decimal, now: int) -> bool:
        """Reduce the larger leg to the smaller; whether there was enough to order.

        A leg that was closed or liquidated takes the other with it.
        """
        name = pair.long_instrument if long > short else pair.short_instrument
        side = Side.SELL if long > short else Side.BUY
        instrument = self._core.registry.get(name)
        if instrument is None:
            return False
        size = instrument.floor_size(abs(long - short))
        if size < instrument.least_size:
            return False
        gone = not long or not short
        if gone and pair.state is not PairState.CLOSING:
            self._advance(pair, PairState.CLOSING, "LEG_GONE: the other leg is flat")
        self._reduce(pair, [(instrument, side, size)], now, urgent=True)
        return True

    def _close(self, pair: FundingPair, long: Decimal, short: Decimal, now: int) -> None:
        by_id = self._core.registry.by_id
        legs = [
            (pair.long_instrument, Side.SELL, long),
            (pair.short_instrument, Side.BUY, short),
        ]
        closable = [leg for leg in legs if self._closable(leg[0], leg[2])]
        if closable:
            self._reduce(pair, [(by_id(name), side, size) for name, side, size in closable], now)

    def _closable(self, name: InstrumentId, size: Decimal) -> bool:
        """Whether an order may close contracts of a leg: a venue refuses one below its minimum.

        None does where a leg is not listed any more.
        """
        listed = self._core.registry.get(name)
        return size > ZERO and listed is not None and not listed.is_dust(size, None)

    def _reduce(
        self,
        pair: FundingPair,
        legs: Sequence[tuple[Instrument, Side, Decimal]],
        now: int,
        *,
        urgent: bool = False,
    ) -> None:
        """Propose a reduction; both legs or none, unless one stands alone already."""
        if not urgent and now < self._wait_until.get(pair.id, 0):
            return
        wanted = [self._leg(instrument, side, size) for instrument, side, size in legs]
        made = [leg for leg in wanted if leg is not None]
        if len(made) < len(legs):
            return
        decision = self._core.propose(self._plan(pair.symbol, made, reduce_only=True, now=now))
        if isinstance(decision, Denied):
            self._retry_later(pair.id, now)

    def _exit_reason(self, pair: FundingPair, now: int) -> str | None:
        latch = self._core.ledger.kill_switch
        if latch.engaged and latch.flatten:
            return f"KILL_SWITCH: {latch.reason}"
        memory = self._memory.get(pair.id)
        if memory is None:
            memory = self._memory[pair.id] = PairMemory.of(pair)
        reason = self._strategy.exit_reason(self.view(pair), memory, now)
        if self._strategy.note(pair, memory):
            self._core.recorder.record(
                PairNoted(
                    at_ns=now,
                    pair_id=pair.id,
                    peak_profit=memory.peak,
                    narrow_since_ns=memory.narrow_since_ns,
                )
            )
        return reason

    def view(self, pair: FundingPair) -> PairView:
        """One pair as it stands now."""
        return PairView(
            pair=pair,
            long=self._fresh(pair.long_instrument),
            short=self._fresh(pair.short_instrument),
            profit=self._profit(pair),
            notional=pair.notional,
            distance=self._distance(pair),
            adl_rank=max(
                (self.positions[n].adl_rank for n in pair.instruments if n in self.positions),
                default=0,
            ),
            trouble=self._trouble(pair),
        )

    def _fresh(self, instrument: InstrumentId) -> FundingRate | None:
        told = self.rates.get(instrument)
        if told is None or not self._strategy.fresh(told, self._clock.now_ns()):
            return None
        return told

    def _profit(self, pair: FundingPair) -> Decimal | None:
        """What closing both legs at the touch would leave, funding and all fees counted."""
        total = pair.funding_collected
        for name, side in ((pair.long_instrument, Side.SELL), (pair.short_instrument, Side.BUY)):
            touch = self._core.touch(name, side)
            row = self._core.ledger.positions.get((FUNDING_ARBITRAGE, name))
            if touch is None or row is None:
                return None
            value = abs(row.quantity) * touch
            gain = value - row.cost if row.quantity > ZERO else row.cost - value
            fee = self._core.registry.by_id(name).taker_fee
            total += gain - (row.cost + value) * fee
        return total

    def _distance(self, pair: FundingPair) -> Decimal | None:
        """The nearer of both liquidation prices, by our own formula and by the venue's word."""
        nearest: Decimal | None = None
        for name in pair.instruments:
            told = self.rates.get(name)
            position = self._core.ledger.margin_positions.get(name)
            terms = self._core.registry.by_id(name).margin
            if told is None or position is None or terms is None or not position.quantity:
                continue
            prices = [self._liquidated_at(position, self._core.ledger.contracts[name], terms)]
            venue = self.positions.get(name)
            if venue is not None and venue.quantity == position.quantity:
                prices.append(venue.liquidation_price)
            for price in prices:
                if price is not None:
                    away = quotient(abs(told.mark - price), told.mark)
                    nearest = away if nearest is None else min(nearest, away)
        return nearest

    def _liquidated_at(
        self, position: MarginPosition, contract: Contract, terms: MarginTerms
    ) -> Decimal | None:
        """Solve it once for each state of a position."""
        known = self._liquidations.get(position.instrument)
        if known is None or known[0] is not position or known[1] is not contract:
            known = (position, contract, liquidation_price(position, contract, terms))
            self._liquidations[position.instrument] = known
        return known[2]

    def _trouble(self, pair: FundingPair) -> str:
        board = self._core.board
        for venue in (pair.long_venue, pair.short_venue):
            if not board.healthy(venue):
                return f"{venue}: {board.health_reason(venue) or 'not connected'}"
        return ""

    def _why_never(self, pair: FundingPair) -> str:
        trade = self._core.ledger.trade(pair.open_trade)
        if trade is None or trade.state is TradeState.COMPLETED:
            return "both legs are flat"
        return f"not opened: {trade.state} {trade.reason}".strip()

    # New pairs

    def _seek(self, now: int) -> None:
        active = self._pairs()
        room = self.settings.max_pairs - len(active)
        taken = {pair.symbol for pair in active}
        latch = self._core.ledger.kill_switch
        if room <= 0 or latch.engaged:
            return
        found = [
            candidate
            for symbol in self._listed
            if symbol not in taken and now >= self._wait_until.get(symbol, 0)
            for candidate in self._candidates(symbol, now)
        ]
        found.sort(key=lambda c: (-c.value, c.long.instrument))
        for candidate in found:
            if room <= 0:
                return
            if candidate.long.symbol not in taken and self._open(candidate, now):
                taken.add(candidate.long.symbol)
                room -= 1

    def _candidates(self, symbol: Symbol, now: int) -> list[FundingCandidate]:
        rates = [self.rates[i.id] for i in self._listed[symbol] if i.id in self.rates]
        if not self._strategy.wide_enough(rates):
            return []
        healthy = self._core.board.healthy
        usable = [r for r in rates if r.instrument not in self.unready and healthy(r.venue)]
        return self._strategy.candidates(usable, self._fee_of, now)[:1]

    def _fee_of(self, instrument: InstrumentId) -> Decimal:
        return self._core.registry.by_id(instrument).taker_fee

    def _open(self, candidate: FundingCandidate, now: int) -> bool:
        symbol = candidate.long.symbol
        by_id = self._core.registry.by_id
        long, short = by_id(candidate.long.instrument), by_id(candidate.short.instrument)
        ask = self._core.touch(long.id, Side.BUY)
        bid = self._core.touch(short.id, Side.SELL)
        if ask is None or bid is None or ask - bid > bid * self.settings.max_entry_basis:
            return False
        size = self._size(long, short, ask, bid, now)
        if size is None:
            self._retry_later(symbol, now)
            return False
        legs = [self._leg(long, Side.BUY, size), self._leg(short, Side.SELL, size)]
        made = [leg for leg in legs if leg is not None]
        if len(made) < len(legs):
            return False

        def pair_of(opened: TradeOpened) -> PairOpened:
            return PairOpened(
                at_ns=now,
                pair=FundingPair(
                    id=PairId(self._ids.new_id()),
                    strategy=FUNDING_ARBITRAGE,
                    symbol=symbol,
                    long_instrument=long.id,
                    short_instrument=short.id,
                    long_venue=long.venue,
                    short_venue=short.venue,
                    open_trade=opened.trade.id,
                    planned_units=size,
                    entry_spread=candidate.spread,
                    entry_price=ask,
                    opened_ns=now,
                ),
            )

        decision = self._core.propose(
            self._plan(symbol, made, reduce_only=False, now=now), beside=pair_of
        )
        if isinstance(decision, Denied):
            self._retry_later(symbol, now)
            return False
        log.info(
            "funding pair",
            symbol=symbol,
            long=long.venue,
            short=short.venue,
            spread=str(candidate.spread),
            value=str(candidate.value),
        )
        return True

    def _size(
        self, long: Instrument, short: Instrument, ask: Decimal, bid: Decimal, now: int
    ) -> Decimal | None:
        """Equal base units on both legs, as much as every bound allows; None when too little."""
        core = self._core
        wanted = quotient(self.settings.size_usd * core.gate.size_scale(now), ask)
        long_quote, short_quote = core.board.quote(long.id), core.board.quote(short.id)
        if long_quote is None or short_quote is None:
            return None
        bounds = [wanted, from_float(long_quote.ask_size), from_float(short_quote.bid_size)]
        for instrument, price in ((long, ask), (short, bid)):
            free = core.ledger.free(instrument.venue, instrument.settle)
            levered = free * _MARGIN_USED * self.leverage(instrument.symbol)
            bounds.append(quotient(max(levered, ZERO), price))
        size = floor_to(min(bounds), common_step(long.lot, short.lot))
        for instrument, price in ((long, ask), (short, bid)):
            if instrument.size_problem(size, price) is not None:
                return None
        return size

    # Shared

    def _leg(self, instrument: Instrument, side: Side, size: Decimal) -> Leg | None:
        """A marketable limit; None without a live quote."""
        touch = self._core.touch(instrument.id, side)
        if touch is None:
            return None
        slip = self.settings.limit_slippage
        if side is Side.BUY:
            price = instrument.ceil_price(touch * (ONE + slip))
        else:
            price = instrument.floor_price(max(touch * (ONE - slip), instrument.tick))
        return Leg(
            instrument=instrument.id,
            side=side,
            size=instrument.floor_size(size),
            price=price,
            planned_price=touch,
        )

    def _plan(self, symbol: Symbol, legs: Sequence[Leg], *, reduce_only: bool, now: int) -> Plan:
        return Plan(
            strategy=FUNDING_ARBITRAGE,
            family=Family.FUNDING,
            actor=ENGINE,
            symbol=symbol,
            legs=tuple(legs),
            reduce_only=reduce_only,
            created_ns=now,
        )

    def _advance(self, pair: FundingPair, state: PairState, reason: str = "") -> None:
        now = self._clock.now_ns()
        self._core.recorder.record(
            PairAdvanced(at_ns=now, pair_id=pair.id, state=state, reason=reason)
        )

    def _retry_later(self, key: Symbol | PairId, now: int) -> None:
        self._wait_until = {one: until for one, until in self._wait_until.items() if until > now}
        self._wait_until[key] = now + int(self.settings.retry_seconds * 1_000_000_000)

    def _tradable(self, instrument: Instrument) -> bool:
        """Linear contracts of one base unit: the legs of a pair are counted in base."""
        s = self.settings
        return (
            _is_linear(instrument)
            and instrument.contract_size == ONE
            and (not s.symbols or instrument.symbol in s.symbols)
            and (not s.venues or instrument.venue in s.venues)
        )


def _is_linear(instrument: Instrument) -> bool:
    return instrument.kind is InstrumentKind.LINEAR and instrument.margin is not None
