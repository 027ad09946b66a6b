"""A proposal: a plan and what several checks want to know of it, worked out once."""

from decimal import Decimal

import msgspec

from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.plans import Leg, Plan
from arbiter.model.trades import Trade
from arbiter.risk.exposure import larger_leg_usd
from arbiter.risk.needs import Need, need_of, stake, worst_price
from arbiter.risk.view import RiskView


class ProposedLeg(msgspec.Struct, frozen=True, gc=False):
    leg: Leg
    instrument: Instrument
    value: Decimal
    """At the leg's worst price, in the instrument's quote."""
    need: Need


class Stakes(msgspec.Struct, frozen=True, gc=False):
    trade_usd: Decimal
    """The proposed trade's larger leg."""
    open_usd: Decimal
    """Everything open already."""
    unvalued: Asset | None = None
    """A currency without a fresh USD rate; the figures are then not to be used."""


_NO_STAKES = Stakes(ZERO, ZERO)


class Proposal(msgspec.Struct, frozen=True):
    plan: Plan
    legs: tuple[ProposedLeg, ...]
    open_trades: tuple[Trade, ...]
    stakes: Stakes
    now_ns: int
    locks: dict[tuple[VenueId, Asset], Decimal]
    """What all legs together take from each balance."""
    reserve: dict[Asset, Decimal]
    """What all legs together take from the strategy's budget in each currency."""


def propose(plan: Plan, view: RiskView, now_ns: int) -> Proposal:
    """Look a plan up against the view; an instrument nobody lists is an `UnknownSymbol`."""
    slippage = view.limits.market_slippage
    legs = tuple([_propose_leg(leg, view, slippage) for leg in plan.legs])
    locks: dict[tuple[VenueId, Asset], Decimal] = {}
    reserve: dict[Asset, Decimal] = {}
    for leg in legs:
        need, venue = leg.need, leg.instrument.venue
        asset, amount = need.lock
        if amount:
            locks[venue, asset] = locks.get((venue, asset), ZERO) + amount
        asset, amount = need.reserve
        if amount:
            reserve[asset] = reserve.get(asset, ZERO) + amount
    open_trades = view.ledger.open_trades()
    stakes = _stakes(legs, open_trades, view)
    return Proposal(plan, legs, open_trades, stakes, now_ns, locks, reserve)


def bare(plan: Plan, now_ns: int) -> Proposal:
    """Work nothing out, for checks that look at the plan's legs and at nothing else of it."""
    return Proposal(plan, (), (), _NO_STAKES, now_ns, {}, {})


def _propose_leg(leg: Leg, view: RiskView, market_slippage: Decimal) -> ProposedLeg:
    instrument = view.registry.by_id(leg.instrument)
    price = worst_price(instrument, leg.side, leg.price, leg.planned_price, market_slippage)
    value = stake(instrument, leg.side, leg.size, price)
    leverage = ONE if instrument.margin is None else view.leverage(instrument.id)
    return ProposedLeg(leg, instrument, value, need_of(leg, instrument, price, value, leverage))


def _stakes(
    legs: tuple[ProposedLeg, ...], open_trades: tuple[Trade, ...], view: RiskView
) -> Stakes:
    trade = larger_leg_usd([(leg.instrument.quote, leg.value) for leg in legs], view.usd_rate)
    if not isinstance(trade, Decimal):
        return Stakes(ZERO, ZERO, trade)
    already = view.exposure.total(open_trades)
    if not isinstance(already, Decimal):
        return Stakes(ZERO, ZERO, already)
    return Stakes(trade, already + view.held_usd())
