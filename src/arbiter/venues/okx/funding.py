"""Funding and marks of OKX's swaps: ``funding-rate`` about twice a minute, ``mark-price`` with
every change. The interval is the time from the settlement due to the one after it."""

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from arbiter.model.instruments import InstrumentKind
from arbiter.ports.venue import FundingSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.decode import Funding, read_funding
from arbiter.venues.okx.feed import connections
from arbiter.venues.okx.talk import OkxTalk, pace

CHANNELS = ("funding-rate", "mark-price")
_HOUR_MS = 3_600_000


class OkxFundingFeed:
    """Implements `ports.FundingFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        swaps = [i for i in wiring.instruments if i.kind is not InstrumentKind.SPOT]
        self._wiring = replace(wiring, instruments=swaps)

    async def run(self, sink: FundingSink) -> None:
        wiring = self._wiring
        board = FundingBoard(wiring.instruments, wiring.clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(board.tell(sink), name="funding rates")
            await follow(
                wiring,
                self.tally,
                connections(wiring, len(CHANNELS)),
                lambda link, names: FundingTalk(link, names, board, self.tally),
                settings=pace(wiring.stream),
            )


class FundingTalk(OkxTalk):
    def __init__(
        self, link: Link, names: Iterable[str], board: FundingBoard, tally: FeedTally
    ) -> None:
        topics = [f"{channel}:{name}" for name in names for channel in CHANNELS]
        super().__init__(link, topics, tally)
        self._board = board

    def hear(self, data: bytes) -> None:
        try:
            told = read_funding(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        for row in told.data:
            self._board.heard(
                row.name, mark=row.mark, rate=row.rate, next_ms=row.due_ms, hours=_hours(row)
            )


def _hours(row: Funding) -> int | None:
    """`BadFrame` for settlements that lie no whole hours apart."""
    if row.due_ms is None or row.after_ms is None:
        return None
    hours, rest = divmod(row.after_ms - row.due_ms, _HOUR_MS)
    if rest:
        raise BadFrame(f"{row.name}: settlements at {row.due_ms} and {row.after_ms}")
    return hours
