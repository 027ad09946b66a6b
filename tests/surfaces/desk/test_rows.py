"""Our records as the pages' bodies."""

from decimal import Decimal

from arbiter.api.desk.page_rows import balances_body
from arbiter.model.holdings import Balance
from arbiter.model.ids import Asset, VenueId
from arbiter.runtime.desk_view import Holding


def held(venue: str, asset: str, usd: str | None) -> Holding:
    balance = Balance(venue=VenueId(venue), asset=Asset(asset), total=Decimal(1))
    worth = None if usd is None else Decimal(usd)
    return Holding(balance=balance, usd=worth, skew=None, frozen=False)


def test_worth_is_added_up_to_the_last_digit() -> None:
    rows = [held("one", "A", "0.1"), held("one", "B", "0.2"), held("two", "A", "0.3")]
    told = balances_body([*rows, held("two", "C", None)], 1)
    assert told.by_venue_usd == {"one": 0.3, "two": 0.3}
    assert told.total_usd == 0.6
    assert [row.usd for row in told.balances] == [0.1, 0.2, 0.3, None]


def test_of_nothing_the_worth_is_zero() -> None:
    told = balances_body([], 1)
    assert (told.total_usd, told.by_venue_usd) == (0.0, {})
