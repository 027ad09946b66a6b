"""What the simulated venues hold to be so, what the ledger's tables say, and where they differ."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from arbiter.venues.sim.probe import truth

FillKey = tuple[str, str]
BalanceKey = tuple[str, str]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One side's view of all venues."""

    fills: Counter[FillKey]
    """How often each (venue, trade id) is there."""
    balances: dict[BalanceKey, Decimal]
    open_orders: frozenset[str]
    """Orders without a last word, by client order id."""
    filled: dict[str, Decimal]
    """Filled size of every order that filled, by client order id."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """How far the ledger is from the venues."""

    missing_fills: int
    doubled_fills: int
    foreign_fills: int
    unequal_balances: int
    open_orders: int
    """Orders the ledger waits for, or the venues still work."""
    unequal_orders: int

    def __bool__(self) -> bool:
        return any(msgspec.structs.astuple(self))


def venues(home: Path) -> Account:
    """Ask the simulated venues over their socket."""
    told = truth(home)
    return Account(
        fills=Counter(
            (venue, fill.venue_trade_id) for venue, held in told.items() for fill in held.fills
        ),
        balances={
            (venue, held.asset): held.total
            for venue, account in told.items()
            for held in account.holdings
        },
        open_orders=frozenset(
            order.client_order_id for account in told.values() for order in account.open_orders
        ),
        filled={
            order.client_order_id: order.filled_size
            for account in told.values()
            for order in account.orders
            if order.filled_size
        },
    )


async def ledger(connection: "asyncpg.Connection[Any]") -> Account:
    """Read the projections, all of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        fills = await connection.fetch("SELECT venue, venue_trade_id FROM fills")
        balances = await connection.fetch("SELECT venue, asset, total FROM balances")
        orders = await connection.fetch("SELECT client_order_id, status, filled_size FROM orders")
    live = {"CREATED", "SUBMITTED", "WORKING", "PARTIALLY_FILLED"}
    return Account(
        fills=Counter((row["venue"], row["venue_trade_id"]) for row in fills),
        balances={(row["venue"], row["asset"]): row["total"] for row in balances},
        open_orders=frozenset(row["client_order_id"] for row in orders if row["status"] in live),
        filled={row["client_order_id"]: row["filled_size"] for row in orders if row["filled_size"]},
    )


def gap(venues: Account, ledger: Account) -> Gap:
    """Compare the two; falsy when they are one and the same."""
    keys = venues.balances.keys() | ledger.balances.keys()
    names = venues.filled.keys() | ledger.filled.keys()
    return Gap(
        missing_fills=(venues.fills - ledger.fills).total(),
        doubled_fills=sum(count - 1 for count in (venues.fills + ledger.fills).values())
        - len(venues.fills.keys() & ledger.fills.keys()),
        foreign_fills=len(ledger.fills.keys() - venues.fills.keys()),
        unequal_balances=sum(venues.balances.get(k) != ledger.balances.get(k) for k in keys),
        open_orders=len(venues.open_orders | ledger.open_orders),
        unequal_orders=sum(venues.filled.get(n) != ledger.filled.get(n) for n in names),
    )
