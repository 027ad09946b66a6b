"""`arbiter backtest funding`: what of the settings goes into a run over recorded funding."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from arbiter.app.config import Loaded
from arbiter.backtest import funding_run
from arbiter.backtest.funding_run import FundingReport
from arbiter.markets.assets import base_assets
from arbiter.markets.perpetual_settings import perpetual_venue
from arbiter.markets.perpetuals import list_perpetual
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.time import NS_PER_DAY, from_datetime

VENUES = {
    "binance": "binance_futures",
    "bybit": "bybit_futures",
    "hyperliquid": "hyperliquid",
    "aster": "aster",
}
"""Names in recordings, and whose fees and margin terms hold there."""

_HOUR = Decimal(3_600)


def listings(bases: Sequence[str]) -> dict[tuple[str, str], Instrument]:
    """The perpetuals a recording may speak of, by its venue and base."""
    known = {asset.name: asset for asset in base_assets(60)}
    for base in bases:
        if base not in known:
            raise InvalidValue(f"{base} is not among the assets whose lots are known")
    return {
        (name, base): list_perpetual(known[base], perpetual_venue(VenueId(venue)))  # type: ignore[index]
        for name, venue in VENUES.items()
        for base in bases
    }


def day(text: str) -> int:
    """Read ``2024-05-01`` as its 00:00 UTC, in ns."""
    try:
        return from_datetime(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        raise InvalidValue(f"{text!r} is no day; write it as 2024-05-01") from None


def run_funding(
    loaded: Loaded,
    data: Path,
    prices: Path | None,
    *,
    bases: Sequence[str],
    since: str,
    until: str,
) -> FundingReport:
    """Read and run; days are in UTC, the last one included."""
    instruments = listings(bases)
    recording = funding_run.read(
        data,
        prices,
        bases=bases,
        instruments=instruments,
        since_ns=day(since),
        until_ns=day(until) + NS_PER_DAY - 1,
    )
    settings = msgspec.structs.replace(loaded.settings.funding.record(), max_rate_age_seconds=_HOUR)
    return funding_run.run(
        recording,
        list(instruments.values()),
        settings,
        limits=loaded.settings.risk.record(),
        rates=loaded.settings.risk.rates(),
    )
