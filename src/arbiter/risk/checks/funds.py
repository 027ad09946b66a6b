"""Is the money there: the strategy's budget, then the balance at each venue."""

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.risk.proposal import Proposal
from arbiter.risk.view import RiskView


def budget_covers_the_need(proposal: Proposal, view: RiskView) -> Denied | None:
    """Opening needs available budget in every currency it spends.

    A strategy without any budget is unlimited; one that has some may spend only in those.
    """
    for currency, needed in proposal.reserve.items():
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


def _has_budgets(proposal: Proposal, view: RiskView) -> bool:
    strategy = proposal.plan.strategy
    for (owner, _), budget in view.ledger.budgets.items():
        if owner == strategy and budget.allocated is not None:
            return True
    return False


def balances_cover_the_locks(proposal: Proposal, view: RiskView) -> Denied | None:
    for (venue, asset), needed in proposal.locks.items():
        free = view.ledger.free(venue, asset)
        if needed > free:
            return deny(DenialCode.BALANCE, venue=venue, asset=asset, free=free, needed=needed)
    return None
