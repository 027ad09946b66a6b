"""The garbage collector, kept out of the way of orders.

A full collection walks every object of the process, and the libraries alone make hundreds of
thousands: 20 to 60 ms in which no quote is read. Almost all garbage here is freed by counting
references; what is left are cycles of exceptions and tasks, which are small.
"""

import gc

YOUNG = 20_000
"""Net new objects between two collections of the youngest; a hundred trades or so."""
MIDDLE = 20
OLD = 100


def spare_the_collector() -> None:
    """Take all that exists now out of future collections, and make those rarer.

    Call it once everything long-lived is made.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
