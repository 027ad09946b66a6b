"""Events: what the journal keeps, append-only; every projection is a fold over them.

An event says what happened, never what to do. `at_ns` is the engine's time of recording.
"""

from decimal import Decimal

import msgspec

from arbiter.model.copying import CopySubscription, LeaderAction, SubscriptionId, Wallet
from arbiter.model.crossing import CrossedPart
from arbiter.model.denials import Denied
from arbiter.model.event_pairs import EventPair, EventPairId, Review
from arbiter.model.ids import (
    Actor,
    Asset,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    VenueId,
    VenueOrderId,
)
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.model.perpetuals import Contract, ForcedClose, FundingPayment
from arbiter.model.placed import PlacedOrder
from arbiter.model.plans import Signal
from arbiter.model.trades import Trade, TradeState


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True, tag_field="kind"):
    at_ns: int


class EngineStarted(Event, frozen=True, kw_only=True):
    run_id: str
    mode: str
    version: str


class EngineStopped(Event, frozen=True, kw_only=True):
    run_id: str


class BalanceOpened(Event, frozen=True, kw_only=True):
    """First sight of an asset on a venue: the ledger starts from what the venue holds."""

    venue: VenueId
    asset: Asset
    total: Decimal


class ExternalChange(Event, frozen=True, kw_only=True):
    """A venue's balance moved and no order of ours did it (deposit, reward, manual trade)."""

    venue: VenueId
    asset: Asset
    delta: Decimal
    reason: str


class Transferred(Event, frozen=True, kw_only=True):
    """Our own transfer between venues; `network_fee` leaves the source on top of `amount`."""

    asset: Asset
    source: VenueId
    target: VenueId
    amount: Decimal
    network_fee: Decimal


class SignalSeen(Event, frozen=True, kw_only=True):
    signal: Signal


class TradeOpened(Event, frozen=True, kw_only=True):
    """The gate approved: intents of all legs with what each locks and reserves, in one record.

    Journals of earlier versions name the holds apart, by client order id: `locks` at the venue,
    `reserve` of the budget. Where either is filled, they count and not what the orders say.
    """

    trade: Trade
    orders: tuple[Order, ...]
    locks: dict[ClientOrderId, tuple[Asset, Decimal]] = {}
    reserve: dict[ClientOrderId, tuple[Asset, Decimal]] = {}


class OrdersAdded(Event, frozen=True, kw_only=True):
    """More orders for a running trade: a chase or an unwind; holds as in `TradeOpened`."""

    trade_id: TradeId
    orders: tuple[Order, ...]
    locks: dict[ClientOrderId, tuple[Asset, Decimal]] = {}
    reserve: dict[ClientOrderId, tuple[Asset, Decimal]] = {}


class PlanDenied(Event, frozen=True, kw_only=True):
    """The gate refused: each leg is kept as a DENIED order with the reason."""

    denied: Denied
    orders: tuple[Order, ...]


class OrderSent(Event, frozen=True, kw_only=True):
    client_order_id: ClientOrderId


class OrderAbandoned(Event, frozen=True, kw_only=True):
    """The intent was durable and then deliberately never sent."""

    client_order_id: ClientOrderId
    reason: str


class OrderAccepted(Event, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId


class OrderRejected(Event, frozen=True, kw_only=True):
    """Refused by the venue, or proven by it never to have arrived (code ``ABSENT``)."""

    client_order_id: ClientOrderId
    code: str
    reason: str


class OrderFilled(Event, frozen=True, kw_only=True):
    """One execution.

    `fee_in_quote` values a fee taken in a third asset, by the mark known when it was recorded.
    `trade` and `order` go along only when the ledger no longer holds them (a very late fill).
    """

    fill: Fill
    fee_in_quote: Decimal | None = None
    trade: Trade | None = None
    order: Order | None = None


class OrderEnded(Event, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    status: OrderStatus
    reason: str


class OutcomeUnknown(Event, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    why: str


class OutcomeKnown(Event, frozen=True, kw_only=True):
    """The venue answered about an order whose outcome was unknown."""

    client_order_id: ClientOrderId


class TradeAdvanced(Event, frozen=True, kw_only=True):
    """The state machine moved; terminal states close the account."""

    trade_id: TradeId
    state: TradeState
    reason: str = ""


class BudgetSet(Event, frozen=True, kw_only=True):
    strategy: StrategyId
    currency: Asset
    allocated: Decimal
    actor: Actor


class BudgetRemoved(Event, frozen=True, kw_only=True):
    strategy: StrategyId
    currency: Asset
    actor: Actor


class KillSwitchEngaged(Event, frozen=True, kw_only=True):
    actor: Actor
    reason: str
    flatten: bool


class KillSwitchReleased(Event, frozen=True, kw_only=True):
    actor: Actor


class StrategySwitched(Event, frozen=True, kw_only=True):
    strategy: StrategyId
    running: bool
    actor: Actor
    reason: str = ""


class SettingChanged(Event, frozen=True, kw_only=True):
    """A run-time change of one setting, persisted; values as JSON text."""

    path: str
    before: str
    after: str
    actor: Actor


class ContractSet(Event, frozen=True, kw_only=True):
    """The terms of a perpetual and the leverage set there, before anything trades on them."""

    contract: Contract


class FundingPaid(Event, frozen=True, kw_only=True):
    """A settlement's payment, confirmed by the venue; booked once per (venue, payment id)."""

    payment: FundingPayment


class PositionForced(Event, frozen=True, kw_only=True):
    """The venue closed a position of ours; booked once per (venue, trade id)."""

    forced: ForcedClose


class PositionsCrossed(Event, frozen=True, kw_only=True):
    """Strategies on opposite sides of one contract ended them against each other, in the books alone.

    The venue, which nets them, has nothing to do; no fee is paid, and the account stays as it is.
    Copies of one market that are against each other end with it.
    """

    instrument: InstrumentId
    price: Decimal
    parts: tuple[CrossedPart, ...]
    """Each takes off what its strategy holds; together they are zero."""


class FillSettled(Event, frozen=True, kw_only=True):
    """The venue's last word on a matched fill; what failed is taken out of the books exactly.

    Counts once per (venue, trade id), whether it comes after the fill or before it.
    """

    venue: VenueId
    instrument: InstrumentId
    venue_trade_id: str
    ok: bool


class PairOpened(Event, frozen=True, kw_only=True):
    pair: FundingPair


class PairAdvanced(Event, frozen=True, kw_only=True):
    pair_id: PairId
    state: PairState
    reason: str = ""


class PairNoted(Event, frozen=True, kw_only=True):
    """What deciding on an exit needs of the past."""

    pair_id: PairId
    peak_profit: Decimal
    narrow_since_ns: int | None


class CopyAdded(Event, frozen=True, kw_only=True):
    subscription: CopySubscription


class CopySwitched(Event, frozen=True, kw_only=True):
    subscription_id: SubscriptionId
    enabled: bool
    actor: Actor


class CopyRemoved(Event, frozen=True, kw_only=True):
    """Nobody is followed by it any more; what it copied stays."""

    subscription_id: SubscriptionId
    actor: Actor


class CopyBased(Event, frozen=True, kw_only=True):
    """What the leader held when the subscription began is known."""

    subscription_id: SubscriptionId
    held: tuple[LeaderAction, ...]


class LeaderActed(Event, frozen=True, kw_only=True):
    """What one look at a leader's activity told; acts told before change nothing."""

    actions: tuple[LeaderAction, ...]


class LeaderForgotten(Event, frozen=True, kw_only=True):
    """Markets that a leader left long ago, and we too: their acts are needed no more."""

    venue: VenueId
    wallet: Wallet
    markets: tuple[str, ...]


class EventPairProposed(Event, frozen=True, kw_only=True):
    """A pair to be read by a person; one of its name that is not approved gives way to it."""

    pair: EventPair


class EventPairReviewed(Event, frozen=True, kw_only=True):
    """Approved, rejected or suspended, by a person or because a rule text changed."""

    pair_id: EventPairId
    state: Review
    actor: Actor
    reason: str = ""
    cap_usd: Decimal | None = None
    """A new cap, with an approval."""


class OrderPlaced(Event, frozen=True, kw_only=True):
    """A client's own id for an order, in the transaction that makes the order's intent durable."""

    placed: PlacedOrder


class Audited(Event, frozen=True, kw_only=True):
    """A state-changing call that has no event of its own (log-in, key made, user added)."""

    actor: Actor
    action: str
    entity: str
    before: str = ""
    after: str = ""


class AlertRaised(Event, frozen=True, kw_only=True):
    severity: str
    """``info``, ``warning`` or ``critical``."""
    code: str
    text: str
    instrument: InstrumentId | None = None


JournalEvent = (
    EngineStarted
    | EngineStopped
    | BalanceOpened
    | ExternalChange
    | Transferred
    | SignalSeen
    | TradeOpened
    | OrdersAdded
    | PlanDenied
    | OrderSent
    | OrderAbandoned
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderEnded
    | OutcomeUnknown
    | OutcomeKnown
    | TradeAdvanced
    | BudgetSet
    | BudgetRemoved
    | KillSwitchEngaged
    | KillSwitchReleased
    | StrategySwitched
    | SettingChanged
    | ContractSet
    | FundingPaid
    | PositionForced
    | PositionsCrossed
    | FillSettled
    | PairOpened
    | PairAdvanced
    | PairNoted
    | EventPairProposed
    | EventPairReviewed
    | CopyAdded
    | CopySwitched
    | CopyRemoved
    | CopyBased
    | LeaderActed
    | LeaderForgotten
    | OrderPlaced
    | Audited
    | AlertRaised
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[JournalEvent] = msgspec.json.Decoder(JournalEvent)


def encode_event(event: Event) -> bytes:
    """Write an event as JSON; Decimals as strings, so no digit is lost."""
    return _encoder.encode(event)


def decode_event(data: bytes | str) -> JournalEvent:
    """Read an event back; unknown kinds or fields of the wrong type raise `msgspec` errors."""
    return _decoder.decode(data)
