"""Which exchanges ccxt.pro knows, without loading it."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9]*")


@cache
def exchanges() -> frozenset[str]:
    """ccxt's own names: a file of its package ``pro`` for each."""
    found = find_spec("ccxt")
    places = found.submodule_search_locations if found is not None else None
    files = [file for place in places or () for file in Path(place, "pro").glob("*.py")]
    return frozenset(file.stem for file in files if _NAME.fullmatch(file.stem))
