"""One customer's account at a simulated venue: totals and locks per asset."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset
from arbiter.model.money import ZERO

_NOTHING = (ZERO, ZERO)


class Account:
    """Free = total − locked; neither may ever fall below zero."""

    def __init__(self) -> None:
        self._held: dict[Asset, tuple[Decimal, Decimal]] = {}
        """Total and locked."""
        self._touched: dict[Asset, None] = {}

    def __contains__(self, asset: Asset) -> bool:
        return asset in self._held

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._held)

    def total(self, asset: Asset) -> Decimal:
        return self._held.get(asset, _NOTHING)[0]

    def locked(self, asset: Asset) -> Decimal:
        return self._held.get(asset, _NOTHING)[1]

    def free(self, asset: Asset) -> Decimal:
        total, locked = self._held.get(asset, _NOTHING)
        return total - locked

    def move(self, asset: Asset, delta: Decimal) -> None:
        """Change a total. Below zero is an `InvalidValue`: a caller did not check."""
        total, locked = self._held.get(asset, _NOTHING)
        total += delta
        if total < ZERO:
            raise InvalidValue(f"{asset} would fall to {total}")
        self._held[asset] = total, locked
        self._touched[asset] = None

    def relock(self, asset: Asset, delta: Decimal) -> None:
        """Lock more (> 0) or release (< 0)."""
        total, locked = self._held.get(asset, _NOTHING)
        locked += delta
        if locked < ZERO:
            raise InvalidValue(f"lock of {asset} would fall to {locked}")
        self._held[asset] = total, locked
        self._touched[asset] = None

    def set(self, balances: Mapping[Asset, tuple[Decimal, Decimal]]) -> None:
        """Put recorded (total, locked) pairs in place of what is held."""
        self._held.update(balances)

    def snapshot(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        return dict(self._held)

    def take_touched(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        """Give (total, locked) of everything changed since the last call."""
        changed = {asset: self._held[asset] for asset in self._touched}
        self._touched.clear()
        return changed
