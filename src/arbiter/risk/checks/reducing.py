"""Does a reduce-only plan only reduce."""

from decimal import Decimal

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.risk.proposal import Proposal, ProposedLeg
from arbiter.risk.view import RiskView


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
