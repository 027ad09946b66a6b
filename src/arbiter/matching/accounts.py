"""One customer's account at a simulated venue: totals and locks per asset."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset
from arbiter.model.money import ZERO


class Account:
    """Free = total − locked; neither may ever fall below zero."""

    def __init__(self) -> None:
        self._totals: dict[Asset, Decimal] = {}
        self._locked: dict[Asset, Decimal] = {}
        self._touched: dict[Asset, None] = {}

    def __contains__(self, asset: Asset) -> bool:
        return asset in self._totals

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._totals)

    def total(self, asset: Asset) -> Decimal:
        return self._totals.get(asset, ZERO)

    def locked(self, asset: Asset) -> Decimal:
        return self._locked.get(asset, ZERO)

    def free(self, asset: Asset) -> Decimal:
        return self._totals.get(asset, ZERO) - self._locked.get(asset, ZERO)

    def move(self, asset: Asset, delta: Decimal) -> None:
        """Change a total. Below zero is an `InvalidValue`: a caller did not check."""
        total = self._totals.get(asset, ZERO) + delta
        if total < ZERO:
            raise InvalidValue(f"{asset} would fall to {total}")
        self._totals[asset] = total
        self._touched[asset] = None

    def relock(self, asset: Asset, delta: Decimal) -> None:
        """Lock more (> 0) or release (< 0)."""
        locked = self._locked.get(asset, ZERO) + delta
        if locked < ZERO:
            raise InvalidValue(f"lock of {asset} would fall to {locked}")
        self._locked[asset] = locked
        self._touched[asset] = None

    def set(self, balances: Mapping[Asset, tuple[Decimal, Decimal]]) -> None:
        """Put recorded (total, locked) pairs in place of what is held."""
        for asset, (total, locked) in balances.items():
            self._totals[asset] = total
            self._locked[asset] = locked

    def snapshot(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        return {asset: (total, self.locked(asset)) for asset, total in self._totals.items()}

    def take_touched(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        """Give (total, locked) of everything changed since the last call."""
        totals, locked = self._totals, self._locked
        changed = {
            asset: (totals.get(asset, ZERO), locked.get(asset, ZERO)) for asset in self._touched
        }
        self._touched.clear()
        return changed
