"""The gate: the one place that decides whether a plan may become orders.

Checks run in a fixed order and the first refusal wins, so the reason given is the most
fundamental one. Review and reservation are one step: the caller applies what was approved to the
ledger before it does anything else, and no other plan can be reviewed in between.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import Trade
from arbiter.risk.exposure import OpenExposure, larger_leg_usd
from arbiter.risk.inventory import Inventory
from arbiter.risk.limits import RiskLimits
from arbiter.risk.needs import Amount, Need, need_of, worst_price
from arbiter.risk.staircase import (
    Assessment,
    Level,
    assess,
    concurrency,
    daily_loss,
    drawdown,
    size_scale,
)
from arbiter.risk.view import (
    BoardView,
    EngineView,
    LedgerView,
    RegistryView,
    RiskView,
    UsdRate,
)


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be reserved for the plan; both tuples run along `plan.legs`."""

    locks: tuple[Amount, ...]
    """Taken from the free balance at each leg's venue."""
    reserve: tuple[Amount, ...]
    """Taken from the strategy's budget; zero for a leg that needs none."""


class ProposedLeg(msgspec.Struct, frozen=True):
    leg: Leg
    instrument: Instrument
    value: Decimal
    """At the leg's worst price, in the instrument's quote."""
    need: Need


class Proposal(msgspec.Struct, frozen=True):
    """A plan and what several checks want to know of it, worked out once."""

    plan: Plan
    legs: tuple[ProposedLeg, ...]
    open_trades: tuple[Trade, ...]
    now_ns: int


Check = Callable[[Proposal, RiskView], Denied | None]


class Gate:
    """Reviews plans against everything the engine knows at that moment."""

    def __init__(
        self,
        limits: RiskLimits,
        *,
        engine: EngineView,
        board: BoardView,
        registry: RegistryView,
        ledger: LedgerView,
        usd_rate: UsdRate,
        baselines: Mapping[tuple[VenueId, Asset], Decimal],
    ) -> None:
        self._view = RiskView(
            limits=limits,
            engine=engine,
            board=board,
            registry=registry,
            ledger=ledger,
            inventory=Inventory(baselines, limits.min_side_fraction),
            exposure=OpenExposure(registry.by_id, usd_rate),
            usd_rate=usd_rate,
        )

    @property
    def limits(self) -> RiskLimits:
        return self._view.limits

    @property
    def inventory(self) -> Inventory:
        return self._view.inventory

    def review(self, plan: Plan, now_ns: int) -> Approved | Denied:
        """Approve a plan with what it must reserve, or refuse it with the numbers."""
        proposal = _propose(plan, self._view, now_ns)
        checks = REDUCING_CHECKS if plan.reduce_only else OPENING_CHECKS
        return _first_refusal(checks, proposal, self._view) or _approve(proposal, self._view)

    def still_stands(self, plan: Plan, now_ns: int) -> Denied | None:
        """Ask again right before sending what may have changed since the review."""
        if plan.reduce_only:
            return None
        return _first_refusal(SENDING_CHECKS, _propose(plan, self._view, now_ns), self._view)

    def assess(self, now_ns: int) -> Assessment:
        """Measure the staircases; when `breached`, everything has to be closed and stopped."""
        return assess(self._view.limits, self._view.ledger, now_ns)

    def size_scale(self, now_ns: int) -> Decimal:
        """Give the factor that sizing applies to new trades, 1 or 0.5."""
        return size_scale(self.assess(now_ns))

    def spendable(self, venue: VenueId, asset: Asset) -> Decimal:
        """Give what sizing may draw on at a venue without touching the inventory floor."""
        view = self._view
        return view.inventory.spendable(venue, asset, view.ledger.free(venue, asset))

    def reconfigure(self, limits: RiskLimits) -> None:
        """Take new limits; they hold from the next review on."""
        self._view = msgspec.structs.replace(
            self._view,
            limits=limits,
            inventory=self._view.inventory.with_fraction(limits.min_side_fraction),
        )

    def rebase(self, baselines: Mapping[tuple[VenueId, Asset], Decimal]) -> None:
        """Measure skew from these holdings from now on."""
        self._view = msgspec.structs.replace(
            self._view, inventory=self._view.inventory.rebased(baselines)
        )


def _propose(plan: Plan, view: RiskView, now_ns: int) -> Proposal:
    slippage = view.limits.market_slippage
    return Proposal(
        plan,
        tuple(
            [_propose_leg(leg, view.registry.by_id(leg.instrument), slippage) for leg in plan.legs]
        ),
        tuple(view.ledger.open_trades()),
        now_ns,
    )


def _propose_leg(leg: Leg, instrument: Instrument, market_slippage: Decimal) -> ProposedLeg:
    price = worst_price(leg, market_slippage)
    return ProposedLeg(
        leg, instrument, instrument.notional(leg.size, price), need_of(leg, instrument, price)
    )


def _first_refusal(checks: tuple[Check, ...], proposal: Proposal, view: RiskView) -> Denied | None:
    for check in checks:
        refusal = check(proposal, view)
        if refusal is not None:
            return refusal
    return None


def _approve(proposal: Proposal, view: RiskView) -> Approved:
    if proposal.plan.reduce_only:
        return Approved(
            locks=_locks_within_free(proposal, view),
            reserve=tuple((proposed.need.reserve[0], ZERO) for proposed in proposal.legs),
        )
    return Approved(
        locks=tuple([proposed.need.lock for proposed in proposal.legs]),
        reserve=tuple([proposed.need.reserve for proposed in proposal.legs]),
    )


def _locks_within_free(proposal: Proposal, view: RiskView) -> tuple[Amount, ...]:
    """A reduction is never refused for its balance, and never locks what is not there."""
    left: dict[tuple[VenueId, Asset], Decimal] = {}
    locks: list[Amount] = []
    for proposed in proposal.legs:
        asset, wanted = proposed.need.lock
        key = proposed.instrument.venue, asset
        free = left.get(key)
        if free is None:
            free = max(view.ledger.free(*key), ZERO)
        locked = min(wanted, free)
        left[key] = free - locked
        locks.append((asset, locked))
    return tuple(locks)


# Kill switch, mode and state


def kill_switch_is_off(proposal: Proposal, view: RiskView) -> Denied | None:
    switch = view.ledger.kill_switch
    if not switch.engaged:
        return None
    return deny(DenialCode.KILL_SWITCH, actor=switch.actor, reason=repr(switch.reason))


def mode_allows_opening(proposal: Proposal, view: RiskView) -> Denied | None:
    if view.engine.may_open(proposal.plan.family):
        return None
    return deny(DenialCode.MODE_FORBIDS, mode=view.engine.mode, family=proposal.plan.family)


def strategy_is_running(proposal: Proposal, view: RiskView) -> Denied | None:
    if view.ledger.strategies.get(proposal.plan.strategy, True):
        return None
    return deny(DenialCode.STRATEGY_STOPPED, strategy=proposal.plan.strategy)


def engine_has_recovered(proposal: Proposal, view: RiskView) -> Denied | None:
    return None if view.engine.started else deny(DenialCode.STARTING_UP)


def journal_is_healthy(proposal: Proposal, view: RiskView) -> Denied | None:
    return None if view.engine.journal_healthy else deny(DenialCode.STORAGE_DOWN)


# Venues, quotes and outcomes


def venues_are_healthy(proposal: Proposal, view: RiskView) -> Denied | None:
    for proposed in proposal.legs:
        if not view.board.healthy(proposed.instrument.venue):
            return deny(DenialCode.VENUE_UNHEALTHY, venue=proposed.instrument.venue)
    return None


def quotes_are_fresh(proposal: Proposal, view: RiskView) -> Denied | None:
    allowed_ns = view.limits.staleness_threshold_ms * NS_PER_MS
    for proposed in proposal.legs:
        instrument = proposed.leg.instrument
        age_ns = view.board.age_ns(instrument, proposal.now_ns)
        if age_ns is None:
            return deny(DenialCode.QUOTE_MISSING, instrument=instrument)
        if age_ns > allowed_ns:
            return deny(
                DenialCode.QUOTE_STALE,
                instrument=instrument,
                age_ms=age_ns // NS_PER_MS,
                limit_ms=view.limits.staleness_threshold_ms,
            )
    return None


def no_outcome_is_unknown(proposal: Proposal, view: RiskView) -> Denied | None:
    """What may have happened already must be known before more is risked on the same market."""
    for trade in proposal.open_trades:
        if trade.unknown:
            waiting = {leg.instrument for leg in trade.legs}
            for proposed in proposal.legs:
                if proposed.leg.instrument in waiting:
                    return deny(
                        DenialCode.UNKNOWN_OUTCOME_ON_PAIR,
                        instrument=proposed.leg.instrument,
                        trade=trade.seq,
                    )
    return None


# Rules of the instruments

_SIZE_RULES = {
    "lot": DenialCode.LOT_SIZE,
    "min_size": DenialCode.MIN_SIZE,
    "min_notional": DenialCode.MIN_NOTIONAL,
}


def sizes_are_tradable(proposal: Proposal, view: RiskView) -> Denied | None:
    for proposed in proposal.legs:
        leg, instrument = proposed.leg, proposed.instrument
        price = leg.planned_price if leg.price is None else leg.price
        problem = instrument.size_problem(leg.size, price)
        if problem is not None:
            return _size_refusal(_SIZE_RULES[problem], leg, instrument, price)
    return None


def _size_refusal(code: DenialCode, leg: Leg, instrument: Instrument, price: Decimal) -> Denied:
    if code is DenialCode.MIN_NOTIONAL:
        return deny(
            code,
            instrument=instrument.id,
            notional=instrument.notional(leg.size, price),
            minimum=instrument.min_notional,
        )
    if code is DenialCode.MIN_SIZE:
        return deny(code, instrument=instrument.id, size=leg.size, minimum=instrument.min_size)
    return deny(code, instrument=instrument.id, size=leg.size, step=instrument.lot)


def legs_share_a_step(proposal: Proposal, view: RiskView) -> Denied | None:
    """A size off the other leg's step could not be hedged or undone there to the last unit."""
    for proposed in proposal.legs:
        for other in proposal.legs:
            if other is proposed or _counts_in_quote(other) or _counts_in_quote(proposed):
                continue
            units = proposed.leg.size * proposed.instrument.contract_size
            step = other.instrument.lot * other.instrument.contract_size
            if units % step:
                return deny(
                    DenialCode.LOT_SIZE,
                    instrument=proposed.instrument.id,
                    size=proposed.leg.size,
                    other=other.instrument.id,
                    step=step,
                )
    return None


def _counts_in_quote(proposed: ProposedLeg) -> bool:
    return proposed.instrument.kind is InstrumentKind.INVERSE


def prices_are_on_tick(proposal: Proposal, view: RiskView) -> Denied | None:
    for proposed in proposal.legs:
        price, instrument = proposed.leg.price, proposed.instrument
        if price is not None and instrument.floor_price(price) != price:
            return deny(
                DenialCode.TICK_SIZE, instrument=instrument.id, price=price, step=instrument.tick
            )
    return None


# Limits


def trade_is_within_size(proposal: Proposal, view: RiskView) -> Denied | None:
    value = _trade_usd(proposal, view)
    if not isinstance(value, Decimal):
        return deny(DenialCode.RATE_MISSING, currency=value)
    if value > view.limits.max_trade_usd:
        return deny(DenialCode.TRADE_SIZE, notional=value, limit=view.limits.max_trade_usd)
    return None


def exposure_is_within_limit(proposal: Proposal, view: RiskView) -> Denied | None:
    exposure = view.exposure.total(proposal.open_trades)
    if not isinstance(exposure, Decimal):
        return deny(DenialCode.RATE_MISSING, currency=exposure)
    needed = _trade_usd(proposal, view)
    if not isinstance(needed, Decimal):
        return deny(DenialCode.RATE_MISSING, currency=needed)
    limit = view.limits.max_total_exposure_usd
    if exposure + needed > limit:
        return deny(DenialCode.TOTAL_EXPOSURE, exposure=exposure, needed=needed, limit=limit)
    return None


def _trade_usd(proposal: Proposal, view: RiskView) -> Decimal | Asset:
    return larger_leg_usd(
        [(proposed.instrument.quote, proposed.value) for proposed in proposal.legs],
        view.usd_rate,
    )


def a_slot_is_left(proposal: Proposal, view: RiskView) -> Denied | None:
    usage = concurrency(view.limits, len(proposal.open_trades))
    if usage.level.rank < Level.CRITICAL.rank:
        return None
    return deny(DenialCode.CONCURRENT_TRADES, open=usage.used, limit=usage.limit)


def daily_loss_is_bearable(proposal: Proposal, view: RiskView) -> Denied | None:
    usage = daily_loss(view.limits, view.ledger, proposal.now_ns)
    if usage.level.rank < Level.CRITICAL.rank:
        return None
    return deny(DenialCode.DAILY_LOSS, loss=usage.used, limit=usage.limit, level=usage.level)


def drawdown_is_bearable(proposal: Proposal, view: RiskView) -> Denied | None:
    usage = drawdown(view.limits, view.ledger)
    if usage.level.rank < Level.CRITICAL.rank:
        return None
    return deny(DenialCode.DRAWDOWN, percent=usage.used, limit=usage.limit, level=usage.level)


def inventory_stays_on_both_sides(proposal: Proposal, view: RiskView) -> Denied | None:
    """Only arbitrage on pre-funded inventory keeps a floor; a person may sell what is there."""
    if proposal.plan.family is not Family.SPOT:
        return None
    for proposed in proposal.legs:
        venue, (asset, needed) = proposed.instrument.venue, proposed.need.lock
        floor = view.inventory.floor(venue, asset)
        if not floor:
            continue
        free = view.ledger.free(venue, asset)
        if free - needed < floor:
            return deny(
                DenialCode.INVENTORY_SKEW,
                venue=venue,
                asset=asset,
                free=free,
                needed=needed,
                floor=floor,
            )
    return None


# Budget and balance


def budget_covers_the_need(proposal: Proposal, view: RiskView) -> Denied | None:
    """Opening needs available budget in every currency it spends.

    A strategy without any budget is unlimited; one that has some may spend only in those.
    """
    for currency, needed in _reserve_by_currency(proposal).items():
        budget = view.ledger.budgets.get((proposal.plan.strategy, currency))
        if budget is None or budget.allocated is None:
            if _has_budgets(proposal, view):
                return deny(
                    DenialCode.BUDGET_MISSING,
                    strategy=proposal.plan.strategy,
                    currency=currency,
                    needed=needed,
                )
        elif needed > budget.allocated - budget.reserved:
            return deny(
                DenialCode.BUDGET_EXCEEDED,
                allocated=budget.allocated,
                reserved=budget.reserved,
                needed=needed,
            )
    return None


def _reserve_by_currency(proposal: Proposal) -> dict[Asset, Decimal]:
    needed: dict[Asset, Decimal] = {}
    for proposed in proposal.legs:
        currency, amount = proposed.need.reserve
        if amount:
            needed[currency] = needed.get(currency, ZERO) + amount
    return needed


def _has_budgets(proposal: Proposal, view: RiskView) -> bool:
    strategy = proposal.plan.strategy
    return any(
        owner == strategy and budget.allocated is not None
        for (owner, _), budget in view.ledger.budgets.items()
    )


def balances_cover_the_locks(proposal: Proposal, view: RiskView) -> Denied | None:
    needed: dict[tuple[VenueId, Asset], Decimal] = {}
    for proposed in proposal.legs:
        asset, amount = proposed.need.lock
        key = proposed.instrument.venue, asset
        needed[key] = needed.get(key, ZERO) + amount
    for (venue, asset), amount in needed.items():
        free = view.ledger.free(venue, asset)
        if amount > free:
            return deny(DenialCode.BALANCE, venue=venue, asset=asset, free=free, needed=amount)
    return None


# Reduce-only


def legs_only_reduce(proposal: Proposal, view: RiskView) -> Denied | None:
    """A reduction is at most what there is to reduce, less what is already on its way."""
    for proposed in proposal.legs:
        reducible = _reducible(proposed, proposal, view)
        if proposed.leg.size > reducible:
            return deny(
                DenialCode.NOT_REDUCING,
                instrument=proposed.instrument.id,
                side=proposed.leg.side,
                size=proposed.leg.size,
                reducible=reducible,
            )
    return None


def _reducible(proposed: ProposedLeg, proposal: Proposal, view: RiskView) -> Decimal:
    """Size that a position, or what open trades left unhedged, can take on this side.

    An arbitrage's unwind is held against its trade: the strategy's position at one venue also
    carries the inventory that earlier trades moved there, and may well have the other sign.
    """
    against = -proposed.leg.side.sign
    position = _position(proposed.instrument.id, proposal, view) * against
    unhedged = _unhedged(proposed.instrument, proposal) * against
    return max(position, unhedged, ZERO) - _already_reducing(proposed, proposal, view)


def _position(instrument: InstrumentId, proposal: Proposal, view: RiskView) -> Decimal:
    position = view.ledger.positions.get((proposal.plan.strategy, instrument))
    return ZERO if position is None else position.quantity


def _unhedged(instrument: Instrument, proposal: Proposal) -> Decimal:
    """Residual of the strategy's open trades that touched this instrument, in its size unit."""
    if instrument.kind is InstrumentKind.INVERSE:
        return ZERO
    units = sum(
        (
            trade.residual
            for trade in proposal.open_trades
            if trade.strategy == proposal.plan.strategy
            and any(leg.instrument == instrument.id for leg in trade.legs)
        ),
        ZERO,
    )
    return units / instrument.contract_size


def _already_reducing(proposed: ProposedLeg, proposal: Proposal, view: RiskView) -> Decimal:
    return sum(
        (
            order.remaining
            for order in view.ledger.orders.values()
            if order.open
            and order.reduce_only
            and order.strategy == proposal.plan.strategy
            and order.instrument == proposed.instrument.id
            and order.side is proposed.leg.side
        ),
        ZERO,
    )


SENDING_CHECKS: tuple[Check, ...] = (
    kill_switch_is_off,
    venues_are_healthy,
    quotes_are_fresh,
)

OPENING_CHECKS: tuple[Check, ...] = (
    kill_switch_is_off,
    mode_allows_opening,
    strategy_is_running,
    engine_has_recovered,
    journal_is_healthy,
    venues_are_healthy,
    quotes_are_fresh,
    no_outcome_is_unknown,
    sizes_are_tradable,
    legs_share_a_step,
    prices_are_on_tick,
    trade_is_within_size,
    exposure_is_within_limit,
    a_slot_is_left,
    daily_loss_is_bearable,
    drawdown_is_bearable,
    inventory_stays_on_both_sides,
    budget_covers_the_need,
    balances_cover_the_locks,
)

REDUCING_CHECKS: tuple[Check, ...] = (
    sizes_are_tradable,
    prices_are_on_tick,
    legs_only_reduce,
)
