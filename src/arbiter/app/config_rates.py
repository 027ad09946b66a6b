"""The rate budgets: what may be asked of each venue, and what is kept for making things safer."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from arbiter.app.config_fields import Money, Section, Unit, number, text
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId

if TYPE_CHECKING:
    from arbiter.runtime.rate_budget import RateSettings


def _positive(value: Decimal) -> Decimal:
    if not 0 < value <= 1_000_000:
        raise ValueError("must be a number above 0 and at most 1000000")
    return value


Weights = dict[str, Annotated[Money, AfterValidator(_positive)]]


class Rate(Section):
    """Weight that calls to one venue may use; a bucket that fills again at a steady rate."""

    capacity: Money = number(
        Decimal(1_200), Unit.NUMBER, 10, 1_000_000, "Weight a rested venue takes at once."
    )
    per_second: Money = number(
        Decimal(200), Unit.PER_SECOND, Decimal("0.1"), 1_000_000, "Weight that comes back."
    )
    reserve: Money = number(
        Decimal("0.3"),
        Unit.FRACTION,
        0,
        Decimal("0.9"),
        "Of the capacity, kept for cancels, unwinds and questions about orders.",
    )
    weights: Weights = text({}, "Weight by call (submit, cancel, query …); 1 where none is set.")
    venue_capacity: Weights = text({}, "Capacity by venue; it wins.")
    venue_per_second: Weights = text({}, "Weight that comes back, by venue; it wins.")

    def record(self, venue: VenueId) -> "RateSettings":
        """Build one venue's budget."""
        from arbiter.runtime.rate_budget import RateSettings

        return RateSettings(
            capacity=float(self.venue_capacity.get(venue, self.capacity)),
            per_second=float(self.venue_per_second.get(venue, self.per_second)),
            reserve=float(self.reserve),
            weights={call: float(weight) for call, weight in self.weights.items()},
        )

    def check(self, venues: tuple[str, ...]) -> None:
        """Refuse venues and calls that are not there, and calls that weigh more than there is."""
        from arbiter.runtime.rate_budget import CALLS

        for call in self.weights:
            if call not in CALLS:
                raise BadConfig(f"rate.weights.{call}: no such call ({', '.join(CALLS)})")
        for name in ("venue_capacity", "venue_per_second"):
            for venue in getattr(self, name):
                if venue not in venues:
                    raise BadConfig(
                        f"rate.{name}.{venue}: not among the venues ({', '.join(venues)})"
                    )
        for venue in venues:
            self.record(VenueId(venue))
