"""Is it within our limits: size, exposure, slots, losses, inventory."""

from decimal import Decimal

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.ids import Asset
from arbiter.model.plans import Family
from arbiter.risk.exposure import larger_leg_usd
from arbiter.risk.proposal import Proposal
from arbiter.risk.staircase import Level, concurrency, daily_loss, drawdown
from arbiter.risk.view import RiskView


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
