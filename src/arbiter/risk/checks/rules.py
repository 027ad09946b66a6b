"""Will the venues take it: lots, ticks and minimums, before anything is sent."""

from decimal import Decimal

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, on_step
from arbiter.model.perpetuals import is_margined
from arbiter.model.plans import Leg
from arbiter.risk.proposal import Proposal
from arbiter.risk.view import RiskView

_INVERSE, _BINARY = InstrumentKind.INVERSE, InstrumentKind.BINARY
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
        if problem == "min_notional" and proposal.plan.reduce_only and is_margined(instrument):
            continue  # such venues let any remainder of a position be closed
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
            if other is proposed or _same_steps(proposed.instrument, other.instrument):
                continue
            units = proposed.leg.size * proposed.instrument.contract_size
            step = other.instrument.lot * other.instrument.contract_size
            if not on_step(units, step):
                return deny(
                    DenialCode.LOT_SIZE,
                    instrument=proposed.instrument.id,
                    size=proposed.leg.size,
                    other=other.instrument.id,
                    step=step,
                )
    return None


def _same_steps(one: Instrument, other: Instrument) -> bool:
    """Inverse contracts count in quote and are compared with nothing that counts in base."""
    if one.kind is _INVERSE or other.kind is _INVERSE:
        return True
    return one.lot == other.lot and one.contract_size == other.contract_size


def prices_are_on_tick(proposal: Proposal, view: RiskView) -> Denied | None:
    for proposed in proposal.legs:
        price, instrument = proposed.leg.price, proposed.instrument
        if price is None:
            continue
        beyond = instrument.kind is _BINARY and price >= ONE
        if beyond or not instrument.on_tick(price):
            step = instrument.price_step(price)
            return deny(DenialCode.TICK_SIZE, instrument=instrument.id, price=price, step=step)
    return None
