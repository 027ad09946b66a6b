"""Defaults a mode replaces where the user set nothing.

The simulator's market is livelier than the real one and its money is not real: its own cooldown,
cap and limits let a newcomer see trades within seconds. Every value here shows in
`arbiter config show` with the source ``profile sim``.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.app.config_sections import Mode

PROFILES: Mapping[Mode, Mapping[str, Any]] = {
    Mode.SIM: {
        "spot.cooldown_seconds": Decimal(10),
        "spot.max_trades_per_hour": 1_500,
        "risk.max_concurrent_trades": 10,
        "agents.max_volatility": Decimal("0.2"),
        "copying.poll_seconds": 1.0,
        "copying.polymarket_url": "",
        "copying.hyperliquid_url": "",
        "risk.max_trade_usd": Decimal(5_000),
        "risk.max_total_exposure_usd": Decimal(20_000),
        "risk.capital_base_usd": Decimal(100_000),
    },
}
