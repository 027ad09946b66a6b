"""When the desk of event pairs looks, and what it proposes."""

from decimal import Decimal

import msgspec


class PairDeskSettings(msgspec.Struct, frozen=True, kw_only=True):
    poll_seconds: float = 60.0
    scan_seconds: float = 3_600.0
    cap_usd: Decimal = Decimal(1_000)
    """Of what is proposed."""
    min_likeness: float = 0.75
    """Cosine of both texts, where an embedding model is asked: below it nothing is proposed."""
