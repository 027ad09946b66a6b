"""May anything be opened at all: kill switch, mode, strategy, start-up, storage."""

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.risk.proposal import Proposal
from arbiter.risk.view import RiskView


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
