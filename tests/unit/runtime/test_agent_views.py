"""What agents are shown, and what is read for it."""

from collections.abc import Sequence

from arbiter.model.ids import InstrumentId
from arbiter.model.quotes import Candle
from arbiter.runtime.agent_views import Headlines, ViewMaker
from tests.fakes.agents import BTC, AgentHouse, FakeCandles


class CountedCandles(FakeCandles):
    asked = 0

    async def bars(
        self, instrument: InstrumentId, interval_ns: int, since_ns: int, until_ns: int
    ) -> Sequence[Candle]:
        self.asked += 1
        return await super().bars(instrument, interval_ns, since_ns, until_ns)


async def test_no_candles_are_read_for_an_agent_that_has_no_fresh_quote() -> None:
    house = AgentHouse()
    engine = house.engine
    candles = CountedCandles(house)
    views = ViewMaker(engine.core, candles, engine.clock, Headlines(()))
    instrument = engine.core.registry.by_id(BTC)
    assert await views.view(instrument) is None
    assert candles.asked == 0
    house.quote(100_000)
    view = await views.view(instrument)
    assert view is not None
    assert (view.top.bid, candles.asked) == (100_000, 1)
