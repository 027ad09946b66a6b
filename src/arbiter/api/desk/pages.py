"""Bodies beyond the contract, for the desk's web pages: what ``/api/desk`` and its stream show.

Numbers are JSON numbers, times RFC 3339 with Z, to the microsecond. `*_percent` is in percent; fractions say so.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from arbiter.api.desk.bodies import Asked, Body, Fill, Order

# Overview


class Venue(Body):
    venue: str
    connected: bool
    reason: str
    """Why it is not."""
    quote_age_ms: int | None
    """Since the newest good quote of any of its instruments."""
    quotes: int
    faults: int


class FamilyPnl(Body):
    family: str
    pnl_today: float
    """Net of fees, of trades that ended since 00:00 UTC."""
    trades_today: int


class Usage(Body):
    name: str
    used: float
    limit: float
    unit: str
    fraction: float
    level: Literal["normal", "warning", "critical", "breach"]


class Alert(Body):
    ts: str
    severity: str
    code: str
    text: str
    instrument_id: str | None


class KillSwitch(Body):
    engaged: bool
    actor: str
    reason: str
    flatten: bool
    ts_changed: str | None


class Overview(Body):
    ts: str
    mode: str
    version: str
    status: Literal["starting", "running", "stopping", "killed"]
    ready: bool
    ts_started: str
    uptime_s: int
    journal_healthy: bool
    kill_switch: KillSwitch
    venues: list[Venue]
    symbols: int
    quotes_total: int
    open_trades: int
    trades_today: int
    signals_total: int
    pnl_today: float
    pnl_total: float
    families: list[FamilyPnl]
    risk: list[Usage]
    alerts: list[Alert]
    """Newest first."""


class EquityPoint(Body):
    ts: str
    cumulative_pnl: float
    """Trading PnL, net of fees, of all trades that ended up to here."""
    trades: int
    """That ended since the point before."""


class Equity(Body):
    period: str
    capital_base: float
    """USD that trading PnL is added to for the drawdown."""
    points: list[EquityPoint]


# Risk


class Limits(Body):
    max_trade_usd: float
    max_total_exposure_usd: float
    max_concurrent_trades: int
    daily_loss_limit_usd: float
    max_drawdown_percent: float
    capital_base_usd: float
    staleness_threshold_ms: int
    min_side_fraction: float


class UsdRate(Body):
    currency: str
    usd: float
    """Per unit."""
    source: str
    """Which market told it; ``settings`` and ``par`` are words that do not age."""
    as_of: str | None
    """When the market was quoted so; null for a word."""
    fresh: bool
    """Whether anything is opened in the currency."""


class Risk(Body):
    level: Literal["normal", "warning", "critical", "breach"]
    warnings: list[str]
    usage: list[Usage]
    limits: Limits
    exposure_usd: float
    open_trades: int
    kill_switch: KillSwitch
    usd_rates: list[UsdRate]


class Engage(Asked):
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    flatten: bool = False
    """Also close every open position."""


class VenueProof(Body):
    venue: str
    reachable: bool
    flat: bool
    """Proven by the venue's own answer: nothing works there, no leg stands alone, and
    no position is open."""
    open_orders: list[str]
    unhedged: list[str]
    positions: list[str]
    note: str


class KillReport(Body):
    flat: bool
    durable: bool
    """The latch is in the database; otherwise it holds in memory."""
    venues: list[VenueProof]
    kill_switch: KillSwitch


class Switch(Asked):
    running: bool
    reason: Annotated[str, Field(max_length=500)] = ""


# Markets


class Top(Body):
    venue: str
    instrument_id: str
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    age_ms: int | None


class Level(Body):
    price: float
    size: float


class Depth(Body):
    venue: str
    bids: list[Level]
    """Best first."""
    asks: list[Level]
    age_ms: int


class Pair(Body):
    buy_venue: str
    sell_venue: str
    buy_price: float
    sell_price: float
    net_percent: float
    """After both taker fees and the slippage tolerance, in percent of the buy price."""
    pays: bool
    """At or above the spot strategy's threshold."""


class MarketRow(Body):
    symbol: str
    name: str
    """``BTCUSDT`` for ``BTC/USDT``."""
    quotes: list[Top]
    best: Pair | None


class Markets(Body):
    ts: str
    venues: list[str]
    threshold_percent: float
    rows: list[MarketRow]
    """Best net spread first."""


class Market(Body):
    ts: str
    symbol: str
    name: str
    quotes: list[Top]
    depth: list[Depth]
    """Books of those venues that tell them; followed from the first look on."""
    pairs: list[Pair]
    """Every pair of venues, both ways, best first."""


class Candle(Body):
    ts: str
    """When the bar opened."""
    open: float
    high: float
    low: float
    close: float
    volume: float


class Candles(Body):
    symbol: str
    instrument_id: str
    interval: str
    candles: list[Candle]
    """Oldest first."""


# Trades and signals


class LegView(Body):
    role: str
    instrument_id: str
    venue: str
    side: Literal["BUY", "SELL"]
    quantity: float
    limit_price: float | None
    planned_price: float
    actual_price: float | None
    filled_qty: float
    slippage: float | None
    """Against the plan, in quote; adverse is positive. Null before a fill."""
    status: str
    client_order_id: str


class Trade(Body):
    id: int
    trade_id: UUID
    strategy_id: UUID
    strategy_name: str
    family: str
    symbol: str
    currency: str
    state: str
    reason: str
    actor: str
    signal_id: int | None
    outcome_unknown: bool
    ts_started: str
    ts_completed: str | None
    duration_ms: int | None
    legs: list[LegView]
    planned_profit: float
    """Before fees, at planned prices."""
    fees: float
    pnl: float | None
    """Net of fees, once it is over."""
    slippage: float | None
    residual: float
    """Base units left over."""


class Step(Body):
    ts: str
    elapsed_ms: float
    """Since the trade was opened."""
    kind: str
    client_order_id: str | None
    leg: str | None
    text: str


class Signal(Body):
    id: int
    strategy_id: UUID
    strategy_name: str
    symbol: str
    buy_venue: str
    sell_venue: str
    buy_price: float
    sell_price: float
    net_percent: float
    confidence: float
    executed: bool
    verdict: str
    """Why it was not executed, as it is stored."""
    explanation: str
    ts: str


class TradeStory(Body):
    trade: Trade
    signal: Signal | None
    orders: list[Order]
    fills: list[Fill]
    timeline: list[Step]
    """Oldest first."""


# Holdings


class Balance(Body):
    venue: str
    asset: str
    total: float
    free: float
    locked: float
    usd: float | None
    baseline: float
    """What was put there: skew is measured against it."""
    fraction: float | None
    """total / baseline: 1 is balanced."""
    share: float | None
    """Part of the asset over all venues, 0..1."""
    floor: float | None
    skew: Literal["ok", "low", "stopped"] | None
    frozen: bool
    ts: str


class Balances(Body):
    ts: str
    total_usd: float
    by_venue_usd: dict[str, float]
    balances: list[Balance]


# Sessions


class LogIn(Asked):
    username: Annotated[str, Field(min_length=1, max_length=256)]
    password: Annotated[str, Field(min_length=1, max_length=1_024)]


class Refresh(Asked):
    refresh_token: Annotated[str, Field(min_length=1, max_length=4_096)]


class Tokens(Body):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Seconds."""


class Session(Body):
    auth_required: bool
    actor: str
    role: str
    can_trade: bool
    is_admin: bool
