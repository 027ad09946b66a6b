"""A day of Hyperliquid's one-minute candles: within the five thousand that it keeps."""

from collections.abc import Mapping, Sequence

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_MS
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.hyperliquid.addresses import ENDPOINTS, INFO
from arbiter.venues.hyperliquid.decode import read_candles

_TIMEOUT_S = 5.0


class HyperliquidHistory:
    """Implements `ports.PastCandles`. Volumes are the venue's, in base units."""

    def __init__(self, wiring: FeedWiring) -> None:
        self._endpoints = wiring.endpoints or ENDPOINTS
        self._clock = wiring.clock
        self._instruments: Mapping[InstrumentId, Instrument] = {
            told.id: told for told in wiring.instruments
        }

    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        """Give the finished minutes of the last day, oldest first.

        Raises as `PublicRest.post`, and `OutcomeUnknown` over an answer that cannot be read.
        """
        now = self._clock.now_ns()
        question = {
            "type": "candleSnapshot",
            "req": {
                "coin": self._instruments[instrument].market_id,
                "interval": "1m",
                "startTime": (now - NS_PER_DAY) // NS_PER_MS,
                "endTime": now // NS_PER_MS,
            },
        }
        async with PublicRest(self._endpoints.rest, _TIMEOUT_S) as rest:
            body = await rest.post(INFO, question)
        try:
            rows = read_candles(body)
        except BadFrame as error:
            raise OutcomeUnknown(f"candles: {error}") from error
        found = {
            row.t: Candle(
                instrument=instrument,
                interval_ns=NS_PER_MINUTE,
                open_ns=row.t * NS_PER_MS,
                open=row.o,
                high=row.h,
                low=row.l,
                close=row.c,
                volume=row.v,
            )
            for row in rows
        }
        return [found[at] for at in sorted(found) if at * NS_PER_MS + NS_PER_MINUTE <= now]
