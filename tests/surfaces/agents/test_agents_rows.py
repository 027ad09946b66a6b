"""Rows whose figures the contract gives in quote."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.api.agents.rows import fill_row
from tests.unit.storage import samples


@pytest.mark.parametrize(
    ("asset", "fee", "told", "shown"),
    [
        ("USDT", "0.1", None, (0.1, "USDT")),
        ("BTC", "0.00001", None, (0.432501, "USDT")),
        ("BNB", "0.001", "0.61", (0.61, "USDT")),
        ("BNB", "0.001", None, (0.001, "BNB")),
    ],
)
def test_commission_is_told_in_quote_where_its_worth_is_known(
    asset: str, fee: str, told: str | None, shown: tuple[float, str]
) -> None:
    fill = replace(samples.fill(1), fee=Decimal(fee), fee_asset=asset)
    row = fill_row(fill, samples.order(1), None if told is None else Decimal(told))
    assert (row["commission"], row["commission_asset"]) == shown
