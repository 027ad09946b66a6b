"""What agents are shown: bars from the candle store, tops of book from the board, headlines."""

import asyncio
from collections import deque
from pathlib import Path

import structlog

from arbiter.agents.view import Bars, Headline, MarketView, Top, bars_of, empty_bars
from arbiter.model.errors import TryAgain
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_MS
from arbiter.ports.candles import CandleStore
from arbiter.ports.clock import Clock
from arbiter.runtime.core import TradingCore

log = structlog.get_logger(__name__)

_LOOKS = 60
"""Tops of book kept per instrument, one a second."""
_TEXT_BYTES = 64 * 1024
"""Read from the end of a feed file."""
_LONGEST = 400


class Headlines:
    """Text feeds: files whose lines are headlines, newest last.

    A line may begin with ``SYMBOL|``: it then speaks of that base asset alone.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._lines: dict[tuple[Path, str], int] = {}

    @property
    def configured(self) -> bool:
        return bool(self._paths)

    async def read(self, base: str, now_ns: int) -> tuple[Headline, ...] | None:
        """Headlines of an asset with the time they were first seen; None without a feed."""
        if not self._paths:
            return None
        found: list[Headline] = []
        for path in self._paths:
            for line in await asyncio.to_thread(_tail, path):
                about, bar, said = line.partition("|")
                text = said if bar else line
                if bar and about.strip().upper() != base.upper():
                    continue
                first_ns = self._lines.setdefault((path, line), now_ns)
                found.append(
                    Headline(at_ns=first_ns, text=text.strip()[:_LONGEST], source=path.name)
                )
        if len(self._lines) > 10_000:
            self._lines = {k: at for k, at in self._lines.items() if now_ns - at < NS_PER_DAY}
        return tuple(found)


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TEXT_BYTES, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-200:]


class ViewMaker:
    """`look` each second, `view` when an agent is due."""

    def __init__(
        self, core: TradingCore, candles: CandleStore, clock: Clock, headlines: Headlines
    ) -> None:
        self._core = core
        self._candles = candles
        self._clock = clock
        self.headlines = headlines
        self._bars: dict[InstrumentId, tuple[int, Bars]] = {}
        self._books: dict[InstrumentId, deque[Top]] = {}

    def look(self, instrument: Instrument) -> None:
        """Remember the top of book of this second."""
        top = self._top(instrument)
        if top is not None:
            self._books.setdefault(instrument.id, deque(maxlen=_LOOKS)).append(top)

    async def view(self, instrument: Instrument) -> MarketView | None:
        """Everything an agent may see now; None, and nothing read, without a fresh quote."""
        if self._top(instrument) is None:
            return None
        bars = await self.bars(instrument.id)
        headlines = await self.headlines.read(instrument.base, self._clock.now_ns())
        now = self._clock.now_ns()
        top = self._top(instrument)
        if top is None:
            return None
        others = [
            self._top(other)
            for other in self._core.registry.listings(instrument.symbol)
            if other.venue != instrument.venue
        ]
        return MarketView(
            symbol=instrument.symbol,
            instrument=instrument.id,
            now_ns=now,
            bars=bars.until(now),
            top=top,
            others=tuple(each for each in others if each is not None),
            books=tuple(self._books.get(instrument.id, ())),
            headlines=headlines,
        )

    async def bars(self, instrument: InstrumentId) -> Bars:
        """A day of finished one-minute bars; what is known when the database is away."""
        now = self._clock.now_ns()
        minute = now // NS_PER_MINUTE
        known = self._bars.get(instrument)
        # The last bar is saved a little after its minute: look again until it is there.
        if known is not None and known[0] == minute:
            return known[1]
        try:
            rows = await self._candles.bars(instrument, NS_PER_MINUTE, now - NS_PER_DAY, now)
        except TryAgain as error:
            log.warning("agents have no new candles", why=str(error))
            return empty_bars() if known is None else known[1]
        bars = bars_of(rows)
        newest = int(bars.opens_ns[-1]) // NS_PER_MINUTE if len(bars) else 0
        complete = newest == minute - 1
        self._bars[instrument] = (minute if complete else 0, bars)
        return bars

    def _top(self, instrument: Instrument) -> Top | None:
        board = self._core.board
        now = self._clock.now_ns()
        age, quote = board.age_ns(instrument.id, now), board.quote(instrument.id)
        limit = self._core.gate.limits.staleness_threshold_ms * NS_PER_MS
        if quote is None or age is None or age > limit or not board.healthy(instrument.venue):
            return None
        return Top(
            venue=instrument.venue,
            bid=quote.bid,
            ask=quote.ask,
            bid_size=quote.bid_size,
            ask_size=quote.ask_size,
            fee=float(instrument.taker_fee),
        )

    def forget(self, keep: set[InstrumentId]) -> None:
        """Drop what nobody trades any more."""
        for table in (self._bars, self._books):
            for instrument in [key for key in table if key not in keep]:
                table.pop(instrument, None)
