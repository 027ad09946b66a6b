"""Short blocking questions to the simulated venues, for start-up, tests and tools."""

from pathlib import Path
from typing import TypeVar

import msgspec

from arbiter.model.errors import OutcomeUnknown, VenueRefused, VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.model.orders import Fill
from arbiter.model.reports import Holding, OrderTruth
from arbiter.venues.sim import wire
from arbiter.venues.sim.paths import connected_socket, socket_path

A = TypeVar("A", bound=wire.Answer)


class VenueTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue holds to be so, asked of itself."""

    holdings: list[Holding]
    fills: list[Fill]
    orders: list[OrderTruth]
    """All it remembers, ended ones too."""

    @property
    def open_orders(self) -> list[OrderTruth]:
        return [order for order in self.orders if not order.status.terminal]


class Probe:
    """One blocking connection; use as a context manager."""

    def __init__(self, home: Path, timeout_s: float = 10.0) -> None:
        try:
            self._socket = connected_socket(socket_path(home))
        except OSError as error:
            raise VenueUnreachable(
                f"the simulated venues in {home} do not answer: {error.strerror or error}"
            ) from error
        self._socket.settimeout(timeout_s)
        self._reader = wire.FrameReader(wire.LARGEST_ANSWER)
        self._next_id = 0

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def next_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def ask(self, request: wire.AnyRequest, kind: type[A]) -> A:
        """Send and wait; no answer is `OutcomeUnknown`, one that says no `VenueRefused`."""
        plain = msgspec.structs.replace(request, plain=True)
        try:
            self._socket.sendall(wire.message(plain))
            while data := self._socket.recv(1 << 20):
                for frame_kind, payload in self._reader.feed(data):
                    if frame_kind != wire.MESSAGE:
                        continue
                    answer = wire.read_answer(payload)
                    if isinstance(answer, wire.Failed):
                        raise VenueRefused(answer.reason, code="BAD_REQUEST")
                    if isinstance(answer, kind):
                        return answer
        except (TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"the simulated venues did not answer: {error}") from error
        raise OutcomeUnknown("the simulated venues closed the connection")

    def info(self) -> wire.Info:
        return self.ask(wire.GetInfo(id=self.next_id()), wire.Info)

    def truth(self, venue: VenueId) -> VenueTruth:
        holdings = self.ask(wire.ListHoldings(id=self.next_id(), venue=venue), wire.HoldingList)
        fills = self.ask(wire.ListFills(id=self.next_id(), venue=venue, since_ns=0), wire.FillList)
        orders = self.ask(
            wire.ListOrders(id=self.next_id(), venue=venue, only_open=False), wire.OrderList
        )
        return VenueTruth(holdings=holdings.holdings, fills=fills.fills, orders=orders.orders)


def truth(home: Path) -> dict[VenueId, VenueTruth]:
    """Ask every simulated venue of a data folder for all it holds."""
    with Probe(home) as probe:
        return {venue: probe.truth(venue) for venue in probe.info().venues}
