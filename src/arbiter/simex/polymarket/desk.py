"""Orders and trades of the accounts: from a signed order to the last word on its fills."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from arbiter.matching.codes import Refusal
from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, on_step
from arbiter.model.orders import Fill, OrderType, Side, TimeInForce
from arbiter.model.reports import CancelRefused, Filled, Refused, VenueReport
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, OrderView
from arbiter.simex.polymarket import rows, wallets, words
from arbiter.simex.polymarket.gamma import Listed
from arbiter.simex.polymarket.purse import Purse, Status, Ticket, Trade
from arbiter.simex.polymarket.words import YES
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import VenueServer

KINDS = {
    "GTC": TimeInForce.GTC,
    "GTD": TimeInForce.GTC,
    "FOK": TimeInForce.FOK,
    "FAK": TimeInForce.IOC,
}
_V1 = ("nonce", "feeRateBps")
SECURITY_S = 60
"""A GTD order ends so much before its expiration: one that names a nearer time is refused."""


class Desk:
    """`wallets` by account; the exchange knows an order by its hash."""

    def __init__(
        self, server: VenueServer, listed: list[Listed], wallets_: list[wallets.Wallet]
    ) -> None:
        self._server = server
        self._wallets = wallets_
        self.by_token = {token: one for one in listed for token in one.tokens}
        self.by_instrument = {one.shown.instrument.id: one for one in listed}
        self.purses = [Purse(server.settings.starting_quote) for _ in server.accounts]
        self.confirm_ns = int(server.settings.event_markets.confirm_seconds * NS_PER_S)
        self.held_back = False
        """Matches stay as they are: nothing is mined until this ends."""
        self.approved = True
        """The exchanges may move the accounts' money and tokens."""
        self.failing = 0
        """So many of the next matches fail."""

    # Placing.

    def place(self, account: Account, owner: str, body: Any) -> dict[str, Any]:
        order = self._read(body)
        ticket, listed = self._ticket(account, owner, body, order)
        if str(order["builder"]) != words.ZERO_BYTES32:
            self._server.brokers["builder"] += 1
            if self._server.settings.refuse_brokers:
                raise VenueError(0, "Orders that carry a builder's mark are refused here.", 400)
        post_only = body.get("postOnly") is True
        self._door(listed, post_only=post_only)
        instrument = listed.shown.instrument
        self._check(ticket, instrument, order)
        purse = self.purses[account.number]
        if not self.approved:
            raise words.refused(Refusal.BALANCE)
        if ticket.side is Side.SELL and self._sellable(account, ticket) < ticket.size:
            raise words.refused(Refusal.BALANCE)
        yes = ticket.outcome == YES
        try:
            request = OrderRequest(
                client_order_id=ClientOrderId(ticket.order_id[2:]),
                instrument=instrument.id,
                side=ticket.side if yes else ticket.side.opposite,
                type=OrderType.LIMIT,
                time_in_force=KINDS[ticket.kind],
                post_only=post_only,
                size=ticket.size,
                price=words.in_outcome(ticket.price, ticket.outcome),
            )
        except InvalidValue:
            raise VenueError(0, "invalid order payload", 400) from None
        purse.tickets.setdefault(ticket.order_id, ticket)
        reports = account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                del purse.tickets[ticket.order_id]
                raise self._refusal(report, ticket, instrument)
        self._server.tell(account, reports)
        return self._answer(account, ticket, reports)

    def _answer(
        self, account: Account, ticket: Ticket, reports: Iterable[VenueReport]
    ) -> dict[str, Any]:
        fills = [report.fill for report in reports if isinstance(report, Filled)]
        view = account.orders[ClientOrderId(ticket.order_id[2:])]
        if not fills and view.order.status.terminal:
            killed = ticket.kind == "FOK"
            raise VenueError(0, words.FOK_KILLED if killed else words.FAK_UNMATCHED, 400)
        size = sum((fill.size for fill in fills), ZERO)
        value = sum((f.size * self._price(ticket, f) for f in fills), ZERO)
        taken, made = (size, value) if ticket.side is Side.BUY else (value, size)
        number = account.number
        return {
            "success": True,
            "errorMsg": "",
            "orderID": ticket.order_id,
            "takingAmount": words.number(taken) if fills else "",
            "makingAmount": words.number(made) if fills else "",
            "status": "matched" if fills else "live",
            "transactionsHashes": [words.transaction_of(f.venue_trade_id, number) for f in fills],
            "tradeIDs": [words.trade_id(f.venue_trade_id, number) for f in fills],
        }

    def _read(self, body: Any) -> dict[str, Any]:
        order = body.get("order") if isinstance(body, dict) else None
        if not isinstance(order, dict) or body.get("orderType") not in KINDS:
            raise VenueError(0, "Invalid order payload", 400)
        if any(name in order for name in _V1) or "timestamp" not in order:
            raise VenueError(0, words.VERSION, 400)
        return order

    def _ticket(
        self, account: Account, owner: str, body: Any, order: dict[str, Any]
    ) -> tuple[Ticket, Listed]:
        if body.get("owner") != owner:
            raise VenueError(0, "the order owner has to be the owner of the API KEY", 400)
        listed = self.by_token.get(str(order.get("tokenId")))
        if listed is None:
            raise VenueError(0, "the market is not yet ready to process new orders", 400)
        self._check_signature(account, order, listed)
        try:
            buys = order["side"] == "BUY"
            maker, taker = int(order["makerAmount"]), int(order["takerAmount"])
            size = Decimal(taker if buys else maker) / words.SCALE
            cost = Decimal(maker if buys else taker) / words.SCALE
            price = cost / size
            expires = int(order.get("expiration") or 0)
        except (KeyError, ValueError, ArithmeticError):
            raise VenueError(0, "Invalid order payload", 400) from None
        now_s = self._server.now_ns() // NS_PER_S
        if body["orderType"] == "GTD" and expires < now_s + SECURITY_S:
            raise VenueError(0, "invalid expiration", 400)
        token = str(order["tokenId"])
        ticket = Ticket(
            order_id=wallets.order_hash(order, neg_risk=listed.neg_risk),
            instrument=listed.shown.instrument.id,
            outcome=listed.tokens.index(token),
            token=token,
            side=Side.BUY if buys else Side.SELL,
            price=price,
            size=size,
            kind=body["orderType"],
            expires_s=expires,
            maker=str(order["maker"]),
            owner=owner,
            created_s=now_s,
        )
        return ticket, listed

    def _check_signature(self, account: Account, order: dict[str, Any], listed: Listed) -> None:
        wallet = self._wallets[account.number]
        try:
            kind = int(order["signatureType"])
            holder = wallet.holders[kind]
            signs = holder if kind == 3 else wallet.address
            fits = order["maker"] == holder and order["signer"] == signs
            signer = wallets.order_signer(order, neg_risk=listed.neg_risk)
        except (KeyError, ValueError, IndexError, TypeError):
            raise VenueError(0, "invalid signature", 400) from None
        if not fits or signer != wallet.address:
            raise VenueError(0, "invalid signature", 400)

    def _check(self, ticket: Ticket, instrument: Instrument, order: dict[str, Any]) -> None:
        """Accuracy first, as the venue does; what is left the exchange checks."""
        places = 2 + _places(instrument.tick)
        immediate = ticket.kind in ("FOK", "FAK")
        size, cost = ticket.size, ticket.size * ticket.price
        most = 4 if immediate and ticket.side is Side.BUY else 2
        of_cost = 2 if immediate and ticket.side is Side.BUY else places
        if _places(size) > most or _places(cost) > of_cost:
            buys = ticket.side is Side.BUY
            name = ("market " if immediate else "") + ticket.side.value.lower()
            raise words.refused(
                Refusal.LOT,
                side=name,
                maker=of_cost if buys else most,
                taker=most if buys else of_cost,
            )
        if not on_step(ticket.price, instrument.tick) or not ZERO < ticket.price < ONE:
            raise words.refused(
                Refusal.TICK, id=ticket.order_id, price=ticket.price, tick=instrument.tick
            )

    def _sellable(self, account: Account, ticket: Ticket) -> Decimal:
        """Tokens that are on chain and not promised to other orders."""
        purse = self.purses[account.number]
        promised = ZERO
        for view in account.open_orders():
            other = purse.tickets["0x" + view.order.client_order_id]
            if other.token == ticket.token and other.side is Side.SELL:
                promised += view.order.request.size - view.order.filled_size
        for trade in purse.trades.values():
            sold = trade.ticket.token == ticket.token and trade.ticket.side is Side.SELL
            if sold and trade.status in (Status.MATCHED, Status.RETRYING):
                promised += trade.fill.size
        return purse.held(ticket.token) - promised

    def _door(self, listed: Listed, *, post_only: bool) -> None:
        if listed.shown.row in self._server.decided:
            raise VenueError(0, "the market is not yet ready to process new orders", 400)
        fault = self._server.closed(listed.shown.instrument.id)
        if fault is Fault.MAINTENANCE:
            if not self._server.faults.refuses_takers(self._server.now_ns()):
                raise VenueError(0, words.RESTARTING, 425)
            if not post_only:
                raise VenueError(0, words.POST_ONLY_MODE, 400)
        elif fault is not None:
            raise VenueError(0, "the market is not yet ready to process new orders", 400)

    def _refusal(self, report: Refused, ticket: Ticket, instrument: Instrument) -> VenueError:
        refusal = Refusal(report.reason.partition(":")[0])
        return words.refused(
            refusal,
            id=ticket.order_id,
            size=words.number(ticket.size),
            price=words.number(ticket.price),
            tick=instrument.tick,
            least=words.number(instrument.min_size),
        )

    # Cancelling and asking.

    def cancel(self, account: Account, names: Iterable[str]) -> dict[str, Any]:
        done, refused = [], {}
        for name in names:
            view = self.view(account, name)
            if view is None:
                refused[name] = "order can't be found - already canceled or matched"
                continue
            reports = account.cancel(view, self._server.now_ns())
            if any(isinstance(report, CancelRefused) for report in reports):
                refused[name] = "order can't be found - already canceled or matched"
                continue
            self._server.tell(account, reports)
            done.append(name)
        return {"canceled": done, "not_canceled": refused}

    def view(self, account: Account, name: str) -> OrderView | None:
        return account.orders.get(ClientOrderId(name.removeprefix("0x")))

    def order(self, account: Account, name: str) -> dict[str, Any] | None:
        """As the venue: one that has been matched is gone from here, its trades tell of it."""
        view = self.view(account, name)
        if view is None:
            return None
        row = self.row(account, view)
        return None if row["status"] == "MATCHED" else row

    def open(self, account: Account) -> list[dict[str, Any]]:
        return [self.row(account, view) for view in account.open_orders()]

    def row(self, account: Account, view: OrderView) -> dict[str, Any]:
        purse = self.purses[account.number]
        ticket = purse.tickets["0x" + view.order.client_order_id]
        trades = [words.trade_id(fill.venue_trade_id, account.number) for fill in view.fills]
        return rows.order_row(ticket, view, self.by_instrument[ticket.instrument], trades)

    def trades(self, account: Account) -> list[dict[str, Any]]:
        """Newest first."""
        purse = self.purses[account.number]
        return [
            rows.trade_row(trade, self.by_instrument[trade.ticket.instrument], account.number)
            for trade in reversed(purse.trades.values())
        ]

    # What becomes of matches.

    def matched(self, account: Account, fill: Fill) -> Trade:
        purse = self.purses[account.number]
        ticket = purse.tickets["0x" + fill.client_order_id]
        trade = Trade(
            fill=fill, ticket=ticket, price=self._price(ticket, fill), at_ns=self._server.now_ns()
        )
        if self.failing:
            self.failing -= 1
            trade.fails = True
        purse.trades[fill.venue_trade_id] = trade
        return trade

    def step(self, account: Account, now_ns: int) -> list[Trade]:
        """Take matches on, as far as it is time; gives those that changed."""
        changed: list[Trade] = []
        if self.held_back:
            return changed
        for trade in self.purses[account.number].trades.values():
            if trade.status.final:
                continue
            age = now_ns - trade.fill.at_ns
            status = self._due(trade, age)
            if status is not trade.status:
                self.purses[account.number].become(trade, status, now_ns)
                if status.final:
                    ok = status is Status.CONFIRMED
                    account.exchange.settle_fill(trade.fill.venue_trade_id, ok, now_ns)
                changed.append(trade)
        return changed

    def _due(self, trade: Trade, age_ns: int) -> Status:
        if age_ns >= self.confirm_ns:
            return Status.FAILED if trade.fails else Status.CONFIRMED
        if age_ns >= self.confirm_ns // 2:
            return Status.RETRYING if trade.fails else Status.MINED
        return Status.MATCHED

    def _price(self, ticket: Ticket, fill: Fill) -> Decimal:
        return words.in_outcome(fill.price, ticket.outcome)

    def redeem(self, account: Account, listed: Listed, payout: Decimal) -> Decimal:
        payouts = {listed.tokens[0]: payout, listed.tokens[1]: ONE - payout}
        return self.purses[account.number].redeem(payouts)


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
