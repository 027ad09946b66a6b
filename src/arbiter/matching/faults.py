"""Faults of a venue and of the way to it, by chance or by script.

Pure: `draw` gives uniform numbers in 0..1, time is an argument, and whoever carries messages asks
here what becomes of each. What was injected is counted by kind.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import InstrumentId
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.model.time import NS_PER_MS


class Fault(StrEnum):
    DELAY = "delay"
    DROP_REQUEST = "drop_request"
    DROP_RESPONSE = "drop_response"
    DUPLICATE = "duplicate"
    """A request that arrives twice, or a report told twice."""
    REORDER = "reorder"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """5xx; the request may have been carried out or not."""
    PARTIAL_FILL = "partial_fill"
    """Less is there than was shown."""
    FILL_AFTER_END = "fill_after_end"
    """The end of an order (a cancel, an expiry) is told before its fills."""
    FILL_BEFORE_ACK = "fill_before_ack"
    DROP_REPORT = "drop_report"
    STALL = "stall"
    """The stream falls silent and stays connected."""
    GAP = "gap"
    CROSSED = "crossed"
    CLOCK_OFFSET = "clock_offset"
    BLACKHOLE = "blackhole"
    """Nothing goes in or out."""
    MAINTENANCE = "maintenance"
    """Every order is refused, then for a while every order that would take."""
    DELISTING = "delisting"
    EXTERNAL_CHANGE = "external_change"


class FaultRates(msgspec.Struct, frozen=True, kw_only=True):
    """Chances per call, report or quote, 0..1; `delay_ms` is the longest added delay."""

    delay: float = 0.0
    delay_ms: float = 3_000.0
    drop_request: float = 0.0
    drop_response: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    rate_limited: float = 0.0
    server_error: float = 0.0
    partial_fill: float = 0.0
    fill_after_end: float = 0.0
    fill_before_ack: float = 0.0
    drop_report: float = 0.0
    gap: float = 0.0
    crossed: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value: float = getattr(self, name)
            if value < 0 or (name != "delay_ms" and value > 1):
                raise InvalidValue(f"faults.{name} must be a chance from 0 to 1, got {value}")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that lasts: from `start_ns` to before `end_ns`, for one instrument or for all.

    `offset_ns` is how far the venue's clock is ahead, for CLOCK_OFFSET.
    """

    fault: Fault
    start_ns: int
    end_ns: int
    instrument: InstrumentId | None = None
    offset_ns: int = 0


class CallFate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one call: when it arrives (never, once, twice) and when its answer does.

    Delays are added ones, in ns. `error` replaces the answer.
    """

    arrivals: tuple[int, ...] = (0,)
    answer: int | None = 0
    error: Fault | None = None


class Scripted(msgspec.Struct, frozen=True):
    """One scripted fault: for the `nth` (from 1) call of a kind."""

    call: str
    nth: int
    fault: Fault


_FINE = CallFate()


class Faults:
    """Decides about one venue. `script` comes before chance."""

    def __init__(
        self,
        rates: FaultRates,
        draw: Callable[[], float],
        *,
        windows: Sequence[Window] = (),
        script: Sequence[Scripted] = (),
    ) -> None:
        self._rates = rates
        self._draw = draw
        self.windows = list(windows)
        self._script: dict[tuple[str, int], Fault] = {}
        self.follow(script)
        self._calls: Counter[str] = Counter()
        self.counts: Counter[Fault] = Counter()

    def follow(self, script: Sequence[Scripted]) -> None:
        """Put these faults where they are scripted, besides those that are already."""
        self._script |= {(one.call, one.nth): one.fault for one in script}

    def afflict(self, rates: FaultRates) -> None:
        """Take other chances from now on."""
        self._rates = rates

    def heal(self) -> None:
        """Inject nothing more; what is delisted stays so, and a clock stays wrong."""
        self._rates = FaultRates()
        self._script = {}
        self.windows = [w for w in self.windows if w.fault in (Fault.DELISTING, Fault.CLOCK_OFFSET)]

    def active(self, fault: Fault, now_ns: int, instrument: InstrumentId | None = None) -> bool:
        return any(
            window.fault is fault
            and window.start_ns <= now_ns < window.end_ns
            and window.instrument in (None, instrument)
            for window in self.windows
        )

    def refuses_takers(self, now_ns: int) -> bool:
        """In the last third of a maintenance the venue takes resting orders only."""
        return any(
            w.fault is Fault.MAINTENANCE
            and w.start_ns <= now_ns < w.end_ns
            and now_ns >= w.end_ns - (w.end_ns - w.start_ns) // 3
            for w in self.windows
        )

    def clock_ns(self, now_ns: int) -> int:
        """Give the venue's own time."""
        offset = sum(
            window.offset_ns
            for window in self.windows
            if window.fault is Fault.CLOCK_OFFSET and window.start_ns <= now_ns < window.end_ns
        )
        return now_ns + offset

    def on_call(self, call: str, now_ns: int) -> CallFate:
        """Decide about one call (``submit``, ``cancel``, ``query`` …)."""
        self._calls[call] += 1
        scripted = self._script.get((call, self._calls[call]))
        if self.active(Fault.BLACKHOLE, now_ns):
            self.counts[Fault.BLACKHOLE] += 1
            return CallFate(arrivals=(), answer=None)
        if scripted is not None:
            return self._fate(scripted)
        rates = self._rates
        for fault, chance in (
            (Fault.DROP_REQUEST, rates.drop_request),
            (Fault.DROP_RESPONSE, rates.drop_response),
            (Fault.RATE_LIMITED, rates.rate_limited),
            (Fault.SERVER_ERROR, rates.server_error),
            (Fault.DUPLICATE, rates.duplicate),
            (Fault.FILL_BEFORE_ACK, rates.fill_before_ack),
            (Fault.DELAY, rates.delay),
        ):
            if self._hit(chance):
                return self._fate(fault)
        return _FINE

    def on_report(self, report: VenueReport, now_ns: int) -> tuple[int, ...]:
        """Give the added delays, ns, at which a report is told: none, once or twice."""
        if self.active(Fault.BLACKHOLE, now_ns) or self.active(Fault.STALL, now_ns):
            self.counts[Fault.STALL] += 1
            return ()
        rates = self._rates
        if self._hit(rates.drop_report):
            self.counts[Fault.DROP_REPORT] += 1
            return ()
        if self._hit(rates.duplicate):
            self.counts[Fault.DUPLICATE] += 1
            return 0, self._some()
        if isinstance(report, Filled) and self._hit(rates.fill_after_end):
            self.counts[Fault.FILL_AFTER_END] += 1
            return (self._some(),)
        if not isinstance(report, Ended) and self._hit(rates.reorder):
            self.counts[Fault.REORDER] += 1
            return (self._some(),)
        return (0,)

    def on_quote(self, instrument: InstrumentId, now_ns: int) -> Fault | None:
        """Say what befalls one quote on its way, if anything."""
        for fault in (Fault.BLACKHOLE, Fault.STALL, Fault.DELISTING):
            if self.active(fault, now_ns, instrument):
                self.counts[fault] += 1
                return fault
        for fault, chance in ((Fault.GAP, self._rates.gap), (Fault.CROSSED, self._rates.crossed)):
            if self._hit(chance):
                self.counts[fault] += 1
                return fault
        return None

    def shown(self, size: float) -> float:
        """Give what is really there of a displayed size."""
        if not self._hit(self._rates.partial_fill):
            return size
        self.counts[Fault.PARTIAL_FILL] += 1
        return size * self._draw() * 0.2

    def _fate(self, fault: Fault) -> CallFate:
        self.counts[fault] += 1
        match fault:
            case Fault.DROP_REQUEST:
                return CallFate(arrivals=(), answer=None)
            case Fault.DROP_RESPONSE:
                return CallFate(answer=None)
            case Fault.RATE_LIMITED:
                return CallFate(arrivals=(), error=fault)
            case Fault.SERVER_ERROR:
                return CallFate(arrivals=(0,) if self._draw() < 0.5 else (), error=fault)
            case Fault.DUPLICATE:
                return CallFate(arrivals=(0, self._some()))
            case Fault.FILL_BEFORE_ACK:
                return CallFate(answer=self._some())
            case Fault.DELAY:
                return CallFate(arrivals=(self._some(),))
            case _:
                raise InvalidValue(f"{fault} is no fault of a call")

    def _some(self) -> int:
        return int(self._draw() * self._rates.delay_ms * NS_PER_MS)

    def _hit(self, chance: float) -> bool:
        return chance > 0.0 and self._draw() < chance
