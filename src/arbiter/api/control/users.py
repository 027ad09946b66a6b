"""UserService: signing in, and what the account holds. There is one account per engine."""

import arbiter_pb2 as pb
from arbiter.access.tokens import Audience, TokenPair
from arbiter.api.control.convert import Markets, exchange_of, moment, text_of, venues_of
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.guard import Call
from arbiter.model.holdings import Balance, Position
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO
from arbiter.runtime.desk_view import OpenPosition


class UserService:
    def __init__(self, deps: ControlDeps, markets: Markets) -> None:
        self._deps = deps
        self._markets = markets
        self._balances: dict[tuple[VenueId, Asset], tuple[Balance, pb.Balance]] = {}

    async def Authenticate(self, request: pb.AuthRequest, call: Call) -> pb.AuthResponse:
        text_of(request.user_id, "user_id")
        pair = await self._deps.access.authenticate(
            request.user_id, request.credential, Audience.CONTROL, call.peer
        )
        return tokens_shown(pair)

    async def RefreshToken(self, request: pb.RefreshTokenRequest, call: Call) -> pb.AuthResponse:
        if not request.refresh_token:
            text_of("", "refresh_token")
        pair = await self._deps.access.refresh(request.refresh_token, Audience.CONTROL)
        return tokens_shown(pair)

    async def GetBalances(self, request: pb.BalancesRequest, call: Call) -> pb.BalancesResponse:
        venues = venues_of(request.exchange, self._markets.venues)
        rows = self._deps.core.ledger.balances.values()
        found = [row for row in rows if venues is None or row.venue in venues]
        found.sort(key=_place)
        return pb.BalancesResponse(balances=[self._balance(row) for row in found])

    def _balance(self, row: Balance) -> pb.Balance:
        """A row's message, made anew where the row has changed: a change is another record."""
        key = _place(row)
        known = self._balances.get(key)
        if known is not None and known[0] is row:
            return known[1]
        shown = pb.Balance(
            exchange=exchange_of(row.venue),
            currency=row.asset,
            available=float(row.free),
            locked=float(row.locked),
            total=float(row.total),
        )
        self._balances[key] = row, shown
        return shown

    async def GetPositions(self, request: pb.PositionsRequest, call: Call) -> pb.PositionsResponse:
        venues = venues_of(request.exchange, self._markets.venues)
        wanted = text_of(request.market_id, "market_id", needed=False)
        found = [
            row
            for row in self._deps.core.ledger.positions.values()
            if row.quantity and self._wanted(row, venues, wanted)
        ]
        found.sort(key=lambda row: (-row.opened_ns, row.instrument))
        view = self._deps.view
        return pb.PositionsResponse(positions=[self._position(view.valued(row)) for row in found])

    def _wanted(self, row: Position, venues: tuple[VenueId, ...] | None, wanted: str) -> bool:
        if venues is not None:
            listed = self._markets.by_id(row.instrument)
            venue = row.instrument.rpartition(".")[2].lower() if listed is None else listed.venue
            if venue not in venues:
                return False
        return not wanted or wanted in {
            self._markets.id_shown(row.instrument),
            row.instrument,
            row.symbol,
        }

    def _position(self, each: OpenPosition) -> pb.Position:
        row, size = each.position, abs(each.position.quantity)
        listed = self._markets.by_id(row.instrument)
        return pb.Position(
            id=f"{row.strategy}:{row.instrument}:{row.number}",
            exchange=pb.EXCHANGE_OTHER if listed is None else exchange_of(listed.venue),
            market_id=self._markets.id_shown(row.instrument),
            market_name=self._markets.name_shown(row.instrument),
            side=pb.SIDE_BUY if row.quantity > ZERO else pb.SIDE_SELL,
            size=float(size),
            entry_price=float(row.cost / size),
            current_price=0.0 if each.mark is None else float(each.mark),
            unrealized_pnl=0.0 if each.unrealized is None else float(each.unrealized),
            opened_at=moment(row.opened_ns),
        )


def _place(row: Balance) -> tuple[VenueId, Asset]:
    return row.venue, row.asset


def tokens_shown(pair: TokenPair) -> pb.AuthResponse:
    return pb.AuthResponse(
        access_token=pair.access.text,
        expires_at=moment(pair.access.expires_ns),
        refresh_token=pair.refresh.text,
    )
