"""Settings of copy trading, and of the trader the simulated venues show."""

from decimal import Decimal
from typing import TYPE_CHECKING

from arbiter.app.config_fields import Line, Money, Real, Section, Switch, Unit, Whole, number, text
from arbiter.copying.settings import CopySettings

if TYPE_CHECKING:
    from arbiter.markets.leader import LeaderSettings


class SimLeader(Section):
    """A trader on the simulated Polymarket whose activity is public."""

    enabled: Switch = text(True, "Whether there is one.")
    every_seconds: Real = number(
        12.0, Unit.SECONDS, 0.01, 3_600, "Mean time between two decisions."
    )
    smallest: Whole = number(10, Unit.COUNT, 1, 1_000_000, "Contracts of one decision.")
    largest: Whole = number(80, Unit.COUNT, 1, 1_000_000, "Contracts of one decision.")
    most_markets: Whole = number(5, Unit.COUNT, 1, 1_000, "Held at a time.")

    def record(self) -> "LeaderSettings":
        from arbiter.markets.leader import LeaderSettings

        return LeaderSettings(**self.model_dump())


class Copying(Section):
    """Copying the trades of chosen wallets; who they are is kept in the database."""

    enabled: Switch = text(True, "Whether leaders are watched and copied.")
    slippage: Money = number(
        Decimal("0.05"),
        Unit.FRACTION,
        0,
        Decimal("0.5"),
        "Paid beyond the leader's price, at most.",
    )
    exit_slippage: Money = number(
        Decimal("0.1"), Unit.FRACTION, 0, Decimal("0.5"), "How far through the touch an exit goes."
    )
    poll_seconds: Real = number(5.0, Unit.SECONDS, 0.1, 3_600, "Between two looks at a leader.")
    overlap_seconds: Real = number(
        600.0, Unit.SECONDS, 1, 86_400, "How far before the newest act known a look begins."
    )
    deep_every_seconds: Real = number(900.0, Unit.SECONDS, 10, 86_400, "Between two long looks.")
    deep_overlap_seconds: Real = number(
        86_400.0, Unit.SECONDS, 60, 2_592_000, "How far back a long look begins."
    )
    retry_seconds: Real = number(2.0, Unit.SECONDS, 0.1, 600, "First pause after a failure.")
    longest_retry_seconds: Real = number(300.0, Unit.SECONDS, 1, 3_600, "Longest such pause.")
    polymarket_url: Line = text(
        "https://data-api.polymarket.com", "Its data API; empty asks nobody."
    )
    hyperliquid_url: Line = text("https://api.hyperliquid.xyz", "Its API; empty asks nobody.")
    simulated_leader: Switch = text(
        True, "Whether a first start in mode sim follows the simulated trader."
    )
    simulated_multiplier: Money = number(
        Decimal("0.5"), Unit.NUMBER, Decimal("0.001"), 1_000, "Our size per unit of his."
    )
    simulated_max_position_size: Money = number(
        Decimal(50), Unit.USD, 1, 1_000_000, "Most one copy of his trades may cost."
    )

    def record(self) -> CopySettings:
        return CopySettings(
            slippage=self.slippage,
            exit_slippage=self.exit_slippage,
            poll_seconds=self.poll_seconds,
            overlap_seconds=self.overlap_seconds,
            deep_every_seconds=self.deep_every_seconds,
            deep_overlap_seconds=self.deep_overlap_seconds,
            retry_seconds=self.retry_seconds,
            longest_retry_seconds=self.longest_retry_seconds,
        )

    def check(self) -> None:
        """Refuse what cannot be followed or reached, as `BadConfig`."""
        from arbiter.venues.common.endpoints import check_origin

        self.record()
        for name in ("polymarket_url", "hyperliquid_url"):
            if address := getattr(self, name):
                check_origin(name, address, "https")
