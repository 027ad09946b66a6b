"""Depth on the page of a market."""

import re

from arbiter.api.desk.web.markets import depth


def level(price: float, size: float) -> dict[str, float]:
    return {"price": price, "size": size}


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    found = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    return [row for row in found if row]


def test_best_prices_meet_in_the_middle_and_a_thinner_side_leaves_room() -> None:
    book = {
        "venue": "bybit",
        "bids": [level(100.0, 5.0), level(99.5, 2.0)],
        "asks": [level(100.5, 3.0)],
        "age_ms": 3,
    }
    page = depth({"depth": [book]})
    assert "bybit" in page
    first, second = cells(page)
    values = re.findall(r'value="([^"]*)"', "".join(first))
    assert [float(value) for value in values] == [100.0, 5.0, 3.0, 100.5]
    assert second[2:] == ["", ""]


def test_market_without_depth_shows_no_empty_table() -> None:
    assert depth({"depth": []}) == ""
