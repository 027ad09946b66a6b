"""What the opportunity rules need of the board, the registry and whoever makes ids."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from arbiter.model.ids import InstrumentId, SignalId, Symbol, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Quote


class Mids(Protocol):
    def mids(self, now_ns: int) -> NDArray[np.float64]:
        """Mid price of every slot; NaN where the quote is not fresh."""
        ...


class GrossSpreads(Protocol):
    def gross_spreads(self, now_ns: int) -> NDArray[np.float64]:
        """(bid − ask) / ask as [symbol, buy venue, sell venue]; NaN where not fresh."""
        ...


class SpreadBoard(Mids, GrossSpreads, Protocol):
    def quote_at(self, slot: int) -> Quote | None: ...

    def watch(self, slots: Iterable[int]) -> None:
        """Look for spreads among these slots only."""
        ...

    def hush(self, buy_slot: int, sell_slot: int, until_ns: int) -> None:
        """Say until when candidates of a direction come to nothing, to save finding them."""
        ...

    def tune(self, *, min_edge: float, max_edge: float, slippage: float, max_age_ns: int) -> None:
        """Set what makes a candidate, in fractions of the buy price."""
        ...


class PairView(Protocol):
    """The best pair of one symbol, as the board gives it."""

    @property
    def buy_slot(self) -> int: ...
    @property
    def sell_slot(self) -> int: ...
    @property
    def buy_price(self) -> float: ...
    @property
    def sell_price(self) -> float: ...


class PairBoard(Protocol):
    def spread_rows(self, now_ns: int, *, limit: int | None = None) -> Sequence[PairView]: ...

    def pairs_of(self, slot: int, now_ns: int) -> Sequence[PairView]: ...


class Markets(Protocol):
    @property
    def instruments(self) -> tuple[Instrument, ...]: ...
    @property
    def venues(self) -> tuple[VenueId, ...]: ...
    @property
    def n_slots(self) -> int: ...

    def get(self, instrument_id: InstrumentId, /) -> Instrument | None:
        """None for one that is not listed, or not any more."""
        ...

    def by_id(self, instrument_id: InstrumentId) -> Instrument: ...

    def slot(self, instrument_id: InstrumentId) -> int: ...

    def instrument_at(self, slot: int) -> Instrument | None: ...

    def listings(self, symbol: Symbol) -> tuple[Instrument, ...]: ...

    def compact_name(self, symbol: Symbol) -> str: ...


class Ids(Protocol):
    """Identity, handed in: unique ids, and signal numbers that only rise."""

    def signal(self) -> tuple[SignalId, int]: ...
