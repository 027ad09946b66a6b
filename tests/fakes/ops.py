"""The operations surface over facts that a test writes."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from arbiter.access.roles import Principal, Role
from arbiter.access.tokens import Audience
from arbiter.api.common.auth import AskAgain
from arbiter.api.funding.health import HealthFacts
from arbiter.api.funding.surface import OpsDeps
from arbiter.model.errors import Unauthenticated
from arbiter.model.ids import Actor, InstrumentId, Symbol, VenueId
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import FundingRate, MarginBalance, VenuePosition
from arbiter.observe.metrics import Metrics, Reading
from arbiter.ports.clock import Clock
from tests.fakes.clock import FakeClock

KEY = "a-viewer-s-own-random-key"


class OneKey:
    """Knows one key and no token."""

    async def verify_access(self, token: str, audience: Audience, /) -> Principal:
        raise Unauthenticated("no token is good here")

    async def follow_access(self, token: str, audience: Audience, /) -> AskAgain:
        raise Unauthenticated("no token is good here")

    async def verify_api_key(self, text: str, /) -> Principal:
        if text != KEY:
            raise Unauthenticated("unknown key")
        return Principal(actor=Actor("key:test"), user_id=None, role=Role.VIEWER)


class FixedHealth:
    def now_ns(self) -> int:
        return 0

    def uptime_seconds(self) -> int:
        return 1

    def alive(self) -> bool:
        return True

    def recovered(self) -> bool:
        return True

    def durable(self) -> bool:
        return True

    def connections(self) -> Mapping[VenueId, bool]:
        return {VenueId("binance"): True}

    def unbound(self) -> Sequence[str]:
        return ()


class FixedFunding:
    """Funding facts as they are put in; `asked` counts what reached a venue."""

    def __init__(self) -> None:
        self.live: dict[VenueId, Sequence[VenuePosition] | None] = {}
        self.told: list[FundingRate] = []
        self.held: list[MarginBalance] = []
        self.open: list[tuple[FundingPair, Decimal]] = []
        self.metrics = Metrics()
        self.asked = 0
        self._clock = FakeClock()

    async def live_positions(self) -> Mapping[VenueId, Sequence[VenuePosition] | None]:
        self.asked += 1
        return self.live

    def rates(self) -> Iterable[FundingRate]:
        return self.told

    def balances(self) -> Iterable[MarginBalance]:
        return self.held

    def pairs(self) -> Iterable[tuple[FundingPair, Decimal]]:
        return self.open

    def symbol_of(self, instrument: InstrumentId) -> Symbol:
        return Symbol(f"{instrument.partition('USDT')[0]}/USDT:PERP")

    def units_of(self, instrument: InstrumentId, contracts: Decimal, mark: Decimal) -> Decimal:
        return contracts

    def readings(self) -> Iterable[Reading]:
        return self.metrics.read()

    @property
    def clock(self) -> Clock:
        return self._clock


def ops_deps(
    *,
    health: HealthFacts | None = None,
    facts: FixedFunding | None = None,
    key_required: bool = False,
) -> OpsDeps:
    return OpsDeps(
        health=health or FixedHealth(),
        facts=facts or FixedFunding(),
        version="0",
        access=OneKey(),
        key_required=key_required,
    )
