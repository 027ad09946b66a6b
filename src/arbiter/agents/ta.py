"""TA-Lib over plain arrays.

On import it looks for libraries of data frames, which it would take too. Where one is installed it
comes along, at several times the memory of TA-Lib itself, for nothing: bars are arrays here.
"""

import sys
from importlib import import_module
from types import ModuleType

_FRAMES = ("polars", "pandas")


def _alone() -> ModuleType:
    """Import it as if there were no data frames; those that are loaded already stay."""
    hidden = [name for name in _FRAMES if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python says "not installed"
    try:
        return import_module("talib")
    finally:
        for name in hidden:
            del sys.modules[name]


talib = _alone()
