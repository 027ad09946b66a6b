"""Is it within our limits: size, exposure, slots, losses, inventory."""

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.plans import Family
from arbiter.risk.proposal import Proposal
from arbiter.risk.staircase import (
    concurrency,
    daily_loss,
    drawdown,
    fall_bearable,
    loss_bearable,
    slot_left,
)
from arbiter.risk.view import RiskView


def stakes_have_a_usd_rate(proposal: Proposal, view: RiskView) -> Denied | None:
    """What cannot be valued cannot be limited; a name with "USD" in it is not a rate."""
    currency = proposal.stakes.unvalued
    return None if currency is None else deny(DenialCode.RATE_MISSING, currency=currency)


def trade_is_within_size(proposal: Proposal, view: RiskView) -> Denied | None:
    notional, limit = proposal.stakes.trade_usd, view.limits.max_trade_usd
    if notional <= limit:
        return None
    return deny(DenialCode.TRADE_SIZE, notional=notional, limit=limit)


def exposure_is_within_limit(proposal: Proposal, view: RiskView) -> Denied | None:
    stakes, limit = proposal.stakes, view.limits.max_total_exposure_usd
    if stakes.open_usd + stakes.trade_usd <= limit:
        return None
    return deny(
        DenialCode.TOTAL_EXPOSURE, exposure=stakes.open_usd, needed=stakes.trade_usd, limit=limit
    )


def a_slot_is_left(proposal: Proposal, view: RiskView) -> Denied | None:
    taken = len(proposal.open_trades)
    if slot_left(view.limits, taken):
        return None
    usage = concurrency(view.limits, taken)
    return deny(DenialCode.CONCURRENT_TRADES, open=usage.used, limit=usage.limit)


def daily_loss_is_bearable(proposal: Proposal, view: RiskView) -> Denied | None:
    if loss_bearable(view.limits, view.ledger, proposal.now_ns):
        return None
    usage = daily_loss(view.limits, view.ledger, proposal.now_ns)
    return deny(DenialCode.DAILY_LOSS, loss=usage.used, limit=usage.limit, level=usage.level)


def drawdown_is_bearable(proposal: Proposal, view: RiskView) -> Denied | None:
    if fall_bearable(view.limits, view.ledger):
        return None
    usage = drawdown(view.limits, view.ledger)
    return deny(DenialCode.DRAWDOWN, percent=usage.used, limit=usage.limit, level=usage.level)


def inventory_stays_on_both_sides(proposal: Proposal, view: RiskView) -> Denied | None:
    """Only arbitrage on pre-funded inventory keeps a floor; a person may sell what is there."""
    if proposal.plan.family is not Family.SPOT:
        return None
    for (venue, asset), needed in proposal.locks.items():
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
