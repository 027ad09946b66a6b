"""The server ``polymarket``: four APIs on one port, ``/ws/market`` and ``/ws/user``.

Acts beside the common ones: `fail` lets as many of the next matches fail as `amount` says, `hold`
keeps matches from being mined until `resume`, `redeem` cashes what a decided market pays, `reword`
changes a rule text; `relay_fail` lets so many of the next transactions fail that the relayer is
handed, `relay_hold` keeps them waiting until `relay_resume`; `disapprove` has the exchanges move no
money and no tokens until `approve`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from arbiter.markets.event_catalogue import WAITING
from arbiter.matching.faults import Fault, Faults
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.hub import Connection
from arbiter.simex.market import Market
from arbiter.simex.polymarket import rows, words
from arbiter.simex.polymarket.api import Api, Login, make_login
from arbiter.simex.polymarket.desk import SECURITY_S, Desk
from arbiter.simex.polymarket.gamma import FEE, Gamma, Listed
from arbiter.simex.polymarket.purse import Trade
from arbiter.simex.polymarket.relayer import Relayer, key_of
from arbiter.simex.polymarket.wallets import Wallet, make_wallet
from arbiter.simex.rest import Call, Reply, VenueError, encode, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_RETRY_S = 10


class Polymarket(VenueServer):
    digits = 2

    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        self._wallets: dict[tuple[int, str], Wallet] = {}
        super().__init__(name, settings, market, faults, now_ns)
        at = now_ns()
        self.listed = [
            Listed(number, shown, market, at) for number, shown in enumerate(self.shown.values())
        ]
        self._by_row = {one.shown.row: one for one in self.listed}
        mine = [self._wallets[account, ""] for account in range(settings.accounts)]
        logins: dict[str, Login] = {}
        for (account, kind), wallet in self._wallets.items():
            key = next(k for k in self.keys.values() if k.secret == wallet.private)
            logins[wallet.address] = make_login(key, settings.seed, f"{account}:{kind}")
        self._logins = logins
        self.desk = Desk(self, self.listed, mine)
        self.gamma = Gamma(self, self.listed)
        self.relayer = Relayer(self, self.listed, self.desk, mine)
        self.api = Api(self, self.listed, self.desk, self.gamma, logins, mine, self.relayer)
        self.alive_ns = 10 * NS_PER_S
        """How long a heartbeat keeps an account's orders."""
        self._users: dict[Connection, tuple[Login, set[str]]] = {}

    def listed_as(self, instrument: Instrument) -> Instrument:
        """One of the markets charges takers, by the curve of its fee schedule."""
        if instrument.market_id != WAITING.name:
            return instrument
        return replace(instrument, event_fee=FEE)

    # Credentials: a wallet's key, and whose money it signs for.

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        wallet = make_wallet(self.name, self.settings.seed, account, kind)
        self._wallets[account, kind] = wallet
        return ApiKey(
            key=f"{wallet.address}:{kind}",
            secret=wallet.private,
            account=account,
            password="0",
            can_trade=kind != "reading",
            can_withdraw=kind == "withdrawing",
        )

    def credentials(self, key: ApiKey) -> dict[str, str]:
        address = key.key.partition(":")[0]
        wallet = next(w for w in self._wallets.values() if w.address == address)
        login = self._logins[address]
        return {
            "walletAddress": address,
            "privateKey": key.secret,
            "signatureType": key.password,
            "proxy": wallet.holders[1],
            "safe": wallet.holders[2],
            "depositWallet": wallet.holders[3],
            "apiKey": login.api_key,
            "secret": login.secret,
            "password": login.passphrase,
            "relayerApiKey": key_of(wallet),
        }

    # REST.

    def call_name(self, call: Call) -> str | None:
        return self.api.name(call)

    def answer(self, call: Call) -> Reply:
        try:
            verdict = self.meter.take(1, self.now_ns())
            if not verdict.passes:
                raise VenueError(0, "Too Many Requests", 429, 1)
            return reply(self.api.serve(call))
        except VenueError as error:
            headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
            return reply({"error": error.text}, error.status, headers)

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            return reply({"error": "Too Many Requests"}, 429, {"Retry-After": "1"})
        return reply({"error": "Internal server error"}, 500)

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        return path in ("/ws/market", "/ws/user")

    def heard(self, connection: Connection, path: str, text: str) -> None:
        if text == "PING":
            connection.send("PONG")
            return
        try:
            told = msgspec.json.decode(text)
        except msgspec.DecodeError:
            connection.send("INVALID OPERATION")
            return
        if not isinstance(told, dict):
            connection.send("INVALID OPERATION")
        elif path == "/ws/user":
            self._user(connection, told)
        else:
            self._market(connection, told)

    def _user(self, connection: Connection, told: dict[str, Any]) -> None:
        said = told.get("auth") or {}
        login = self.api.logins.get(str(said.get("apiKey")))
        fits = login is not None and (said.get("secret"), said.get("passphrase")) == (
            login.secret,
            login.passphrase,
        )
        if login is None or not fits:
            connection.close()
            return
        self._users[connection] = login, set(told.get("markets") or ())

    def _market(self, connection: Connection, told: dict[str, Any]) -> None:
        tokens = [str(token) for token in told.get("assets_ids") or told.get("asset_ids") or ()]
        if told.get("operation") == "unsubscribe":
            self.hub.unsubscribe(connection, tokens)
            return
        known = [token for token in tokens if token in self.desk.by_token]
        self.hub.subscribe(connection, known)
        books = []
        for token in known:
            if self.desk.by_token[token].shown.row in self.decided:
                continue
            self._flush(self.desk.by_token[token].shown)
            book = self.api.book(token).told(self.now_ms())
            books.append({"event_type": "book"} | book)
        connection.send(encode(books).decode())

    # What the accounts are told.

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        silent = self.silent(self._real_ns())
        for report in reports:
            for event in self._events(account, report):
                if not silent:
                    frame = encode(event).decode()
                    self.delayed(
                        report,
                        lambda frame=frame: self._send(account, frame),  # type: ignore[misc]
                    )
        account.take_touched()

    def _events(self, account: Account, report: VenueReport) -> list[dict[str, Any]]:
        if isinstance(report, Filled):
            trade = self.desk.matched(account, report.fill)
            order = self.desk.row(account, account.orders[report.fill.client_order_id])
            return [self._trade(account, trade), self._order(order, "UPDATE")]
        if isinstance(report, Ended):
            row = self.desk.row(account, account.orders[report.client_order_id])
            if row["status"] == "MATCHED":
                return []
            return [self._order(row, "CANCELLATION")]
        if report.__class__.__name__ == "Accepted":
            row = self.desk.row(account, account.orders[report.client_order_id])  # type: ignore[union-attr]
            return [self._order(row, "PLACEMENT")] if row["status"] == "LIVE" else []
        return []

    def _order(self, row: dict[str, Any], kind: str) -> dict[str, Any]:
        return rows.order_event(row, kind, self.now_ms())

    def _trade(self, account: Account, trade: Trade) -> dict[str, Any]:
        listed = self.desk.by_instrument[trade.ticket.instrument]
        row = rows.trade_row(trade, listed, account.number)
        return rows.trade_event(row, trade.ticket, self.now_ms())

    def tick(self, now_ns: int) -> None:
        """Take matches on to their last word, and end orders that have had their time."""
        silent = self.silent(self._real_ns())
        self._mourn(now_ns)
        self.relayer.step(self.now_ns())
        for account in self.accounts:
            for trade in self.desk.step(account, self.now_ns()):
                frame = encode(self._trade(account, trade)).decode()
                report = Filled(venue=VenueId(self.name), at_ns=now_ns, fill=trade.fill)
                if not silent:
                    self.delayed(
                        report,
                        lambda account=account, frame=frame: self._send(account, frame),  # type: ignore[misc]
                    )
            for view in account.open_orders():
                ticket = self.desk.purses[account.number].tickets["0x" + view.order.client_order_id]
                if ticket.expires_s and ticket.expires_s - SECURITY_S <= self.now_ns() // NS_PER_S:
                    self.tell(account, account.cancel(view, now_ns))

    def _mourn(self, now_ns: int) -> None:
        """Cancel what belongs to those who sent heartbeats and no longer do."""
        for number, (_, at_ns) in list(self.api.heartbeats.items()):
            if self.now_ns() - at_ns > self.alive_ns:
                del self.api.heartbeats[number]
                account = self.accounts[number]
                for view in account.open_orders():
                    self.tell(account, account.cancel(view, now_ns))

    def _send(self, account: Account, frame: str) -> None:
        for connection, (login, _) in tuple(self._users.items()):
            if connection.closing:
                del self._users[connection]
            elif login.key.account == account.number:
                connection.send(frame)

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        if not crossed:
            self._flush(shown)

    def _flush(self, shown: Shown) -> None:
        """Tell what changed in a market's book, to both tokens' readers."""
        changed = shown.book.changes()
        one = self._by_row[shown.row]
        if changed is None or not any(self.hub.wanted(token) for token in one.tokens):
            return
        _, _, _, bids, asks = changed
        if not bids and not asks:
            return
        at_ms = self.now_ms()
        entries: list[dict[str, str]] = []
        for token in one.tokens:
            book = self.api.book(token)
            entries += book.changes(bids, asks, book.told(at_ms))
        frame = encode(
            {
                "event_type": "price_change",
                "market": one.condition,
                "price_changes": entries,
                "timestamp": str(at_ms),
            }
        ).decode()
        readers: dict[Connection, None] = {}
        for token in one.tokens:
            readers |= dict.fromkeys(self._readers(token))
        for connection in readers:
            connection.send(frame)

    def _readers(self, token: str) -> list[Connection]:
        return [c for c in self.hub.connections if token in c.topics]

    def show_depth(self) -> None:
        for one in self.listed:
            if one.shown.row not in self.decided:
                self._flush(one.shown)

    def show_print(self, shown: Shown, made: Print) -> None:
        one = self._by_row[shown.row]
        scale = shown.book.scale
        one.last_price = scale.price(made.price)
        if self.hub.wanted(one.tokens[words.YES]):
            told = {
                "event_type": "last_trade_price",
                "market": one.condition,
                "asset_id": one.tokens[words.YES],
                "fee_rate_bps": "0",
                "price": scale.price(made.price),
                "side": "SELL" if made.sold else "BUY",
                "size": scale.size(made.size),
                "timestamp": str(made.at_ms),
            }
            self.hub.publish(one.tokens[words.YES], encode(told).decode())

    def show_second(self) -> None:
        """Nothing comes once a second here."""

    def resolve(self, shown: Shown, payout: Any, now_ns: int) -> None:
        if shown.row in self.decided:
            return
        super().resolve(shown, payout, now_ns)
        one = self._by_row[shown.row]
        yes, no = one.tokens
        told = {
            "event_type": "market_resolved",
            "id": str(one.number),
            "market": one.condition,
            "assets_ids": [yes, no],
            "winning_asset_id": yes if payout == ONE else no,
            "winning_outcome": words.OUTCOMES[0 if payout == ONE else 1],
            "timestamp": str(self.now_ms()),
        }
        self.hub.publish(yes, encode(told).decode())

    def act(self, act: str, symbol: str, account: int, amount: int) -> bool:
        """Carry out an act of this venue's own; False when there is none of that name."""
        if act == "fail":
            self.desk.failing = amount
        elif act in ("hold", "resume"):
            self.desk.held_back = act == "hold"
        elif act in ("approve", "disapprove"):
            self.desk.approved = act == "approve"
        elif act == "reword":
            self.gamma.changed_rules.add(symbol.lower())
        elif act == "relay_fail":
            self.relayer.failing = amount
        elif act in ("relay_hold", "relay_resume"):
            self.relayer.held_back = act == "relay_hold"
        elif act == "redeem":
            for row, payout in self.decided.items():
                self.desk.redeem(self.accounts[account], self._by_row[row], payout)
        else:
            return False
        return True
