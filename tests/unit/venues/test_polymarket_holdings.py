"""What a wallet holds, page by page, as far as the venue tells it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.markets import Markets
from arbiter.venues.polymarket.rest import Query
from tests.unit.venues.test_polymarket_orders import HOLDER, VENUE, House

PAGE, MOST = 500, 10_500


class Rich(House):
    """A wallet that holds so many positions; the venue tells none behind offset 10,000."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.asked: list[dict[str, str]] = []

    async def public(self, api: Api, path: str, query: Query | None = None) -> Any:
        if (api, path) != (Api.DATA, "/positions"):
            return await super().public(api, path, query)
        asked = dict(query or {})
        self.asked.append(asked)
        start = int(asked["offset"])
        assert start <= 10_000, "the venue refuses it"
        return [
            {"conditionId": f"0x{n}", "outcomeIndex": 0, "size": 1}
            for n in range(start, min(start + int(asked["limit"]), self.count))
        ]


@pytest.mark.parametrize(
    ("count", "told", "pages"),
    [(0, 0, 1), (499, 499, 1), (500, 500, 2), (10_400, 10_400, 21), (20_000, MOST, 21)],
)
async def test_positions_are_read_to_their_end_or_to_the_venues_and_then_it_is_said(
    count: int, told: int, pages: int
) -> None:
    house = Rich(count)
    with capture_logs() as logs:
        held = await Markets(house, VENUE).tokens_of(HOLDER)
    assert len({one.condition for one in held}) == told
    assert len(house.asked) == pages
    assert {asked["sortBy"] for asked in house.asked} == {"CURRENT"}, "worth most first"
    warned = [entry["told"] for entry in logs if entry["log_level"] == "warning"]
    assert warned == ([told] if count > told else [])
