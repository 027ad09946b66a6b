"""Settings of copy trading, and what may be subscribed to."""

import re
from decimal import Decimal

import msgspec

from arbiter.model.copying import Wallet
from arbiter.model.errors import BadConfig, InvalidValue
from arbiter.model.ids import VenueId
from arbiter.model.money import ZERO

COPY_VENUES = (VenueId("polymarket"), VenueId("hyperliquid"))
"""Venues whose traders' activity is public."""

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


class CopySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How closely leaders are watched, and how far from their prices a copy may be."""

    slippage: Decimal = Decimal("0.05")
    """Most a copy pays beyond the leader's price, as a fraction of the price of what is bought."""
    exit_slippage: Decimal = Decimal("0.1")
    """How far through the touch an exit reaches, as a fraction; the leader is gone already."""
    poll_seconds: float = 5.0
    """Between two looks at a leader."""
    overlap_seconds: float = 600.0
    """How far before the newest act known each look begins, for acts that are told late."""
    deep_every_seconds: float = 900.0
    deep_overlap_seconds: float = 86_400.0
    """Now and then a look begins this far back, never before the subscription."""
    retry_seconds: float = 2.0
    longest_retry_seconds: float = 300.0
    """After refusals of one market, and after failures of a leader's source: doubled each time."""

    def __post_init__(self) -> None:
        for name in ("slippage", "exit_slippage"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or not ZERO <= value < 1:
                raise BadConfig(f"copying.{name} must be a fraction from 0 to below 1, got {value}")
        for name in (
            "poll_seconds",
            "overlap_seconds",
            "deep_every_seconds",
            "deep_overlap_seconds",
            "retry_seconds",
            "longest_retry_seconds",
        ):
            seconds: float = getattr(self, name)
            if not 0 < seconds < 1e9:
                raise BadConfig(f"copying.{name} must be more than 0, got {seconds:g}")
        if self.longest_retry_seconds < self.retry_seconds:
            raise BadConfig("copying.longest_retry_seconds must not be below copying.retry_seconds")


def check_wallet(text: str) -> Wallet:
    """Read a leader's address, in any case of letters. Anything else is `InvalidValue`."""
    wallet = text.strip().lower()
    if not _ADDRESS.fullmatch(wallet):
        raise InvalidValue(
            f"{text!r} is no wallet: give its public address, 0x and 40 hexadecimal digits"
        )
    return Wallet(wallet)


def check_terms(venue: VenueId, multiplier: Decimal, max_position_size: Decimal) -> None:
    """Refuse what cannot be followed, or by how much, as `InvalidValue`."""
    if venue not in COPY_VENUES:
        raise InvalidValue(
            f"traders of {venue or 'that venue'} cannot be copied, their activity is not public; "
            f"there are {', '.join(COPY_VENUES)}"
        )
    for name, value in (("size multiplier", multiplier), ("max position size", max_position_size)):
        if not value.is_finite() or value <= ZERO:
            raise InvalidValue(f"the {name} must be more than 0, got {value}")
