"""From the configuration to a backtest's request: the same settings as a live run's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arbiter.app.config import Loaded, Settings
from arbiter.app.config_fields import Section
from arbiter.app.config_sections import Backtest, Budgets, Execution, Risk, Spot
from arbiter.model.ids import Asset, Symbol
from arbiter.runtime.assembly import CoreSettings

if TYPE_CHECKING:
    from arbiter.backtest.run import Request

SECTIONS = ("spot.", "risk.", "execution.", "backtest.", "budgets.")
"""What decides about a backtest, and is shown with its result."""


class Research(Section):
    """The sections that decide about a backtest."""

    spot: Spot
    risk: Risk
    execution: Execution
    backtest: Backtest
    budgets: Budgets

    @classmethod
    def of(cls, settings: Settings) -> "Research":
        return cls(
            spot=settings.spot,
            risk=settings.risk,
            execution=settings.execution,
            backtest=settings.backtest,
            budgets=settings.budgets,
        )

    def request(
        self,
        files: Sequence[Path],
        *,
        symbols: Sequence[str] = (),
        venues: Sequence[str] = (),
        shown: Sequence[tuple[str, str]] = (),
    ) -> "Request":
        """Ask for a run of the spot family over `files`."""
        from arbiter.backtest.run import Request  # reads files, which a live engine never does

        def core(resolve: Callable[[str], Symbol]) -> CoreSettings:
            return CoreSettings(
                mode="backtest",
                spot=self.spot.record(resolve),
                limits=self.risk.record(),
                execution=self.execution.record(),
            )

        return Request(
            files=tuple(files),
            settings=self.backtest.record(self.risk),
            core=core,
            symbols=tuple(symbols),
            venues=tuple(venues),
            budgets={Asset(c): amount for c, amount in self.budgets.spot_arbitrage.items()},
            shown=tuple(shown),
        )


def make_request(
    loaded: Loaded,
    files: Sequence[Path],
    *,
    symbols: Sequence[str] = (),
    venues: Sequence[str] = (),
) -> "Request":
    """Ask for a run of the spot family over `files`, with the settings that were loaded."""
    return Research.of(loaded.settings).request(
        files,
        symbols=symbols,
        venues=venues,
        shown=[
            (row.path, _written(row.value))
            for row in loaded.rows()
            if row.path.startswith(SECTIONS)
        ],
    )


def _written(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
