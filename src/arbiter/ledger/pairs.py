"""Funding pairs: opened with their first trade, fed by payments, closed when both legs are flat."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.events import PairAdvanced, PairNoted, PairOpened
from arbiter.model.ids import MANUAL, InstrumentId, StrategyId
from arbiter.model.money import ZERO
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.model.perpetuals import FundingPayment

CLOSED_KEPT = 200


class Pairs:
    """An instrument is a leg of one active pair at most, so that a payment has one owner."""

    def __init__(self) -> None:
        self.rows: Final[dict[PairId, FundingPair]] = {}
        self._by_instrument: dict[InstrumentId, FundingPair] = {}
        self._active: tuple[FundingPair, ...] = ()
        self.notional = ZERO
        """Of all active pairs, in USD."""

    def restore(self, rows: Iterable[FundingPair]) -> None:
        for row in sorted(rows, key=lambda pair: (pair.opened_ns, pair.id)):
            self._keep(row)

    def active(self) -> tuple[FundingPair, ...]:
        return self._active

    def of(self, instrument: InstrumentId) -> FundingPair | None:
        """The active pair one of whose legs this is."""
        return self._by_instrument.get(instrument)

    def open(self, event: PairOpened, changes: Changes) -> None:
        pair = event.pair
        if pair.id in self.rows:
            raise LedgerError(f"pair {pair.id} is open already")
        for instrument in pair.instruments:
            if instrument in self._by_instrument:
                raise LedgerError(f"{instrument} is a leg of another pair")
        self._record(pair, changes)

    def advance(self, event: PairAdvanced, changes: Changes) -> None:
        before = self.rows.get(event.pair_id)
        if before is None:
            raise LedgerError(f"no pair {event.pair_id} in the ledger")
        after = replace(
            before,
            state=event.state,
            reason=event.reason or before.reason,
            closed_ns=event.at_ns if event.state is PairState.CLOSED else None,
        )
        self._record(after, changes)

    def note(self, event: PairNoted, changes: Changes) -> None:
        before = self.rows.get(event.pair_id)
        if before is None:
            raise LedgerError(f"no pair {event.pair_id} in the ledger")
        self._record(
            replace(before, peak_profit=event.peak_profit, narrow_since_ns=event.narrow_since_ns),
            changes,
        )

    def collect(self, payment: FundingPayment, worth: Decimal, changes: Changes) -> StrategyId:
        """Add a confirmed payment, `worth` so much in dollars, to the pair that holds the instrument.

        One that comes after the close still belongs to the pair that held it last. Gives the
        strategy of the pair; what no pair ever held was bought by hand.
        """
        owner = self.of(payment.instrument) or self._last_with(payment.instrument)
        if owner is not None and owner.opened_ns <= payment.at_ns:
            self._record(
                replace(
                    owner,
                    funding_collected=owner.funding_collected + worth,
                    payments=owner.payments + 1,
                ),
                changes,
            )
            return owner.strategy
        return MANUAL

    def _last_with(self, instrument: InstrumentId) -> FundingPair | None:
        for pair in reversed(self.rows.values()):
            if instrument in pair.instruments:
                return pair
        return None

    def _record(self, pair: FundingPair, changes: Changes) -> None:
        changes.funding_pairs[pair.id] = pair
        self._keep(pair)

    def _keep(self, pair: FundingPair) -> None:
        before = self.rows.get(pair.id)
        self.rows[pair.id] = pair
        if before is not None and before.state.active and pair.state.active:
            # The commonest by far, a payment: the same legs, and the same place among the active.
            for instrument in pair.instruments:
                self._by_instrument[instrument] = pair
            self._active = tuple(pair if row is before else row for row in self._active)
            return
        for instrument in pair.instruments:
            if pair.state.active:
                self._by_instrument[instrument] = pair
            else:
                known = self._by_instrument.get(instrument)
                if known is not None and known.id == pair.id:
                    del self._by_instrument[instrument]
        # Each pair once, in the order of its legs.
        self._active = tuple({id(row): row for row in self._by_instrument.values()}.values())
        self.notional = sum([row.notional for row in self._active], ZERO)
        if len(self.rows) - len(self._active) > CLOSED_KEPT:
            oldest = next(row.id for row in self.rows.values() if not row.state.active)
            del self.rows[oldest]
