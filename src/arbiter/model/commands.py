"""Commands: what a person, an API or the command line asks of the engine.

Each is acknowledged after its events are durable; each carries its actor for the audit log.
"""

from decimal import Decimal

import msgspec

from arbiter.model.copying import SubscriptionId
from arbiter.model.event_pairs import EventPair, EventPairId, Review
from arbiter.model.ids import Actor, Asset, StrategyId, VenueId


class Command(msgspec.Struct, frozen=True, kw_only=True):
    actor: Actor


class EngageKillSwitch(Command, frozen=True, kw_only=True):
    """Cancel everything everywhere and latch; `flatten` also closes every position."""

    reason: str
    flatten: bool = False


class ReleaseKillSwitch(Command, frozen=True, kw_only=True):
    pass


class StartStrategy(Command, frozen=True, kw_only=True):
    strategy: StrategyId


class StopStrategy(Command, frozen=True, kw_only=True):
    """No new trades; legs under way are finished."""

    strategy: StrategyId
    reason: str = ""


class SetBudget(Command, frozen=True, kw_only=True):
    strategy: StrategyId
    currency: Asset
    allocated: Decimal


class RemoveBudget(Command, frozen=True, kw_only=True):
    strategy: StrategyId
    currency: Asset


class ProposePair(Command, frozen=True, kw_only=True):
    """Enter an event pair for somebody to read and decide."""

    pair: EventPair


class ReviewPair(Command, frozen=True, kw_only=True):
    """Approve, reject or suspend an event pair."""

    pair_id: EventPairId
    state: Review
    reason: str = ""
    acknowledged: bool = False
    """The warnings of the pair were read; an approval needs it where there are any."""
    cap_usd: Decimal | None = None
    """Another cap than was proposed, with an approval."""


class AddCopy(Command, frozen=True, kw_only=True):
    """Copy a wallet's trades; the id is made by whoever asks, who then can read it back."""

    id: SubscriptionId
    venue: VenueId
    wallet: str
    multiplier: Decimal
    max_position_size: Decimal
    """USD per copy."""


class SwitchCopy(Command, frozen=True, kw_only=True):
    """Enable or disable: a disabled subscription opens nothing, its exits go on."""

    id: SubscriptionId
    enabled: bool


class RemoveCopy(Command, frozen=True, kw_only=True):
    """Copy no longer; positions stay as they are."""

    id: SubscriptionId


class ChangeSettings(Command, frozen=True, kw_only=True):
    """Change run-time settings by dotted path, all or none; values as parsed JSON."""

    changes: dict[str, bool | int | float | str | list[str]]
