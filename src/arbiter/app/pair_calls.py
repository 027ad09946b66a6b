"""What the command line asks about event pairs: of a running engine, or of a ledger at rest."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.app.control_socket import Handler
from arbiter.model.commands import ProposePair, ReviewPair
from arbiter.model.errors import InvalidValue, TradingDisabled
from arbiter.model.event_pairs import EventPair, EventPairId, Polarity, Review
from arbiter.model.ids import Actor, InstrumentId
from arbiter.model.money import plain
from arbiter.model.time import rfc3339
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.late_listing import LateListing
from arbiter.runtime.pair_desk import PairDesk
from arbiter.storage.database import reading
from arbiter.storage.event_schema import EVENT_PAIRS
from arbiter.storage.rows import read

E = TypeVar("E", bound=StrEnum)


class PairCalls:
    """Handlers by name; without a desk the engine watches no event markets."""

    def __init__(
        self, bus: CommandBus, desk: PairDesk | None, late: LateListing | None = None
    ) -> None:
        self._bus = bus
        self._desk = desk
        self._late = late

    def by_name(self) -> dict[str, Handler]:
        return {
            "pair_propose": self._carry_out("pair_propose"),
            "pair_review": self._carry_out("pair_review"),
            "pair_named": self._named,
            "pair_scan": self._scan,
        }

    def _carry_out(self, call: str) -> Handler:
        async def carry_out(arguments: dict[str, Any]) -> None:
            await self._bus.execute(command_of(call, arguments))

        return carry_out

    async def _named(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Propose two markets; one that is not followed yet is from now on."""
        desk = self._watching()
        first, second = (InstrumentId(_text(arguments, name)) for name in ("first", "second"))
        if self._late is not None and not {first, second} <= desk.known.keys():
            await self._late.find((first, second))
            await desk.poll()
        pair = desk.propose(
            first,
            second,
            polarity_of(_text(arguments, "polarity")),
            _cap(arguments),
            _actor(arguments),
        )
        await self._bus.execute(ProposePair(actor=_actor(arguments), pair=pair))
        return shown(pair)

    async def _scan(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        return [shown(pair) for pair in await self._watching().scan(_actor(arguments))]

    def _watching(self) -> PairDesk:
        if self._desk is None:
            raise TradingDisabled("this engine watches no event markets; name them in a file")
        return self._desk


def command_of(call: str, arguments: dict[str, Any]) -> ProposePair | ReviewPair:
    """Read a call; `InvalidValue` names what is missing or wrong."""
    actor = _actor(arguments)
    if call == "pair_propose":
        try:
            pair = msgspec.convert(arguments.get("pair"), EventPair, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidValue(f"the pair cannot be read: {error}") from None
        return ProposePair(actor=actor, pair=pair)
    return ReviewPair(
        actor=actor,
        pair_id=EventPairId(_text(arguments, "pair_id")),
        state=review_of(_text(arguments, "state")),
        reason=str(arguments.get("reason") or ""),
        acknowledged=arguments.get("acknowledged") is True,
        cap_usd=_cap(arguments),
    )


async def pairs_at_rest(engine: AsyncEngine) -> list[EventPair]:
    """Every pair of the registry, newest change first."""
    query = select(EVENT_PAIRS).order_by(EVENT_PAIRS.c.updated_ns.desc(), EVENT_PAIRS.c.id)
    async with reading(engine) as connection:
        rows = (await connection.execute(query)).mappings()
        return [read(EventPair, dict(row)) for row in rows]


def shown(pair: EventPair) -> dict[str, Any]:
    """A pair as JSON shows it: money as text, times as RFC 3339."""
    return {
        "id": pair.id,
        "state": str(pair.state),
        "polarity": str(pair.polarity),
        "first": _market(pair, 0),
        "second": _market(pair, 1),
        "resolution_source": pair.resolution_source,
        "void_rule": pair.void_rule,
        "opens_at": rfc3339(pair.opens_ns) if pair.opens_ns else None,
        "closes_at": rfc3339(pair.closes_ns),
        "payout_at": rfc3339(pair.payout_ns),
        "cap_usd": plain(pair.cap_usd),
        "score": plain(pair.score),
        "warnings": list(pair.warnings),
        "reason": pair.reason,
        "simulated": pair.simulated,
        "proposed_by": pair.proposed_by,
        "proposed_at": rfc3339(pair.proposed_ns),
        "approved_by": pair.approved_by,
        "approved_at": None if pair.approved_ns is None else rfc3339(pair.approved_ns),
        "updated_at": rfc3339(pair.updated_ns),
    }


def _market(pair: EventPair, which: int) -> dict[str, str]:
    market = pair.markets[which]
    return {
        "instrument": market.instrument,
        "venue": market.venue,
        "title": market.title,
        "rules": market.rules,
        "rules_sha256": market.rules_sha256,
    }


def review_of(text: str) -> Review:
    return _one_of(Review, text, "state")


def polarity_of(text: str) -> Polarity:
    return _one_of(Polarity, text, "polarity")


def _one_of(kind: type[E], text: str, what: str) -> E:
    try:
        return kind(text.lower())
    except ValueError:
        raise InvalidValue(f"no {what} is named {text!r}; there are {', '.join(kind)}") from None


def amount_of(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidValue(f"the amount {text!r} is not a number") from None


def _cap(arguments: dict[str, Any]) -> Decimal | None:
    value = arguments.get("cap_usd")
    if value is None:
        return None
    cap = amount_of(str(value))
    if not cap.is_finite() or cap <= 0:
        raise InvalidValue(f"a pair's cap must be positive, got {value}")
    return cap


def _actor(arguments: dict[str, Any]) -> Actor:
    return Actor(_text(arguments, "actor"))


def _text(arguments: dict[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"the call needs {name!r} as text")
    return value


def states(pairs: Sequence[EventPair], state: Review | None) -> list[EventPair]:
    return [pair for pair in pairs if state is None or pair.state is state]
