"""The server ``aster``: futures API v3."""

import hashlib
import importlib
from typing import Any

from arbiter.simex.account import ApiKey
from arbiter.simex.aster.door import AsterDoor
from arbiter.simex.binance.calls import SIGNED, Context, Route
from arbiter.simex.binance.door import Door
from arbiter.simex.binance.futures_server import BinanceFutures

_FOREVER_MS = 4_102_444_800_000


class AsterFutures(BinanceFutures):
    """An agent's address is its key's name; its account's address stands in `password`."""

    prefix = "/fapi/v3"

    def make_door(self) -> Door:
        one = self.prefix
        self._more_routes = {
            ("GET", f"{one}/agent"): Route(self._agents, 1, SIGNED),
            ("GET", f"{one}/builder"): Route(self._builders, 1, SIGNED),
            ("POST", f"{one}/approveBuilder"): Route(self._approve_builder, 1),
        }
        return AsterDoor(self)

    def more_routes(self) -> dict[tuple[str, str], Route]:
        return self._more_routes

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        """Agents' wallets; the one that may withdraw is the account's own."""
        user, agent = self._wallet(account, "user"), self._wallet(account, f"agent{kind}")
        chosen = user if kind == "withdrawing" else agent
        return ApiKey(
            key=chosen.address.lower(),
            secret=f"0x{chosen.key.hex().removeprefix('0x')}",
            password=user.address.lower(),
            account=account,
            can_trade=kind != "reading",
            can_withdraw=kind == "withdrawing",
        )

    def _wallet(self, account: int, what: str) -> Any:
        seed = f"{self.name}:{self.settings.seed}:{account}:{what}".encode()
        made: Any = importlib.import_module("eth_account").Account
        return made.from_key(hashlib.sha256(seed).digest())

    def credentials(self, key: ApiKey) -> dict[str, str]:
        return {"walletAddress": key.password, "privateKey": key.secret}

    def _agents(self, context: Context) -> list[dict[str, Any]]:
        """Which agents the account has approved."""
        return [
            {
                "agentName": f"agent-{number}",
                "agentAddress": key.key,
                "ipWhitelist": "",
                "expired": _FOREVER_MS,
                "canRead": True,
                "canSpotTrade": False,
                "canPerpTrade": key.can_trade,
                "canWithdraw": key.can_withdraw,
            }
            for number, key in enumerate(self.keys.values())
            if key.account == context.account.number and key.key != key.password
        ]

    def _builders(self, _: Context) -> list[dict[str, Any]]:
        return []

    def _approve_builder(self, _: Context) -> dict[str, Any]:
        """Taken and counted: whoever sends it would pay somebody else."""
        self.brokers["approveBuilder"] += 1
        return {"code": 200, "msg": "success"}
