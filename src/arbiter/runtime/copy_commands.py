"""What people decide about copying, as events with their audit record."""

from arbiter.copying.settings import check_terms, check_wallet
from arbiter.ledger.reads import LedgerReads
from arbiter.model.commands import AddCopy, Command, RemoveCopy, SwitchCopy
from arbiter.model.copying import CopySubscription, SubscriptionId
from arbiter.model.errors import Conflict, NotFound
from arbiter.model.events import Audited, CopyAdded, CopyRemoved, CopySwitched, JournalEvent
from arbiter.model.money import plain


def decided(
    ledger: LedgerReads, command: AddCopy | SwitchCopy | RemoveCopy, now_ns: int
) -> tuple[JournalEvent, ...]:
    """Give a command's events; errors are raised before any."""
    match command:
        case AddCopy():
            return added(ledger, command, now_ns)
        case SwitchCopy():
            return switched(ledger, command, now_ns)
        case RemoveCopy():
            return removed(ledger, command, now_ns)


def added(ledger: LedgerReads, command: AddCopy, now_ns: int) -> tuple[JournalEvent, ...]:
    """Follow a wallet; `InvalidValue` for terms that cannot be, `Conflict` while it is followed."""
    wallet = check_wallet(command.wallet)
    check_terms(command.venue, command.multiplier, command.max_position_size)
    for row in ledger.copy_subscriptions.values():
        if row.active and (row.venue, row.wallet) == (command.venue, wallet):
            raise Conflict(
                f"{wallet} on {command.venue} is copied already, by subscription {row.id}"
            )
        if row.id == command.id:
            raise Conflict(f"there is a subscription {row.id} already")
    subscription = CopySubscription(
        id=command.id,
        venue=command.venue,
        wallet=wallet,
        multiplier=command.multiplier,
        max_position_size=command.max_position_size,
        actor=command.actor,
        created_ns=now_ns,
    )
    terms = (
        f"{wallet} on {command.venue} × {plain(command.multiplier)}, "
        f"at most {plain(command.max_position_size)} USD a copy"
    )
    return (
        CopyAdded(at_ns=now_ns, subscription=subscription),
        _audit(command, "copy.add", command.id, "", terms, now_ns),
    )


def switched(ledger: LedgerReads, command: SwitchCopy, now_ns: int) -> tuple[JournalEvent, ...]:
    before = _active(ledger, command.id)
    return (
        CopySwitched(
            at_ns=now_ns,
            subscription_id=command.id,
            enabled=command.enabled,
            actor=command.actor,
        ),
        _audit(
            command,
            "copy.enable" if command.enabled else "copy.disable",
            command.id,
            _word(before.enabled),
            _word(command.enabled),
            now_ns,
        ),
    )


def removed(ledger: LedgerReads, command: RemoveCopy, now_ns: int) -> tuple[JournalEvent, ...]:
    before = _active(ledger, command.id)
    return (
        CopyRemoved(at_ns=now_ns, subscription_id=command.id, actor=command.actor),
        _audit(command, "copy.remove", command.id, before.wallet, "", now_ns),
    )


def _active(ledger: LedgerReads, subscription: SubscriptionId) -> CopySubscription:
    row = ledger.copy_subscriptions.get(subscription)
    if row is None or not row.active:
        raise NotFound(
            f"there is no copy subscription {subscription}; list them: arbiter copy list"
        )
    return row


def _word(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"


def _audit(
    command: Command,
    action: str,
    subscription: SubscriptionId,
    before: str,
    after: str,
    now_ns: int,
) -> Audited:
    return Audited(
        at_ns=now_ns,
        actor=command.actor,
        action=action,
        entity=f"copy:{subscription}",
        before=before,
        after=after,
    )
