"""The newest funding of each perpetual, told at a steady pace whatever the venue's own."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbiter.model.instruments import Instrument
from arbiter.model.perpetuals import FundingRate
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.venue import FundingSink
from arbiter.venues.common.frames import BadFrame

TELL_S = 1.0
STALE_NS = 30 * NS_PER_S
"""A rate not heard of for this long is no longer told."""
_LONGEST_HOURS = 24
_HOUR_MS = 3_600_000
_SOON_MS = 600_000


class FundingRow(msgspec.Struct):
    instrument: Instrument
    mark: Decimal | None = None
    rate: Decimal | None = None
    next_ms: int | None = None
    hours: int | None = None
    heard_ns: int = 0


class FundingBoard:
    """What is known of each perpetual. A rate is told once all of it is known."""

    def __init__(self, instruments: Iterable[Instrument], clock: Clock) -> None:
        self.rows = {told.market_id: FundingRow(told) for told in instruments}
        self._clock = clock

    def heard(
        self,
        symbol: str,
        *,
        mark: Decimal | None = None,
        rate: Decimal | None = None,
        next_ms: int | None = None,
        hours: int | None = None,
    ) -> None:
        """Take what a message tells; None leaves what was known. `BadFrame` for the impossible."""
        row = self.rows.get(symbol)
        if row is None:
            raise BadFrame(f"funding of {symbol!r}, which was not asked for")
        if mark is not None and not (mark.is_finite() and mark > 0):
            raise BadFrame(f"{symbol}: a mark of {mark}")
        if rate is not None and not (rate.is_finite() and abs(rate) < 1):
            raise BadFrame(f"{symbol}: a funding rate of {rate}")
        if hours is not None and not 0 < hours <= _LONGEST_HOURS:
            raise BadFrame(f"{symbol}: a funding interval of {hours} h")
        if next_ms is not None:
            self._settlement(row, next_ms)
        row.mark = row.mark if mark is None else mark
        row.rate = row.rate if rate is None else rate
        row.hours = row.hours if hours is None else hours
        row.heard_ns = self._clock.now_ns()

    def _settlement(self, row: FundingRow, next_ms: int) -> None:
        """Learn the interval from two settlements in a row: it may change between two listings.

        Only right after the first of them; later, others may have passed unheard.
        """
        late_ms = self._clock.now_ns() // NS_PER_MS - (row.next_ms or 0)
        if row.next_ms is not None and next_ms > row.next_ms and late_ms < _SOON_MS:
            hours, rest = divmod(next_ms - row.next_ms, _HOUR_MS)
            if rest == 0 and 0 < hours <= _LONGEST_HOURS:
                row.hours = hours
        row.next_ms = next_ms

    def rates(self) -> list[FundingRate]:
        now = self._clock.now_ns()
        return [
            FundingRate(
                instrument=row.instrument.id,
                venue=row.instrument.venue,
                symbol=row.instrument.symbol,
                rate=row.rate,
                interval_hours=row.hours,
                next_funding_ns=row.next_ms * NS_PER_MS,
                mark=row.mark,
                updated_ns=row.heard_ns,
            )
            for row in self.rows.values()
            if row.rate is not None
            and row.hours is not None
            and row.next_ms
            and row.mark is not None
            and now - row.heard_ns < STALE_NS
        ]

    async def tell(self, sink: FundingSink) -> None:
        """Tell the sink what is known, again and again."""
        while True:
            rates = self.rates()
            if rates:
                sink.on_funding(rates)
            await asyncio.sleep(TELL_S)
