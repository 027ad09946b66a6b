"""Identifiers: distinct types, so that a swapped argument is a type error.

Every primary key is a UUIDv7 (RFC 9562 §5.7) made from a time and randomness that are handed in.
A client order id is derived from its trade, role and attempt: rebuilding it needs no memory.
"""

from functools import lru_cache
from typing import NewType
from uuid import UUID, SafeUUID, uuid5

VenueId = NewType("VenueId", str)
"""Canonical lower-case venue name: ``binance``, ``binance_futures``, ``kalshi``."""

InstrumentId = NewType("InstrumentId", str)
"""``BTCUSDT.BINANCE``; perpetuals ``BTCUSDT-PERP.BYBIT``."""

Symbol = NewType("Symbol", str)
"""Venue-free name of what is traded, ``BTC/USDT``: the same on every venue that lists it."""

Asset = NewType("Asset", str)
StrategyId = NewType("StrategyId", str)
"""Name of a strategy, for example ``spot-arbitrage``; the desk's UUID is `strategy_uuid`."""

MANUAL = StrategyId("manual")
"""What a person orders by hand, and whatever is nobody else's."""

TradeId = NewType("TradeId", UUID)
SignalId = NewType("SignalId", UUID)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
VenueTradeId = NewType("VenueTradeId", str)
"""The venue's id of one execution; with the venue it keys a fill, once."""

Actor = NewType("Actor", str)
"""Who caused a change: ``user:alice``, ``strategy:spot-arbitrage``, ``cli``, ``engine``."""

ENGINE = Actor("engine")

_set = object.__setattr__
_UNSAID = SafeUUID.unknown
_MILLIS = (1 << 48) - 1
_STRATEGY_NAMESPACE = UUID("6a1f0c52-8f0e-5d1e-9b1a-7d2f3f6f9f10")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _CROCKFORD for low in _CROCKFORD]
"""Two digits at a time: ids are made between a decision and its orders."""


def uuid7(now_ns: int, randomness: int) -> UUID:
    """Make a time-ordered UUID from a UTC time and at least 74 random bits."""
    return dated(now_ns, uuid7_tail(randomness))


def uuid7_tail(randomness: int) -> int:
    """Give the 80 bits of a version 7 UUID that are not its time."""
    rand_a = randomness & 0xFFF
    rand_b = (randomness >> 12) & ((1 << 62) - 1)
    return 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b


def dated(now_ns: int, tail: int) -> UUID:
    """Put the time before a tail: all that is left to do between a decision and its orders."""
    made = UUID.__new__(UUID)
    # What `UUID(int=…)` does, without looking at the other ways to make one.
    _set(made, "int", (now_ns // 1_000_000 & _MILLIS) << 80 | tail)
    _set(made, "is_safe", _UNSAID)
    return made


def strategy_uuid(strategy: StrategyId) -> UUID:
    """Give the stable UUID under which the desk's API knows a strategy."""
    return uuid5(_STRATEGY_NAMESPACE, strategy)


def client_order_id(trade: TradeId, role: str, attempt: int) -> ClientOrderId:
    """Derive an order's id from what it is for.

    `role` is one or two letters (``a``, ``b`` for the legs, ``u`` unwind, ``c`` chase, ``m`` manual).
    The result has at most 36 characters of ``[0-9a-z-]``, which every supported venue accepts.
    """
    return ClientOrderId(f"{_base32(trade.int)}-{role}{attempt}")


@lru_cache(maxsize=64)
def _base32(number: int) -> str:
    """26 characters instead of 32: leaves room for the role within Binance's 36."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
