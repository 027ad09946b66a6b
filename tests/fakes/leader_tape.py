"""Made-up activity of a wallet in the shapes of Polymarket's data API, and what it amounts to."""

import random
from decimal import Decimal
from typing import Any

from arbiter.model.copying import Wallet

WALLET = Wallet("0x" + "ab" * 20)
START_S = 1_767_225_600
Row = dict[str, Any]
"""One v1 row, as JSON has it."""


def tape(seed: int, decisions: int = 40, markets: int = 4) -> list[Row]:
    """Trade a while: single fills, several in a transaction, alike ones, splits, merges, redeems.

    Nothing is sold that is not held; a market that was redeemed is not traded again.
    """
    draw = random.Random(seed)
    held: dict[tuple[int, int], int] = {}
    over: set[int] = set()
    rows: list[Row] = []
    at_s = START_S
    for number in range(decisions):
        at_s += draw.choice((0, 1, 1, 7, 40))
        open_markets = [market for market in range(markets) if market not in over]
        if not open_markets:
            break
        market = draw.choice(open_markets)
        rows += _decide(draw, number, market, at_s, held, over)
    return rows


def _decide(
    draw: random.Random,
    number: int,
    market: int,
    at_s: int,
    held: dict[tuple[int, int], int],
    over: set[int],
) -> list[Row]:
    transaction = f"0x{number:064x}"
    outcome = draw.randrange(2)
    what = draw.random()
    both = min(held.get((market, 0), 0), held.get((market, 1), 0))
    mine = held.get((market, outcome), 0)
    if what < 0.05:
        over.add(market)
        payout = mine
        held[market, 0] = held[market, 1] = 0
        return [row("REDEEM", market, 999, payout, 0, transaction, at_s)]
    if what < 0.12:
        size = draw.randrange(1, 50)
        for side in (0, 1):
            held[market, side] = held.get((market, side), 0) + size
        return [row("SPLIT", market, 999, size, 0, transaction, at_s)]
    if what < 0.2 and both:
        size = draw.randrange(1, both + 1)
        for side in (0, 1):
            held[market, side] -= size
        return [row("MERGE", market, 999, size, 0, transaction, at_s)]
    sells = mine > 0 and what < 0.5
    price = draw.randrange(5, 95) / 100
    parts = [draw.randrange(1, 30) for _ in range(draw.choice((1, 1, 2, 3)))]
    if draw.random() < 0.3:
        parts.append(parts[0])  # alike to the last digit
    told = []
    for part in parts:
        size = min(part, held.get((market, outcome), 0)) if sells else part
        if not size:
            continue
        change = -size if sells else size
        held[market, outcome] = held.get((market, outcome), 0) + change
        word = "SELL" if sells else "BUY"
        told.append(row("TRADE", market, outcome, size, price, transaction, at_s, word))
    return told


def row(
    kind: str,
    market: int | str,
    outcome: int,
    size: float,
    price: float,
    transaction: str,
    at_s: int,
    side: str = "",
) -> Row:
    traded = kind == "TRADE"
    condition = market if isinstance(market, str) else f"0xc{market:063x}"
    return {
        "proxyWallet": WALLET,
        "timestamp": at_s,
        "conditionId": condition,
        "type": kind,
        "size": size,
        "usdcSize": size * price,
        "transactionHash": transaction,
        "price": price,
        "asset": f"{condition}{outcome}" if traded else "",
        "side": side,
        "outcomeIndex": outcome,
        "title": "Will it?",
        "slug": "will-it",
        "outcome": ("Yes", "No")[outcome] if traded else "",
    }


_V2 = {
    "proxyWallet": "proxy_wallet",
    "conditionId": "condition_id",
    "usdcSize": "usdc_size",
    "transactionHash": "transaction_hash",
    "asset": "token_id",
    "outcomeIndex": "outcome_index",
}


def as_v2(told: Row) -> Row:
    """The same row in v2's names."""
    return {_V2.get(name, name): value for name, value in told.items()}


def position(rows: list[Row]) -> dict[str, Decimal]:
    """Sum up what the wallet holds in the end, YES less NO, by market: plain addition."""
    sums: dict[str, Decimal] = {}
    over: dict[str, int] = {}
    for told in rows:
        if told["type"] == "REDEEM":
            over[told["conditionId"]] = max(over.get(told["conditionId"], 0), told["timestamp"])
    for told in rows:
        market = told["conditionId"]
        if told["type"] == "TRADE" and told["timestamp"] > over.get(market, 0):
            sign = (1 if told["side"] == "BUY" else -1) * (1 - 2 * told["outcomeIndex"])
            sums[market] = sums.get(market, Decimal(0)) + sign * Decimal(str(told["size"]))
    return {market: size for market, size in sums.items() if size}
