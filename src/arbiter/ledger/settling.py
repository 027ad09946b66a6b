"""Which fills are not final yet, and the venue's last word on those that are."""

from collections import OrderedDict

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.settling import SettledFill, Settling


class SettlingBooks:
    """Words are kept until `keys_kept` newer ones came; storage has them for ever."""

    def __init__(self, *, keys_kept: int) -> None:
        self._keys_kept = keys_kept
        self.rows: dict[InstrumentId, Settling] = {}
        self.settled: OrderedDict[tuple[VenueId, str], SettledFill] = OrderedDict()

    def unsettled(self, instrument: InstrumentId) -> bool:
        row = self.rows.get(instrument)
        return row is not None and row.unsettled
