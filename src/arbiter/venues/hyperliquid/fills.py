"""A wallet's public fills on Hyperliquid, into acts of a leader.

Wire format: the `info` request ``userFillsByTime``. Every fill tells the signed position it began
with, so nothing has to be known of the time before.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbiter.model.copying import LeaderAction, LeaderKind, Wallet
from arbiter.model.errors import VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_MS

HYPERLIQUID = VenueId("hyperliquid")


class FillRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    coin: str
    px: Decimal
    sz: Decimal
    side: str
    """``B`` bought, ``A`` sold."""
    time: int
    """Epoch milliseconds."""
    start_position: Decimal
    oid: int
    tid: int
    """Of the trade: both sides of it carry it."""


_rows = msgspec.json.Decoder(list[FillRow])


def read_fills(body: bytes) -> list[FillRow]:
    """Read an answer; what is not one is `VenueUnreachable`."""
    try:
        return _rows.decode(body)
    except msgspec.MsgspecError as error:
        raise VenueUnreachable(f"hyperliquid's fills cannot be read: {error}") from error


def actions(wallet: Wallet, rows: Iterable[FillRow]) -> list[LeaderAction]:
    return [
        LeaderAction(
            venue=HYPERLIQUID,
            wallet=wallet,
            key=f"{row.tid}:{row.oid}:{row.side}",
            kind=LeaderKind.BUY if row.side == "B" else LeaderKind.SELL,
            market=row.coin,
            size=row.sz,
            price=row.px,
            decision=str(row.oid),
            start=row.start_position,
            at_ns=row.time * NS_PER_MS,
        )
        for row in rows
        if row.sz
    ]
