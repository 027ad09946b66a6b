"""One quote, one step: validate, store, and look for the best spread among the pairs it touches.

All state is one 2-D array (a row per slot) and one 1-D array of parameters, because each array
argument adds some 0.1 µs to a call from Python. ``slot = symbol × venues + venue``, so that the
rows of one symbol are neighbours and a step costs the same whatever the number of symbols.

Everything the kernel reads at compile time stands in this file: numba's cache looks at this
file's age alone. numba itself is imported when one of the two kernels is first asked for: who
needs the columns alone, or the plain twin, does not wait for it.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

QuoteStep: TypeAlias = Callable[[Any, Any, int, float, float, float, float, int, int], int]
"""(state, params, slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns) -> code."""

QuoteScan: TypeAlias = Callable[
    [Any, Any, Any, Any, Any, Any, Any, int, int, int], tuple[int, int, int]
]
"""(state, params, quiet, faults, slots, prices, times, start, stop, until_ns)
-> (next row, code, candidates passed over)."""

# Columns of the state, one row per slot.
BID = 0
ASK = 1
BID_SIZE = 2
ASK_SIZE = 3
EXCHANGE = 4
"""Venue's time, ns after the epoch; −inf before the first quote."""
RECEIVE = 5
"""Time of receipt, ns after the epoch: exact to the ns for 104 days, then to 2 ns."""
FEE = 6
"""Taker fee, a fraction of notional; NaN where nothing is listed."""
LIVE = 7
"""1 once quoted, 0 again when the venue is lost: its old quotes are never used again."""
WATCHED = 8
"""1 where spreads are looked for."""
COLUMNS = 9

# Parameters; after the header come `VENUE_FIELDS` numbers per venue.
MIN_EDGE = 0
MAX_EDGE = 1
SLIPPAGE = 2
MAX_AGE = 3
"""ns"""
VENUES = 4
NEWEST = 5
"""Latest time of receipt on any venue, ns after the epoch."""
EPOCH_S = 6
"""The whole second of the first quote; times are kept relative to it."""
HEADER = 7
HEALTHY = 0
LAST_RECEIVE = 1
ACCEPTED = 2
VENUE_FIELDS = 3

# Refusals, as in `arbiter.model.quotes.QuoteFault`, returned negated.
CROSSED = 1
NOT_POSITIVE = 2
NOT_FINITE = 3
NEGATIVE_SIZE = 4
BACKWARDS = 5
UNLISTED = 6
FAULTS = 7
"""One more than the largest."""

NS_PER_S = 1_000_000_000


def _quote_step(  # noqa: PLR0912 - one straight pass; a call per check would double its cost
    state: Any,
    params: Any,
    slot: int,
    bid: float,
    ask: float,
    bid_size: float,
    ask_size: float,
    exchange_ns: int,
    receive_ns: int,
) -> int:
    slots = state.shape[0]
    if slot < 0 or slot >= slots or math.isnan(state[slot, FEE]):
        return -UNLISTED
    # x − x is zero for every finite number and NaN for the others: one check instead of four.
    if (bid - bid) + (ask - ask) + (bid_size - bid_size) + (ask_size - ask_size) != 0.0:
        return -NOT_FINITE
    if bid <= 0.0 or ask <= 0.0:
        return -NOT_POSITIVE
    if bid > ask:
        return -CROSSED
    if bid_size < 0.0 or ask_size < 0.0:
        return -NEGATIVE_SIZE

    if params[EPOCH_S] == 0.0:
        params[EPOCH_S] = float(receive_ns // NS_PER_S)
    epoch_ns = int(params[EPOCH_S]) * NS_PER_S
    receive = float(receive_ns - epoch_ns)
    exchange = receive if exchange_ns == 0 else float(exchange_ns - epoch_ns)
    if exchange < state[slot, EXCHANGE]:
        return -BACKWARDS

    state[slot, BID] = bid
    state[slot, ASK] = ask
    state[slot, BID_SIZE] = bid_size
    state[slot, ASK_SIZE] = ask_size
    state[slot, EXCHANGE] = exchange
    state[slot, RECEIVE] = receive
    state[slot, LIVE] = 1.0
    newest = params[NEWEST]
    if receive > newest:
        newest = receive
        params[NEWEST] = receive
    venues = int(params[VENUES])
    # A division of 32 bits costs half of one of 64.
    venue = int(np.uint32(slot) % np.uint32(venues))
    own = HEADER + venue * VENUE_FIELDS
    params[own + LAST_RECEIVE] = max(params[own + LAST_RECEIVE], receive)
    params[own + ACCEPTED] += 1.0

    oldest = newest - params[MAX_AGE]
    if state[slot, WATCHED] == 0.0 or params[own + HEALTHY] == 0.0 or receive < oldest:
        return 0
    slippage = params[SLIPPAGE]
    fee = state[slot, FEE]
    best = params[MIN_EDGE]
    max_edge = params[MAX_EDGE]
    code = 0
    first = slot - venue
    for nth in range(venues - 1):
        other_venue = nth + int(nth >= venue)  # a branch would be guessed wrong every other time
        other = first + other_venue
        if (
            state[other, LIVE] == 0.0
            or state[other, WATCHED] == 0.0
            or params[HEADER + other_venue * VENUE_FIELDS + HEALTHY] == 0.0
            or state[other, RECEIVE] < oldest
        ):
            continue
        other_fee = state[other, FEE]
        # Buy here, sell there. A loss is no edge, unless losses are asked for: no division then.
        if ask_size > 0.0 and state[other, BID_SIZE] > 0.0:
            sell = state[other, BID]
            net = sell - ask - ask * fee - sell * other_fee - ask * slippage
            if net > 0.0 or best <= 0.0:
                edge = net / ask
                if edge >= best and edge <= max_edge and (edge > best or code == 0):
                    best = edge
                    code = 1 + slot * slots + other
        # Buy there, sell here.
        if bid_size > 0.0 and state[other, ASK_SIZE] > 0.0:
            buy = state[other, ASK]
            net = bid - buy - buy * other_fee - bid * fee - buy * slippage
            if net > 0.0 or best <= 0.0:
                edge = net / buy
                if edge >= best and edge <= max_edge and (edge > best or code == 0):
                    best = edge
                    code = 1 + other * slots + slot
    return code


def _quote_scan(
    state: Any,
    params: Any,
    quiet: Any,
    faults: Any,
    slots: Any,
    prices: Any,
    times: Any,
    start: int,
    stop: int,
    until_ns: int,
) -> tuple[int, int, int]:
    # An ordinary quote (accepted, and at a loss against every other venue) is stored right here;
    # all others take the step. One body without calls: numba counts the references to an array
    # at each call that takes it, which costs as much as all else. Flat views and unsigned
    # numbers: no multiplication by a stride, no look at negative indices.
    cells, flat_prices, flat_times = state.reshape(-1), prices.reshape(-1), times.reshape(-1)
    one, columns = np.uint64(1), np.uint64(COLUMNS)
    venues = np.uint32(params[VENUES])
    others = np.uint64(venues) - one
    slippage = params[SLIPPAGE]
    # Without losses asked for, a quote is of interest only where some net is above zero.
    floor = 0.0 if params[MIN_EDGE] > 0.0 else -math.inf
    epoch_ns = int(params[EPOCH_S]) * NS_PER_S
    hushed = 0
    for place in range(start, stop):
        i = np.uint64(place)
        sent = i + i
        exchange_ns, receive_ns = flat_times[sent], flat_times[sent + one]
        if receive_ns >= until_ns:
            return place, 0, hushed
        at = sent + sent
        bid, ask = flat_prices[at], flat_prices[at + one]
        bid_size, ask_size = flat_prices[at + np.uint64(2)], flat_prices[at + np.uint64(3)]
        slot = int(slots[i])
        row = np.uint64(slot) * columns
        fee = cells[row + np.uint64(FEE)]
        receive = float(receive_ns - epoch_ns)
        exchange = receive if exchange_ns == 0 else float(exchange_ns - epoch_ns)
        # In an order of few comparisons, and none of them surprising: the step names the fault.
        ordinary = (
            bid > 0.0
            and bid <= ask
            and bid_size >= 0.0
            and ask_size >= 0.0
            and ask + bid_size + ask_size < math.inf
            and exchange >= cells[row + np.uint64(EXCHANGE)]
            and epoch_ns != 0
            and not math.isnan(fee)
        )
        venue = np.uint64(np.uint32(slot) % venues)
        if ordinary:
            costs, slip, earns = ask * fee, ask * slippage, bid * fee
            first = row - venue * columns
            for nth in range(others):
                other = first + (nth + np.uint64(nth >= venue)) * columns
                other_fee = cells[other + np.uint64(FEE)]
                sell, buy = cells[other + np.uint64(BID)], cells[other + np.uint64(ASK)]
                # To the last digit as in the step.
                if (
                    sell - ask - costs - sell * other_fee - slip > floor
                    or bid - buy - buy * other_fee - earns - buy * slippage > floor
                ):
                    ordinary = False
                    break
        if ordinary:
            cells[row + np.uint64(BID)] = bid
            cells[row + np.uint64(ASK)] = ask
            cells[row + np.uint64(BID_SIZE)] = bid_size
            cells[row + np.uint64(ASK_SIZE)] = ask_size
            cells[row + np.uint64(EXCHANGE)] = exchange
            cells[row + np.uint64(RECEIVE)] = receive
            cells[row + np.uint64(LIVE)] = 1.0
            params[NEWEST] = max(params[NEWEST], receive)
            own = np.uint64(HEADER) + venue * np.uint64(VENUE_FIELDS)
            last = own + np.uint64(LAST_RECEIVE)
            params[last] = max(params[last], receive)
            params[own + np.uint64(ACCEPTED)] += 1.0
            continue
        code = quote_step(  # noqa: F821 - declared below, made when first asked for
            state, params, slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns
        )
        epoch_ns = int(params[EPOCH_S]) * NS_PER_S
        if code > 0:
            bought, sold = divmod(code - 1, len(state))
            if receive_ns >= quiet[bought, sold % int(venues)]:
                return place + 1, code, hushed
            hushed += 1
        elif code < 0:
            faults[slot, -code] += 1
    return stop, 0, hushed


quote_step: QuoteStep
"""Take one quote.

Returns 0 for nothing, ``−fault`` for a refused quote (the old one stays), or the best candidate
as ``1 + buy_slot × slots + sell_slot``: its net edge lies between `MIN_EDGE` and `MAX_EDGE`, both
quotes are at most `MAX_AGE` older than the newest quote of all, both venues are healthy and both
sides show a size. A quote that is locked (bid = ask) is taken; `exchange_ns` 0 means that the
venue gives no time. Net edge = (bid_B − ask_A − ask_A·fee_A − bid_B·fee_B − ask_A·slippage)
/ ask_A, a fraction of the buy price.
"""

quote_scan: QuoteScan
"""Take recorded quotes, each as `quote_step` would, up to and including the next candidate.

Rows are `slots` (int32, all of existing slots), `prices` (bid, ask, bid size, ask size) and `times`
(exchange, receive; ns). Candidates received before `quiet[buy slot, sell venue]` (int64, ns UTC)
are passed over. Returns the row to go on from, the candidate's code and how many were passed over;
code 0 says that `stop` was reached, or a row received at `until_ns` or later, which was not taken.
Refused quotes are counted in `faults[slot, fault]`.
"""


def __getattr__(name: str) -> Any:
    if name not in ("quote_step", "quote_scan"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from numba import njit

    # Divisors are prices and numbers of venues, both above zero: no division needs a guard.
    step = njit(cache=True, error_model="numpy")(_quote_step)
    scan = njit(cache=True, nogil=True, error_model="numpy")(_quote_scan)
    globals().update(quote_step=step, quote_scan=scan)  # the scan finds the step by its name
    return globals()[name]


def new_state(slots: int) -> FloatArray:
    """Make the state of `slots` rows where nothing is listed yet."""
    state = np.zeros((slots, COLUMNS), dtype=np.float64)
    state[:, EXCHANGE] = -np.inf
    state[:, RECEIVE] = -np.inf
    state[:, FEE] = np.nan
    return state


def new_quiet(slots: int, venues: int) -> NDArray[np.int64]:
    """Make the times, by buy slot and sell venue, before which a scan passes candidates over."""
    return np.zeros((slots, venues), dtype=np.int64)


def new_params(venues: int) -> FloatArray:
    """Make the parameters of `venues` healthy venues; limits are zero until set."""
    params = np.zeros(HEADER + venues * VENUE_FIELDS, dtype=np.float64)
    params[VENUES] = venues
    params[NEWEST] = -np.inf
    params[HEADER + HEALTHY :: VENUE_FIELDS] = 1.0
    params[HEADER + LAST_RECEIVE :: VENUE_FIELDS] = -np.inf
    return params
