"""Backtests under the spot API: while one is chosen, the family's answers are its answers."""

from collections.abc import Sequence
from typing import Protocol

from arbiter.books.registry import MarketRegistry
from arbiter.ports.spot_history import SpotHistory
from arbiter.runtime.spot_picture import SpotPicture


class Backtest(Protocol):
    """One run over recorded data, under way or at its end."""

    @property
    def registry(self) -> MarketRegistry:
        """What the recording holds."""
        ...

    @property
    def history(self) -> SpotHistory:
        """Its own database, apart from the engine's."""
        ...

    @property
    def picture(self) -> SpotPicture:
        """The newest known."""
        ...

    @property
    def started_ns(self) -> int:
        """By the engine's clock."""
        ...

    @property
    def ended(self) -> str | None:
        """Why it runs no more; None while it does."""
        ...


class Backtests(Protocol):
    """Runs of the family over the recorded data that the configuration names."""

    @property
    def configured(self) -> bool: ...

    @property
    def chosen(self) -> Backtest | None:
        """The run whose answers are given; None while the family is the engine's own."""
        ...

    async def start(self, symbols: Sequence[str], venues: Sequence[str]) -> Backtest:
        """Begin a run and choose it; empty stands for all that the data hold.

        Returns once the data are understood. `InvalidValue` or `BadConfig` when they cannot be
        run as asked; `StorageUnavailable` when there is no place for the result.
        """
        ...

    def end(self) -> None:
        """Ask the run, if any, to end where it is; its answers stay chosen."""
        ...

    async def stop(self) -> None:
        """End the run where it is, and wait for that."""
        ...

    def leave(self) -> None:
        """End the run and give the family's answers back to the engine."""
        ...
