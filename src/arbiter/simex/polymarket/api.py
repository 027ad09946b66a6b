"""The routes of all APIs, on one origin: they share no path but two, told apart by their query."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec

from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.polymarket import rows, wallets, words
from arbiter.simex.polymarket.books import TokenBook
from arbiter.simex.polymarket.desk import Desk
from arbiter.simex.polymarket.gamma import FEE, Gamma, Listed
from arbiter.simex.polymarket.relayer import Relayer
from arbiter.simex.rest import Call, VenueError
from arbiter.simex.venue import VenueServer

_SKEW_S = 60
_PAGE = 500
Query = dict[str, list[str]]


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet is given to sign requests with."""

    key: ApiKey
    api_key: str
    secret: str
    passphrase: str
    kind: str

    @property
    def told(self) -> dict[str, str]:
        return {"apiKey": self.api_key, "secret": self.secret, "passphrase": self.passphrase}


def make_login(key: ApiKey, seed: int, kind: str) -> Login:
    made = hashlib.sha256(f"login:{seed}:{key.account}:{kind}".encode()).digest()
    secret = base64.urlsafe_b64encode(hashlib.sha256(made).digest()).decode()
    digits = made.hex()
    name = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"
    return Login(key=key, api_key=name, secret=secret, passphrase=digits[32:], kind=kind)


class Api:
    def __init__(
        self,
        server: VenueServer,
        listed: list[Listed],
        desk: Desk,
        gamma: Gamma,
        logins: dict[str, Login],
        wallets_: list[wallets.Wallet],
        relayer: Relayer,
    ) -> None:
        self._server = server
        self._listed = listed
        self.desk = desk
        self.gamma = gamma
        self._relayer = relayer
        self._by_address = logins
        self.logins = {login.api_key: login for login in logins.values()}
        self._books = {
            token: TokenBook(one, outcome)
            for one in listed
            for outcome, token in enumerate(one.tokens)
        }
        self._wallets = wallets_
        self.heartbeats: dict[int, tuple[str, int]] = {}
        """By account: the newest one's id, and when it came."""
        self._public: dict[str, Callable[[Query], Any]] = {
            "/ok": lambda _: "OK",
            "/status": lambda _: "OK",
            "/time": lambda _: server.now_ns() // NS_PER_S,
            "/version": lambda _: {"version": 2},
            "/book": self._book,
            "/midpoint": lambda q: {"mid": words.number(sum(self._touch(q), ZERO) / 2)},
            "/price": self._price,
            "/spread": lambda q: {"spread": words.number(self._touch(q)[1] - self._touch(q)[0])},
            "/last-trade-price": self._last_price,
            "/tick-size": lambda q: {"minimum_tick_size": float(self._token(q).tick)},
            "/neg-risk": lambda q: {"neg_risk": self._of(q).neg_risk},
            "/fee-rate": lambda _: {"base_fee": 0},
            "/events": gamma.events,
            "/public-search": gamma.search,
            "/positions": self._positions,
            "/activity": lambda q: self._activity(q, trades=False),
            "/v2/positions": self._positions_v2,
            "/v2/trades": lambda q: self._page_v2(self._activity(q, trades=True), q),
            "/v2/activity": lambda q: self._page_v2(self._activity(q, trades=False), q),
            "/trades": lambda q: self._activity(q, trades=True),
            "/markets": gamma.markets,
        }

    # Routes.

    def name(self, call: Call) -> str | None:
        """What a request is, as faults know it."""
        key = (call.method, call.path)
        if call.path.startswith("/data/order/"):
            return "query"
        return {
            ("POST", "/order"): "submit",
            ("DELETE", "/order"): "cancel",
            ("DELETE", "/orders"): "cancel",
            ("DELETE", "/cancel-all"): "cancel",
            ("GET", "/data/orders"): "query",
            ("GET", "/data/trades"): "fills",
            ("GET", "/balance-allowance"): "holdings",
            ("POST", "/submit"): "redeem",
        }.get(key)

    def serve(self, call: Call) -> Any:
        query = parse_qs(call.query, keep_blank_values=True)
        path = call.path
        if path.startswith("/auth/"):
            return self._auth(call)
        if self._relayer.serves(path):
            return self._relayer.serve(call)
        if path == "/books" and call.method == "POST":
            asked = msgspec.json.decode(call.body)
            return [self._book({"token_id": [row["token_id"]]}) for row in asked]
        if call.method == "GET":
            found = self._public.get(path)
            if found is not None:
                return found(query)
            for stem, serve in (
                ("/clob-markets/", self._clob_market),
                ("/markets-by-token/", self._by_token),
                ("/events/slug/", self.gamma.event_of),
                ("/events/", self.gamma.event_of),
                ("/markets/slug/", lambda slug: self._listed_as("slug", slug)),
                ("/markets/", self._market),
            ):
                if path.startswith(stem):
                    return serve(path.removeprefix(stem))
        login = self._login(call)
        account = self._server.accounts[login.key.account]
        return self._private(call, query, login, account)

    def _private(self, call: Call, query: Query, login: Login, account: Account) -> Any:
        body = _body(call)
        match (call.method, call.path):
            case ("POST", "/order"):
                if not login.key.can_trade:
                    raise VenueError(0, "address in closed only mode", 400)
                return self.desk.place(account, login.api_key, body)
            case ("POST", "/orders"):
                return [self._one(account, login, one) for one in body]
            case ("DELETE", "/order"):
                self._running()
                return self.desk.cancel(account, [str(body["orderID"])])
            case ("DELETE", "/orders"):
                self._running()
                return self.desk.cancel(account, [str(name) for name in body])
            case ("DELETE", "/cancel-all"):
                self._running()
                open_ = ["0x" + view.order.client_order_id for view in account.open_orders()]
                return self.desk.cancel(account, open_)
            case ("GET", "/data/orders"):
                return _paged(_matching(self.desk.open(account), query), query)
            case ("GET", "/data/trades"):
                return _paged(_matching(self.desk.trades(account), query), query)
            case ("GET", "/balance-allowance") | ("GET", "/balance-allowance/update"):
                return self._balance(account, query)
            case ("POST", "/v1/heartbeats"):
                return self._beat(account, str(body.get("heartbeat_id") or ""))
            case ("GET", path) if path.startswith("/data/order/"):
                return self.desk.order(account, path.removeprefix("/data/order/"))
        raise VenueError(0, "not found", 404)

    def _beat(self, account: Account, told: str) -> dict[str, str]:
        last, _ = self.heartbeats.get(account.number, ("", 0))
        if last and told and told != last:
            raise VenueError(0, f"Invalid Heartbeat ID: {last}", 400)
        name = f"{account.number}-{int(last.rpartition('-')[2] or 0) + 1}"
        self.heartbeats[account.number] = name, self._server.now_ns()
        return {"heartbeat_id": name}

    def _one(self, account: Account, login: Login, body: Any) -> dict[str, Any]:
        try:
            return self.desk.place(account, login.api_key, body)
        except VenueError as error:
            return {"success": False, "errorMsg": error.text, "orderID": "", "status": ""}

    def _running(self) -> None:
        """Cancels too are refused while the matching engine restarts, and taken after that."""
        from arbiter.matching.faults import Fault

        now = self._server.now_ns()
        faults = self._server.faults
        if faults.active(Fault.MAINTENANCE, now) and not faults.refuses_takers(now):
            raise VenueError(0, words.RESTARTING, 425)

    # Who is it?

    def _auth(self, call: Call) -> Any:
        if call.path == "/auth/ban-status/closed-only":
            return {"closed_only": not self._login(call).key.can_trade}
        if call.path == "/auth/api-keys":
            return {"apiKeys": [self._login(call).api_key]}
        headers = call.headers
        address = headers.get("POLY_ADDRESS", "")
        at, nonce = headers.get("POLY_TIMESTAMP", ""), headers.get("POLY_NONCE", "0")
        self._check_time(at)
        try:
            signer = wallets.login_signer(
                address, at, int(nonce), headers.get("POLY_SIGNATURE", "")
            )
        except ValueError:
            signer = ""
        login = self._by_address.get(address)
        if not signer or signer != address or login is None:
            raise VenueError(0, "Invalid L1 Request headers", 401)
        if (call.method, call.path) in (
            ("POST", "/auth/api-key"),
            ("GET", "/auth/derive-api-key"),
        ):
            return login.told
        raise VenueError(0, "not found", 404)

    def _login(self, call: Call) -> Login:
        headers = call.headers
        login = self.logins.get(headers.get("POLY_API_KEY", ""))
        if login is None or headers.get("POLY_PASSPHRASE") != login.passphrase:
            raise VenueError(0, "Unauthorized/Invalid api key", 401)
        at = headers.get("POLY_TIMESTAMP", "")
        self._check_time(at)
        said = f"{at}{call.method}{call.path}" + call.body.decode("utf-8", "replace")
        key = base64.urlsafe_b64decode(login.secret)
        made = base64.urlsafe_b64encode(hmac.new(key, said.encode(), hashlib.sha256).digest())
        if not hmac.compare_digest(made.decode(), headers.get("POLY_SIGNATURE", "")):
            raise VenueError(0, "Unauthorized/Invalid api key", 401)
        return login

    def _check_time(self, at: str) -> None:
        now_s = self._server.now_ns() // NS_PER_S
        if not at.isdigit() or abs(int(at) - now_s) > _SKEW_S:
            raise VenueError(0, "Invalid timestamp", 401)

    # CLOB, public.

    def _token(self, query: Query) -> TokenBook:
        found = self._books.get(query.get("token_id", [""])[0])
        if found is None:
            raise VenueError(0, "No orderbook exists for the requested token id", 404)
        return found

    def _of(self, query: Query) -> Listed:
        return self.desk.by_token[self._token(query).token]

    def book(self, token: str) -> TokenBook:
        return self._books[token]

    def _book(self, query: Query) -> dict[str, Any]:
        token = self._token(query)
        self._open(self._of(query))
        return token.told(self._server.now_ms())

    def _open(self, listed: Listed) -> None:
        if listed.shown.row in self._server.decided:
            raise VenueError(0, "No orderbook exists for the requested token id", 404)

    def _touch(self, query: Query) -> tuple[Decimal, Decimal]:
        token = self._token(query)
        bids, asks = token.sides()
        return token.tick * bids[0][0], token.tick * asks[0][0]

    def _price(self, query: Query) -> dict[str, str]:
        bid, ask = self._touch(query)
        buys = query.get("side", ["BUY"])[0].upper() == "BUY"
        return {"price": words.number(bid if buys else ask)}

    def _last_price(self, query: Query) -> dict[str, str]:
        return {"price": self._of(query).last_price, "side": "BUY"}

    def _clob_market(self, condition: str) -> dict[str, Any]:
        one = self._condition(condition)
        return {
            "c": one.condition,
            "t": [
                {"t": token, "o": outcome}
                for token, outcome in zip(one.tokens, words.OUTCOMES, strict=True)
            ],
            "mts": float(one.shown.instrument.tick),
            "mos": float(one.shown.instrument.min_size),
            "nr": one.neg_risk,
            "fd": {
                "r": float(FEE.rate) if one.shown.instrument.event_fee == FEE else 0,
                "e": 1,
                "to": True,
            },
        }

    def _by_token(self, token: str) -> dict[str, Any]:
        one = self.desk.by_token.get(token)
        if one is None:
            raise VenueError(0, "market not found", 404)
        yes, no = one.tokens
        return {"condition_id": one.condition, "primary_token_id": yes, "secondary_token_id": no}

    def _market(self, name: str) -> dict[str, Any]:
        """CLOB's by condition, gamma's by number."""
        if not name.startswith("0x"):
            return self._listed_as("id", name)
        one = self._condition(name)
        payout = self._server.decided.get(one.shown.row)
        prices = (payout, None if payout is None else ONE - payout)
        return {
            "condition_id": one.condition,
            "market_slug": one.slug,
            "question": one.terms.title,
            "closed": payout is not None,
            "accepting_orders": payout is None,
            "minimum_tick_size": float(one.shown.instrument.tick),
            "minimum_order_size": float(one.shown.instrument.min_size),
            "neg_risk": one.neg_risk,
            "tokens": [
                {
                    "token_id": token,
                    "outcome": outcome,
                    "price": 0.5 if paid is None else float(paid),
                    "winner": paid == ONE,
                }
                for token, outcome, paid in zip(one.tokens, words.OUTCOMES, prices, strict=True)
            ],
        }

    def _listed_as(self, by: str, name: str) -> dict[str, Any]:
        found = self.gamma.markets({by: [name]})
        if not found:
            raise VenueError(0, "not found", 404)
        return found[0]

    def _condition(self, condition: str) -> Listed:
        for one in self._listed:
            if one.condition == condition:
                return one
        raise VenueError(0, "market not found", 404)

    # CLOB, private.

    def _balance(self, account: Account, query: Query) -> dict[str, Any]:
        purse = self.desk.purses[account.number]
        if query.get("asset_type", ["COLLATERAL"])[0] == "COLLATERAL":
            amount = purse.cash
        else:
            amount = purse.held(query.get("token_id", [""])[0])
        most = str(2**255) if self.desk.approved else "0"
        spenders = (wallets.EXCHANGE, wallets.NEG_RISK_EXCHANGE)
        return {"balance": words.raw(amount), "allowances": dict.fromkeys(spenders, most)}

    # Data.

    def _account(self, query: Query) -> tuple[Account, str] | None:
        asked = query.get("user", [""])[0].lower()
        for number, wallet in enumerate(self._wallets):
            if asked in {holder.lower() for holder in wallet.holders}:
                return self._server.accounts[number], asked
        return None

    def _positions(self, query: Query) -> list[dict[str, Any]]:
        found = self._account(query)
        if found is None:
            return []
        account, asked = found
        purse = self.desk.purses[account.number]
        made = []
        for one in self._listed:
            payout = self._server.decided.get(one.shown.row)
            both = all(purse.held(token) for token in one.tokens)
            for outcome, token in enumerate(one.tokens):
                size = purse.held(token)
                if not size:
                    continue
                tick = one.shown.instrument.tick
                bid, ask, _, _ = one.shown.book.top
                yes = tick * (bid + ask) / 2 if payout is None else payout
                made.append(
                    rows.position_row(
                        one,
                        outcome,
                        asked,
                        size,
                        purse.cost.get(token, ZERO),
                        words.in_outcome(yes, outcome),
                        decided=payout is not None,
                        mergeable=both,
                    )
                )
        return _window(made, query)

    def _positions_v2(self, query: Query) -> dict[str, Any]:
        return self._page_v2(self._positions(query | {"limit": ["500"], "offset": ["0"]}), query)

    def _activity(self, query: Query, *, trades: bool) -> list[dict[str, Any]]:
        found = self._account(query)
        if found is None:
            return []
        kinds = query.get("type", ["TRADE"])[0].split(",")
        if not trades and "TRADE" not in kinds:
            return []
        account, asked = found
        purse = self.desk.purses[account.number]
        made = [
            rows.activity_row(
                trade, self.desk.by_instrument[trade.ticket.instrument], asked, account.number
            )
            for trade in reversed(purse.trades.values())
            if trade.status.on_chain
        ]
        start = int(query.get("start", ["0"])[0])
        made = [row for row in made if row["timestamp"] >= start]
        return _window(made, query)

    def _page_v2(self, found: list[dict[str, Any]], query: Query) -> dict[str, Any]:
        data = [{_SNAKE.get(name, _snake(name)): row[name] for name in row} for row in found]
        page = {"limit": _PAGE, "offset": 0, "has_more": False, "next_cursor": None}
        return {"data": data, "pagination": page}


_SNAKE = {"asset": "token_id"}


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _body(call: Call) -> Any:
    try:
        return msgspec.json.decode(call.body) if call.body else {}
    except msgspec.DecodeError:
        raise VenueError(0, "Invalid payload", 400) from None


def _window(made: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    first = int(query.get("offset", ["0"])[0])
    return made[first : first + min(int(query.get("limit", ["100"])[0]), _PAGE)]


def _matching(found: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    after = int(query.get("after", ["0"])[0] or 0)
    kept = []
    for row in found:
        if int(row.get("match_time", after)) < after:
            continue
        if all(query[n][0] == row[n] for n in ("id", "market", "asset_id") if query.get(n)):
            kept.append(row)
    return kept


def _paged(found: list[dict[str, Any]], query: Query) -> dict[str, Any]:
    cursor = query.get("next_cursor", [""])[0]
    first = int(base64.b64decode(cursor)) if cursor and cursor != words.END else 0
    page, last = found[first : first + _PAGE], first + _PAGE
    more = base64.b64encode(str(last).encode()).decode() if last < len(found) else words.END
    return {"data": page, "next_cursor": more, "limit": _PAGE, "count": len(page)}
