"""What an engine and a backtest's process of its own say to each other, a line of JSON each."""

import json
from decimal import Decimal
from typing import Any

import msgspec

from arbiter.model.instruments import Instrument
from arbiter.runtime.spot_picture import SpotPicture


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where the result goes."""

    database: str
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    venues: tuple[str, ...]
    settings: dict[str, Any]
    """Sections of `Research`, as TOML would have them."""


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The data are understood; what they hold, and how things stand before the first quote."""

    instruments: tuple[Instrument, ...]
    picture: SpotPicture


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    picture: SpotPicture
    ended: str | None = None
    """Set in the last word: why the run is over. All of it is in the database then."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    reason: str
    storage: bool
    """Not what was asked for is wrong, but the database is away."""


Word = Ready | Progress | Refused

_numbers = msgspec.json.Encoder(decimal_format="number")


def written(order: Order) -> bytes:
    """Write an order as one line; amounts stay numbers with all their digits."""
    return _numbers.encode(order) + b"\n"


def read_order(line: bytes) -> Order:
    return msgspec.convert(json.loads(line, parse_float=Decimal), Order)
