import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Exchange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCHANGE_UNSPECIFIED: _ClassVar[Exchange]
    EXCHANGE_POLYMARKET: _ClassVar[Exchange]
    EXCHANGE_KALSHI: _ClassVar[Exchange]
    EXCHANGE_BINANCE: _ClassVar[Exchange]
    EXCHANGE_BYBIT: _ClassVar[Exchange]
    EXCHANGE_OKX: _ClassVar[Exchange]
    EXCHANGE_KRAKEN: _ClassVar[Exchange]
    EXCHANGE_COINBASE: _ClassVar[Exchange]
    EXCHANGE_BINANCE_FUTURES: _ClassVar[Exchange]
    EXCHANGE_HYPERLIQUID: _ClassVar[Exchange]
    EXCHANGE_ASTER: _ClassVar[Exchange]
    EXCHANGE_KUCOIN: _ClassVar[Exchange]
    EXCHANGE_GATE: _ClassVar[Exchange]
    EXCHANGE_BITGET: _ClassVar[Exchange]
    EXCHANGE_MEXC: _ClassVar[Exchange]
    EXCHANGE_HTX: _ClassVar[Exchange]
    EXCHANGE_UPBIT: _ClassVar[Exchange]
    EXCHANGE_BITHUMB: _ClassVar[Exchange]
    EXCHANGE_BITFINEX: _ClassVar[Exchange]
    EXCHANGE_BITSTAMP: _ClassVar[Exchange]
    EXCHANGE_CRYPTOCOM: _ClassVar[Exchange]
    EXCHANGE_DERIBIT: _ClassVar[Exchange]
    EXCHANGE_BITMEX: _ClassVar[Exchange]
    EXCHANGE_DYDX: _ClassVar[Exchange]
    EXCHANGE_KRAKEN_FUTURES: _ClassVar[Exchange]
    EXCHANGE_BYBIT_FUTURES: _ClassVar[Exchange]
    EXCHANGE_OTHER: _ClassVar[Exchange]

class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_UNSPECIFIED: _ClassVar[Side]
    SIDE_BUY: _ClassVar[Side]
    SIDE_SELL: _ClassVar[Side]

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_PENDING: _ClassVar[OrderStatus]
    ORDER_STATUS_OPEN: _ClassVar[OrderStatus]
    ORDER_STATUS_FILLED: _ClassVar[OrderStatus]
    ORDER_STATUS_PARTIALLY_FILLED: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]
    ORDER_STATUS_REJECTED: _ClassVar[OrderStatus]

class ArbEngineState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARB_ENGINE_STATE_UNSPECIFIED: _ClassVar[ArbEngineState]
    ARB_ENGINE_STATE_STOPPED: _ClassVar[ArbEngineState]
    ARB_ENGINE_STATE_RUNNING: _ClassVar[ArbEngineState]
    ARB_ENGINE_STATE_PAUSED: _ClassVar[ArbEngineState]

class AlertSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_SEVERITY_UNSPECIFIED: _ClassVar[AlertSeverity]
    ALERT_SEVERITY_INFO: _ClassVar[AlertSeverity]
    ALERT_SEVERITY_WARNING: _ClassVar[AlertSeverity]
    ALERT_SEVERITY_CRITICAL: _ClassVar[AlertSeverity]
EXCHANGE_UNSPECIFIED: Exchange
EXCHANGE_POLYMARKET: Exchange
EXCHANGE_KALSHI: Exchange
EXCHANGE_BINANCE: Exchange
EXCHANGE_BYBIT: Exchange
EXCHANGE_OKX: Exchange
EXCHANGE_KRAKEN: Exchange
EXCHANGE_COINBASE: Exchange
EXCHANGE_BINANCE_FUTURES: Exchange
EXCHANGE_HYPERLIQUID: Exchange
EXCHANGE_ASTER: Exchange
EXCHANGE_KUCOIN: Exchange
EXCHANGE_GATE: Exchange
EXCHANGE_BITGET: Exchange
EXCHANGE_MEXC: Exchange
EXCHANGE_HTX: Exchange
EXCHANGE_UPBIT: Exchange
EXCHANGE_BITHUMB: Exchange
EXCHANGE_BITFINEX: Exchange
EXCHANGE_BITSTAMP: Exchange
EXCHANGE_CRYPTOCOM: Exchange
EXCHANGE_DERIBIT: Exchange
EXCHANGE_BITMEX: Exchange
EXCHANGE_DYDX: Exchange
EXCHANGE_KRAKEN_FUTURES: Exchange
EXCHANGE_BYBIT_FUTURES: Exchange
EXCHANGE_OTHER: Exchange
SIDE_UNSPECIFIED: Side
SIDE_BUY: Side
SIDE_SELL: Side
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_PENDING: OrderStatus
ORDER_STATUS_OPEN: OrderStatus
ORDER_STATUS_FILLED: OrderStatus
ORDER_STATUS_PARTIALLY_FILLED: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
ORDER_STATUS_REJECTED: OrderStatus
ARB_ENGINE_STATE_UNSPECIFIED: ArbEngineState
ARB_ENGINE_STATE_STOPPED: ArbEngineState
ARB_ENGINE_STATE_RUNNING: ArbEngineState
ARB_ENGINE_STATE_PAUSED: ArbEngineState
ALERT_SEVERITY_UNSPECIFIED: AlertSeverity
ALERT_SEVERITY_INFO: AlertSeverity
ALERT_SEVERITY_WARNING: AlertSeverity
ALERT_SEVERITY_CRITICAL: AlertSeverity

class AuthRequest(_message.Message):
    __slots__ = ("user_id", "credential")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    credential: str
    def __init__(self, user_id: _Optional[str] = ..., credential: _Optional[str] = ...) -> None: ...

class AuthResponse(_message.Message):
    __slots__ = ("access_token", "expires_at", "refresh_token")
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    expires_at: _timestamp_pb2.Timestamp
    refresh_token: str
    def __init__(self, access_token: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refresh_token: _Optional[str] = ...) -> None: ...

class RefreshTokenRequest(_message.Message):
    __slots__ = ("refresh_token",)
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    def __init__(self, refresh_token: _Optional[str] = ...) -> None: ...

class BalancesRequest(_message.Message):
    __slots__ = ("exchange",)
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ...) -> None: ...

class BalancesResponse(_message.Message):
    __slots__ = ("balances",)
    BALANCES_FIELD_NUMBER: _ClassVar[int]
    balances: _containers.RepeatedCompositeFieldContainer[Balance]
    def __init__(self, balances: _Optional[_Iterable[_Union[Balance, _Mapping]]] = ...) -> None: ...

class Balance(_message.Message):
    __slots__ = ("exchange", "currency", "available", "locked", "total")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    currency: str
    available: float
    locked: float
    total: float
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., currency: _Optional[str] = ..., available: _Optional[float] = ..., locked: _Optional[float] = ..., total: _Optional[float] = ...) -> None: ...

class PositionsRequest(_message.Message):
    __slots__ = ("exchange", "market_id")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_id: str
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ...) -> None: ...

class PositionsResponse(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[Position]
    def __init__(self, positions: _Optional[_Iterable[_Union[Position, _Mapping]]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("id", "exchange", "market_id", "market_name", "side", "size", "entry_price", "current_price", "unrealized_pnl", "opened_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    MARKET_NAME_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_PRICE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PRICE_FIELD_NUMBER: _ClassVar[int]
    UNREALIZED_PNL_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    exchange: Exchange
    market_id: str
    market_name: str
    side: Side
    size: float
    entry_price: float
    current_price: float
    unrealized_pnl: float
    opened_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ..., market_name: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., size: _Optional[float] = ..., entry_price: _Optional[float] = ..., current_price: _Optional[float] = ..., unrealized_pnl: _Optional[float] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PlaceOrderRequest(_message.Message):
    __slots__ = ("exchange", "market_id", "side", "size", "price", "client_order_id")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_id: str
    side: Side
    size: float
    price: float
    client_order_id: str
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., size: _Optional[float] = ..., price: _Optional[float] = ..., client_order_id: _Optional[str] = ...) -> None: ...

class PlaceOrderResponse(_message.Message):
    __slots__ = ("order_id", "status", "message")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    status: OrderStatus
    message: str
    def __init__(self, order_id: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., message: _Optional[str] = ...) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("exchange", "order_id")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    order_id: str
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., order_id: _Optional[str] = ...) -> None: ...

class CancelOrderResponse(_message.Message):
    __slots__ = ("success", "message")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    message: str
    def __init__(self, success: _Optional[bool] = ..., message: _Optional[str] = ...) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("exchange", "order_id")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    order_id: str
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., order_id: _Optional[str] = ...) -> None: ...

class OrderResponse(_message.Message):
    __slots__ = ("order_id", "exchange", "market_id", "side", "size", "price", "filled_size", "average_fill_price", "status", "created_at", "updated_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    FILLED_SIZE_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FILL_PRICE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    exchange: Exchange
    market_id: str
    side: Side
    size: float
    price: float
    filled_size: float
    average_fill_price: float
    status: OrderStatus
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[str] = ..., exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., size: _Optional[float] = ..., price: _Optional[float] = ..., filled_size: _Optional[float] = ..., average_fill_price: _Optional[float] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListOrdersRequest(_message.Message):
    __slots__ = ("exchange", "status", "limit")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    status: OrderStatus
    limit: int
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListOrdersResponse(_message.Message):
    __slots__ = ("orders",)
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[OrderResponse]
    def __init__(self, orders: _Optional[_Iterable[_Union[OrderResponse, _Mapping]]] = ...) -> None: ...

class GetArbStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetArbStatusResponse(_message.Message):
    __slots__ = ("state", "active_pairs", "opportunities_today", "trades_today", "pnl_today", "last_activity")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_PAIRS_FIELD_NUMBER: _ClassVar[int]
    OPPORTUNITIES_TODAY_FIELD_NUMBER: _ClassVar[int]
    TRADES_TODAY_FIELD_NUMBER: _ClassVar[int]
    PNL_TODAY_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    state: ArbEngineState
    active_pairs: int
    opportunities_today: int
    trades_today: int
    pnl_today: float
    last_activity: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[ArbEngineState, str]] = ..., active_pairs: _Optional[int] = ..., opportunities_today: _Optional[int] = ..., trades_today: _Optional[int] = ..., pnl_today: _Optional[float] = ..., last_activity: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SetArbEnabledRequest(_message.Message):
    __slots__ = ("enabled",)
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    def __init__(self, enabled: _Optional[bool] = ...) -> None: ...

class SetArbEnabledResponse(_message.Message):
    __slots__ = ("state", "message")
    STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    state: ArbEngineState
    message: str
    def __init__(self, state: _Optional[_Union[ArbEngineState, str]] = ..., message: _Optional[str] = ...) -> None: ...

class GetArbConfigRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ArbConfig(_message.Message):
    __slots__ = ("min_spread", "max_position_size", "max_total_exposure", "staleness_threshold_ms", "enabled_pairs")
    MIN_SPREAD_FIELD_NUMBER: _ClassVar[int]
    MAX_POSITION_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_TOTAL_EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    STALENESS_THRESHOLD_MS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_PAIRS_FIELD_NUMBER: _ClassVar[int]
    min_spread: float
    max_position_size: float
    max_total_exposure: float
    staleness_threshold_ms: int
    enabled_pairs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, min_spread: _Optional[float] = ..., max_position_size: _Optional[float] = ..., max_total_exposure: _Optional[float] = ..., staleness_threshold_ms: _Optional[int] = ..., enabled_pairs: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateArbConfigRequest(_message.Message):
    __slots__ = ("min_spread", "max_position_size", "max_total_exposure", "staleness_threshold_ms", "enabled_pairs")
    MIN_SPREAD_FIELD_NUMBER: _ClassVar[int]
    MAX_POSITION_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_TOTAL_EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    STALENESS_THRESHOLD_MS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_PAIRS_FIELD_NUMBER: _ClassVar[int]
    min_spread: float
    max_position_size: float
    max_total_exposure: float
    staleness_threshold_ms: int
    enabled_pairs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, min_spread: _Optional[float] = ..., max_position_size: _Optional[float] = ..., max_total_exposure: _Optional[float] = ..., staleness_threshold_ms: _Optional[int] = ..., enabled_pairs: _Optional[_Iterable[str]] = ...) -> None: ...

class ListCopyTradesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCopyTradesResponse(_message.Message):
    __slots__ = ("copy_trades",)
    COPY_TRADES_FIELD_NUMBER: _ClassVar[int]
    copy_trades: _containers.RepeatedCompositeFieldContainer[CopyTrade]
    def __init__(self, copy_trades: _Optional[_Iterable[_Union[CopyTrade, _Mapping]]] = ...) -> None: ...

class CopyTrade(_message.Message):
    __slots__ = ("id", "target_wallet", "exchange", "size_multiplier", "max_position_size", "enabled", "total_pnl", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_WALLET_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    SIZE_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    MAX_POSITION_SIZE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PNL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    target_wallet: str
    exchange: Exchange
    size_multiplier: float
    max_position_size: float
    enabled: bool
    total_pnl: float
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., target_wallet: _Optional[str] = ..., exchange: _Optional[_Union[Exchange, str]] = ..., size_multiplier: _Optional[float] = ..., max_position_size: _Optional[float] = ..., enabled: _Optional[bool] = ..., total_pnl: _Optional[float] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AddCopyTradeRequest(_message.Message):
    __slots__ = ("target_wallet", "exchange", "size_multiplier", "max_position_size")
    TARGET_WALLET_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    SIZE_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    MAX_POSITION_SIZE_FIELD_NUMBER: _ClassVar[int]
    target_wallet: str
    exchange: Exchange
    size_multiplier: float
    max_position_size: float
    def __init__(self, target_wallet: _Optional[str] = ..., exchange: _Optional[_Union[Exchange, str]] = ..., size_multiplier: _Optional[float] = ..., max_position_size: _Optional[float] = ...) -> None: ...

class RemoveCopyTradeRequest(_message.Message):
    __slots__ = ("copy_trade_id",)
    COPY_TRADE_ID_FIELD_NUMBER: _ClassVar[int]
    copy_trade_id: str
    def __init__(self, copy_trade_id: _Optional[str] = ...) -> None: ...

class RemoveCopyTradeResponse(_message.Message):
    __slots__ = ("success", "message")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    message: str
    def __init__(self, success: _Optional[bool] = ..., message: _Optional[str] = ...) -> None: ...

class GetCallerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Caller(_message.Message):
    __slots__ = ("user_id", "role")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    role: str
    def __init__(self, user_id: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class RedeemLinkCodeRequest(_message.Message):
    __slots__ = ("code", "redeemer")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REDEEMER_FIELD_NUMBER: _ClassVar[int]
    code: str
    redeemer: str
    def __init__(self, code: _Optional[str] = ..., redeemer: _Optional[str] = ...) -> None: ...

class RedeemLinkCodeResponse(_message.Message):
    __slots__ = ("user_id", "role", "tokens")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    role: str
    tokens: AuthResponse
    def __init__(self, user_id: _Optional[str] = ..., role: _Optional[str] = ..., tokens: _Optional[_Union[AuthResponse, _Mapping]] = ...) -> None: ...

class GetEngineStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EngineStatus(_message.Message):
    __slots__ = ("mode", "version", "started_at", "uptime_seconds", "ready", "journal_healthy", "kill_switch", "venues", "markets", "quotes_total", "open_trades", "trades_today", "signals_total", "pnl_today", "pnl_total", "limits_level", "warnings", "strategies")
    MODE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_HEALTHY_FIELD_NUMBER: _ClassVar[int]
    KILL_SWITCH_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    MARKETS_FIELD_NUMBER: _ClassVar[int]
    QUOTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    OPEN_TRADES_FIELD_NUMBER: _ClassVar[int]
    TRADES_TODAY_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    PNL_TODAY_FIELD_NUMBER: _ClassVar[int]
    PNL_TOTAL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_LEVEL_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    mode: str
    version: str
    started_at: _timestamp_pb2.Timestamp
    uptime_seconds: int
    ready: bool
    journal_healthy: bool
    kill_switch: KillSwitch
    venues: _containers.RepeatedCompositeFieldContainer[VenueStatus]
    markets: int
    quotes_total: int
    open_trades: int
    trades_today: int
    signals_total: int
    pnl_today: float
    pnl_total: float
    limits_level: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    strategies: _containers.RepeatedCompositeFieldContainer[Strategy]
    def __init__(self, mode: _Optional[str] = ..., version: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uptime_seconds: _Optional[int] = ..., ready: _Optional[bool] = ..., journal_healthy: _Optional[bool] = ..., kill_switch: _Optional[_Union[KillSwitch, _Mapping]] = ..., venues: _Optional[_Iterable[_Union[VenueStatus, _Mapping]]] = ..., markets: _Optional[int] = ..., quotes_total: _Optional[int] = ..., open_trades: _Optional[int] = ..., trades_today: _Optional[int] = ..., signals_total: _Optional[int] = ..., pnl_today: _Optional[float] = ..., pnl_total: _Optional[float] = ..., limits_level: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., strategies: _Optional[_Iterable[_Union[Strategy, _Mapping]]] = ...) -> None: ...

class KillSwitch(_message.Message):
    __slots__ = ("engaged", "reason", "actor", "since")
    ENGAGED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    engaged: bool
    reason: str
    actor: str
    since: _timestamp_pb2.Timestamp
    def __init__(self, engaged: _Optional[bool] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VenueStatus(_message.Message):
    __slots__ = ("venue", "exchange", "connected", "reason", "last_quote_at", "quotes", "faults")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LAST_QUOTE_AT_FIELD_NUMBER: _ClassVar[int]
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    venue: str
    exchange: Exchange
    connected: bool
    reason: str
    last_quote_at: _timestamp_pb2.Timestamp
    quotes: int
    faults: int
    def __init__(self, venue: _Optional[str] = ..., exchange: _Optional[_Union[Exchange, str]] = ..., connected: _Optional[bool] = ..., reason: _Optional[str] = ..., last_quote_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., quotes: _Optional[int] = ..., faults: _Optional[int] = ...) -> None: ...

class EngageKillSwitchRequest(_message.Message):
    __slots__ = ("reason", "flatten")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FLATTEN_FIELD_NUMBER: _ClassVar[int]
    reason: str
    flatten: bool
    def __init__(self, reason: _Optional[str] = ..., flatten: _Optional[bool] = ...) -> None: ...

class KillReport(_message.Message):
    __slots__ = ("durable", "flat", "venues")
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    FLAT_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    durable: bool
    flat: bool
    venues: _containers.RepeatedCompositeFieldContainer[VenueProof]
    def __init__(self, durable: _Optional[bool] = ..., flat: _Optional[bool] = ..., venues: _Optional[_Iterable[_Union[VenueProof, _Mapping]]] = ...) -> None: ...

class VenueProof(_message.Message):
    __slots__ = ("venue", "reachable", "flat", "open_orders", "unhedged", "note", "positions")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    REACHABLE_FIELD_NUMBER: _ClassVar[int]
    FLAT_FIELD_NUMBER: _ClassVar[int]
    OPEN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    UNHEDGED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    venue: str
    reachable: bool
    flat: bool
    open_orders: _containers.RepeatedScalarFieldContainer[str]
    unhedged: _containers.RepeatedScalarFieldContainer[str]
    note: str
    positions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, venue: _Optional[str] = ..., reachable: _Optional[bool] = ..., flat: _Optional[bool] = ..., open_orders: _Optional[_Iterable[str]] = ..., unhedged: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., positions: _Optional[_Iterable[str]] = ...) -> None: ...

class ReleaseKillSwitchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListStrategiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListStrategiesResponse(_message.Message):
    __slots__ = ("strategies",)
    STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    strategies: _containers.RepeatedCompositeFieldContainer[Strategy]
    def __init__(self, strategies: _Optional[_Iterable[_Union[Strategy, _Mapping]]] = ...) -> None: ...

class Strategy(_message.Message):
    __slots__ = ("name", "family", "running", "open_trades")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    OPEN_TRADES_FIELD_NUMBER: _ClassVar[int]
    name: str
    family: str
    running: bool
    open_trades: int
    def __init__(self, name: _Optional[str] = ..., family: _Optional[str] = ..., running: _Optional[bool] = ..., open_trades: _Optional[int] = ...) -> None: ...

class SetStrategyRunningRequest(_message.Message):
    __slots__ = ("strategy", "running", "reason")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    running: bool
    reason: str
    def __init__(self, strategy: _Optional[str] = ..., running: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class GetPnlRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Pnl(_message.Message):
    __slots__ = ("today", "total", "exposure", "daily_loss_used", "drawdown_used", "strategies", "days")
    TODAY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    DAILY_LOSS_USED_FIELD_NUMBER: _ClassVar[int]
    DRAWDOWN_USED_FIELD_NUMBER: _ClassVar[int]
    STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    today: float
    total: float
    exposure: float
    daily_loss_used: float
    drawdown_used: float
    strategies: _containers.RepeatedCompositeFieldContainer[StrategyPnl]
    days: _containers.RepeatedCompositeFieldContainer[DayPnl]
    def __init__(self, today: _Optional[float] = ..., total: _Optional[float] = ..., exposure: _Optional[float] = ..., daily_loss_used: _Optional[float] = ..., drawdown_used: _Optional[float] = ..., strategies: _Optional[_Iterable[_Union[StrategyPnl, _Mapping]]] = ..., days: _Optional[_Iterable[_Union[DayPnl, _Mapping]]] = ...) -> None: ...

class StrategyPnl(_message.Message):
    __slots__ = ("strategy", "currency", "realized", "fees")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    REALIZED_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    currency: str
    realized: float
    fees: float
    def __init__(self, strategy: _Optional[str] = ..., currency: _Optional[str] = ..., realized: _Optional[float] = ..., fees: _Optional[float] = ...) -> None: ...

class DayPnl(_message.Message):
    __slots__ = ("date", "realized")
    DATE_FIELD_NUMBER: _ClassVar[int]
    REALIZED_FIELD_NUMBER: _ClassVar[int]
    date: str
    realized: float
    def __init__(self, date: _Optional[str] = ..., realized: _Optional[float] = ...) -> None: ...

class ListTradesRequest(_message.Message):
    __slots__ = ("strategy", "limit")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    limit: int
    def __init__(self, strategy: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListTradesResponse(_message.Message):
    __slots__ = ("trades",)
    TRADES_FIELD_NUMBER: _ClassVar[int]
    trades: _containers.RepeatedCompositeFieldContainer[Trade]
    def __init__(self, trades: _Optional[_Iterable[_Union[Trade, _Mapping]]] = ...) -> None: ...

class Trade(_message.Message):
    __slots__ = ("number", "id", "strategy", "family", "symbol", "state", "reason", "currency", "bought", "sold", "fees", "pnl", "started_at", "completed_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BOUGHT_FIELD_NUMBER: _ClassVar[int]
    SOLD_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    PNL_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    id: str
    strategy: str
    family: str
    symbol: str
    state: str
    reason: str
    currency: str
    bought: float
    sold: float
    fees: float
    pnl: float
    started_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., id: _Optional[str] = ..., strategy: _Optional[str] = ..., family: _Optional[str] = ..., symbol: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., currency: _Optional[str] = ..., bought: _Optional[float] = ..., sold: _Optional[float] = ..., fees: _Optional[float] = ..., pnl: _Optional[float] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListBudgetsRequest(_message.Message):
    __slots__ = ("strategy",)
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    def __init__(self, strategy: _Optional[str] = ...) -> None: ...

class ListBudgetsResponse(_message.Message):
    __slots__ = ("budgets",)
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    budgets: _containers.RepeatedCompositeFieldContainer[Budget]
    def __init__(self, budgets: _Optional[_Iterable[_Union[Budget, _Mapping]]] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("strategy", "currency", "allocated", "reserved", "available", "realized_pnl", "fees")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    REALIZED_PNL_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    currency: str
    allocated: float
    reserved: float
    available: float
    realized_pnl: float
    fees: float
    def __init__(self, strategy: _Optional[str] = ..., currency: _Optional[str] = ..., allocated: _Optional[float] = ..., reserved: _Optional[float] = ..., available: _Optional[float] = ..., realized_pnl: _Optional[float] = ..., fees: _Optional[float] = ...) -> None: ...

class SetBudgetRequest(_message.Message):
    __slots__ = ("strategy", "currency", "allocated")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    currency: str
    allocated: float
    def __init__(self, strategy: _Optional[str] = ..., currency: _Optional[str] = ..., allocated: _Optional[float] = ...) -> None: ...

class RemoveBudgetRequest(_message.Message):
    __slots__ = ("strategy", "currency")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    currency: str
    def __init__(self, strategy: _Optional[str] = ..., currency: _Optional[str] = ...) -> None: ...

class RemoveBudgetResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class ListPairsRequest(_message.Message):
    __slots__ = ("include_unverified", "limit")
    INCLUDE_UNVERIFIED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    include_unverified: bool
    limit: int
    def __init__(self, include_unverified: _Optional[bool] = ..., limit: _Optional[int] = ...) -> None: ...

class ListPairsResponse(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[EventPair]
    def __init__(self, pairs: _Optional[_Iterable[_Union[EventPair, _Mapping]]] = ...) -> None: ...

class EventPair(_message.Message):
    __slots__ = ("id", "name", "first", "second", "polarity", "state", "enabled", "score", "edge")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    POLARITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    first: EventLeg
    second: EventLeg
    polarity: str
    state: str
    enabled: bool
    score: float
    edge: float
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., first: _Optional[_Union[EventLeg, _Mapping]] = ..., second: _Optional[_Union[EventLeg, _Mapping]] = ..., polarity: _Optional[str] = ..., state: _Optional[str] = ..., enabled: _Optional[bool] = ..., score: _Optional[float] = ..., edge: _Optional[float] = ...) -> None: ...

class EventLeg(_message.Message):
    __slots__ = ("exchange", "market_id", "name", "closes_at")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLOSES_AT_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_id: str
    name: str
    closes_at: _timestamp_pb2.Timestamp
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ..., name: _Optional[str] = ..., closes_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListAgentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("agents", "sessions")
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[Agent]
    sessions: _containers.RepeatedCompositeFieldContainer[AgentSession]
    def __init__(self, agents: _Optional[_Iterable[_Union[Agent, _Mapping]]] = ..., sessions: _Optional[_Iterable[_Union[AgentSession, _Mapping]]] = ...) -> None: ...

class Agent(_message.Message):
    __slots__ = ("name", "type", "status", "last_seen", "signals", "last_signal_at", "model", "note")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    LAST_SIGNAL_AT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    status: str
    last_seen: _timestamp_pb2.Timestamp
    signals: int
    last_signal_at: _timestamp_pb2.Timestamp
    model: str
    note: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., status: _Optional[str] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., signals: _Optional[int] = ..., last_signal_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class AgentSession(_message.Message):
    __slots__ = ("id", "symbol", "mode", "state", "initial_capital", "total_pnl", "total_trades", "started_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    INITIAL_CAPITAL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PNL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TRADES_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    symbol: str
    mode: str
    state: str
    initial_capital: float
    total_pnl: float
    total_trades: int
    started_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., symbol: _Optional[str] = ..., mode: _Optional[str] = ..., state: _Optional[str] = ..., initial_capital: _Optional[float] = ..., total_pnl: _Optional[float] = ..., total_trades: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RunDoctorRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DoctorReport(_message.Message):
    __slots__ = ("healthy", "checks")
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    healthy: bool
    checks: _containers.RepeatedCompositeFieldContainer[DoctorCheck]
    def __init__(self, healthy: _Optional[bool] = ..., checks: _Optional[_Iterable[_Union[DoctorCheck, _Mapping]]] = ...) -> None: ...

class DoctorCheck(_message.Message):
    __slots__ = ("name", "status", "message", "mend")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MEND_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: str
    message: str
    mend: str
    def __init__(self, name: _Optional[str] = ..., status: _Optional[str] = ..., message: _Optional[str] = ..., mend: _Optional[str] = ...) -> None: ...

class ListMarketsRequest(_message.Message):
    __slots__ = ("exchange", "text", "limit", "offset")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    text: str
    limit: int
    offset: int
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., text: _Optional[str] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class ListMarketsResponse(_message.Message):
    __slots__ = ("markets", "total")
    MARKETS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    markets: _containers.RepeatedCompositeFieldContainer[Market]
    total: int
    def __init__(self, markets: _Optional[_Iterable[_Union[Market, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class Market(_message.Message):
    __slots__ = ("exchange", "venue", "market_id", "name", "kind", "base", "quote", "tick", "lot", "min_size", "min_notional", "maker_fee", "taker_fee")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    VENUE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    LOT_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    MAKER_FEE_FIELD_NUMBER: _ClassVar[int]
    TAKER_FEE_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    venue: str
    market_id: str
    name: str
    kind: str
    base: str
    quote: str
    tick: float
    lot: float
    min_size: float
    min_notional: float
    maker_fee: float
    taker_fee: float
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., venue: _Optional[str] = ..., market_id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., base: _Optional[str] = ..., quote: _Optional[str] = ..., tick: _Optional[float] = ..., lot: _Optional[float] = ..., min_size: _Optional[float] = ..., min_notional: _Optional[float] = ..., maker_fee: _Optional[float] = ..., taker_fee: _Optional[float] = ...) -> None: ...

class GetOrderBookRequest(_message.Message):
    __slots__ = ("exchange", "market_id")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_id: str
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ...) -> None: ...

class OrderBook(_message.Message):
    __slots__ = ("exchange", "market_id", "bids", "asks", "received_at", "age_ms", "fresh")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    BIDS_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_id: str
    bids: _containers.RepeatedCompositeFieldContainer[BookLevel]
    asks: _containers.RepeatedCompositeFieldContainer[BookLevel]
    received_at: _timestamp_pb2.Timestamp
    age_ms: int
    fresh: bool
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ..., bids: _Optional[_Iterable[_Union[BookLevel, _Mapping]]] = ..., asks: _Optional[_Iterable[_Union[BookLevel, _Mapping]]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_ms: _Optional[int] = ..., fresh: _Optional[bool] = ...) -> None: ...

class BookLevel(_message.Message):
    __slots__ = ("price", "size")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    price: float
    size: float
    def __init__(self, price: _Optional[float] = ..., size: _Optional[float] = ...) -> None: ...

class StreamOrdersRequest(_message.Message):
    __slots__ = ("exchange", "manual_only")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MANUAL_ONLY_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    manual_only: bool
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., manual_only: _Optional[bool] = ...) -> None: ...

class OrderUpdate(_message.Message):
    __slots__ = ("order", "client_order_id", "strategy", "reason", "snapshot")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    order: OrderResponse
    client_order_id: str
    strategy: str
    reason: str
    snapshot: bool
    def __init__(self, order: _Optional[_Union[OrderResponse, _Mapping]] = ..., client_order_id: _Optional[str] = ..., strategy: _Optional[str] = ..., reason: _Optional[str] = ..., snapshot: _Optional[bool] = ...) -> None: ...

class StreamQuotesRequest(_message.Message):
    __slots__ = ("exchange", "market_ids", "interval_ms")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_IDS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_ids: _containers.RepeatedScalarFieldContainer[str]
    interval_ms: int
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_ids: _Optional[_Iterable[str]] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class Quote(_message.Message):
    __slots__ = ("exchange", "market_id", "bid", "ask", "bid_size", "ask_size", "received_at")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    MARKET_ID_FIELD_NUMBER: _ClassVar[int]
    BID_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    BID_SIZE_FIELD_NUMBER: _ClassVar[int]
    ASK_SIZE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    exchange: Exchange
    market_id: str
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    received_at: _timestamp_pb2.Timestamp
    def __init__(self, exchange: _Optional[_Union[Exchange, str]] = ..., market_id: _Optional[str] = ..., bid: _Optional[float] = ..., ask: _Optional[float] = ..., bid_size: _Optional[float] = ..., ask_size: _Optional[float] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StreamOpportunitiesRequest(_message.Message):
    __slots__ = ("strategy",)
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    def __init__(self, strategy: _Optional[str] = ...) -> None: ...

class Opportunity(_message.Message):
    __slots__ = ("number", "strategy", "symbol", "buy_exchange", "sell_exchange", "buy_price", "sell_price", "edge", "confidence", "executed", "verdict", "detected_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    BUY_EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    SELL_EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    BUY_PRICE_FIELD_NUMBER: _ClassVar[int]
    SELL_PRICE_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DETECTED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    strategy: str
    symbol: str
    buy_exchange: Exchange
    sell_exchange: Exchange
    buy_price: float
    sell_price: float
    edge: float
    confidence: float
    executed: bool
    verdict: str
    detected_at: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., strategy: _Optional[str] = ..., symbol: _Optional[str] = ..., buy_exchange: _Optional[_Union[Exchange, str]] = ..., sell_exchange: _Optional[_Union[Exchange, str]] = ..., buy_price: _Optional[float] = ..., sell_price: _Optional[float] = ..., edge: _Optional[float] = ..., confidence: _Optional[float] = ..., executed: _Optional[bool] = ..., verdict: _Optional[str] = ..., detected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StreamAlertsRequest(_message.Message):
    __slots__ = ("least", "recent")
    LEAST_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    least: AlertSeverity
    recent: int
    def __init__(self, least: _Optional[_Union[AlertSeverity, str]] = ..., recent: _Optional[int] = ...) -> None: ...

class Alert(_message.Message):
    __slots__ = ("severity", "code", "text", "at", "trade")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TRADE_FIELD_NUMBER: _ClassVar[int]
    severity: AlertSeverity
    code: str
    text: str
    at: _timestamp_pb2.Timestamp
    trade: Trade
    def __init__(self, severity: _Optional[_Union[AlertSeverity, str]] = ..., code: _Optional[str] = ..., text: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trade: _Optional[_Union[Trade, _Mapping]] = ...) -> None: ...
