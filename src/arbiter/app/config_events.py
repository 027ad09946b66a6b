"""Settings of the events family: arbitrage between prediction markets, and how pairs are found."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator

from arbiter.app.config_fields import (
    Line,
    Money,
    Real,
    Section,
    Switch,
    Unit,
    Whole,
    number,
    text,
)
from arbiter.model.errors import InvalidValue
from arbiter.model.event_fees import parse_fee
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.opportunities.event_settings import EventSettings
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.runtime.pair_settings import PairDeskSettings

if TYPE_CHECKING:
    from arbiter.markets.event_settings import EventMarketSettings

VENUE_FEES = {"kalshi": "quadratic 0.07 0.01", "polymarket": "nearer_side 0 0.000001"}
"""Hold beside whatever is set: a venue that is not named keeps its own."""


def _fee(value: str) -> str:
    try:
        parse_fee(value)
    except InvalidValue as error:
        told = str(error)
        raise ValueError(told if told.startswith("must") else f"must be valid: {told}") from None
    return value


def _with_defaults(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("must be a table of fees")
    return VENUE_FEES | {str(venue).lower(): told for venue, told in value.items()}


Fees = dict[str, Annotated[Line, AfterValidator(_fee)]]
VenueFees = Annotated[Fees, BeforeValidator(_with_defaults)]


class Events(Section):
    """YES on one prediction market and NO on another for less than the 1 that one of them pays."""

    enabled: Switch = text(True, "Whether the strategy opens pairs; open ones are always kept.")
    min_spread: Money = number(
        Decimal("0.02"),
        Unit.NUMBER,
        0,
        Decimal("0.5"),
        "Least dollars a contract earns after fees and capital cost.",
    )
    staleness_threshold_ms: Whole = number(
        2_000, Unit.MILLISECONDS, 50, 600_000, "Oldest quote of either leg that is decided on."
    )
    max_position_size: Money = number(
        Decimal(1_000), Unit.USD, 1, 100_000_000, "Cost of one trade, both legs."
    )
    max_total_exposure: Money = number(
        Decimal(10_000), Unit.USD, 1, 1_000_000_000, "Cost of all that is open."
    )
    capital_rate: Money = number(
        Decimal("0.05"), Unit.FRACTION, 0, 1, "What locked capital would earn elsewhere in a year."
    )
    limit_slippage: Money = number(
        Decimal("0.01"), Unit.NUMBER, 0, Decimal("0.2"), "Dollars a limit may go beyond the touch."
    )
    min_size: Money = number(
        Decimal(1), Unit.NUMBER, Decimal("0.01"), 1_000_000, "Contracts worth opening a pair for."
    )
    cooldown_seconds: Money = number(Decimal(5), Unit.SECONDS, 0, 3_600, "After a trade, per pair.")
    retry_seconds: Money = number(
        Decimal(1), Unit.SECONDS, Decimal("0.1"), 900, "Before what was refused is tried again."
    )
    fees: VenueFees = text(
        VENUE_FEES,
        "Venue = form, rate and step the fee of an order is rounded up to.",
    )
    market_fees: Fees = text({}, "Instrument = the same, for markets with a fee of their own.")

    def record(self, time_scale: float = 1.0) -> EventSettings:
        values = self.model_dump(exclude={"enabled", "fees", "market_fees"})
        return EventSettings(
            **values,
            fees={VenueId(venue): parse_fee(told) for venue, told in self.fees.items()},
            market_fees={
                InstrumentId(name): parse_fee(told) for name, told in self.market_fees.items()
            },
            time_scale=Decimal(repr(time_scale)),
        )


class Pairs(Section):
    """How event pairs are found and watched; none trades before somebody approved it."""

    poll_seconds: Money = number(
        Decimal(60), Unit.SECONDS, 1, 3_600, "Between two looks at the rule texts."
    )
    scan_seconds: Money = number(
        Decimal(3_600), Unit.SECONDS, 1, 86_400, "Between two searches for pairs to propose."
    )
    cap_usd: Money = number(
        Decimal(1_000), Unit.USD, 1, 100_000_000, "Cap of a proposed pair: cost of what is open."
    )
    min_score: Money = number(
        Decimal("0.6"), Unit.NUMBER, Decimal("0.5"), 1, "Least likeness (0..1) of the words."
    )
    max_expiry_days: Money = number(
        Decimal(7), Unit.DAYS, 0, 60, "Between the ends of both markets, at most."
    )
    embeddings: Switch = text(
        False, "Whether an embedding model may speak against a pair; it never speaks for one."
    )
    min_likeness: Money = number(
        Decimal("0.75"), Unit.NUMBER, 0, 1, "Cosine of both texts below which it does."
    )

    def record(self) -> MatcherSettings:
        return MatcherSettings(
            min_score=float(self.min_score), max_expiry_days=float(self.max_expiry_days)
        )

    def check(self) -> None:
        """Refuse what the records refuse, as `BadConfig`."""
        self.record()
        self.desk()

    def desk(self) -> PairDeskSettings:
        return PairDeskSettings(
            poll_seconds=float(self.poll_seconds),
            scan_seconds=float(self.scan_seconds),
            cap_usd=self.cap_usd,
            min_likeness=float(self.min_likeness),
        )


class SimEvents(Section):
    """The simulated Polymarket and Kalshi: markets that are decided anew every round."""

    enabled: Switch = text(True, "Whether they are simulated.")
    round_seconds: Real = number(240.0, Unit.SECONDS, 5, 100_000, "From opening to close.")
    pause_seconds: Real = number(5.0, Unit.SECONDS, 1, 3_600, "From close to the next opening.")
    quotes_per_second: Real = number(60.0, Unit.COUNT, 1, 100_000, "Over all event markets.")
    volatility: Real = number(1.1, Unit.NUMBER, 0, 10, "Of the log odds over one round.")
    dislocations_per_minute: Real = number(
        8.0, Unit.COUNT, 0, 6_000, "How often one venue's price runs away."
    )
    depth: Real = number(150.0, Unit.COUNT, 1, 1_000_000_000, "Contracts usually shown.")
    confirm_seconds: Real = number(
        2.0, Unit.SECONDS, 0, 600, "From a match on Polymarket to its confirmation."
    )
    failing: Real = number(0.0, Unit.FRACTION, 0, 1, "Matches on Polymarket that fail.")
    divergent: Real = number(0.0, Unit.FRACTION, 0, 1, "Rounds that the venues decide apart.")
    void: Real = number(0.0, Unit.FRACTION, 0, 1, "Rounds that are called off.")
    rules_change_after_seconds: Real = number(
        0.0, Unit.SECONDS, 0, 604_800, "When a rule text changes; 0 is never."
    )

    def record(self) -> "EventMarketSettings":
        from arbiter.markets.event_settings import EventMarketSettings

        return EventMarketSettings(**self.model_dump())
