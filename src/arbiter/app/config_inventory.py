"""What it costs to move inventory: read into the rebalancing plans that alerts carry."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

from arbiter.app.config_fields import Money, Section, text
from arbiter.model.ids import Asset


def _fee(value: Decimal) -> Decimal:
    if not 0 <= value <= 1_000_000_000:
        raise ValueError("must be an amount from 0 to 1000000000")
    return value


class InventoryCosts(Section):
    """Transfers are made by people; these figures only cost them."""

    network_fees: dict[str, Annotated[Money, AfterValidator(_fee)]] = text(
        {}, "Cost of one transfer by asset, in its own units; others are called unknown."
    )

    def record(self) -> dict[Asset, Decimal]:
        return {Asset(asset): fee for asset, fee in self.network_fees.items()}
