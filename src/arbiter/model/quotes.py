"""Top of book at the edge of the hot path; inside it, quotes are rows of the board's arrays."""

from enum import IntEnum

import msgspec

from arbiter.model.ids import InstrumentId


class QuoteFault(IntEnum):
    """Why a quote was refused by the board; counted per venue, never silently dropped."""

    CROSSED = 1
    NOT_POSITIVE = 2
    NOT_FINITE = 3
    NEGATIVE_SIZE = 4
    BACKWARDS = 5
    """Exchange time earlier than the quote already held."""
    UNLISTED = 6
    """No instrument is listed at the slot."""


class Quote(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Best bid and ask of one instrument.

    Prices in quote per base, sizes in the instrument's size unit, times in ns UTC.
    """

    instrument: InstrumentId
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    exchange_ns: int
    receive_ns: int


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """One bar; `volume` in base units, `open_ns` the start of the bar."""

    instrument: InstrumentId
    interval_ns: int
    open_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
