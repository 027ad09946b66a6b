"""Faults of the simulated venues, for rehearsals: ``[sim.faults]``. All are off by default."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from arbiter.app.config_fields import Names, Real, Section, Unit, Whole, number, text
from arbiter.model.errors import BadConfig

if TYPE_CHECKING:
    from arbiter.venues.sim.faults import FaultEvent, FaultSettings


def _chance(says: str) -> Any:
    return number(0.0, Unit.FRACTION, 0, 1, says)


def _often(says: str) -> Any:
    return number(0.0, Unit.PER_MINUTE, 0, 600, says)


_RATES = (
    "delay",
    "delay_ms",
    "drop_request",
    "drop_response",
    "duplicate",
    "reorder",
    "rate_limited",
    "server_error",
    "partial_fill",
    "fill_after_end",
    "fill_before_ack",
    "drop_report",
    "gap",
    "crossed",
)


class SimFaults(Section):
    """Chances are per call, report or quote; what lasts comes so many times a minute and venue."""

    seed: Whole = number(0, Unit.NUMBER, 0, 2**31 - 1, "Of the faults' own chance.")
    delay: Real = _chance("A request arrives late.")
    delay_ms: Real = number(3_000.0, Unit.MILLISECONDS, 10, 60_000, "Longest added delay.")
    drop_request: Real = _chance("A request is lost.")
    drop_response: Real = _chance("An answer is lost.")
    duplicate: Real = _chance("A request arrives, or a report is told, twice.")
    reorder: Real = _chance("A report comes after later ones.")
    rate_limited: Real = _chance("Answered 429, not carried out.")
    server_error: Real = _chance("Answered 5xx, carried out or not.")
    partial_fill: Real = _chance("Less is there than a quote shows.")
    fill_after_end: Real = _chance("A fill is told after its order's end.")
    fill_before_ack: Real = _chance("An order's answer comes after its fills.")
    drop_report: Real = _chance("A private report is lost.")
    gap: Real = _chance("A quote is lost.")
    crossed: Real = _chance("A quote has its bid above its ask.")
    stalls_per_minute: Real = _often("A venue's streams fall silent, still connected.")
    blackholes_per_minute: Real = _often("Nothing goes to or comes from a venue.")
    maintenances_per_minute: Real = _often("A venue takes no orders, then none that take.")
    external_changes_per_minute: Real = _often("A venue's balance changes without an order.")
    longest_s: Real = number(5.0, Unit.SECONDS, 0, 3_600, "Of what lasts and comes by chance.")
    until_s: Real = number(0.0, Unit.SECONDS, 0, 86_400, "Heals then; 0 means never.")
    script: Names = text(
        (),
        "Lines of SECONDS FAULT VENUE and key=value: seconds, instrument, asset, amount, offset_ms.",
    )

    def record(self) -> "FaultSettings":
        from arbiter.matching.faults import FaultRates
        from arbiter.venues.sim.faults import FaultSettings

        values = self.model_dump()
        rates = FaultRates(**{name: values.pop(name) for name in _RATES})
        script = tuple(_event(line) for line in values.pop("script"))
        return FaultSettings(rates=rates, script=script, **values)


def _event(line: str) -> "FaultEvent":
    """Read one line of a script: ``20 external_change okx asset=USDT amount=-250``."""
    import msgspec

    from arbiter.venues.sim.faults import FaultEvent

    at_s, *words = line.split()
    named = [word.partition("=") for word in words[2:]]
    values: dict[str, Any] = dict(zip(("fault", "venue"), words[:2], strict=False))
    try:
        values["at_s"] = float(at_s)
        for key, _, value in named:
            number_wanted = key in ("seconds", "offset_ms")
            values[key] = float(value) if number_wanted else value
        if "amount" in values:
            values["amount"] = Decimal(values["amount"])
        return msgspec.convert(values, FaultEvent)
    except (ValueError, InvalidOperation, msgspec.ValidationError, BadConfig) as error:
        raise BadConfig(f"sim.faults.script: {line!r}: {error}") from None
