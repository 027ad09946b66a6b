"""Kraken's newest one-minute candles: it tells 720 of them, half a day."""

from collections.abc import Mapping, Sequence

from arbiter.model.errors import OutcomeUnknown, RateLimited, VenueRefused
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE, NS_PER_S
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kraken.addresses import ENDPOINTS, OHLC, rest_name
from arbiter.venues.kraken.decode import read_candles

_TIMEOUT_S = 5.0
_VOLUME = 6
_RETRY_MS = 5_000


class KrakenHistory:
    """Implements `ports.PastCandles`. Volumes are in base units."""

    def __init__(self, wiring: FeedWiring) -> None:
        self._endpoints = wiring.endpoints or ENDPOINTS
        self._clock = wiring.clock
        self._instruments: Mapping[InstrumentId, Instrument] = {
            told.id: told for told in wiring.instruments
        }

    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        """Give the finished minutes, oldest first.

        Raises as `PublicRest.get`, and `OutcomeUnknown` over an answer that cannot be read.
        """
        pair = rest_name(self._instruments[instrument].market_id)
        async with PublicRest(self._endpoints.rest, _TIMEOUT_S) as rest:
            body = await rest.get(OHLC, {"pair": pair, "interval": 1})
        now = self._clock.now_ns()
        try:
            told = read_candles(body)
            if told.error:
                raise _refused(told.error)
            rows = [row for rows in told.result.values() if isinstance(rows, list) for row in rows]
            made = {candle.open_ns: candle for candle in (_candle(instrument, r) for r in rows)}
        except BadFrame as error:
            raise OutcomeUnknown(f"candles: {error}") from error
        return [made[opens] for opens in sorted(made) if opens + NS_PER_MINUTE <= now]


def _refused(errors: list[str]) -> Exception:
    text = f"candles refused: {', '.join(errors)}"
    if any("Too many" in error or "Rate limit" in error for error in errors):
        return RateLimited(text, retry_after_ms=_RETRY_MS)
    return VenueRefused(text, code=errors[0])


def _candle(instrument: InstrumentId, row: list[float | str]) -> Candle:
    try:
        opens = int(row[0])
        first, high, low, last = map(float, row[1:5])
        volume = float(row[_VOLUME])
    except (ValueError, IndexError) as error:
        raise BadFrame(f"a candle of {row}: {error}") from None
    return Candle(
        instrument=instrument,
        interval_ns=NS_PER_MINUTE,
        open_ns=opens * NS_PER_S,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
    )
