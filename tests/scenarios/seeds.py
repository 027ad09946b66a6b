"""How many seeds a scenario is played with: few in every run, many by `make scenarios`."""

import os

FACTOR = int(os.environ.get("ARBITER_SCENARIO_FACTOR", "1"))


def seeds(few: int) -> range:
    """Give the seeds of a scenario that every run plays `few` times."""
    return range(few * FACTOR)


def rounds(few: int, many: int) -> int:
    """Give the length of a scenario that is long by nature."""
    return few if FACTOR == 1 else many
