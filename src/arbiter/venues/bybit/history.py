"""A day of Bybit's one-minute candles."""

from collections.abc import Mapping, Sequence

from arbiter.model.errors import OutcomeUnknown, VenueRefused
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_MS
from arbiter.venues.bybit.addresses import CATEGORIES, ENDPOINTS, KLINES
from arbiter.venues.bybit.decode import read_klines
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring

_PAGE = 1000
_TIMEOUT_S = 5.0
_FIELDS = 6


class BybitHistory:
    """Implements `ports.PastCandles`. Volumes are the venue's, in base units."""

    def __init__(self, wiring: FeedWiring) -> None:
        self._endpoints = wiring.endpoints or ENDPOINTS
        self._clock = wiring.clock
        self._instruments: Mapping[InstrumentId, Instrument] = {
            told.id: told for told in wiring.instruments
        }

    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        """Give the finished minutes of the last day, oldest first.

        Raises as `PublicRest.get`, and `OutcomeUnknown` over an answer that cannot be read.
        """
        told = self._instruments[instrument]
        now = self._clock.now_ns()
        start_ms, end_ms = (now - NS_PER_DAY) // NS_PER_MS, now // NS_PER_MS
        found: dict[int, Candle] = {}
        async with PublicRest(self._endpoints.rest, _TIMEOUT_S) as rest:
            while end_ms > start_ms:
                query: dict[str, str | int] = {
                    "category": CATEGORIES[told.kind],
                    "symbol": told.market_id,
                    "interval": "1",
                    "start": start_ms,
                    "end": end_ms,
                    "limit": _PAGE,
                }
                page = await _page(rest, instrument, query)
                older = [candle for candle in page if candle.open_ns // NS_PER_MS <= end_ms]
                if not older:
                    break
                found.update((candle.open_ns, candle) for candle in older)
                end_ms = min(found) // NS_PER_MS - 1
        return [found[opens] for opens in sorted(found) if opens + NS_PER_MINUTE <= now]


async def _page(
    rest: PublicRest, instrument: InstrumentId, query: Mapping[str, str | int]
) -> list[Candle]:
    body = await rest.get(KLINES, query)
    try:
        answer = read_klines(body)
        if answer.code:
            raise VenueRefused(f"candles refused: {answer.message}", code=str(answer.code))
        rows = answer.result.rows if answer.result is not None else []
        return [_candle(instrument, row) for row in rows]
    except BadFrame as error:
        raise OutcomeUnknown(f"candles: {error}") from error


def _candle(instrument: InstrumentId, row: list[str]) -> Candle:
    try:
        opens = int(row[0])
        first, high, low, last, volume = map(float, row[1:_FIELDS])
    except (ValueError, IndexError) as error:
        raise BadFrame(f"a candle of {row}: {error}") from None
    return Candle(
        instrument=instrument,
        interval_ns=NS_PER_MINUTE,
        open_ns=opens * NS_PER_MS,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
    )
