"""What the order clients of real venues share: outcomes, tracking, the work behind the stream.

A client tells its sink what the private stream says. Behind the stream stands REST: after every
reconnect, and every so often for orders that should have ended, what was missed is asked for. A
report that comes twice is booked once.
"""

import asyncio
import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec
import structlog

from arbiter.model.errors import (
    NO_ANSWER,
    InvalidValue,
    OutcomeUnknown,
    Unreadable,
    VenueRefused,
    VenueUnreachable,
)
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.reports import (
    Absent,
    Accepted,
    CancelRefused,
    Ended,
    Filled,
    Holding,
    OrderTruth,
    Refused,
    Unknown,
    VenueReport,
)
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.clock_offset import ClockReading, measure
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.row_reading import UNREADABLE_ROWS
from arbiter.venues.common.signed import Answered, VenueRest
from arbiter.venues.common.stream import Headers, Stream, StreamSettings, TalkMaker
from arbiter.venues.common.verdicts import Verdict, Verdicts

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

NOT_SENT = "NOT_SENT"
"""Code of our own: the order never left, so the venue cannot have it."""
_FILL_MARGIN_NS = 5 * NS_PER_S
_NEAR_NS = NS_PER_S
"""Clocks no further apart are taken for the same by who asks for the past: there are margins."""
_KEEP_NAMES = 50_000
CLOCK_EVERY_S = 60.0
RECONCILE_EVERY_S = 15.0
_OVERDUE_S = 5.0
"""An order of ours without an end for so long is asked about."""
_GONE_S = 120.0
"""An order that its venue still does not know then never came there."""
QUIET = StreamSettings(quiet_factor=1e9)
"""A private stream may have nothing to say for hours; its heartbeats still must come."""


def understood(ask: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make a question of the account raise `Unreadable` over an answer it cannot read."""

    @wraps(ask)
    async def asked(*args: P.args, **more: P.kwargs) -> T:
        try:
            return await ask(*args, **more)
        except UNREADABLE_ROWS as error:
            raise Unreadable(_unreadable(ask.__name__, error)) from error

    return asked


class KeyRights(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do, as its venue tells it."""

    can_trade: bool
    can_withdraw: bool
    restricted_to_ip: bool
    """True also where a venue knows no such restriction."""
    safe_key: str = ""
    """How to make one that may trade and not withdraw, where that is not said by itself."""
    hindrance: str = ""
    """What in the account's own settings keeps orders from being taken, and how to mend it."""
    payouts: str = ""
    """Of event markets: what keeps payouts from being collected here, and what to do about it."""
    advice: str = ""
    """What about the key costs time, and what to do about it."""


class AccountWiring(msgspec.Struct, frozen=True, kw_only=True):
    """What every order client is given."""

    venue: VenueId
    keys: VenueKeys | None
    """None for one who only looks at listings."""
    clock: Clock
    endpoints: Endpoints | None = None
    """None for the venue's own addresses."""
    private: str = ""
    """Origin of the private stream, where it differs from the public one's."""
    symbols: tuple[str, ...] = ()
    """Venue-free symbols to trade; empty is all that is listed."""
    markets: tuple[str, ...] = ()
    """Of a venue of event markets: the venue's own names of what to list, in any case."""
    wallets: tuple[str, ...] = ()
    """Wallets that are copied there: what they hold is listed, too."""
    folder: Path | None = None
    """Where to remember what a venue does not tell again; None remembers in memory alone."""
    dead_man: bool = False
    """Let the venue cancel all orders once it hears nothing of us."""
    timeout_s: float = 5.0
    stream: StreamSettings = QUIET
    draw: Callable[[], float] = random.random


class VenueAccount(ABC):
    """Implements `ports.OrderClient`, but for what differs from venue to venue."""

    verdicts: Verdicts

    def __init__(self, wiring: AccountWiring, rest: VenueRest) -> None:
        self._wiring = wiring
        self._rest = rest
        self._clock = wiring.clock
        self._listed: dict[InstrumentId, Instrument] = {}
        self._by_market: dict[str, Instrument] = {}
        self._sink: ReportSink | None = None
        self._unended: dict[ClientOrderId, tuple[InstrumentId, int]] = {}
        """Sent orders without an end: instrument and monotonic time of sending."""
        self._names: dict[str, ClientOrderId] = {}
        """Our ids by the venue's."""
        self._heard_ns = wiring.clock.now_ns()
        self._whole_ns = self._heard_ns
        """Nothing from before this is missing: what came since the stream was lost may have gaps."""
        self._behind_ns = 0
        """How far the venue's clock is behind ours; 0 when it is not."""
        self._tally = FeedTally()
        self._connected = asyncio.Event()
        self._changed = asyncio.Event()
        self.following = asyncio.Event()
        """Set while the private stream is being followed and what was missed is made up."""

    # What a venue does in its own way.

    @abstractmethod
    async def _server_ms(self) -> int: ...

    @abstractmethod
    async def _list(self) -> Sequence[Instrument]: ...

    @abstractmethod
    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId: ...

    @abstractmethod
    async def _cancel(self, order: Order, instrument: Instrument) -> None: ...

    @abstractmethod
    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None: ...

    @abstractmethod
    async def _open_orders(self) -> Sequence[OrderTruth]: ...

    @abstractmethod
    async def _fills_since(self, since_ns: int) -> Sequence[Fill]: ...

    @abstractmethod
    async def _holdings(self) -> Sequence[Holding]: ...

    @abstractmethod
    async def _last_prices(self) -> Mapping[str, Decimal]:
        """Last prices by the venue's names of markets; needs no key."""

    @abstractmethod
    async def rights(self) -> KeyRights:
        """What the key may do."""

    @abstractmethod
    async def _follow(self) -> None:
        """Keep the private stream up until cancelled; say `_state` of every change."""

    @abstractmethod
    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Fetch what else was missed since then: payments, forced closes."""

    # ports.OrderClient

    @property
    def venue(self) -> VenueId:
        return self._wiring.venue

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Send once. `Refused` with code `NOT_SENT` means that nothing left this process.

        Raises `RateLimited` when the venue says that it was one request too many.
        """
        name = order.client_order_id
        try:
            await self._know_listing()
        except NO_ANSWER as error:
            return self._refused(name, NOT_SENT, f"not sent: {error}")
        instrument = self._listed.get(order.instrument)
        if instrument is None:
            return self._refused(name, NOT_SENT, f"not sent: {order.instrument} is not listed")
        self._unended[name] = (order.instrument, self._clock.monotonic_ns())
        try:
            number = await self._place(order, instrument)
        except Answered as answer:
            return await self._not_accepted(name, answer)
        except (VenueUnreachable, InvalidValue) as error:
            self._unended.pop(name, None)
            return self._refused(name, NOT_SENT, f"not sent: {error}")
        except OutcomeUnknown as error:
            return self._unknown(name, str(error))
        except UNREADABLE_ROWS as error:
            return self._unknown(name, _unreadable("submit", error))
        self._name(self._known_as(instrument, number), name)
        return Accepted(
            venue=self.venue,
            at_ns=self._clock.now_ns(),
            client_order_id=name,
            venue_order_id=number,
        )

    async def _not_accepted(self, name: ClientOrderId, answer: Answered) -> Refused | Unknown:
        verdict = self.verdicts.of(answer)
        if verdict is Verdict.UNKNOWN:
            return self._unknown(name, str(answer))
        self._unended.pop(name, None)
        if verdict in (Verdict.LIMITED, Verdict.BANNED):
            raise self.verdicts.error(self.venue, "submit", answer)
        if verdict is Verdict.CLOCK:
            await self.correct_clock()
        return self._refused(name, answer.code, answer.text)

    async def cancel(self, order: Order) -> None:
        """Ask to cancel; the outcome arrives as a report.

        `VenueUnreachable` when nothing was sent, `OutcomeUnknown` when no answer came.
        """
        instrument = await self._instrument(order.instrument)
        try:
            await self._cancel(order, instrument)
        except UNREADABLE_ROWS as error:
            raise OutcomeUnknown(_unreadable("cancel", error)) from error
        except Answered as answer:
            verdict = self.verdicts.of(answer)
            if verdict not in (Verdict.ABSENT, Verdict.REFUSED):
                raise await self._raised("cancel", answer) from None
            self._say(
                CancelRefused(
                    venue=self.venue,
                    at_ns=self._clock.now_ns(),
                    client_order_id=order.client_order_id,
                    code=answer.code,
                    reason=answer.text,
                )
            )

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        listed = await self._instrument(instrument)
        truth: OrderTruth | None
        try:
            truth = await self._read("query", lambda: self._query(client_order_id, listed))
        except VenueRefused as error:
            if self.verdicts.codes.get(error.code) is not Verdict.ABSENT:
                raise
            truth = None
        if truth is not None:
            return truth
        return Absent(venue=self.venue, client_order_id=client_order_id, at_ns=self._clock.now_ns())

    async def open_orders(self) -> Sequence[OrderTruth]:
        await self._know_listing()
        told = await self._read("open_orders", self._open_orders)
        return [truth for truth in told if truth.instrument in self._listed]

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        await self._know_listing()
        since_ns = self._theirs(since_ns)
        try:
            found = await self._read("fills", lambda: self._fills_since(since_ns))
        except Unreadable as error:
            rest = (fill for fill in error.rest if isinstance(fill, Fill))
            raise Unreadable(str(error), rest=sorted(rest, key=lambda fill: fill.at_ns)) from error
        return sorted(found, key=lambda fill: fill.at_ns)

    async def holdings(self) -> Sequence[Holding]:
        return await self._read("holdings", self._holdings)

    async def instruments(self) -> Sequence[Instrument]:
        found = await self._read("instruments", self._list)
        wanted = self._wiring.symbols
        self._listed = {i.id: i for i in found if not wanted or i.symbol in wanted}
        self._by_market = {i.market_id: i for i in self._listed.values()}
        return list(self._listed.values())

    async def run(self, sink: ReportSink) -> None:
        """Serve the private stream; returns only when cancelled."""
        self._sink = sink
        try:
            await self._until_ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(), name=f"{self.venue} private stream")
                group.create_task(self._stay_true(sink), name=f"{self.venue} reconciliation")
                group.create_task(self._keep_clock(), name=f"{self.venue} clock")
        finally:
            self.following.clear()
            self._sink = None

    async def prices(self) -> Mapping[InstrumentId, Decimal]:
        """Last prices of what is listed."""
        await self._know_listing()
        found = await self._read("prices", self._last_prices)
        return {
            self._by_market[name].id: price
            for name, price in found.items()
            if name in self._by_market
        }

    async def aclose(self) -> None:
        await self._rest.close()

    # The clock.

    async def correct_clock(self) -> ClockReading | None:
        """Measure the venue's clock and sign by it from now on; None when it does not answer."""
        try:
            reading = await measure(self._server_ms, self._clock)
        except (Answered, VenueUnreachable, OutcomeUnknown, *UNREADABLE_ROWS):
            return None
        self._rest.offset_ms = reading.offset_ms
        behind_ns = -reading.offset_ms * NS_PER_MS
        self._behind_ns = behind_ns if behind_ns > _NEAR_NS else 0
        return reading

    def _theirs(self, at_ns: int) -> int:
        """A time of ours from which on to ask a venue whose clock may be behind; 0 stays 0."""
        return max(at_ns - self._behind_ns, 1) if at_ns > 0 else at_ns

    async def _keep_clock(self) -> None:
        while True:
            await self.correct_clock()
            await asyncio.sleep(CLOCK_EVERY_S)

    # Behind the stream.

    async def _until_ready(self) -> None:
        while True:
            try:
                await self.correct_clock()
                await self._know_listing()
            except NO_ANSWER as error:
                log.warning("venue does not answer yet", venue=self.venue, why=str(error))
                await asyncio.sleep(1.0)
            else:
                return

    async def _stay_true(self, sink: ReportSink) -> None:
        """Make up for what was missed after each reconnect; then look after overdue orders."""
        while True:
            await self._connected.wait()
            try:
                if not self.following.is_set():
                    self._changed.clear()
                    await self._make_up(sink)
                    if not self._changed.is_set():  # else it was lost once more meanwhile
                        self.following.set()
                else:
                    await self._ask_overdue(sink)
            except Unreadable as error:  # it will hardly be another one in a second
                log.warning("reconciliation is not whole", venue=self.venue, why=str(error))
            except NO_ANSWER as error:
                log.warning("reconciliation waits", venue=self.venue, why=str(error))
                await asyncio.sleep(1.0)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_spread(self._wiring.draw())):
                    await self._changed.wait()
            self._changed.clear()

    async def _make_up(self, sink: ReportSink) -> None:
        """Tell what was missed; around rows that cannot be read, which are `Unreadable` at the end."""
        since_ns = self._whole_ns - _FILL_MARGIN_NS
        told: set[str] = set()
        unread: list[Unreadable] = []
        if self._unended:
            for fill in await self._readable_fills(since_ns, unread):
                told.add(fill.venue_trade_id)
                self._say(Filled(venue=self.venue, at_ns=fill.at_ns, fill=fill))
        await self._ask(sink, tuple(self._unended), told, unread)
        await self._make_up_more(sink, since_ns)
        if unread:
            raise unread[0]

    async def _readable_fills(self, since_ns: int, unread: list[Unreadable]) -> Sequence[Fill]:
        try:
            return await self.fills_since(since_ns)
        except Unreadable as error:
            unread.append(error)
            return error.rest

    async def _ask_overdue(self, sink: ReportSink) -> None:
        now = self._clock.monotonic_ns()
        late = [
            name
            for name, (_, sent_ns) in self._unended.items()
            if now - sent_ns > _OVERDUE_S * NS_PER_S
        ]
        unread: list[Unreadable] = []
        await self._ask(sink, late, set(), unread)
        if unread:
            raise unread[0]

    async def _ask(
        self,
        sink: ReportSink,
        names: Iterable[ClientOrderId],
        told: Collection[str],
        unread: list[Unreadable],
    ) -> None:
        """Tell of orders that have ended unheard, their fills first; `told` are known already.

        What cannot be read is put into `unread`, and spoils no other order's word.
        """
        for name in names:
            known = self._unended.get(name)
            if known is None:
                continue
            try:
                truth = await self.query(name, known[0])
            except Unreadable as error:
                unread.append(error)
                continue
            if isinstance(truth, Absent):
                if self._clock.monotonic_ns() - known[1] > _GONE_S * NS_PER_S:
                    self._unended.pop(name, None)
                continue
            if not truth.status.terminal:
                continue
            if truth.filled_size:
                since_ns = self._heard_ns - 60 * _FILL_MARGIN_NS
                for fill in await self._readable_fills(since_ns, unread):
                    if fill.client_order_id == name and fill.venue_trade_id not in told:
                        sink.on_report(Filled(venue=self.venue, at_ns=fill.at_ns, fill=fill))
            self._unended.pop(name, None)
            sink.on_report(
                Ended(
                    venue=self.venue,
                    at_ns=truth.at_ns,
                    client_order_id=name,
                    status=truth.status,
                    filled_size=truth.filled_size,
                    reason="learned by asking",
                )
            )

    # For the venues' own parts.

    def _say(self, report: VenueReport) -> None:
        """Tell the sink, and remember what it makes of our own tracking."""
        if isinstance(report, Filled):
            self._heard_ns = max(self._heard_ns, report.fill.at_ns)
        elif isinstance(report, Ended):
            self._unended.pop(report.client_order_id, None)
        if self._sink is not None:
            self._sink.on_report(report)

    def _state(self, connected: bool, why: str) -> None:
        """The private stream is up, or lost: then what it would have said is asked for."""
        if self.following.is_set():
            self._whole_ns = self._heard_ns
        self.following.clear()
        self._changed.set()
        if connected:
            self._connected.set()
        else:
            self._connected.clear()
            log.info("private stream lost", venue=self.venue, why=why)

    def _stream(self, url: str, make_talk: TalkMaker, headers: Headers | None = None) -> Stream:
        return Stream(
            url,
            make_talk,
            on_state=self._state,
            tally=self._tally,
            settings=self._wiring.stream,
            draw=self._wiring.draw,
            headers=headers,
            shown=f"{self.venue} private stream",
        )

    def _known_as(self, instrument: Instrument, number: VenueOrderId) -> str:
        """What an order is remembered by: its number, where no other market's order can have it."""
        del instrument
        return number

    def _name(self, number: str, name: ClientOrderId) -> None:
        """Remember which order is which: the newest, and all that have not ended."""
        self._names[number] = name
        for _ in range(len(self._unended) + 1):
            if len(self._names) <= _KEEP_NAMES:
                return
            oldest = next(iter(self._names))
            kept = self._names.pop(oldest)
            if kept in self._unended:
                self._names[oldest] = kept

    async def _instrument(self, name: InstrumentId) -> Instrument:
        await self._know_listing()
        listed = self._listed.get(name)
        if listed is None:
            raise VenueRefused(f"{name} is not listed on {self.venue}", code=NOT_SENT)
        return listed

    async def _know_listing(self) -> None:
        if not self._listed:
            await self.instruments()

    async def _read(self, call: str, act: Callable[[], Awaitable[T]]) -> T:
        """Ask; with a refused clock, once more by the venue's own."""
        try:
            return await self._asked(call, act)
        except UNREADABLE_ROWS as error:
            raise Unreadable(_unreadable(call, error)) from error

    async def _asked(self, call: str, act: Callable[[], Awaitable[T]]) -> T:
        try:
            return await act()
        except Answered as answer:
            if self.verdicts.of(answer) is not Verdict.CLOCK:
                raise self.verdicts.error(self.venue, call, answer) from None
        await self.correct_clock()
        try:
            return await act()
        except Answered as answer:
            raise self.verdicts.error(self.venue, call, answer) from None

    async def _raised(self, call: str, answer: Answered) -> Exception:
        if self.verdicts.of(answer) is Verdict.CLOCK:
            await self.correct_clock()
        return self.verdicts.error(self.venue, call, answer)

    def _refused(self, name: ClientOrderId, code: str, why: str) -> Refused:
        return Refused(
            venue=self.venue,
            at_ns=self._clock.now_ns(),
            client_order_id=name,
            code=code,
            reason=why,
        )

    def _unknown(self, name: ClientOrderId, why: str) -> Unknown:
        return Unknown(venue=self.venue, at_ns=self._clock.now_ns(), client_order_id=name, why=why)


def _spread(draw: float) -> float:
    """Seconds to the next look: clients of one process do not look in step."""
    return RECONCILE_EVERY_S * (0.5 + 0.5 * draw)


def _unreadable(call: str, error: Exception) -> str:
    return f"{call}: the answer cannot be read: {error!r}"


def status_from(words: Mapping[str, OrderStatus], text: str) -> OrderStatus:
    """Read a venue's word for an order's state. One that is not known is `OutcomeUnknown`."""
    try:
        return words[text]
    except KeyError:
        raise OutcomeUnknown(f"an order in state {text!r}") from None
