"""A day of Binance's one-minute candles."""

from collections.abc import Mapping, Sequence

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.venues.binance.addresses import MARKETS, Market
from arbiter.venues.binance.decode import Kline, read_klines
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring

_PAGE = 1000
_TIMEOUT_S = 5.0


class BinanceHistory:
    """Implements `ports.PastCandles`. Volumes are the venue's, in base units."""

    def __init__(self, wiring: FeedWiring, market: Market | None = None) -> None:
        self._market = market or MARKETS[wiring.venue]
        self._endpoints = wiring.endpoints or self._market.endpoints
        self._clock: Clock = wiring.clock
        self._instruments: Mapping[InstrumentId, Instrument] = {
            told.id: told for told in wiring.instruments
        }

    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        """Give the finished minutes of the last day, oldest first.

        Raises as `PublicRest.get`, and `OutcomeUnknown` over an answer that cannot be read.
        """
        symbol = self._instruments[instrument].market_id
        now = self._clock.now_ns()
        since_ms, end_ms = (now - NS_PER_DAY) // NS_PER_MS, now // NS_PER_MS
        rows: dict[int, Kline] = {}
        async with PublicRest(self._endpoints.rest, _TIMEOUT_S) as rest:
            while since_ms < end_ms:
                query: dict[str, str | int] = {
                    "symbol": symbol,
                    "interval": "1m",
                    "startTime": since_ms,
                    "limit": _PAGE,
                }
                page = await _page(rest, self._market.klines, query)
                newer = [row for row in page if row.opens >= since_ms]
                if not newer:
                    break
                rows.update((row.opens, row) for row in newer)
                since_ms = max(rows) + 1
        return [
            candle
            for opens in sorted(rows)
            if (candle := _candle(instrument, rows[opens])).open_ns + NS_PER_MINUTE <= now
        ]


async def _page(rest: PublicRest, path: str, query: Mapping[str, str | int]) -> list[Kline]:
    body = await rest.get(path, query)
    try:
        return read_klines(body)
    except BadFrame as error:
        raise OutcomeUnknown(f"candles: {error}") from error


def _candle(instrument: InstrumentId, row: Kline) -> Candle:
    return Candle(
        instrument=instrument,
        interval_ns=NS_PER_MINUTE,
        open_ns=row.opens * NS_PER_MS,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
    )
