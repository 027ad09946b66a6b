"""From the configuration to a backtest's request: the same settings as a live run's."""

from collections.abc import Callable, Sequence
from pathlib import Path

from arbiter.app.config import Loaded
from arbiter.backtest.run import Request
from arbiter.model.ids import Asset, Symbol
from arbiter.runtime.assembly import CoreSettings

SECTIONS = ("spot.", "risk.", "execution.", "backtest.", "budgets.")
"""What decides about a backtest, and is shown with its result."""


def make_request(
    loaded: Loaded,
    files: Sequence[Path],
    *,
    symbols: Sequence[str] = (),
    venues: Sequence[str] = (),
) -> Request:
    """Ask for a run of the spot family over `files`."""
    settings = loaded.settings

    def core(resolve: Callable[[str], Symbol]) -> CoreSettings:
        return CoreSettings(
            mode="backtest",
            spot=settings.spot.record(resolve),
            limits=settings.risk.record(),
            execution=settings.execution.record(),
        )

    return Request(
        files=tuple(files),
        settings=settings.backtest.record(),
        core=core,
        symbols=tuple(symbols),
        venues=tuple(venues),
        budgets={Asset(c): amount for c, amount in settings.budgets.spot_arbitrage.items()},
        shown=tuple(
            (row.path, _written(row.value))
            for row in loaded.rows()
            if row.path.startswith(SECTIONS)
        ),
    )


def _written(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
