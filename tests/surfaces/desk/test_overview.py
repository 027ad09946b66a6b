"""Today's figures by family: of this day alone, and the same for all who ask."""

import asyncio

from arbiter.model.time import NS_PER_DAY, NS_PER_S
from tests.surfaces.desk.world import World


async def _made_today(desk: World) -> tuple[float, int]:
    overview = await desk.get("/api/desk/overview")
    return (
        sum(family["pnl_today"] for family in overview["families"]),
        sum(family["trades_today"] for family in overview["families"]),
    )


async def _trade(desk: World) -> None:
    for order in await desk.arbitrage():
        desk.complete(order)
    await desk.settled()


async def test_what_was_made_yesterday_is_gone_with_the_day(desk: World) -> None:
    desk.clock.advance(NS_PER_DAY - 2 * NS_PER_S)
    await _trade(desk)
    made, trades = await _made_today(desk)
    assert made > 0
    assert trades == 1
    desk.clock.advance(3 * NS_PER_S)
    assert await _made_today(desk) == (0, 0)


async def test_who_asks_while_figures_are_read_is_told_them_too(desk: World) -> None:
    await _trade(desk)
    told = await asyncio.gather(*(_made_today(desk) for _ in range(4)))
    assert {trades for _, trades in told} == {1}
    assert len(set(told)) == 1
