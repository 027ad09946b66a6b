"""A day of OKX's one-minute candles."""

from collections.abc import Mapping, Sequence

from arbiter.model.errors import OutcomeUnknown, VenueRefused
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_MS
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.addresses import CANDLES, ENDPOINTS
from arbiter.venues.okx.decode import read_candles

_PAGE = 300
_TIMEOUT_S = 5.0


class OkxHistory:
    """Implements `ports.PastCandles`. Volumes in base units: swaps tell them beside contracts."""

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
        start_ms, before_ms = (now - NS_PER_DAY) // NS_PER_MS, now // NS_PER_MS + 1
        found: dict[int, Candle] = {}
        async with PublicRest(self._endpoints.rest, _TIMEOUT_S) as rest:
            while before_ms > start_ms:
                query: dict[str, str | int] = {
                    "instId": told.market_id,
                    "bar": "1m",
                    "after": before_ms,
                    "limit": _PAGE,
                }
                page = await _page(rest, told, query)
                older = [candle for candle in page if candle.open_ns // NS_PER_MS < before_ms]
                if not older:
                    break
                found.update((candle.open_ns, candle) for candle in older)
                before_ms = min(found) // NS_PER_MS
        first_ns = start_ms * NS_PER_MS
        return [found[at] for at in sorted(found) if first_ns <= at <= now - NS_PER_MINUTE]


async def _page(
    rest: PublicRest, instrument: Instrument, query: Mapping[str, str | int]
) -> list[Candle]:
    body = await rest.get(CANDLES, query)
    try:
        answer = read_candles(body)
        if answer.code != "0":
            raise VenueRefused(f"candles refused: {answer.message}", code=answer.code)
        return [_candle(instrument, row) for row in answer.rows]
    except BadFrame as error:
        raise OutcomeUnknown(f"candles: {error}") from error


def _candle(instrument: Instrument, row: list[str]) -> Candle:
    in_base = 5 if instrument.kind is InstrumentKind.SPOT else 6
    try:
        opens = int(row[0])
        first, high, low, last, volume = map(float, (*row[1:5], row[in_base]))
    except (ValueError, IndexError) as error:
        raise BadFrame(f"a candle of {row}: {error}") from None
    return Candle(
        instrument=instrument.id,
        interval_ns=NS_PER_MINUTE,
        open_ns=opens * NS_PER_MS,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
    )
