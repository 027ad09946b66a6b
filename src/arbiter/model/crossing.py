"""Crossing: what one strategy gives up against others that hold the opposite of one contract."""

from decimal import Decimal

import msgspec

from arbiter.model.ids import StrategyId


class CrossedPart(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Signed contracts, the opposite of what the strategy holds and never more."""

    strategy: StrategyId
    contracts: Decimal
