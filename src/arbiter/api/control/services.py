"""The six services, each method with the role it needs."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import grpc.aio

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.api.control.convert import Markets
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.guard import Guard, Streamed, Unary
from arbiter.api.control.markets import MarketService
from arbiter.api.control.operator import OperatorService
from arbiter.api.control.strategy import StrategyService
from arbiter.api.control.streams import StreamService
from arbiter.api.control.trading import TradingService
from arbiter.api.control.users import UserService
from arbiter.model.ids import InstrumentId

OPEN: frozenset[str] = frozenset({"Authenticate", "RefreshToken", "RedeemLinkCode"})
"""Methods that need no access token: they give one."""

TRADER: frozenset[str] = frozenset(
    {
        "PlaceOrder",
        "CancelOrder",
        "SetArbEnabled",
        "AddCopyTrade",
        "RemoveCopyTrade",
        "EngageKillSwitch",
        "ReleaseKillSwitch",
        "SetStrategyRunning",
        "SetBudget",
        "RemoveBudget",
    }
)
ADMIN: frozenset[str] = frozenset({"UpdateArbConfig"})
"""The rest is reading, for which a viewer suffices."""

SERVICES: tuple[str, ...] = tuple(
    service.full_name for service in pb.DESCRIPTOR.services_by_name.values()
)


def needed_role(method: str) -> Role | None:
    """The role a method needs; None for one that anybody may call."""
    if method in OPEN:
        return None
    if method in ADMIN:
        return Role.ADMIN
    return Role.TRADER if method in TRADER else Role.VIEWER


def add_services(server: grpc.aio.Server, deps: ControlDeps) -> None:
    """Put every service of the contract on a server."""
    markets = Markets(deps.core.registry, _titles(deps))
    handlers: Mapping[str, object] = {
        "UserService": UserService(deps, markets),
        "TradingService": TradingService(deps, markets),
        "StrategyService": StrategyService(deps),
        "OperatorService": OperatorService(deps, markets),
        "MarketService": MarketService(deps, markets),
        "StreamService": StreamService(deps, markets),
    }
    guard = Guard(deps.access)
    for name, descriptor in pb.DESCRIPTOR.services_by_name.items():
        methods = {
            method.name: _handler(guard, method, getattr(handlers[name], method.name))
            for method in descriptor.methods
        }
        generic = grpc.method_handlers_generic_handler(descriptor.full_name, methods)
        server.add_generic_rpc_handlers((generic,))


def _handler(
    guard: Guard, method: Any, work: Unary | Streamed
) -> "grpc.RpcMethodHandler[Any, Any]":
    needed = needed_role(method.name)
    read = getattr(pb, method.input_type.name).FromString
    answer = getattr(pb, method.output_type.name)
    make: Callable[..., grpc.RpcMethodHandler[Any, Any]]
    if method.server_streaming:
        assert needed is not None, "no stream is open to strangers"
        make, guarded = grpc.unary_stream_rpc_method_handler, guard.stream(work, needed, read)  # type: ignore[arg-type]
    else:
        make, guarded = grpc.unary_unary_rpc_method_handler, guard.unary(work, needed, read)  # type: ignore[arg-type,assignment]
    return make(guarded, response_serializer=answer.SerializeToString)


def _titles(deps: ControlDeps) -> Callable[[InstrumentId], str]:
    """Event markets go by the questions of their pairs."""

    def title(instrument: InstrumentId) -> str:
        for pair in deps.arbitrage.pairs():
            for market in pair.markets:
                if market.instrument == instrument:
                    return market.title
        return ""

    return title
