"""The private stream: who signed in, what they subscribed to, and what an account is told."""

import base64
import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from arbiter.model.ids import InstrumentId
from arbiter.model.reports import (
    Accepted,
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    VenueReport,
)
from arbiter.simex.account import Account
from arbiter.simex.hub import Connection
from arbiter.simex.okx import rows, words
from arbiter.simex.okx.api import Api
from arbiter.simex.rest import encode
from arbiter.simex.venue import VenueServer

CHANNELS = ("orders", "account", "positions", "balance_and_position")
_STALE_S = 30

Told = tuple[str, str, dict[str, Any]]
"""Channel, kind of instrument (empty for all), row."""


class Reader:
    """A connection to the private stream: whose it is, once it said so."""

    def __init__(self) -> None:
        self.account: int | None = None
        self.topics: dict[tuple[str, str], dict[str, str]] = {}
        """What was asked for, by channel and kind."""


class PrivateStream:
    def __init__(self, server: VenueServer, api: Api) -> None:
        self._server = server
        self._api = api
        self._readers: dict[Connection, Reader] = {}

    def opened(self, connection: Connection) -> None:
        self._readers[connection] = Reader()

    def reader(self, connection: Connection) -> Reader | None:
        return self._readers.get(connection)

    def login(self, reader: Reader, message: dict[str, Any]) -> dict[str, Any]:
        told = (message.get("args") or [{}])[0]
        at = str(told.get("timestamp", ""))
        key = self._server.keys.get(str(told.get("apiKey", "")))
        now_s = self._server.now_ms() // 1_000
        if key is None:
            return {"event": "error", "code": "60005", "msg": "Invalid apiKey"}
        if not at.isdecimal() or abs(now_s - int(at)) > _STALE_S:
            return {"event": "error", "code": "60006", "msg": "Timestamp request expired"}
        if told.get("passphrase") != key.password:
            return {"event": "error", "code": "60024", "msg": "Wrong passphrase"}
        if not matches(f"{at}GET/users/self/verify", key.secret, str(told.get("sign", ""))):
            return {"event": "error", "code": "60007", "msg": "Invalid sign"}
        reader.account = key.account
        return {"event": "login", "code": "0", "msg": ""}

    def subscribe(self, reader: Reader, arg: dict[str, str], *, on: bool) -> str | None:
        """Take one topic; gives the code of a refusal."""
        if reader.account is None:
            return "60011"
        channel, kind = arg.get("channel", ""), arg.get("instType", "")
        wants_kind = channel in ("orders", "positions")
        if channel not in CHANNELS or (wants_kind and kind not in (*words.KINDS, "ANY")):
            return "60018"
        if on:
            reader.topics[channel, kind] = arg
        else:
            reader.topics.pop((channel, kind), None)
        return None

    def begin(self, connection: Connection, reader: Reader, arg: dict[str, str]) -> None:
        """Send what a new reader starts from."""
        assert reader.account is not None, "refused otherwise"
        account = self._server.accounts[reader.account]
        if arg["channel"] == "account":
            connection.send(self._frame(arg, [self._balance(account)]))
        elif arg["channel"] == "positions":
            connection.send(self._frame(arg, self._positions(account)))

    def tell(self, account: Account, reports: Iterable[VenueReport], *, silent: bool) -> None:
        moved: dict[InstrumentId, None] = {}
        for report in reports:
            for channel, kind, row in self._rows(account, report, moved):
                if not silent:
                    self._server.delayed(
                        report,
                        lambda c=channel, k=kind, r=row: self._send(account, c, k, [r]),  # type: ignore[misc]
                    )
        changed = account.take_touched()
        if silent:
            return
        for name in moved:
            shown = self._server.by_id[name]
            self._send(account, "positions", words.SWAP, [self._api.position(account, shown)])
        if changed:
            self._send(account, "account", "", [self._balance(account)])

    def _rows(
        self, account: Account, report: VenueReport, moved: dict[InstrumentId, None]
    ) -> list[Told]:
        if isinstance(report, Filled):
            fill = report.fill
            view = account.orders[fill.client_order_id]
            view.told_size += fill.size
            view.told_value += fill.size * fill.price
            if view.instrument.margin is not None:
                moved[fill.instrument] = None
            row = rows.order_row(view, account.number, told=True)
            row |= rows.streamed_fill(view.instrument, fill)
            return [("orders", row["instType"], row)]
        if isinstance(report, Accepted | Ended):
            view = account.orders[report.client_order_id]
            new = isinstance(report, Accepted)
            filled = view.order.filled_size == view.request.size
            if not new and filled:
                return []  # its last fill has said so
            row = rows.order_row(view, account.number, told=new)
            return [("orders", row["instType"], row | rows.NO_FILL)]
        if isinstance(report, ForcedReported):
            close = report.forced
            moved[close.instrument] = None
            row = rows.forced_order_row(account.instrument(close.instrument), close, account.number)
            return [("orders", words.SWAP, row), self._change("liquidation", account)]
        if isinstance(report, FundingReported):
            return [self._change("funding_fee", account)]
        return []

    def _change(self, event: str, account: Account) -> Told:
        at = str(self._server.now_ms())
        balances = [
            {"ccy": row["ccy"], "cashBal": row["cashBal"], "uTime": at}
            for row in self._balance(account)["details"]
        ]
        row = {
            "pTime": at,
            "eventType": event,
            "balData": balances,
            "posData": self._positions(account),
            "trades": [],
        }
        return "balance_and_position", "", row

    def _balance(self, account: Account) -> dict[str, Any]:
        return rows.balance_row(account, self._api.prices(), self._server.now_ms())

    def _positions(self, account: Account) -> list[dict[str, Any]]:
        held = account.exchange.margin.told(self._server.now_ns())
        return [self._api.position(account, self._server.by_id[told.instrument]) for told in held]

    def _frame(self, arg: dict[str, str], data: list[dict[str, Any]]) -> str:
        return encode({"arg": arg, "data": data}).decode()

    def _send(self, account: Account, channel: str, kind: str, data: list[dict[str, Any]]) -> None:
        for connection, reader in tuple(self._readers.items()):
            if connection.closing:
                del self._readers[connection]
            elif reader.account == account.number:
                for (wanted, of_kind), arg in reader.topics.items():
                    if wanted == channel and of_kind in ("", "ANY", kind):
                        connection.send(self._frame(arg, data))


def matches(payload: str, secret: str, signature: str) -> bool:
    made = hmac.new(secret.encode(), payload.encode(), sha256).digest()
    return hmac.compare_digest(base64.b64encode(made).decode(), signature)
