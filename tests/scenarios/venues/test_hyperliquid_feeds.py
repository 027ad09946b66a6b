"""What Hyperliquid's feeds need beside the common cases: books that come whole, candles, a wallet's fills."""

import time
from decimal import Decimal

import pytest

from arbiter.model.copying import LeaderKind, Wallet
from arbiter.model.ids import VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import NS_PER_MINUTE
from arbiter.simex.hyperliquid import leader as leader_module
from arbiter.simex.hyperliquid.server import Hyperliquid
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Bar
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.hyperliquid.depth import HyperliquidDepthFeed
from arbiter.venues.hyperliquid.history import HyperliquidHistory
from arbiter.venues.hyperliquid.leader import HyperliquidLeaders
from tests.fakes.hyperliquid_server import FakeHyperliquid
from tests.fakes.wiring import wiring_to
from tests.port_suites.depth import LEVELS, DepthLog
from tests.port_suites.running import running
from tests.scenarios.simex.conftest import serving
from tests.scenarios.venues.over_simex import wiring_of
from tests.scenarios.venues.wired import SYMBOLS

VENUE = VenueId("hyperliquid")
LINEAR = InstrumentKind.LINEAR


async def test_a_book_is_the_venues_after_each_message_whatever_was_lost_before() -> None:
    async with FakeHyperliquid(SYMBOLS) as server:
        feed, log = HyperliquidDepthFeed(wiring_to(server, VENUE, SYMBOLS, LINEAR)), DepthLog()
        async with running(feed.run(log)):
            await log.until(lambda: len(log.books) == 3)
            for _ in range(50):
                server.skip("ETHUSDT")
                server.move("ETHUSDT")
                server.repeat("ETHUSDT")
                book = server.books["ETHUSDT"]
                wanted = tuple(
                    [(float(price), float(size)) for price, size in side]
                    for side in (book.bids(20)[:LEVELS], book.asks(20)[:LEVELS])
                )
                await log.until(lambda wanted=wanted: log.books.get(20) == wanted)  # type: ignore[misc]
            assert not log.lost
            server.drop_all()
            await log.until(lambda: len(log.lost) == 3)
            await log.until(lambda: len(log.books) == 3)
    assert feed.tally.bad == 0


LIVELY = SimexSettings(venues=("hyperliquid",), symbols=3, quotes_per_second=900.0)


async def test_finished_minutes_of_the_last_day_are_told() -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served, VENUE)
        tape = served.simex.servers[VENUE].by_id[wiring.instruments[0].id].tape
        this = time.time_ns() // NS_PER_MINUTE * 60_000
        tape.bars[this - 60_000] = Bar(432_500, 432_600, 432_400, 432_550, volume=12)
        tape.bars[this] = Bar(1, 1, 1, 1)
        found = await HyperliquidHistory(wiring).history(wiring.instruments[0].id)
    last = next(candle for candle in found if candle.open_ns // 1_000_000 == this - 60_000)
    assert (last.open, last.high, last.low, last.close) == (43250, 43260, 43240, 43255)
    assert last.volume == pytest.approx(12e-5)
    assert all(candle.open_ns + NS_PER_MINUTE <= time.time_ns() for candle in found)
    opens = [candle.open_ns for candle in found]
    assert opens == sorted(set(opens))


async def test_a_public_wallet_is_followed_to_what_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its fills alone tell the position, and each act comes with the same key every time."""
    monkeypatch.setattr(leader_module, "EVERY_S", 1e12)
    async with serving(LIVELY) as served:
        server = served.simex.servers[VENUE]
        assert isinstance(server, Hyperliquid)
        line = served.lines[VENUE]
        wallet, leader = Wallet(line["leader"]), server.leader
        async with PublicRest(line["rest"]) as rest:
            source = HyperliquidLeaders(rest, page=5)
            began = server.now_ns()
            for number in range(40):
                leader.decide(began + number * 2_000_000)
            acts = await source.actions_since(wallet, 0)
            again = await source.actions_since(wallet, acts[-1].at_ns)
            stranger = await source.actions_since(Wallet("0x" + "7" * 40), 0)
        held = {
            shown.market_id: leader.account.exchange.margin.quantity(shown.instrument.id)
            for shown in server.shown.values()
        }
    assert stranger == []
    assert {act.key for act in again} <= {act.key for act in acts}
    told: dict[str, Decimal] = {}
    for act in {act.key: act for act in acts}.values():
        assert act.start == told.get(act.market, Decimal(0))
        signed = act.size if act.kind is LeaderKind.BUY else -act.size
        told[act.market] = told.get(act.market, Decimal(0)) + signed
    assert told == {coin: size for coin, size in held.items() if coin in told}
    assert len(told) == 3
