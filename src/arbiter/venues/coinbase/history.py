"""A day of Coinbase's one-minute candles."""

from collections.abc import Mapping, Sequence

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_S
from arbiter.venues.coinbase.addresses import CANDLES, ENDPOINTS
from arbiter.venues.coinbase.decode import read_candles
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring

_PAGE = 300
_MINUTE_S = 60
_TIMEOUT_S = 5.0


class CoinbaseHistory:
    """Implements `ports.PastCandles`. Volumes are in base units; minutes without trades are left out."""

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
        path = CANDLES.format(self._instruments[instrument].market_id)
        now = self._clock.now_ns()
        first_s = (now - NS_PER_DAY) // NS_PER_MINUTE * _MINUTE_S
        now_s = now // NS_PER_S
        found: dict[int, Candle] = {}
        async with PublicRest(self._endpoints.rest, _TIMEOUT_S) as rest:
            for start_s in range(first_s, now_s, _PAGE * _MINUTE_S):
                end_s = min(start_s + (_PAGE - 1) * _MINUTE_S, now_s)
                query: dict[str, str | int] = {
                    "start": start_s,
                    "end": end_s,
                    "granularity": "ONE_MINUTE",
                    "limit": _PAGE,
                }
                body = await rest.get(path, query)
                for candle in _read(instrument, body):
                    found[candle.open_ns] = candle
        return [found[opens] for opens in sorted(found) if opens + NS_PER_MINUTE <= now]


def _read(instrument: InstrumentId, body: bytes) -> list[Candle]:
    try:
        rows = read_candles(body).candles
    except BadFrame as error:
        raise OutcomeUnknown(f"candles: {error}") from error
    return [
        Candle(
            instrument=instrument,
            interval_ns=NS_PER_MINUTE,
            open_ns=row.start * NS_PER_S,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
        )
        for row in rows
    ]
