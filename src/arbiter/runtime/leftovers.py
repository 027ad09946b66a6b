"""Leftovers: positions that no order closes, and what will end each of them.

A venue takes no order below its minimum, and nothing makes an exception for the end of a position:
what partial fills and fees leave below it is neither sold nor bought back.
"""

from collections.abc import Sequence
from decimal import Decimal

from arbiter.model.holdings import Position
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import plain
from arbiter.runtime.crossing import against


def stuck(
    listed: Instrument, quantity: Decimal, price: Decimal | None, parts: Sequence[Position] = ()
) -> str | None:
    """Say why no order closes a signed quantity and what ends it; None where an order may.

    `parts` are what strategies hold of it: each closes its own, and all may be too small. Without a
    `price`, nothing is said to be worth too little.
    """
    least = plain(listed.least_size)
    if listed.floor_size(abs(quantity)) < listed.least_size:
        return f"below the venue's minimum of {least}: no order closes it, {_end(listed)}"
    if listed.is_dust(quantity, price):
        worth = f"{plain(listed.min_notional)} {listed.quote}"
        return f"worth less than the venue's minimum of {worth}: no order sells it until it is more"
    held = [part.quantity for part in parts]
    if sum(held) == quantity and all(listed.is_dust(each, price) for each in held):
        return (
            f"in parts below the venue's minimum of {least} ({against(parts)}): "
            f"no order closes one, {_end(listed)}"
        )
    return None


def _end(listed: Instrument) -> str:
    if listed.kind is InstrumentKind.BINARY:
        return "it ends with the payout"
    return "close it at the venue or let a later trade take it along"
