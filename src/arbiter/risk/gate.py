"""The gate: the one place that decides whether a plan may become orders.

Checks run in a fixed order and the first refusal wins, so the reason given is the most
fundamental one. Review and reservation are one step: the caller books what was approved in the
ledger before it does anything else, and no other plan can be reviewed in between.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from arbiter.model.denials import Denied
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.perpetuals import is_margined
from arbiter.model.plans import Plan
from arbiter.risk.checks import bounds, funds, markets, reducing, rules, standing
from arbiter.risk.exposure import OpenExposure
from arbiter.risk.inventory import Inventory
from arbiter.risk.limits import RiskLimits
from arbiter.risk.needs import Amount
from arbiter.risk.proposal import Proposal, bare, propose
from arbiter.risk.staircase import Assessment, assess, breached, size_scale
from arbiter.risk.view import (
    BoardView,
    EngineView,
    LedgerView,
    RegistryView,
    RiskView,
    UsdRate,
    nothing_held,
    unlevered,
)

Check = Callable[[Proposal, RiskView], Denied | None]

SENDING_CHECKS: tuple[Check, ...] = (
    standing.kill_switch_is_off,
    standing.strategy_is_running,
    markets.venues_are_healthy,
    markets.quotes_are_fresh,
)
"""These see the plan alone, with nothing worked out: the orders are waiting."""

OPENING_CHECKS: tuple[Check, ...] = (
    standing.kill_switch_is_off,
    standing.mode_allows_opening,
    standing.strategy_is_running,
    standing.engine_has_recovered,
    standing.journal_is_healthy,
    markets.venues_are_healthy,
    markets.quotes_are_fresh,
    markets.no_outcome_is_unknown,
    rules.sizes_are_tradable,
    rules.legs_share_a_step,
    rules.prices_are_on_tick,
    bounds.stakes_have_a_usd_rate,
    bounds.trade_is_within_size,
    bounds.exposure_is_within_limit,
    bounds.a_slot_is_left,
    bounds.daily_loss_is_bearable,
    bounds.drawdown_is_bearable,
    bounds.inventory_stays_on_both_sides,
    funds.budget_covers_the_need,
    funds.balances_cover_the_locks,
)

REDUCING_CHECKS: tuple[Check, ...] = (
    rules.sizes_are_tradable,
    rules.prices_are_on_tick,
    reducing.legs_only_reduce,
)


class Approved(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What has to be reserved for a plan; both tuples run along `plan.legs`."""

    locks: tuple[Amount, ...]
    """Taken from the free balance at each leg's venue."""
    reserve: tuple[Amount, ...]
    """Taken from the strategy's budget; zero for a leg that needs none."""


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
        leverage: Callable[[InstrumentId], Decimal] = unlevered,
        held_usd: Callable[[], Decimal] = nothing_held,
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
            leverage=leverage,
            held_usd=held_usd,
        )

    @property
    def limits(self) -> RiskLimits:
        return self._view.limits

    @property
    def inventory(self) -> Inventory:
        return self._view.inventory

    def review(self, plan: Plan, now_ns: int) -> Approved | Denied:
        """Approve a plan with what it must reserve, or refuse it with the numbers."""
        proposal = propose(plan, self._view, now_ns)
        checks, approve = _REDUCING if plan.reduce_only else _OPENING
        return self._first_refusal(checks, proposal) or approve(proposal, self._view)

    def still_stands(self, plan: Plan, now_ns: int) -> Denied | None:
        """Ask again, right before sending, what may have changed since the review."""
        if plan.reduce_only:
            return None
        return self._first_refusal(SENDING_CHECKS, bare(plan, now_ns))

    def assess(self, now_ns: int) -> Assessment:
        """Measure the staircases; once `breached`, everything has to be closed and stopped."""
        return assess(self._view.limits, self._view.ledger, now_ns)

    def breached(self, now_ns: int) -> bool:
        """Say whether a loss limit is used up, which `assess` tells the whole of."""
        return breached(self._view.limits, self._view.ledger, now_ns)

    def size_scale(self, now_ns: int) -> Decimal:
        """Give the factor that sizing applies to new trades, 1 or 0.5."""
        return size_scale(self._view.limits, self._view.ledger, now_ns)

    def spendable(self, venue: VenueId, asset: Asset) -> Decimal:
        """Give what sizing may draw on at a venue and leave the inventory floor there."""
        view = self._view
        return view.inventory.spendable(venue, asset, view.ledger.free(venue, asset))

    def reconfigure(self, limits: RiskLimits) -> None:
        """Take new limits; they hold from the next review on."""
        self._look(limits=limits, inventory=self.inventory.with_fraction(limits.min_side_fraction))

    def rebase(self, baselines: Mapping[tuple[VenueId, Asset], Decimal]) -> None:
        """Measure inventory from these holdings from now on, after a deposit or a rebalance."""
        self._look(limits=self.limits, inventory=self.inventory.rebased(baselines))

    def _look(self, *, limits: RiskLimits, inventory: Inventory) -> None:
        self._view = msgspec.structs.replace(self._view, limits=limits, inventory=inventory)

    def _first_refusal(self, checks: tuple[Check, ...], proposal: Proposal) -> Denied | None:
        view = self._view
        for check in checks:
            refusal = check(proposal, view)
            if refusal is not None:
                return refusal
        return None


def _approve_opening(proposal: Proposal, view: RiskView) -> Approved:
    return Approved(
        locks=tuple([leg.need.lock for leg in proposal.legs]),
        reserve=tuple([leg.need.reserve for leg in proposal.legs]),
    )


def _approve_reducing(proposal: Proposal, view: RiskView) -> Approved:
    """A reduction needs no budget, and locks no more than is there: it must always be possible."""
    left = {key: max(view.ledger.free(*key), ZERO) for key in proposal.locks}
    locks: list[Amount] = []
    for leg in proposal.legs:
        asset, wanted = leg.need.lock
        if is_margined(leg.instrument):
            locks.append((asset, ZERO))  # closing on margin sets nothing aside
            continue
        locked = min(wanted, left[leg.instrument.venue, asset])
        left[leg.instrument.venue, asset] -= locked
        locks.append((asset, locked))
    return Approved(
        locks=tuple(locks),
        reserve=tuple((leg.need.reserve[0], ZERO) for leg in proposal.legs),
    )


_OPENING = (OPENING_CHECKS, _approve_opening)
_REDUCING = (REDUCING_CHECKS, _approve_reducing)
