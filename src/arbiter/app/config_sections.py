"""The sections of the configuration: every setting there is, with unit, range and default."""

import ipaddress
import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from arbiter.access.tokens import TokenSettings
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
from arbiter.execution.settings import ExecutionSettings, LegOrder
from arbiter.risk.limits import RiskLimits


class Mode(StrEnum):
    SIM = "sim"
    """Built-in market simulator and simulated venues, real clock."""


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class TrendFilterMode(StrEnum):
    UPTREND_BUY_LOW = "uptrend_buy_low"
    DOWNTREND_SELL_HIGH = "downtrend_sell_high"
    BOTH = "both"
    DISABLED = "disabled"


class Engine(Section):
    mode: Mode = text(Mode.SIM, "Where quotes and fills come from.")
    home: Line = text("", "Data folder; empty means ARBITER_HOME or ~/.local/share/arbiter.")


class Database(Section):
    url: SecretStr = text(
        SecretStr(""), "PostgreSQL server (postgresql://…); empty means the embedded one."
    )


class Spot(Section):
    """Buying on one exchange and selling on another."""

    enabled: Switch = text(True, "Whether the strategy runs at start.")
    min_profit_threshold: Money = number(
        Decimal("0.005"), Unit.FRACTION, 0, Decimal("0.1"), "Least net edge that is traded."
    )
    max_spread_threshold: Money = number(
        Decimal(1), Unit.FRACTION, Decimal("0.001"), 10, "Net edge above which a quote is wrong."
    )
    slippage_tolerance: Money = number(
        Decimal("0.001"), Unit.FRACTION, 0, Decimal("0.05"), "How far beyond the touch a leg goes."
    )
    max_spread_age_seconds: Money = number(
        Decimal(5), Unit.SECONDS, Decimal("0.05"), 60, "Oldest quote a spread is seen in."
    )
    cooldown_seconds: Money = number(
        Decimal(60), Unit.SECONDS, 0, 3_600, "Pause per symbol and direction after a trade."
    )
    max_trades_per_hour: Whole = number(50, Unit.COUNT, 1, 100_000, "Cap over all symbols.")
    trade_amount_usd: Money = number(Decimal(100), Unit.USD, 1, 10_000_000, "Size a trade aims at.")
    max_position_size: Money = number(
        Decimal(1_000), Unit.USD, 1, 10_000_000, "Most one trade may be worth."
    )
    use_trend_filter: Switch = text(True, "Whether the trend filter blocks.")
    trend_filter_mode: TrendFilterMode = text(
        TrendFilterMode.UPTREND_BUY_LOW, "Which trends let a trade through."
    )
    moving_average_periods: Whole = number(
        30, Unit.COUNT, 2, 3_600, "One-second samples the trend is read from."
    )
    trend_confirmation_threshold: Money = number(
        Decimal("0.001"), Unit.FRACTION, 0, Decimal("0.05"), "Change of the mean that is a trend."
    )
    premium_detection: Switch = text(False, "Skip spreads that are far from their own mean.")
    quote: Line = text("USDT", "Quote currency of the symbols traded.")
    symbols: Names = text((), "Symbols traded (BTCUSDT or BTC/USDT); empty means all.")
    exchanges: Names = text((), "Venues traded; empty means all.")


class Risk(Section):
    """Bounds on everything that opens risk."""

    max_trade_usd: Money = number(
        Decimal(1_500), Unit.USD, 1, 10_000_000, "Most the larger leg may be worth at its limit."
    )
    max_total_exposure_usd: Money = number(
        Decimal(10_000), Unit.USD, 1, 1_000_000_000, "Most all open trades may be worth."
    )
    max_concurrent_trades: Whole = number(3, Unit.COUNT, 1, 1_000, "Open trades at a time.")
    daily_loss_limit_usd: Money = number(
        Decimal(1_000), Unit.USD, 1, 1_000_000_000, "Trading loss since 00:00 UTC that stops all."
    )
    max_drawdown_percent: Money = number(
        Decimal(5), Unit.PERCENT, Decimal("0.1"), 100, "Fall of trading equity that stops all."
    )
    capital_base_usd: Money = number(
        Decimal(10_000), Unit.USD, 1, 100_000_000_000, "Capital that trading PnL is added to."
    )
    staleness_threshold_ms: Whole = number(
        2_000, Unit.MILLISECONDS, 50, 60_000, "Oldest quote that may still be traded on."
    )
    market_slippage: Money = number(
        Decimal("0.01"), Unit.FRACTION, 0, Decimal("0.2"), "What a market order is assumed to cost."
    )
    min_side_fraction: Money = number(
        Decimal("0.1"),
        Unit.FRACTION,
        0,
        Decimal("0.9"),
        "Part of its starting holding below which a venue's side is not drawn down.",
    )

    def record(self) -> RiskLimits:
        return RiskLimits(**self.model_dump())


class Execution(Section):
    """How two legs are worked."""

    leg_order: LegOrder = text(LegOrder.PARALLEL, "Whether both legs leave together.")
    leg_timeout_ms: Whole = number(
        2_000, Unit.MILLISECONDS, 50, 60_000, "Wait for a sent order's last word."
    )
    retry_ms: Whole = number(
        500, Unit.MILLISECONDS, 50, 60_000, "Between two questions about one order."
    )
    max_retry_ms: Whole = number(
        30_000, Unit.MILLISECONDS, 100, 600_000, "Longest pause between two questions."
    )
    unwind_slippage_bps: Whole = number(
        100, Unit.BASIS_POINTS, 1, 1_000, "How far through the touch an unwind may reach."
    )
    unwind_attempts: Whole = number(
        5, Unit.COUNT, 1, 100, "Unwinds without a fill before a person is called."
    )

    def record(self) -> ExecutionSettings:
        return ExecutionSettings(**self.model_dump())


_ASSET = re.compile(r"[A-Z0-9]{2,16}")
BUDGET_CURRENCIES = ("USDT", "USDC", "USD", "EUR", "BTC", "ETH", "DAI", "FDUSD")


def _allocations(value: dict[str, Decimal]) -> dict[str, Decimal]:
    for amount in value.values():
        if not 0 <= amount <= 1_000_000_000:
            raise ValueError("must be an amount from 0 to 1000000000")
    return value


Allocations = Annotated[dict[str, Money], AfterValidator(_allocations)]


class Budgets(Section):
    """Capital a strategy may have in use per currency; without one, use is only tracked."""

    spot_arbitrage: Allocations = text({}, "Currency = amount, for the spot strategy.")


class Access(Section):
    """Tokens of every API."""

    jwt_secret: SecretStr = text(
        SecretStr(""), "Signs tokens; empty means one made and kept in the data folder."
    )
    access_expiry_seconds: Whole = number(
        3_600, Unit.SECONDS, 60, 86_400, "Life of an access token."
    )
    refresh_expiry_seconds: Whole = number(
        604_800, Unit.SECONDS, 3_600, 7_776_000, "Life of a refresh token."
    )

    def record(self) -> TokenSettings:
        return TokenSettings(
            access_expiry_seconds=self.access_expiry_seconds,
            refresh_expiry_seconds=self.refresh_expiry_seconds,
        )


_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def _host(value: str) -> str:
    if not _HOST_NAME.fullmatch(value) or value.replace(".", "").isdigit():
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("must be an address such as 127.0.0.1, or a host name") from None
    return value


Host = Annotated[Line, AfterValidator(_host)]


class Listen(Section):
    """Where the APIs listen."""

    ops_host: Host = text("127.0.0.1", "Health probes.")
    ops_port: Whole = number(9_090, Unit.PORT, 1, 65_535, "Health probes.")


class Logging(Section):
    level: LogLevel = text(LogLevel.INFO, "Least important line that is written.")
    format: LogFormat = text(LogFormat.TEXT, "How a line is written.")


class Sim(Section):
    """The built-in market simulator and its exchanges."""

    seed: Whole = number(7, Unit.NUMBER, 0, 2**31 - 1, "Same seed, same market.")
    symbols: Whole = number(50, Unit.COUNT, 2, 400, "How many symbols are listed.")
    venues: Names = text(("binance", "bybit", "okx", "kraken"), "Simulated exchanges.")
    quotes_per_second: Whole = number(
        2_000, Unit.PER_SECOND, 1, 50_000, "Quotes of all venues together."
    )
    order_latency_ms: Real = number(5.0, Unit.MILLISECONDS, 0, 5_000, "From an order to its venue.")
