"""The sections of the configuration: every setting there is, with unit, range and default."""

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, SecretStr

from arbiter.app.config_copying import SimLeader
from arbiter.app.config_events import SimEvents
from arbiter.app.config_faults import SimFaults
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
from arbiter.app.config_funding import Perpetuals
from arbiter.execution.settings import ExecutionSettings, LegOrder, LoneLeg
from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, Symbol, VenueId
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import UsdRateSettings

if TYPE_CHECKING:
    from arbiter.access.token_settings import TokenSettings
    from arbiter.api.spot.deps import SpotApiSettings
    from arbiter.backtest.settings import BacktestSettings
    from arbiter.venues.sim.settings import SimSettings


class Mode(StrEnum):
    SIM = "sim"
    """Built-in market simulator and simulated venues, real clock."""
    REPLAY = "replay"
    """Recorded quotes through the live core, under their own clock."""
    PAPER = "paper"
    """Quotes of real venues, fills made here."""
    LIVE = "live"
    """Real venues, real money."""


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


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
    retry_seconds: Money = number(
        Decimal(1), Unit.SECONDS, 0, 300, "Pause per symbol and direction after a refusal."
    )
    max_trades_per_hour: Whole = number(50, Unit.COUNT, 1, 100_000, "Cap over all symbols.")
    trade_amount_usd: Money = number(Decimal(100), Unit.USD, 1, 10_000_000, "Size a trade aims at.")
    max_position_size: Money = number(
        Decimal(1_000), Unit.USD, 1, 10_000_000, "Most one trade may be worth."
    )
    full_confidence_amounts: Money = number(
        Decimal(10),
        Unit.NUMBER,
        Decimal("0.1"),
        100_000,
        "Trade amounts both top sizes must hold for full confidence in the size.",
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
    premium_samples: Whole = number(100, Unit.COUNT, 10, 10_000, "Spreads the mean is over.")
    premium_min_samples: Whole = number(50, Unit.COUNT, 2, 10_000, "Spreads before it decides.")
    premium_max_z: Money = number(
        Decimal(2), Unit.NUMBER, Decimal("0.1"), 20, "Standard deviations still believed."
    )
    quote_currencies: Names = text(("USDT",), "Quote currencies traded; empty means all.")
    symbols: Names = text((), "Symbols traded (BTCUSDT or BTC/USDT); empty means all.")
    exchanges: Names = text((), "Venues traded; empty means all.")
    max_symbols: Whole = number(200, Unit.COUNT, 1, 5_000, "Symbols watched for spreads.")

    def record(self, resolve: Callable[[str], Symbol]) -> SpotSettings:
        """Build the strategy's own record; `resolve` turns a written name into a symbol."""
        values = self.model_dump(exclude={"enabled"})
        for name in _SPOT_FLOATS:
            values[name] = float(values[name])
        values["symbols"] = tuple(resolve(name) for name in self.symbols)
        return SpotSettings(**values)


_SPOT_FLOATS = (
    "max_spread_age_seconds",
    "cooldown_seconds",
    "retry_seconds",
    "trend_confirmation_threshold",
    "premium_max_z",
)


def _worth(value: Decimal) -> Decimal:
    if not 0 < value <= 1_000_000_000:
        raise ValueError("must be a number above 0, USD per unit")
    return value


Worths = dict[str, Annotated[Money, AfterValidator(_worth)]]


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

    usd_rates: Worths = text(
        {}, "USD per unit by currency, where no market here tells it; dollar tokens are at 1."
    )
    usd_rate_max_age_s: Money = number(
        Decimal(60), Unit.SECONDS, 1, 3_600, "Oldest USD rate of a market that is opened on."
    )

    def record(self) -> RiskLimits:
        return RiskLimits(**self.model_dump(exclude={"usd_rates", "usd_rate_max_age_s"}))

    def rates(self) -> UsdRateSettings:
        return UsdRateSettings(
            words={Asset(currency): usd for currency, usd in self.usd_rates.items()},
            max_age_s=self.usd_rate_max_age_s,
        )


class Execution(Section):
    """How two legs are worked."""

    leg_order: LegOrder = text(LegOrder.PARALLEL, "Whether both legs leave together.")
    leg_timeout_ms: Whole = number(2_000, Unit.MILLISECONDS, 50, 60_000, "Wait for a last word.")
    retry_ms: Whole = number(
        500, Unit.MILLISECONDS, 50, 60_000, "Between two questions about one order."
    )
    max_retry_ms: Whole = number(
        30_000, Unit.MILLISECONDS, 100, 600_000, "Longest pause between two questions."
    )
    lone_leg: LoneLeg = text(
        LoneLeg.CHEAPEST, "What is done when one leg filled and the other did not."
    )
    max_chase_bps: Whole = number(
        50, Unit.BASIS_POINTS, 0, 1_000, "How far a missing leg may be chased from its plan."
    )
    unwind_slippage_bps: Whole = number(
        100, Unit.BASIS_POINTS, 1, 1_000, "How far through the touch an unwind may reach."
    )
    unwind_attempts: Whole = number(
        5, Unit.COUNT, 1, 100, "Unwinds without a fill before a person is called."
    )
    flat_ms: Whole = number(
        30_000, Unit.MILLISECONDS, 1_000, 600_000, "A trade not settled by then is held."
    )
    hedge_residuals: bool = text(True, "Trade away what finished trades left over.")
    absent_after_ms: Whole = number(
        5_000, Unit.MILLISECONDS, 100, 60_000, "A venue's 'no such order' counts from here on."
    )

    def record(self) -> ExecutionSettings:
        return ExecutionSettings(**self.model_dump())


BUDGET_CURRENCIES = ("USDT", "USDC", "USD", "EUR", "BTC", "ETH", "DAI", "FDUSD")


def _allocation(amount: Decimal) -> Decimal:
    if not 0 <= amount <= 1_000_000_000:
        raise ValueError("must be an amount from 0 to 1000000000")
    return amount


Allocations = dict[str, Annotated[Money, AfterValidator(_allocation)]]
Holdings = dict[str, Allocations]


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

    def record(self) -> "TokenSettings":
        from arbiter.access.token_settings import TokenSettings

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

    ops_enabled: Switch = text(True, "Whether the health probes are served.")
    ops_host: Host = text("127.0.0.1", "Health probes.")
    ops_port: Whole = number(9_090, Unit.PORT, 1, 65_535, "Health probes and the funding API.")
    ops_open_api: Switch = text(False, "Whether /api/* never needs a key.")
    spot_enabled: Switch = text(True, "Whether the spot API is served.")
    spot_host: Host = text("127.0.0.1", "Spot API.")
    spot_port: Whole = number(8_080, Unit.PORT, 1, 65_535, "Spot API.")
    agents_enabled: Switch = text(True, "Whether the agents API is served.")
    agents_host: Host = text("127.0.0.1", "Agents API.")
    agents_port: Whole = number(8_081, Unit.PORT, 1, 65_535, "Agents API (API_PORT).")
    agents_auth_required: Switch = text(
        False,
        "Whether the agents API asks for a key or a token; always, where others can reach it.",
    )
    desk_enabled: Switch = text(True, "Whether the desk is served.")
    desk_host: Host = text("127.0.0.1", "The desk: REST, streams and the web page.")
    desk_port: Whole = number(8_000, Unit.PORT, 1, 65_535, "The desk.")
    desk_web_enabled: Switch = text(True, "Whether the desk's page for people is served.")
    desk_auth_required: Switch = text(
        False, "Whether the desk asks for a log-in or a key; always, where others can reach it."
    )
    desk_ssl_cert: Line = text(
        "", "Certificate chain (PEM file); with desk_ssl_key the desk speaks TLS."
    )
    desk_ssl_key: Line = text("", "The certificate's private key (PEM file).")
    control_enabled: Switch = text(True, "Whether the control API (gRPC) is served.")
    control_host: Host = text("127.0.0.1", "The control API (GRPC_ADDR is host:port).")
    control_port: Whole = number(50_051, Unit.PORT, 1, 65_535, "The control API.")
    control_ssl_cert: Line = text(
        "", "Certificate chain (PEM file); with control_ssl_key the control API speaks TLS."
    )
    control_ssl_key: Line = text("", "The certificate's private key (PEM file).")

    def check(self) -> None:
        """Refuse half a pair of TLS files, as `BadConfig`."""
        if bool(self.desk_ssl_cert) != bool(self.desk_ssl_key):
            raise BadConfig("desk_ssl_cert and desk_ssl_key belong together: set both")
        if bool(self.control_ssl_cert) != bool(self.control_ssl_key):
            raise BadConfig("control_ssl_cert and control_ssl_key belong together: set both")

    def check_control(self, secret_is_set: bool) -> None:
        """Refuse to let others reach the control API without TLS and a secret, as `BadConfig`."""
        from arbiter.api.common.listen import is_loopback

        if not self.control_enabled or is_loopback(self.control_host):
            return
        lets = f"listen.control_host = {self.control_host} (GRPC_ADDR) lets other machines in"
        if not self.control_ssl_cert:
            raise BadConfig(f"{lets}: set listen.control_ssl_cert and listen.control_ssl_key")
        if not secret_is_set:
            raise BadConfig(f"{lets}: set access.jwt_secret (JWT_SECRET)")


class SpotApi(Section):
    """The spot API: who may call it, how often, and over what."""

    auth_required: Switch = text(False, "Whether callers must show a key or a token.")
    api_key: SecretStr = text(SecretStr(""), "A key that opens everything (ARBOT_API_KEY).")
    cors_enabled: Switch = text(True, "Whether pages of other origins may call.")
    cors_origins: Names = text(
        (), "Origins beside this machine's own; * for all, only with auth_required."
    )
    rate_limit: Whole = number(
        0, Unit.COUNT, 0, 1_000_000, "Reads per minute and address; 0 means 1000."
    )
    write_rate_limit: Whole = number(
        0, Unit.COUNT, 0, 1_000_000, "Changes per minute and address; 0 means 100."
    )
    ssl_cert: Line = text("", "Certificate chain (PEM file); with ssl_key it speaks TLS.")
    ssl_key: Line = text("", "The certificate's private key (PEM file).")

    def check(self, host: str) -> None:
        """Refuse what is not safe for a listener on `host`, as `BadConfig`."""
        from arbiter.api.common.listen import is_loopback

        if not is_loopback(host) and not self.auth_required:
            raise BadConfig(
                f"listen.spot_host = {host} lets other machines in: set spot_api.auth_required"
            )
        if "*" in self.cors_origins and not self.auth_required:
            raise BadConfig("spot_api.cors_origins = * needs spot_api.auth_required")
        if bool(self.ssl_cert) != bool(self.ssl_key):
            raise BadConfig("spot_api.ssl_cert and spot_api.ssl_key belong together: set both")
        key = self.api_key.get_secret_value()
        if key:
            from arbiter.api.common.auth import check_fixed_key

            check_fixed_key(key, "spot_api.api_key (ARBOT_API_KEY)")

    def record(self, host: str) -> "SpotApiSettings":
        """Build the surface's own record for a listener on `host`."""
        from arbiter.api.common.listen import is_loopback
        from arbiter.api.common.rate_limit import Rate
        from arbiter.api.spot.deps import SpotApiSettings

        reads, writes = self.rate_limit or 1_000, self.write_rate_limit or 100
        return SpotApiSettings(
            auth_required=self.auth_required,
            api_key=self.api_key.get_secret_value() or None,
            cors_enabled=self.cors_enabled,
            cors_origins=self.cors_origins,
            this_machine_only=is_loopback(host),
            reads=Rate(reads, max(50, reads // 20)),
            writes=Rate(writes, max(10, writes // 10)),
        )


class Logging(Section):
    level: LogLevel = text(LogLevel.INFO, "Least important line that is written.")
    format: LogFormat = text(LogFormat.TEXT, "How a line is written.")


class Dislocations(Section):
    """Moments in which one simulated venue's price runs away from the others."""

    per_minute: Real = number(
        15.0, Unit.PER_MINUTE, 0, 10_000, "How many, over all symbols and venues."
    )
    opening_seconds: Real = number(
        30.0, Unit.SECONDS, 0, 3_600, "After each start of the venues, with more of them."
    )
    opening_factor: Real = number(2.0, Unit.NUMBER, 0, 1_000, "How many times as many then.")
    smallest: Real = number(0.004, Unit.FRACTION, 0, 0.2, "Of the price.")
    largest: Real = number(0.02, Unit.FRACTION, 0, 0.2, "Of the price.")
    hold_ms_shortest: Real = number(300.0, Unit.MILLISECONDS, 10, 600_000, "Standing in full.")
    hold_ms_longest: Real = number(2_500.0, Unit.MILLISECONDS, 10, 600_000, "Standing in full.")
    decay_ms: Real = number(500.0, Unit.MILLISECONDS, 1, 600_000, "Time constant of the way back.")


class Sim(Section):
    """The built-in market simulator and its exchanges."""

    seed: Whole = number(7, Unit.NUMBER, 0, 2**31 - 1, "Same seed, same market.")
    symbols: Whole = number(50, Unit.COUNT, 2, 2_000, "How many symbols every venue lists.")
    venues: Names = text(("binance", "bybit", "okx", "kraken"), "Simulated exchanges.")
    quotes_per_second: Whole = number(
        2_000, Unit.PER_SECOND, 1, 50_000, "Quotes of all venues together."
    )
    depth_usd: Real = number(3_000.0, Unit.USD, 1, 1_000_000_000, "Median size at the best price.")
    noise_bps: Real = number(0.4, Unit.BASIS_POINTS, 0, 100, "Of a single quote's mid.")
    order_latency_ms: Real = number(4.0, Unit.MILLISECONDS, 0, 5_000, "To the venue.")
    report_latency_ms: Real = number(3.0, Unit.MILLISECONDS, 0, 5_000, "Back from the venue.")
    latency_jitter: Real = number(0.5, Unit.FRACTION, 0, 1, "Spread of both, of themselves.")
    tick_ms: Real = number(10.0, Unit.MILLISECONDS, 1, 1_000, "Between two batches of quotes.")
    starting_quote: Money = number(
        Decimal(50_000), Unit.NUMBER, 0, 1_000_000_000_000, "Units of USDT per venue."
    )
    starting_base_usd: Money = number(
        Decimal(5_000), Unit.USD, 0, 1_000_000_000, "Worth of every other asset per venue."
    )
    starting_balances: Holdings = text({}, "Exact amounts by venue and asset; they win.")
    time_scale: Real = number(1.0, Unit.NUMBER, 0.01, 100_000, "Funding hours per real hour.")
    dislocations: Dislocations = Dislocations()
    faults: SimFaults = SimFaults()
    perpetuals: Perpetuals = Perpetuals()
    events: SimEvents = SimEvents()
    leader: SimLeader = SimLeader()

    def record(self) -> "SimSettings":
        from arbiter.markets.settings import DislocationSettings, MarketSettings
        from arbiter.matching.latency import LatencySettings
        from arbiter.venues.sim.settings import SimSettings

        return SimSettings(
            markets=MarketSettings(
                seed=self.seed,
                symbols=self.symbols,
                venues=tuple(VenueId(venue) for venue in self.venues),
                quotes_per_second=self.quotes_per_second,
                depth_usd=self.depth_usd,
                noise_bps=self.noise_bps,
                dislocations=DislocationSettings(**self.dislocations.model_dump()),
            ),
            perpetuals=self.perpetuals.record(self.time_scale, self.symbols),
            latency=LatencySettings(
                order_ms=self.order_latency_ms,
                report_ms=self.report_latency_ms,
                jitter=self.latency_jitter,
            ),
            tick_ms=self.tick_ms,
            faults=self.faults.record(),
            events=self.events.record(),
            leader=self.leader.record(),
            starting_quote=self.starting_quote,
            starting_base_usd=self.starting_base_usd,
            starting_balances={
                VenueId(venue): dict(assets) for venue, assets in self.starting_balances.items()
            },
        )


PerVenue = dict[str, Money]
PerMarket = dict[str, dict[str, Money]]


class Backtest(Section):
    """What a recording does not say, for `arbiter backtest` and replays."""

    data: Names = text((), "Parquet files of quotes for the spot API's mode backtest.")
    seed: Whole = number(7, Unit.NUMBER, 0, 2**31 - 1, "Same seed, same run.")
    order_latency_ms: Real = number(10.0, Unit.MILLISECONDS, 0, 5_000, "To the venue.")
    report_latency_ms: Real = number(10.0, Unit.MILLISECONDS, 0, 5_000, "Back from the venue.")
    latency_jitter: Real = number(0.2, Unit.FRACTION, 0, 1, "Spread of both, of themselves.")
    commit_latency_ms: Real = number(
        2.0, Unit.MILLISECONDS, 0, 5_000, "Until intents are durable and may be sent."
    )
    spot_taker_fee: Money = number(
        Decimal("0.001"),
        Unit.FRACTION,
        Decimal("-0.01"),
        Decimal("0.015"),
        "Where no venue's is set.",
    )
    spot_maker_fee: Money = number(
        Decimal("0.001"),
        Unit.FRACTION,
        Decimal("-0.01"),
        Decimal("0.015"),
        "Where no venue's is set.",
    )
    futures_taker_fee: Money = number(
        Decimal("0.0005"), Unit.FRACTION, Decimal("-0.01"), Decimal("0.015"), "As above."
    )
    futures_maker_fee: Money = number(
        Decimal("0.0002"), Unit.FRACTION, Decimal("-0.01"), Decimal("0.015"), "As above."
    )
    taker_fee: PerVenue = text({}, "Fraction by venue; perpetuals trade on VENUE_futures.")
    maker_fee: PerVenue = text({}, "Fraction by venue.")
    contract_size: PerMarket = text({}, "Base units per contract by venue and market name.")
    tick: PerMarket = text({}, "Price step by venue and market name; else read off the data.")
    lot: PerMarket = text({}, "Size step in recorded units by venue and market name.")
    min_notional: PerVenue = text({}, "Smallest order in quote by venue.")
    default_min_notional: Money = number(Decimal(5), Unit.NUMBER, 0, 1_000_000, "Elsewhere.")
    symbol_names: dict[str, Line] = text({}, "BASE/QUOTE of names that do not tell it.")
    starting_quote: Money = number(
        Decimal(100_000), Unit.NUMBER, 0, 1_000_000_000_000, "Units of each quote per venue."
    )
    starting_base_usd: Money = number(
        Decimal(50_000), Unit.USD, 0, 1_000_000_000, "Worth of each base per venue at the start."
    )
    starting_balances: PerMarket = text({}, "Exact amounts by venue and asset; they win.")
    usd_rates: Worths = text({}, "USD per unit by currency, over risk.usd_rates.")

    def record(self, risk: Risk) -> "BacktestSettings":
        """Build the run's own record; USD rates are those of `risk` where none is written here."""
        from arbiter.backtest.settings import BacktestSettings

        values = self.model_dump(exclude={"data"})
        values["usd_rates"] = risk.usd_rates | self.usd_rates
        return BacktestSettings(**values, usd_rate_max_age_s=risk.usd_rate_max_age_s)
