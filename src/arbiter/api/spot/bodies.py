"""Bodies of the contract: field names, types and units as published.

Every `*_percent` and `win_rate` is in percent, every `*_threshold` a fraction. Times are epoch
seconds (float) where a field is called `timestamp`, RFC 3339 with Z elsewhere.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class Asked(BaseModel):
    """A request's body; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# Errors


class ErrorDetail(Body):
    code: str
    message: str
    details: dict[str, object]
    timestamp: str


class ErrorBody(Body):
    error: ErrorDetail


# Log-in


class Credentials(Asked):
    username: Annotated[str, Field(min_length=1, max_length=256)]
    password: Annotated[str, Field(min_length=1, max_length=1_024)]


class Token(Body):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Seconds."""


# Status


class ExchangeStatus(Body):
    connected: bool
    last_update: float
    latency_ms: int


Mode = Literal["live", "simulation", "backtest"]


class Status(Body):
    status: Literal["starting", "running", "paused", "stopped", "emergency_stopped"]
    uptime: int
    version: str
    mode: Mode
    exchanges: dict[str, ExchangeStatus]
    active_symbols: int
    signals_last_hour: int
    trades_today: int
    reason: str = ""


Verdict = Literal["pass", "warn", "fail"]


class DatabaseCheck(Body):
    status: Verdict
    response_time_ms: float


class ExchangesCheck(Body):
    status: Verdict
    connected_count: int
    total_count: int


class MemoryCheck(Body):
    status: Verdict
    usage_percent: float


class DiskCheck(Body):
    status: Verdict
    free_space_gb: float


class Checks(Body):
    database: DatabaseCheck
    exchanges: ExchangesCheck
    memory: MemoryCheck
    disk: DiskCheck


class Health(Body):
    healthy: bool
    checks: Checks


# Trading control

Name = Annotated[str, Field(min_length=1, max_length=64)]


class StartRequest(Asked):
    mode: Mode | None = None
    symbols: Annotated[list[Name], Field(max_length=1_000)] | None = None
    exchanges: Annotated[list[Name], Field(max_length=100)] | None = None


class Started(Body):
    success: bool
    message: str
    mode: Mode
    start_time: str
    symbols_count: int
    exchanges_count: int


class Stopped(Body):
    success: bool
    message: str
    stop_time: str
    trades_completed: int
    pending_trades: int


class ArbitrageConfig(Body):
    min_profit_threshold: float
    max_position_size: float
    trade_amount_usd: float
    use_trend_filter: bool
    trend_filter_mode: str


class RiskConfig(Body):
    max_drawdown_percent: float
    stop_loss_percent: float
    max_concurrent_trades: int


class ExchangeConfig(Body):
    enabled: bool


class TradingConfig(Body):
    arbitrage: ArbitrageConfig
    risk_management: RiskConfig
    exchanges: dict[str, ExchangeConfig]


class ConfigUpdated(Body):
    success: bool
    message: str
    updated_fields: list[str]


# Prices


class PriceLeaf(Body):
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    timestamp: float


class CurrentPrices(Body):
    timestamp: float
    prices: dict[str, dict[str, PriceLeaf]]


Interval = Literal["1m", "5m", "1h", "1d"]


class CandleRow(Body):
    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class PriceHistory(Body):
    symbol: str
    exchange: str
    interval: Interval
    data: list[CandleRow]


class SpreadRow(Body):
    symbol: str
    buy_exchange: str
    sell_exchange: str
    buy_price: float
    sell_price: float
    spread: float
    spread_percent: float
    profit_after_fees: float
    profit_percent: float


class CurrentSpreads(Body):
    timestamp: float
    spreads: list[SpreadRow]


# Trades and signals

TradeStatus = Literal["pending", "partially_filled", "completed", "failed", "cancelled"]


class TradeRow(Body):
    id: int
    symbol: str
    buy_exchange: str
    sell_exchange: str
    quantity: float
    planned_profit: float
    actual_profit: float | None
    fees_paid: float
    status: TradeStatus
    started_at: str
    completed_at: str | None


class TradeDetail(TradeRow):
    signal_id: int | None
    buy_order_id: str | None
    sell_order_id: str | None
    planned_buy_price: float | None
    planned_sell_price: float | None
    actual_buy_price: float | None
    actual_sell_price: float | None
    slippage: float | None
    execution_time_ms: int | None


class Pagination(Body):
    limit: int
    offset: int
    has_more: bool


class TradeList(Body):
    trades: list[TradeRow]
    total_count: int
    pagination: Pagination


class SignalRow(Body):
    id: int
    symbol: str
    buy_exchange: str
    sell_exchange: str
    buy_price: float
    sell_price: float
    profit: float
    profit_percent: float
    confidence: float
    executed: bool
    timestamp: float
    reason: str = ""


class SignalList(Body):
    signals: list[SignalRow]
    total_count: int


# Account


class BalanceRow(Body):
    free: float
    locked: float
    total: float


class Balances(Body):
    timestamp: float
    balances: dict[str, dict[str, BalanceRow]]
    total_value_usd: float
    unpriced: list[str] = []
    """Assets without a price, left out of the value."""


Period = Literal["day", "week", "month", "year"]


class Metrics(Body):
    total_trades: int
    successful_trades: int
    win_rate: float
    total_profit: float
    total_fees: float
    net_profit: float
    avg_profit_per_trade: float
    max_profit: float
    max_loss: float
    avg_execution_time_seconds: float
    sharpe_ratio: float
    max_drawdown_percent: float
    profit_factor: float


class DayRow(Body):
    date: str
    trades: int
    profit: float
    win_rate: float


class PerformanceReport(Body):
    period: str
    start_date: str
    end_date: str
    metrics: Metrics
    daily_breakdown: list[DayRow]


# Batch and analytics

_Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class ExecuteSignal(Asked):
    type: Literal["execute_signal"]
    signal_id: _Id
    quantity: Annotated[float, Field(gt=0, lt=1e12)] | None = None


class CancelTrade(Asked):
    type: Literal["cancel_trade"]
    trade_id: _Id


Operation = Annotated[ExecuteSignal | CancelTrade, Field(discriminator="type")]


class BatchRequest(Asked):
    operations: Annotated[list[Operation], Field(min_length=1, max_length=100)]


class BatchResult(Body):
    operation: int
    success: bool
    trade_id: int | None = None
    error: str | None = None
    code: str | None = None


class BatchResults(Body):
    results: list[BatchResult]


Metric = Literal["profit", "win_rate", "volume"]


class AnalyticsParameters(Asked):
    symbols: Annotated[list[Name], Field(min_length=1, max_length=1_000)] | None = None
    start_date: str | None = None
    end_date: str | None = None
    metrics: Annotated[list[Metric], Field(min_length=1)] | None = None


class AnalyticsRequest(Asked):
    query_type: Annotated[str, Field(max_length=64)]
    parameters: AnalyticsParameters = AnalyticsParameters()


class AnalyticsAnswer(Body):
    query_type: str
    results: dict[str, dict[str, float]]
    execution_time_ms: int


# Risk


class EmergencyStopRequest(Asked):
    reason: Annotated[str, Field(max_length=500)] | None = None
    force: bool = False


class VenueWord(Body):
    exchange: str
    flat: bool
    note: str


class EmergencyStopped(Body):
    success: bool
    message: str
    trades_cancelled: int
    positions_closed: int
    timestamp: str
    exchanges: list[VenueWord] = []
    """What each exchange itself said afterwards."""


class LimitFigures(Body):
    max_drawdown_percent: float
    current_drawdown_percent: float
    max_concurrent_trades: int
    current_active_trades: int
    daily_loss_limit: float
    current_daily_loss: float


class RiskReport(Body):
    limits: LimitFigures
    status: Literal["normal", "warning", "critical"]
    warnings: list[str]
