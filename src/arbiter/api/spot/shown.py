"""Whose trades are shown: the engine's own, or those of the backtest that was chosen."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbiter.api.spot import bodies
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.errors import spot_symbols
from arbiter.books.registry import MarketRegistry
from arbiter.model.holdings import Balance
from arbiter.model.ids import Asset, Symbol
from arbiter.ports.spot_history import SpotHistory
from arbiter.risk.limits import RiskLimits
from arbiter.risk.staircase import Assessment
from arbiter.runtime.core import TradingCore
from arbiter.runtime.spot_picture import Activity, activity_of, usd_marks

MODES: dict[str, bodies.Mode] = {
    "sim": "simulation",
    "replay": "simulation",
    "paper": "simulation",
    "live": "live",
    "backtest": "backtest",
}
"""The engine's modes in the contract's words."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What reads of the past stand on."""

    registry: MarketRegistry
    history: SpotHistory
    now_ns: int
    """By the clock of the trades: the recording's, in a backtest."""
    capital: Decimal
    """USD that profit is added to."""
    own: bool
    """The engine's own trades: those in its memory belong to them."""
    symbols: tuple[Symbol, ...]
    """What may be traded."""


def shown(deps: SpotDeps) -> Shown:
    run = deps.backtests.chosen
    if run is None:
        return Shown(
            registry=deps.core.registry,
            history=deps.history,
            now_ns=deps.clock.now_ns(),
            capital=deps.core.gate.limits.capital_base_usd,
            own=True,
            symbols=deps.tuner.allowed_symbols,
        )
    return Shown(
        registry=run.registry,
        history=run.history,
        now_ns=run.picture.now_ns,
        capital=run.picture.limits.capital_base_usd,
        own=False,
        symbols=spot_symbols(run.registry),
    )


def holdings(deps: SpotDeps) -> tuple[int, Iterable[Balance], dict[Asset, Decimal]]:
    """Give the time, what is held where spot is traded, and dollar prices."""
    run = deps.backtests.chosen
    if run is not None:
        return run.picture.now_ns, run.picture.balances, run.picture.marks
    venues = frozenset(deps.core.registry.spot_venues)
    rows = sorted(deps.core.ledger.balances.items())
    held = (balance for (venue, _), balance in rows if venue in venues)
    return deps.clock.now_ns(), held, usd_marks(deps.core, deps.usd_rate)


def activity(deps: SpotDeps) -> Activity:
    run = deps.backtests.chosen
    if run is not None:
        return run.picture.activity
    return activity_of(deps.core, deps.queries, deps.tally, deps.clock.now_ns())


def risks(deps: SpotDeps) -> tuple[RiskLimits, Assessment]:
    run = deps.backtests.chosen
    if run is not None:
        return run.picture.limits, run.picture.assessment
    return deps.core.gate.limits, deps.core.gate.assess(deps.clock.now_ns())


def mode_of(core: TradingCore) -> bodies.Mode:
    """The mode the engine itself runs in."""
    return MODES[core.state.mode]


def mode(deps: SpotDeps) -> bodies.Mode:
    """The mode whose answers are given."""
    return mode_of(deps.core) if deps.backtests.chosen is None else "backtest"
