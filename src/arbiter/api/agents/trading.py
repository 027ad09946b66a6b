"""Positions, orders and sessions."""

import asyncio
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from arbiter.access.roles import Principal
from arbiter.api.agents import bodies, models
from arbiter.api.agents.answers import absent, answer, bad, exact, moment, number, uuid_of
from arbiter.api.agents.deps import AgentsDeps
from arbiter.api.agents.rows import (
    PAPER,
    STATUSES,
    Row,
    newest,
    order_row,
    order_status,
    position_row,
)
from arbiter.api.common.admission import Ask
from arbiter.model.agents import AgentPosition, SessionMode, session_of
from arbiter.model.denials import Denied
from arbiter.model.errors import InvalidValue, NotFound, TryAgain, UnknownSymbol
from arbiter.model.events import Audited
from arbiter.model.ids import Symbol, TradeId
from arbiter.model.orders import Side
from arbiter.ports.agent_store import WorkedOrder
from arbiter.runtime.agent_desk import OrderTicket

_NEWEST = 100
_SEARCHED = 1_000
CANCEL_PATIENCE_S = 5.0


class Blotter:
    """Reads orders and positions: memory first, where it is newer than the database."""

    def __init__(self, deps: AgentsDeps) -> None:
        self._deps = deps

    def symbol(self, name: str) -> Symbol | None:
        """The symbol behind a name in any spelling; None when nobody lists it."""
        try:
            return self._deps.core.registry.resolve_symbol(name)
        except (UnknownSymbol, InvalidValue):
            return None

    async def order(self, order_id: UUID) -> WorkedOrder | None:
        live = self.live(order_id)
        return live if live is not None else await self._deps.store.order(order_id)

    def live(self, order_id: UUID) -> WorkedOrder | None:
        """An order the ledger still holds."""
        ledger = self._deps.core.ledger
        orders = ledger.orders_of(TradeId(order_id))
        if not orders or session_of(orders[0].strategy) is None:
            return None
        return WorkedOrder(id=order_id, orders=orders, trade=ledger.trade(TradeId(order_id)))

    async def positions(self, session: UUID | None) -> list[AgentPosition]:
        """All of a session's, from memory while it is active; open ones of all without one."""
        desk = self._deps.desk
        if session is None:
            return desk.book.open_positions()
        if desk.book.session(session) is not None:
            return list(reversed(desk.book.positions(session)))
        return list(await self._deps.store.positions(session=session))

    async def row(self, worked: WorkedOrder) -> Row:
        session = session_of(worked.orders[0].strategy)
        positions = [] if session is None else await self.positions(session)
        return order_row(worked, PAPER, positions)


def position_routes(deps: AgentsDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["positions"])
    blotter = Blotter(deps)

    def row(position: AgentPosition) -> Row:
        return position_row(position, deps.desk.book.mark(position.instrument), PAPER)

    @routes.get("/positions", response_model=models.Positions, responses=models.failures())
    async def positions(session_id: str | None = None) -> Response:
        """List open positions."""
        session = None if session_id is None else uuid_of(session_id, "session_id")
        rows = [row(each) for each in await blotter.positions(session) if each.open]
        return answer({"positions": rows, "count": len(rows)})

    @routes.get(
        "/positions/{symbol:path}",
        response_model=models.OnePosition,
        responses=models.failures(404),
    )
    async def position(symbol: str, session_id: str | None = None) -> Response:
        """Give the newest position in a symbol, an open one before closed ones."""
        session = None if session_id is None else uuid_of(session_id, "session_id")
        known = blotter.symbol(symbol)
        if known is None:
            raise absent("position not found for symbol", symbol=symbol)
        live = [p for p in await blotter.positions(session) if p.symbol == known]
        found = newest(live)
        if found is None or not found.open:
            kept = await deps.store.positions(session=session, symbol=known, limit=1)
            found = newest([*live, *kept])
        if found is None:
            raise absent("position not found for symbol", symbol=symbol)
        return answer({"position": row(found)})

    return routes


def order_routes(deps: AgentsDeps, trader: Ask) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["orders"])
    blotter = Blotter(deps)

    async def find(text: str) -> WorkedOrder:
        order_id = uuid_of(text, "order_id")
        found = await blotter.order(order_id)
        if found is None:
            raise absent("order not found", order_id=text)
        return found

    @routes.get("/orders", response_model=models.Orders, responses=models.failures())
    async def orders(
        session_id: str | None = None, symbol: str | None = None, status: str | None = None
    ) -> Response:
        """List orders, newest first; all given conditions hold."""
        session = None if session_id is None else uuid_of(session_id, "session_id")
        word = None if status is None else status.upper().replace("CANCELLED", "CANCELED")
        if word is not None and word not in STATUSES:
            raise bad("invalid status", details=f"use one of {', '.join(sorted(STATUSES))}")
        wanted = None if symbol is None else blotter.symbol(symbol)
        if symbol is not None and wanted is None:
            return answer({"orders": [], "count": 0})
        limit = _NEWEST if word is None else _SEARCHED
        kept = await deps.store.orders(session=session, symbol=wanted, limit=limit)
        found = [blotter.live(each.id) or each for each in kept]
        if word is not None:
            found = [each for each in found if order_status(each) == word]
        rows = [await blotter.row(each) for each in found[:_NEWEST]]
        return answer({"orders": rows, "count": len(rows)})

    @routes.get(
        "/orders/{order_id}", response_model=models.OneOrder, responses=models.failures(404)
    )
    async def order(order_id: str) -> Response:
        """Give one order."""
        return answer({"order": await blotter.row(await find(order_id))})

    @routes.post(
        "/orders",
        status_code=HTTPStatus.CREATED,
        response_model=models.OrderDone,
        responses=models.failures(413),
    )
    async def create(
        asked: bodies.NewOrder, caller: Annotated[Principal, Depends(trader)]
    ) -> Response:
        """Place an order by hand; it passes the engine's gate, not the vote."""
        instrument = deps.desk.instrument_of(asked.symbol)
        session = deps.desk.session_for(instrument)
        decided = deps.desk.place(
            session,
            instrument,
            OrderTicket(
                Side(asked.side),
                exact(asked.quantity),
                price=None if asked.price is None else exact(asked.price),
                actor=caller.actor,
                reason="manual order",
            ),
        )
        if isinstance(decided, Denied):
            return await _denied(deps, asked, str(decided), caller)
        await _durable(deps, caller, "order.place", str(decided.trade.id), asked)
        worked = WorkedOrder(id=decided.trade.id, orders=decided.orders, trade=decided.trade)
        row = order_row(worked, PAPER)
        return answer({"order": row, "message": "Order created successfully"}, HTTPStatus.CREATED)

    @routes.delete(
        "/orders/{order_id}", response_model=models.OrderDone, responses=models.failures(404)
    )
    async def cancel(order_id: str, caller: Annotated[Principal, Depends(trader)]) -> Response:
        """Cancel what is left of an order; answered once the venue has confirmed."""
        worked = await find(order_id)
        status = order_status(worked)
        if status not in {"NEW", "PARTIALLY_FILLED"} or worked.trade is None:
            raise bad("order cannot be cancelled", status=status)
        deps.desk.cancel(worked.trade, caller.actor)
        await _durable(deps, caller, "order.cancel", str(worked.id), None)
        try:
            async with asyncio.timeout(CANCEL_PATIENCE_S):
                while order_status(worked) in {"NEW", "PARTIALLY_FILLED"}:
                    await asyncio.sleep(0.01)
                    worked = blotter.live(worked.id) or worked
        except TimeoutError:
            raise TryAgain("the venue has not confirmed the cancellation yet") from None
        status = order_status(worked)
        if status not in {"CANCELED", "REJECTED", "EXPIRED"}:
            raise bad("order cannot be cancelled", status=status)
        row = await blotter.row(worked)
        row |= {"status": "CANCELED", "canceled_at": moment(worked.orders[-1].updated_ns)}
        return answer({"order": row, "message": "Order cancelled successfully"})

    return routes


async def _denied(
    deps: AgentsDeps, asked: bodies.NewOrder, why: str, caller: Principal
) -> Response:
    """Answer with the order as it is kept: refused by our own gate, with the reason."""
    await _durable(deps, caller, "order.denied", asked.symbol, asked)
    symbol = deps.desk.instrument_of(asked.symbol).symbol
    for worked in await deps.store.orders(symbol=symbol, limit=20):
        if worked.trade is None and worked.orders[0].actor == caller.actor:
            row = order_row(worked, PAPER)
            return answer({"order": row, "message": f"Order rejected: {why}"}, HTTPStatus.CREATED)
    raise bad("order refused", details=why)


async def _durable(
    deps: AgentsDeps, caller: Principal, action: str, entity: str, asked: bodies.Body | None
) -> None:
    """Audit the call; returns once it and everything before it is in the journal."""
    durable = asyncio.Event()
    deps.core.recorder.record(
        Audited(
            at_ns=deps.clock.now_ns(),
            actor=caller.actor,
            action=action,
            entity=entity,
            after="" if asked is None else asked.model_dump_json(),
        ),
        then=durable.set,
    )
    await durable.wait()


def session_routes(deps: AgentsDeps, trader: Ask) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/trade", tags=["sessions"])

    @routes.post("/start", response_model=models.Started, responses=models.failures(413))
    async def start(
        asked: bodies.StartTrading, caller: Annotated[Principal, Depends(trader)]
    ) -> Response:
        """Start a session: its agents vote within 30 seconds."""
        session = await deps.desk.start(
            asked.symbol, exact(asked.initial_capital), SessionMode(asked.mode), caller.actor
        )
        return answer(
            {
                "message": "Trading started successfully",
                "session_id": session.id,
                "symbol": session.symbol,
                "mode": session.mode,
                "started_at": moment(session.started_ns),
            }
        )

    @routes.post("/stop", response_model=models.Stopped, responses=models.failures(404, 413))
    async def stop(
        asked: bodies.StopTrading, caller: Annotated[Principal, Depends(trader)]
    ) -> Response:
        """Cancel a session's orders, close its positions, and end it."""
        session_id = uuid_of(asked.session_id, "session_id")
        try:
            ended = await deps.desk.stop(session_id, exact(asked.final_capital), caller.actor)
        except NotFound:
            known = await deps.store.session(session_id)
            if known is not None and not known.active:
                raise bad("session already stopped", session_id=asked.session_id) from None
            raise absent("session not found", session_id=asked.session_id) from None
        return answer(
            {
                "message": "Trading stopped successfully",
                "session_id": ended.id,
                "final_capital": number(ended.final_capital),
                "total_pnl": number(ended.total_pnl),
                "total_trades": ended.total_trades,
                "stopped_at": moment(ended.stopped_ns),
            }
        )

    @routes.post("/pause", response_model=models.Paused, responses=models.failures(404, 409, 413))
    async def pause(
        asked: bodies.OneSession, caller: Annotated[Principal, Depends(trader)]
    ) -> Response:
        """Block a session's new decisions and orders; protective exits stay alive."""
        session_id = uuid_of(asked.session_id, "session_id")
        try:
            session = await deps.desk.pause(session_id, caller.actor)
        except NotFound:
            raise absent("session not found", session_id=asked.session_id) from None
        note = "New decisions are blocked; stop-loss and take-profit stay active"
        return answer(
            {
                "message": "Trading paused successfully",
                "session_id": session.id,
                "symbol": session.symbol,
                "note": note,
            }
        )

    @routes.post("/resume", response_model=models.Resumed, responses=models.failures(404, 409, 413))
    async def resume(
        asked: bodies.OneSession, caller: Annotated[Principal, Depends(trader)]
    ) -> Response:
        """Let a paused session decide again."""
        session_id = uuid_of(asked.session_id, "session_id")
        try:
            session = await deps.desk.resume(session_id, caller.actor)
        except NotFound:
            raise absent("session not found", session_id=asked.session_id) from None
        return answer(
            {
                "message": "Trading resumed successfully",
                "session_id": session.id,
                "symbol": session.symbol,
            }
        )

    return routes
