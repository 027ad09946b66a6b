"""Crossing: what strategies hold against each other, ended in the books once all is to be closed.

A venue nets its account. When the kill switch flattens, the desks can sell no more than that holds;
what is left, one strategy long and another short of the same contract, no order can end. It is
ended here at the mark, as soon as nothing of the contract is under way or may still fail.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import structlog
from msgspec.structs import replace

from arbiter.ledger.crossing import opposed, parts_of
from arbiter.ledger.ledger import Ledger
from arbiter.model.agents import session_of
from arbiter.model.changes import Changes
from arbiter.model.events import (
    Audited,
    Event,
    FillSettled,
    KillSwitchEngaged,
    PositionsCrossed,
    TradeAdvanced,
)
from arbiter.model.holdings import Position
from arbiter.model.ids import ENGINE, InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, from_float, plain, quotient
from arbiter.runtime.core import TradingCore
from arbiter.runtime.looking import look_again

LOOK_S = 1.0

log = structlog.get_logger(__name__)


def on_margin(ledger: Ledger) -> dict[InstrumentId, list[Position]]:
    """Open positions in contracts that a venue nets, by strategy."""
    found: dict[InstrumentId, list[Position]] = {}
    for (strategy, name), row in sorted(ledger.positions.items()):
        # A session keeps positions of its own beside the ledger's.
        if row.quantity and name in ledger.margin_positions and session_of(strategy) is None:
            found.setdefault(name, []).append(row)
    return found


def against(rows: Sequence[Position]) -> str:
    """Tell who holds what of one contract: ``manual long 3, copy-trading short 3``."""
    return ", ".join(
        f"{row.strategy} {'long' if row.quantity > ZERO else 'short'} {plain(abs(row.quantity))}"
        for row in rows
    )


class Crossing:
    """Runs for as long as the engine does; `watch` is a listener of the hub."""

    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._wake = asyncio.Event()

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        del changes
        for event in events:
            if isinstance(event, KillSwitchEngaged | FillSettled) or (
                isinstance(event, TradeAdvanced) and event.state.terminal
            ):
                self._wake.set()

    async def run(self) -> None:
        await look_again(self._wake, self.tick, LOOK_S)

    def tick(self) -> None:
        """Cross what can be, while the kill switch is engaged to flatten."""
        state, ledger = self._core.state, self._core.ledger
        latch = ledger.kill_switch
        if not (latch.engaged and latch.flatten and state.started) or state.stopping:
            return
        held = on_margin(ledger)
        copied = {name for (_, name), row in ledger.copy_positions.items() if row.quantity}
        if not held and not copied:
            return
        busy = {leg.instrument for trade in ledger.open_trades() for leg in trade.legs}
        for name in sorted((held.keys() | copied) - busy):
            if not ledger.unsettled(name):
                self._cross(name, held.get(name, []))

    def _cross(self, name: InstrumentId, rows: Sequence[Position]) -> None:
        ledger, recorder = self._core.ledger, self._core.recorder
        parts = parts_of(rows)
        copies = ledger.copy_positions.items()
        if not parts and not opposed(row.quantity for (_, n), row in copies if n == name):
            return
        mark = self._core.board.mark(name)
        if mark is None or name not in ledger.contracts:
            return
        price = _mid(self._core.registry.by_id(name), mark)
        now, told = recorder.now_ns(), against(rows)
        given = {part.strategy: part.contracts for part in parts}
        after = [
            replace(row, quantity=row.quantity + given.get(row.strategy, ZERO)) for row in rows
        ]
        left = against([row for row in after if row.quantity]) or "nothing"
        recorder.record(
            PositionsCrossed(at_ns=now, instrument=name, price=price, parts=parts),
            Audited(
                at_ns=now,
                actor=ENGINE,
                action="positions.cross",
                entity=f"instrument:{name}",
                before=told or "copies against each other",
                after=f"ended against each other at {plain(price)}; left: {left}",
            ),
        )
        log.info("positions crossed", instrument=name, price=str(price), before=told)


def _mid(instrument: Instrument, mark: float) -> Decimal:
    """The mark without what floats add to it: a mid is a whole number of half ticks."""
    half = instrument.tick / 2
    return max(half * quotient(from_float(mark), half).to_integral_value(), half)
