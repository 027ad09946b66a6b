"""Money in these tests is exact: any rounding by a sum or a product raises."""

import decimal
from collections.abc import Iterator

import pytest

from arbiter.model.money import use_wide_context


@pytest.fixture(scope="module", autouse=True)
def exact_money() -> Iterator[None]:
    with decimal.localcontext():
        use_wide_context()
        decimal.getcontext().traps[decimal.Inexact] = True
        yield
