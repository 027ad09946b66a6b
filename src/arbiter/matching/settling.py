"""Fills of a simulated venue that are matched and not final yet, and markets that are closed."""

from collections.abc import Container

from msgspec.structs import replace

from arbiter.matching.state import ExchangeState
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import InstrumentId
from arbiter.model.orders import Fill
from arbiter.model.perpetuals import Contract, MarginPosition
from arbiter.model.reports import FillSettled
from arbiter.model.settling import Settling, SettlingStep, account_after


class Settlements:
    """`rows` hold a market's steps from its oldest fill that is not final on."""

    def __init__(self) -> None:
        self.rows: dict[InstrumentId, Settling] = {}
        self.settled: list[FillSettled] = []
        self.closed: frozenset[InstrumentId] = frozenset()

    def pending(self) -> list[SettlingStep]:
        """What waits for the last word, by instrument and then by time."""
        return [step for row in self.rows.values() for step in row.steps if not step.final]

    def find(self, venue_trade_id: str) -> tuple[InstrumentId, SettlingStep] | None:
        for name, row in self.rows.items():
            step = row.step(venue_trade_id)
            if step is not None:
                return name, step
        return None

    def matched(self, fill: Fill, before: MarginPosition | None) -> None:
        """Keep a fill until its last word; `before` is what the account held without it."""
        row = self.rows.get(fill.instrument)
        if row is None or not row.steps:
            row = Settling(instrument=fill.instrument, account=before)
        step = SettlingStep(
            venue_trade_id=fill.venue_trade_id,
            side=fill.side,
            size=fill.size,
            price=fill.price,
            fee=fill.fee,
            client_order_id=fill.client_order_id,
            final=False,
            at_ns=fill.at_ns,
        )
        self.rows[fill.instrument] = replace(row, steps=(*row.steps, step))

    def confirm(self, told: FillSettled, contract: Contract) -> None:
        self.settled.append(told)
        row = self.rows[told.instrument].confirmed(told.venue_trade_id)
        self.rows[told.instrument] = row
        self.trim(told.instrument, contract)

    def void(self, told: FillSettled) -> SettlingStep:
        """Take a step out and give it."""
        row = self.rows[told.instrument]
        step = row.step(told.venue_trade_id)
        if step is None:
            raise InvalidValue(f"fill {told.venue_trade_id} is final already")
        self.settled.append(told)
        self.rows[told.instrument] = row.without(told.venue_trade_id)
        return step

    def trim(self, instrument: InstrumentId, contract: Contract) -> None:
        """Let what is final at the front become the standing that the rest is counted from."""
        row = self.rows[instrument]
        final = 0
        while final < len(row.steps) and row.steps[final].final:
            final += 1
        account = account_after(replace(row, steps=row.steps[:final]), contract)
        left = row.steps[final:]
        self.rows[instrument] = replace(row, account=account if left else None, steps=left)

    def shut(self, instrument: InstrumentId, *, closed: bool) -> bool:
        """Whether that changed anything."""
        if (instrument in self.closed) == closed:
            return False
        self.closed = self.closed | {instrument} if closed else self.closed - {instrument}
        return True

    def restore(self, state: ExchangeState, listed: Container[InstrumentId]) -> None:
        self.rows = {name: row for name, row in state.settling.items() if name in listed}
        self.settled = list(state.settled)
        self.closed = state.closed
