"""UserService: signing in, and what the account holds. There is one account per engine."""

import arbiter_pb2 as pb
from arbiter.access.tokens import Audience, TokenPair
from arbiter.api.control.convert import Markets, exchange_of, moment, text_of, venues_of
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.guard import Call
from arbiter.model.money import ZERO
from arbiter.runtime.desk_view import OpenPosition


class UserService:
    def __init__(self, deps: ControlDeps, markets: Markets) -> None:
        self._deps = deps
        self._markets = markets

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
        balances = self._deps.core.ledger.balances
        return pb.BalancesResponse(
            balances=[
                pb.Balance(
                    exchange=exchange_of(row.venue),
                    currency=row.asset,
                    available=float(row.free),
                    locked=float(row.locked),
                    total=float(row.total),
                )
                for _, row in sorted(balances.items())
                if venues is None or row.venue in venues
            ]
        )

    async def GetPositions(self, request: pb.PositionsRequest, call: Call) -> pb.PositionsResponse:
        venues = venues_of(request.exchange, self._markets.venues)
        wanted = text_of(request.market_id, "market_id", needed=False)
        return pb.PositionsResponse(
            positions=[
                shown
                for each in self._deps.view.open_positions()
                if (shown := self._shown(each, venues, wanted)) is not None
            ]
        )

    def _shown(
        self, each: OpenPosition, venues: tuple[str, ...] | None, wanted: str
    ) -> pb.Position | None:
        row = each.position
        listed = self._markets.by_id(row.instrument)
        venue = row.instrument.rpartition(".")[2].lower() if listed is None else listed.venue
        shown_id = self._markets.id_shown(row.instrument)
        if venues is not None and venue not in venues:
            return None
        if wanted and wanted not in {shown_id, row.instrument, row.symbol}:
            return None
        size = abs(row.quantity)
        return pb.Position(
            id=f"{row.strategy}:{row.instrument}:{row.number}",
            exchange=pb.EXCHANGE_OTHER if listed is None else exchange_of(listed.venue),
            market_id=shown_id,
            market_name=self._markets.name_shown(row.instrument),
            side=pb.SIDE_BUY if row.quantity > ZERO else pb.SIDE_SELL,
            size=float(size),
            entry_price=float(row.cost / size),
            current_price=0.0 if each.mark is None else float(each.mark),
            unrealized_pnl=0.0 if each.unrealized is None else float(each.unrealized),
            opened_at=moment(row.opened_ns),
        )


def tokens_shown(pair: TokenPair) -> pb.AuthResponse:
    return pb.AuthResponse(
        access_token=pair.access.text,
        expires_at=moment(pair.access.expires_ns),
        refresh_token=pair.refresh.text,
    )
