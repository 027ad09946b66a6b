"""What a recording does not say: fees, contract sizes, latencies and what the accounts hold."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbiter.matching.latency import LatencySettings
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, VenueId
from arbiter.risk.rates import UsdRateSettings

PerVenue = Mapping[str, Decimal]
"""By venue name (``mexc``, ``gateio_futures``)."""

PerMarket = Mapping[str, Mapping[str, Decimal]]
"""By venue name, then by the venue's own name of the market (``LUNC_USDT``)."""


class BacktestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Fees are fractions of notional, latencies milliseconds one way."""

    seed: int = 7
    """Ids and latencies are drawn from it: the same seed, the same run."""
    order_latency_ms: float = 10.0
    report_latency_ms: float = 10.0
    latency_jitter: float = 0.2
    commit_latency_ms: float = 2.0
    """What making the intents durable takes, before anything is sent."""

    spot_taker_fee: Decimal = Decimal("0.001")
    spot_maker_fee: Decimal = Decimal("0.001")
    futures_taker_fee: Decimal = Decimal("0.0005")
    futures_maker_fee: Decimal = Decimal("0.0002")
    taker_fee: PerVenue = {}
    maker_fee: PerVenue = {}

    contract_size: PerMarket = {}
    """Base units per contract; where absent, recorded sizes are taken for base units."""
    tick: PerMarket = {}
    lot: PerMarket = {}
    """In the recorded unit of size."""
    min_notional: PerVenue = {}
    default_min_notional: Decimal = Decimal(5)
    symbol_names: Mapping[str, str] = {}
    """How a recorded market reads as ``BASE/QUOTE``, where that cannot be told from its name."""

    starting_quote: Decimal = Decimal(100_000)
    """Units of each quote currency per venue."""
    starting_base_usd: Decimal = Decimal(50_000)
    """Worth of each base asset per venue, at the dearest price recorded first."""
    starting_balances: PerMarket = {}
    """Exact amounts by venue and asset; they win."""
    usd_rates: PerVenue = {}
    """USD per unit of a currency, beside the dollar tokens at 1 and what a recorded market tells."""
    usd_rate_max_age_s: Decimal = Decimal(60)

    def __post_init__(self) -> None:
        if not 0.0 <= self.commit_latency_ms <= 60_000.0:
            raise InvalidValue("backtest.commit_latency_ms must lie in 0..60000")
        _ = self.rates  # refuses what is no rate
        for name in (
            "spot_taker_fee",
            "spot_maker_fee",
            "futures_taker_fee",
            "futures_maker_fee",
        ):
            _fraction(name, getattr(self, name))
        for table in ("taker_fee", "maker_fee"):
            for venue, fee in getattr(self, table).items():
                _fraction(f"{table}.{venue}", fee)
        for table in ("contract_size", "tick", "lot"):
            for venue, markets in getattr(self, table).items():
                for market, value in markets.items():
                    if not value.is_finite() or value <= 0:
                        raise InvalidValue(f"backtest.{table}.{venue}.{market} must be above 0")

    @property
    def latency(self) -> LatencySettings:
        return LatencySettings(
            order_ms=self.order_latency_ms,
            report_ms=self.report_latency_ms,
            jitter=self.latency_jitter,
        )

    @property
    def rates(self) -> UsdRateSettings:
        words = {Asset(currency): usd for currency, usd in self.usd_rates.items()}
        return UsdRateSettings(words=words, max_age_s=self.usd_rate_max_age_s)

    def opening(self, venue: VenueId, asset: Asset) -> Decimal | None:
        return self.starting_balances.get(venue, {}).get(asset)


def _fraction(name: str, fee: Decimal) -> None:
    if not fee.is_finite() or not Decimal("-0.01") <= fee <= Decimal("0.1"):
        raise InvalidValue(
            f"backtest.{name} must be a fraction from -0.01 to 0.1 (0.001 is 0.1 %), got {fee}"
        )
