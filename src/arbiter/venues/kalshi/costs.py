"""What is held cost, to the last digit: the venue rounds it, and a ledger counts it from fills."""

from collections.abc import Iterable

import msgspec

from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill
from arbiter.model.perpetuals import MarginPosition, contract_of, executed


class HeldCost(msgspec.Struct):
    """One market's fills so far, folded as a ledger folds them."""

    instrument: Instrument
    position: MarginPosition
    since_ns: int = 0
    """Time of the newest fill that is in it."""
    newest: tuple[str, ...] = ()
    """Ids of the fills of that very time."""

    def add(self, fills: Iterable[Fill]) -> None:
        """Take fills, oldest first; those that are in it already change nothing."""
        contract = contract_of(self.instrument, ONE)
        for fill in fills:
            if fill.at_ns < self.since_ns or fill.venue_trade_id in self.newest:
                continue
            contracts = fill.size * fill.side.sign
            self.position = executed(self.position, contract, contracts, fill.price, fill.at_ns)
            same = fill.at_ns == self.since_ns
            self.newest = (*self.newest, fill.venue_trade_id) if same else (fill.venue_trade_id,)
            self.since_ns = fill.at_ns


def nothing_held(instrument: Instrument) -> HeldCost:
    flat = MarginPosition(instrument=instrument.id, quantity=ZERO)
    return HeldCost(instrument=instrument, position=flat)
