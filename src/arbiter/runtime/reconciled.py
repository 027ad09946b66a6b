"""What a reconciliation found and mended, venue by venue."""

import msgspec

from arbiter.model.ids import VenueId


class VenueRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found and mended at one venue."""

    venue: VenueId
    reachable: bool = True
    fills_booked: int = 0
    orders_closed: int = 0
    balances_opened: int = 0
    external_changes: int = 0
    strangers: int = 0
    """Open orders there that are not ours."""
    compared: bool = False
    """Balances were compared: nothing of ours was under way there."""
    differences: tuple[str, ...] = ()
    """Balances that differ, seen for the first time: believed when they still do next time."""
    unread: tuple[str, ...] = ()
    """What the venue told and nobody here can read: nothing new is opened there meanwhile."""
    note: str = ""

    @property
    def repaired(self) -> bool:
        """Whether anything had to be changed."""
        return bool(
            self.fills_booked or self.orders_closed or self.balances_opened or self.external_changes
        )

    @property
    def agrees(self) -> bool:
        """The venue answered, and its word and the ledger's are the same now."""
        return self.reachable and self.compared and not self.differences


class ReconcileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a person who asks for a reconciliation is told; `json` is the same for machines."""

    venues: tuple[VenueRecovery, ...]
    agrees: bool
    """Every venue answered, and holds what the ledger says."""

    def lines(self) -> list[str]:
        """Write a line per venue, and one per difference that could not be settled."""
        told: list[str] = []
        for found in self.venues:
            if not found.reachable:
                told.append(f"{found.venue}: no answer ({found.note})")
                continue
            mended = [
                f"{count} {what}"
                for count, what in (
                    (found.fills_booked, "fills booked"),
                    (found.orders_closed, "orders closed"),
                    (found.balances_opened, "balances opened"),
                    (found.external_changes, "external changes booked"),
                    (found.strangers, "orders there that are not ours"),
                )
                if count
            ]
            state = "agrees" if found.agrees else "orders under way, balances not compared"
            if found.differences:
                state = "differs"
            if found.unread:
                state = "cannot be read in full, balances not compared"
            told.append(f"{found.venue}: {state}" + "".join(f"; {text}" for text in mended))
            told += [f"  {text}" for text in (*found.differences, *found.unread)]
        return told

    def json(self) -> bytes:
        return msgspec.json.encode(self)


def sum_of(first: VenueRecovery, then: VenueRecovery) -> VenueRecovery:
    """Add what two looks mended; how the venue stands is what the later one saw."""
    return VenueRecovery(
        venue=first.venue,
        reachable=then.reachable,
        fills_booked=first.fills_booked + then.fills_booked,
        orders_closed=first.orders_closed + then.orders_closed,
        balances_opened=first.balances_opened + then.balances_opened,
        external_changes=first.external_changes + then.external_changes,
        strangers=then.strangers,
        compared=then.compared,
        differences=then.differences,
        unread=then.unread,
        note=then.note,
    )
