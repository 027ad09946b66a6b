"""Inventory: what each venue holds to trade from, and how far a side may be drawn down.

Pre-funded arbitrage moves base to the venue that is cheap and quote to the venue that is dear.
A direction stops while the side it draws on still holds a set fraction of what it started with,
so that the opposite direction, which refills it, always remains tradable.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.holdings import Balance
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO, quotient


class SideState(StrEnum):
    OK = "ok"
    LOW = "low"
    """Less than twice the floor is left."""
    STOPPED = "stopped"
    """At the floor or below: nothing draws on it any more."""


class SkewRow(msgspec.Struct, frozen=True, kw_only=True):
    """One asset on one venue, for display."""

    asset: Asset
    venue: VenueId
    held: Decimal
    baseline: Decimal
    floor: Decimal
    fraction: Decimal
    """held / baseline: 1 is balanced."""
    share: Decimal
    """Part of the asset's inventory over all venues, 0..1."""
    state: SideState


class Inventory:
    """Starting holdings per (venue, asset) and the floors that follow from them.

    What has no baseline has no floor: it was never funded to be traded from.
    """

    def __init__(
        self, baselines: Mapping[tuple[VenueId, Asset], Decimal], min_side_fraction: Decimal
    ) -> None:
        self._baselines = {key: amount for key, amount in baselines.items() if amount > ZERO}
        self._fraction = min_side_fraction
        self._floors = {key: amount * min_side_fraction for key, amount in self._baselines.items()}

    @property
    def baselines(self) -> Mapping[tuple[VenueId, Asset], Decimal]:
        return self._baselines

    def rebased(self, baselines: Mapping[tuple[VenueId, Asset], Decimal]) -> "Inventory":
        """Start anew from other holdings, after a deposit or a rebalance; the fraction stays."""
        return Inventory(baselines, self._fraction)

    def with_fraction(self, min_side_fraction: Decimal) -> "Inventory":
        return Inventory(self._baselines, min_side_fraction)

    def floor(self, venue: VenueId, asset: Asset) -> Decimal:
        """Give what must stay at the venue; 0 where there is no baseline."""
        return self._floors.get((venue, asset), ZERO)

    def spendable(self, venue: VenueId, asset: Asset, free: Decimal) -> Decimal:
        """Give what sizing may draw on: the free amount above the floor, never negative."""
        return max(free - self._floors.get((venue, asset), ZERO), ZERO)

    def rows(self, balances: Mapping[tuple[VenueId, Asset], Balance]) -> tuple[SkewRow, ...]:
        """List every funded side, by asset and venue."""
        held = {key: balances[key].total if key in balances else ZERO for key in self._baselines}
        inventory: dict[Asset, Decimal] = {}
        for (_, asset), amount in held.items():
            inventory[asset] = inventory.get(asset, ZERO) + amount
        return tuple(
            self._row(venue, asset, held[venue, asset], inventory[asset])
            for venue, asset in sorted(held, key=lambda key: (key[1], key[0]))
        )

    def _row(self, venue: VenueId, asset: Asset, held: Decimal, inventory: Decimal) -> SkewRow:
        baseline, floor = self._baselines[venue, asset], self._floors[venue, asset]
        return SkewRow(
            asset=asset,
            venue=venue,
            held=held,
            baseline=baseline,
            floor=floor,
            fraction=quotient(held, baseline),
            share=quotient(held, inventory) if inventory else ZERO,
            state=_state(held, floor),
        )


def _state(held: Decimal, floor: Decimal) -> SideState:
    if held <= floor:
        return SideState.STOPPED
    return SideState.LOW if held < 2 * floor else SideState.OK
