"""A venue that bans us is left alone for as long as it said, and taken up again after."""

import asyncio
from collections.abc import Coroutine

from arbiter.model.events import AlertRaised
from arbiter.model.time import NS_PER_MS
from arbiter.runtime.bans import BanWatch
from tests.chaos.virtual_loop import VirtualLoop
from tests.fakes.engine import VENUES, Desk

BINANCE = VENUES[0]


def play(scene: Coroutine[None, None, None]) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(scene)
    finally:
        loop.close()


async def pass_time(desk: Desk, ms: int) -> None:
    desk.clock.advance(ms * NS_PER_MS)
    await asyncio.sleep(ms / 1_000)
    await asyncio.sleep(0)


def test_banned_venue_is_unhealthy_until_the_longest_ban_is_over() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.core.board.set_venue_health(BINANCE, True)
        watch = BanWatch(desk.core)
        watch.on_ban(BINANCE, 1_000)
        watch.on_ban(BINANCE, 3_000)
        assert not desk.core.board.healthy(BINANCE)
        await pass_time(desk, 1_500)
        assert not desk.core.board.healthy(BINANCE)
        await pass_time(desk, 2_000)
        assert desk.core.board.healthy(BINANCE)
        (alert,) = [e for e in desk.journal.events if isinstance(e, AlertRaised)]
        assert (alert.severity, alert.code) == ("critical", "VENUE_BANNED")

    play(scene())


def test_end_of_a_ban_does_not_call_a_lost_venue_healthy() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.core.board.set_venue_health(BINANCE, False, "lost")
        BanWatch(desk.core).on_ban(BINANCE, 1_000)
        await pass_time(desk, 1_500)
        assert not desk.core.board.healthy(BINANCE)

    play(scene())
