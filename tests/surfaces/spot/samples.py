"""The published samples, as JSON, and the comparison of shapes: every field, every type."""

from typing import Any

STATUS: dict[str, Any] = {
    "status": "running",
    "uptime": 3600,
    "version": "1.0.0",
    "mode": "live",
    "exchanges": {"*": {"connected": True, "last_update": 1640995200.123, "latency_ms": 45}},
    "active_symbols": 150,
    "signals_last_hour": 47,
    "trades_today": 12,
}
HEALTH: dict[str, Any] = {
    "healthy": True,
    "checks": {
        "database": {"status": "pass", "response_time_ms": 2.0},
        "exchanges": {"status": "pass", "connected_count": 4, "total_count": 4},
        "memory": {"status": "pass", "usage_percent": 45.2},
        "disk": {"status": "pass", "free_space_gb": 125.6},
    },
}
START: dict[str, Any] = {
    "success": True,
    "message": "Trading started successfully",
    "mode": "live",
    "start_time": "2024-01-01T12:00:00Z",
    "symbols_count": 150,
    "exchanges_count": 4,
}
STOP: dict[str, Any] = {
    "success": True,
    "message": "Trading stopped successfully",
    "stop_time": "2024-01-01T13:30:00Z",
    "trades_completed": 8,
    "pending_trades": 0,
}
CONFIG: dict[str, Any] = {
    "arbitrage": {
        "min_profit_threshold": 0.005,
        "max_position_size": 1000.0,
        "trade_amount_usd": 100.0,
        "use_trend_filter": True,
        "trend_filter_mode": "both",
    },
    "risk_management": {
        "max_drawdown_percent": 5.0,
        "stop_loss_percent": 2.0,
        "max_concurrent_trades": 3,
    },
    "exchanges": {"*": {"enabled": True}},
}
UPDATED: dict[str, Any] = {
    "success": True,
    "message": "Configuration updated successfully",
    "updated_fields": ["min_profit_threshold", "max_position_size"],
}
PRICES: dict[str, Any] = {
    "timestamp": 1640995200.123,
    "prices": {
        "*": {
            "*": {
                "bid": 43250.50,
                "ask": 43251.00,
                "bid_size": 2.5,
                "ask_size": 1.8,
                "timestamp": 1640995200.120,
            }
        }
    },
}
HISTORY: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "exchange": "binance",
    "interval": "1h",
    "data": [
        {
            "timestamp": 1640995200,
            "open": 43200.00,
            "high": 43350.00,
            "low": 43150.00,
            "close": 43250.00,
            "volume": 125.67,
        }
    ],
}
SPREADS: dict[str, Any] = {
    "timestamp": 1640995200.123,
    "spreads": [
        {
            "symbol": "BTCUSDT",
            "buy_exchange": "bybit",
            "sell_exchange": "binance",
            "buy_price": 43249.00,
            "sell_price": 43251.00,
            "spread": 2.00,
            "spread_percent": 0.0046,
            "profit_after_fees": 0.85,
            "profit_percent": 0.002,
        }
    ],
}
TRADE: dict[str, Any] = {
    "id": 123,
    "symbol": "BTCUSDT",
    "buy_exchange": "bybit",
    "sell_exchange": "binance",
    "quantity": 0.1,
    "planned_profit": 2.50,
    "actual_profit": 2.35,
    "fees_paid": 0.15,
    "status": "completed",
    "started_at": "2024-01-01T12:00:00Z",
    "completed_at": "2024-01-01T12:00:45Z",
}
TRADES: dict[str, Any] = {
    "trades": [TRADE],
    "total_count": 1,
    "pagination": {"limit": 100, "offset": 0, "has_more": False},
}
TRADE_DETAIL: dict[str, Any] = {
    **TRADE,
    "signal_id": 456,
    "buy_order_id": "buy_order_123",
    "sell_order_id": "sell_order_456",
    "planned_buy_price": 43249.00,
    "planned_sell_price": 43251.00,
    "actual_buy_price": 43249.50,
    "actual_sell_price": 43250.75,
    "slippage": 0.25,
    "execution_time_ms": 45000,
}
SIGNAL: dict[str, Any] = {
    "id": 456,
    "symbol": "BTCUSDT",
    "buy_exchange": "bybit",
    "sell_exchange": "binance",
    "buy_price": 43249.00,
    "sell_price": 43251.00,
    "profit": 2.00,
    "profit_percent": 0.0046,
    "confidence": 0.85,
    "executed": True,
    "timestamp": 1640995200.123,
}
SIGNALS: dict[str, Any] = {"signals": [SIGNAL], "total_count": 1}
BALANCES: dict[str, Any] = {
    "timestamp": 1640995200.123,
    "balances": {"*": {"*": {"free": 9850.25, "locked": 149.75, "total": 10000.00}}},
    "total_value_usd": 23645.75,
}
PERFORMANCE: dict[str, Any] = {
    "period": "month",
    "start_date": "2024-01-01",
    "end_date": "2024-01-31",
    "metrics": {
        "total_trades": 342,
        "successful_trades": 318,
        "win_rate": 92.98,
        "total_profit": 1247.85,
        "total_fees": 89.32,
        "net_profit": 1158.53,
        "avg_profit_per_trade": 3.65,
        "max_profit": 45.67,
        "max_loss": -12.34,
        "avg_execution_time_seconds": 42.5,
        "sharpe_ratio": 2.14,
        "max_drawdown_percent": 2.8,
        "profit_factor": 4.2,
    },
    "daily_breakdown": [{"date": "2024-01-01", "trades": 15, "profit": 52.34, "win_rate": 93.33}],
}
ANALYTICS: dict[str, Any] = {
    "query_type": "symbol_performance",
    "results": {"*": {"profit": 567.89, "win_rate": 94.2, "volume": 125.67}},
    "execution_time_ms": 125,
}
LIMITS: dict[str, Any] = {
    "limits": {
        "max_drawdown_percent": 5.0,
        "current_drawdown_percent": 2.3,
        "max_concurrent_trades": 5,
        "current_active_trades": 2,
        "daily_loss_limit": 1000.0,
        "current_daily_loss": 125.50,
    },
    "status": "normal",
    "warnings": [],
}
EMERGENCY: dict[str, Any] = {
    "success": True,
    "message": "Emergency stop activated",
    "trades_cancelled": 3,
    "positions_closed": 2,
    "timestamp": "2024-01-01T15:30:00Z",
}
ERROR: dict[str, Any] = {
    "error": {
        "code": "INVALID_SYMBOL",
        "message": "Symbol 'INVALID' is not supported",
        "details": {},
        "timestamp": "2024-01-01T12:00:00Z",
    }
}


def check_shape(sample: Any, actual: Any, where: str = "$") -> None:
    """Every field of the sample is there, of its type; a ``*`` key stands for any name."""
    if isinstance(sample, dict):
        assert isinstance(actual, dict), f"{where} is no object: {actual!r}"
        if "*" in sample:
            assert actual, f"{where} is empty"
            for name, value in actual.items():
                check_shape(sample["*"], value, f"{where}.{name}")
            return
        for name, value in sample.items():
            assert name in actual, f"{where}.{name} is missing"
            check_shape(value, actual[name], f"{where}.{name}")
    elif isinstance(sample, list):
        assert isinstance(actual, list), f"{where} is no list: {actual!r}"
        for number, value in enumerate(actual if sample else []):
            check_shape(sample[0], value, f"{where}[{number}]")
    else:
        assert type(actual) is type(sample), f"{where}: {actual!r} is no {type(sample).__name__}"
