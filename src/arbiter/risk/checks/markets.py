"""Do we know the market: venues, quotes, and what happened to earlier orders."""

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.time import NS_PER_MS
from arbiter.risk.proposal import Proposal
from arbiter.risk.view import RiskView


def venues_are_healthy(proposal: Proposal, view: RiskView) -> Denied | None:
    for leg in proposal.plan.legs:
        venue = view.registry.by_id(leg.instrument).venue
        if not view.board.healthy(venue):
            return deny(DenialCode.VENUE_UNHEALTHY, venue=venue)
    return None


def quotes_are_fresh(proposal: Proposal, view: RiskView) -> Denied | None:
    allowed_ns = view.limits.staleness_threshold_ms * NS_PER_MS
    for leg in proposal.plan.legs:
        instrument = leg.instrument
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
