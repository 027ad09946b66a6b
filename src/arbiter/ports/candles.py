"""Where one-minute candles are kept and, before the engine saw its first quote, come from."""

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from arbiter.model.ids import InstrumentId
from arbiter.model.quotes import Candle


class CandleStore(Protocol):
    """Every call raises `StorageUnavailable` while the database is away."""

    async def save(self, candles: Sequence[Candle]) -> None:
        """Keep candles; a known one is overwritten."""
        ...

    async def missing(self, instruments: Collection[InstrumentId]) -> Sequence[InstrumentId]:
        """Those of which no candle is known."""
        ...

    async def bars(
        self, instrument: InstrumentId, interval_ns: int, since_ns: int, until_ns: int
    ) -> Sequence[Candle]:
        """Bars made of the minutes within the times (end not included), oldest first.

        A bar opens at a multiple of `interval_ns` since the epoch.
        """
        ...


@runtime_checkable
class PastCandles(Protocol):
    """A venue that can tell its own past."""

    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        """One-minute candles of about a day."""
        ...
