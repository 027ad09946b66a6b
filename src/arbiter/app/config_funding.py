"""Settings of the funding family, of the simulated perpetuals, and of telemetry."""

from decimal import Decimal
from typing import TYPE_CHECKING

from arbiter.app.config_fields import (
    Line,
    Money,
    Names,
    Real,
    Section,
    Switch,
    Unit,
    Whole,
    number,
    text,
)
from arbiter.model.ids import Symbol, VenueId
from arbiter.opportunities.funding_settings import FundingSettings

if TYPE_CHECKING:
    from arbiter.markets.perpetual_settings import PerpetualSettings

_HALF = Decimal("0.5")


class Funding(Section):
    """Long the perpetual with the low funding rate, short the one with the high."""

    enabled: Switch = text(True, "Whether the strategy opens pairs; open ones are always kept.")
    min_funding_spread: Money = number(
        Decimal("0.0004"), Unit.FRACTION, 0, Decimal("0.01"), "Least spread over 8 h."
    )
    min_expected_value: Money = number(
        Decimal("0.0005"),
        Unit.FRACTION,
        Decimal("-0.1"),
        Decimal("0.02"),
        "Least funding of the whole hold after fees, slippage and haircut.",
    )
    staleness_haircut: Money = number(
        Decimal("0.0003"), Unit.FRACTION, 0, Decimal("0.01"), "For rates that change till paid."
    )
    slippage: Money = number(
        Decimal("0.0001"), Unit.FRACTION, 0, Decimal("0.005"), "Expected on each execution."
    )
    max_entry_basis: Money = number(
        Decimal("0.002"),
        Unit.FRACTION,
        0,
        Decimal("0.1"),
        "Most the long may cost above the short.",
    )
    hold_hours: Money = number(Decimal(72), Unit.NUMBER, 1, 8_760, "Intended hold.")
    quiet_before_seconds: Money = number(
        Decimal(60), Unit.SECONDS, 0, 3_000, "No entry so shortly before a settlement."
    )
    quiet_after_seconds: Money = number(
        Decimal(30), Unit.SECONDS, 0, 3_000, "No entry so shortly after a settlement."
    )
    size_usd: Money = number(Decimal(1_000), Unit.USD, 1, 100_000_000, "Worth of each leg.")
    leverage: Money = number(Decimal(3), Unit.NUMBER, 1, 125, "On both legs alike.")
    limit_slippage: Money = number(
        Decimal("0.002"), Unit.FRACTION, 0, Decimal("0.05"), "How far beyond the touch a leg goes."
    )
    max_pairs: Whole = number(3, Unit.COUNT, 1, 200, "Pairs open at a time.")
    cooldown_hours: Money = number(
        Decimal(1), Unit.NUMBER, 0, 1_000, "Rest per symbol after a pair has closed."
    )
    retry_seconds: Money = number(
        Decimal(5), Unit.SECONDS, Decimal("0.1"), 3_600, "Before what was refused is tried again."
    )
    max_rate_age_seconds: Money = number(
        Decimal(30), Unit.SECONDS, 1, 3_600, "Oldest rate that is decided on."
    )
    target_profit: Money = number(
        Decimal("0.02"), Unit.FRACTION, Decimal("0.0001"), 1, "Profit that closes a pair."
    )
    narrow_spread: Money = number(
        Decimal("0.00005"),
        Unit.FRACTION,
        0,
        Decimal("0.002"),
        "Spread over 8 h below which a pair is poor.",
    )
    narrow_spread_exit_periods: Whole = number(
        3, Unit.COUNT, 1, 1_000, "Intervals of the slower leg after which a poor pair is closed."
    )
    trailing_stop: Money = number(
        Decimal("0.01"), Unit.FRACTION, Decimal("0.0001"), _HALF, "Fall from the peak that closes."
    )
    trailing_start: Money = number(
        Decimal("0.005"),
        Unit.FRACTION,
        0,
        Decimal("0.2"),
        "Peak from which the trailing stop counts.",
    )
    max_duration_hours: Money = number(Decimal(720), Unit.NUMBER, 1, 87_600, "Longest hold.")
    min_liquidation_distance: Money = number(
        Decimal("0.08"), Unit.FRACTION, 0, _HALF, "Of the mark; nearer, both legs are closed."
    )
    max_adl_rank: Whole = number(4, Unit.COUNT, 1, 5, "Place in the queue that closes a pair.")
    trouble_seconds: Money = number(
        Decimal(60), Unit.SECONDS, 0, 3_600, "A venue away for so long closes its pairs."
    )
    symbols: Names = text((), "Base assets traded (BTC); empty means all.")
    exchanges: Names = text((), "Venues traded; empty means all.")

    def record(self, time_scale: float = 1.0) -> FundingSettings:
        values = self.model_dump(exclude={"enabled", "symbols", "exchanges"})
        return FundingSettings(
            **values,
            symbols=tuple(Symbol(f"{base.upper()}/USDT:PERP") for base in self.symbols),
            venues=tuple(VenueId(venue) for venue in self.exchanges),
            time_scale=Decimal(repr(time_scale)),
        )


class Perpetuals(Section):
    """The simulated perpetuals and their funding."""

    symbols: Whole = number(6, Unit.COUNT, 0, 200, "Base assets with perpetuals, of those listed.")
    inverse_symbols: Whole = number(
        1, Unit.COUNT, 0, 200, "Base assets with inverse contracts too, settled in themselves."
    )
    venues: Names = text(
        ("binance_futures", "bybit_futures", "hyperliquid", "aster"), "Simulated exchanges."
    )
    quotes_per_second: Whole = number(200, Unit.PER_SECOND, 1, 20_000, "Of all of them together.")
    depth_usd: Real = number(20_000.0, Unit.USD, 1, 1_000_000_000, "Median size at the best price.")
    rate_dispersion: Real = number(
        0.00035, Unit.FRACTION, 0, 0.01, "Of one venue's funding over 8 h around the mean."
    )
    interval_change_after_hours: Real = number(
        0.0, Unit.NUMBER, 0, 1_000_000, "When one venue goes over to hourly funding; 0 is never."
    )
    squeeze_after_hours: Real = number(
        0.0, Unit.NUMBER, 0, 1_000_000, "When the first symbol's price jumps; 0 is never."
    )
    squeeze_size: Real = number(0.5, Unit.FRACTION, -0.9, 9, "Of the price.")
    deleverage_share: Real = number(
        0.0, Unit.NUMBER, 0, 1, "Part (0..1) of the winners' positions that is closed in the jump."
    )

    def record(self, time_scale: float, listed: int) -> "PerpetualSettings":
        """Build the simulator's own record; there are never more symbols than `listed` on spot."""
        from arbiter.markets.perpetual_settings import PerpetualSettings

        values = self.model_dump(
            exclude={"venues", "quotes_per_second", "symbols", "inverse_symbols"}
        )
        symbols = min(self.symbols, listed)
        return PerpetualSettings(
            **values,
            symbols=symbols,
            inverse=min(self.inverse_symbols, symbols),
            venues=tuple(VenueId(venue) for venue in self.venues),
            quotes_per_second=float(self.quotes_per_second),
            time_scale=time_scale,
        )


class Telemetry(Section):
    """Metrics, traces and logs over OTLP/gRPC."""

    otlp_endpoint: Line = text("", "Collector (http://localhost:4317); empty exports nothing.")
    export_seconds: Real = number(10.0, Unit.SECONDS, 0.1, 3_600, "Between two exports.")
    traces: Switch = text(True, "Whether the life of every order is traced.")
    logs: Switch = text(True, "Whether log lines are exported.")
