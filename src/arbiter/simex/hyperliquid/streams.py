"""Subscriptions: what everybody may hear of a coin, and of any address."""

from collections.abc import Callable
from typing import Any

from arbiter.simex.hub import Connection, Hub
from arbiter.simex.hyperliquid import rows
from arbiter.simex.hyperliquid.info import Owner
from arbiter.simex.hyperliquid.market import INTERVALS, MarketData
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown

COINS = ("l2Book", "bbo", "trades", "activeAssetCtx")
USERS = (
    "orderUpdates",
    "userFills",
    "userFundings",
    "userEvents",
    "userNonFundingLedgerUpdates",
    "clearinghouseState",
    "spotState",
    "webData2",
)


def frame(channel: str, data: Any) -> str:
    return encode({"channel": channel, "data": data}).decode()


class Streams:
    def __init__(
        self,
        hub: Hub,
        market: MarketData,
        owners: dict[str, Owner],
        now_ns: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._market = market
        self._owners = owners
        self._now_ns = now_ns
        self._shown_at: dict[str, int] = {}
        """Number of the book last sent, by coin."""

    def topic(self, wanted: dict[str, Any]) -> str | None:
        """Name a subscription; None where there is no such thing."""
        kind = wanted.get("type")
        if kind == "allMids":
            return "allMids"
        if kind in USERS:
            address = str(wanted.get("user", "")).lower()
            return f"{kind}:{address}" if len(address) == 42 else None
        if wanted.get("coin") not in self._market.by_coin:
            return None
        if kind == "candle":
            interval = wanted.get("interval")
            return f"candle:{wanted['coin']}:{interval}" if interval in INTERVALS else None
        return f"{kind}:{wanted['coin']}" if kind in COINS else None

    def begin(self, connection: Connection, wanted: dict[str, Any]) -> None:
        """Send what a new reader starts from."""
        market, kind = self._market, wanted["type"]
        if kind == "allMids":
            connection.send(frame("allMids", {"mids": market.mids()}))
        elif kind in USERS:
            for told in self._snapshot(kind, str(wanted["user"]).lower()):
                connection.send(told)
        else:
            shown = market.by_coin[wanted["coin"]]
            match kind:
                case "l2Book":
                    connection.send(frame("l2Book", market.book(shown)))
                case "bbo":
                    connection.send(frame("bbo", market.best(shown)))
                case "trades":
                    connection.send(frame("trades", market.trades(shown)))
                case "activeAssetCtx":
                    connection.send(self._context(shown))
                case _:
                    """Candles come with the next trade."""

    def _snapshot(self, kind: str, address: str) -> list[str]:
        owner = self._owners.get(address)
        match kind:
            case "userFills":
                fills = [] if owner is None else owner.chronicle.rows()[-2_000:]
                return [frame(kind, {"isSnapshot": True, "user": address, "fills": fills})]
            case "userFundings":
                paid = (
                    []
                    if owner is None
                    else [
                        {"time": rows.ledger_row(owner.account, one)["time"]}
                        | rows.funding(owner.account, one)
                        for one in owner.account.payments[-500:]
                    ]
                )
                return [frame(kind, {"isSnapshot": True, "user": address, "fundings": paid})]
            case "clearinghouseState":
                return [self.state(address)]
            case _:
                return []

    def state(self, address: str) -> str:
        owner = self._owners.get(address)
        state = rows.state(None if owner is None else owner.account, self._now_ns())
        told = {"dex": "", "user": address, "clearinghouseState": state}
        return frame("clearinghouseState", told)

    def _context(self, shown: Shown) -> str:
        told = {"coin": shown.market_id, "ctx": self._market.context(shown)}
        return frame("activeAssetCtx", told)

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        topic = f"bbo:{shown.market_id}"
        if self._hub.wanted(topic):
            self._hub.publish(topic, frame("bbo", self._market.best(shown, crossed=crossed)))

    def show_depth(self) -> None:
        for coin, shown in self._market.by_coin.items():
            topic = f"l2Book:{coin}"
            if self._hub.wanted(topic) and self._shown_at.get(coin) != shown.book.last_id:
                self._shown_at[coin] = shown.book.last_id
                self._hub.publish(topic, frame("l2Book", self._market.book(shown)))

    def show_print(self, shown: Shown, made: Print) -> None:
        coin = shown.market_id
        if self._hub.wanted(f"trades:{coin}"):
            told = frame("trades", [self._market.trade(shown, made)])
            self._hub.publish(f"trades:{coin}", told)
        opens, bar = next(reversed(shown.tape.bars.items()))
        for interval in INTERVALS:
            topic = f"candle:{coin}:{interval}"
            if self._hub.wanted(topic):
                told = frame("candle", self._market.candle(shown, interval, opens, bar))
                self._hub.publish(topic, told)

    def show_second(self) -> None:
        for coin, shown in self._market.by_coin.items():
            if self._hub.wanted(f"activeAssetCtx:{coin}"):
                self._hub.publish(f"activeAssetCtx:{coin}", self._context(shown))
        if self._hub.wanted("allMids"):
            self._hub.publish("allMids", frame("allMids", {"mids": self._market.mids()}))
        for address in self._owners:
            topic = f"clearinghouseState:{address}"
            if self._hub.wanted(topic):
                self._hub.publish(topic, self.state(address))
