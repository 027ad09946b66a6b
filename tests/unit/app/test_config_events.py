"""Fees of event markets as settings: what is not set keeps its venue's own."""

from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.app.config import load
from arbiter.model.errors import BadConfig
from arbiter.model.event_fees import FeeForm, kalshi_fee
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.opportunities.event_settings import EventSettings

KALSHI, POLYMARKET = VenueId("kalshi"), VenueId("polymarket")


def events(folder: Path, text: str, environment: dict[str, str] | None = None) -> EventSettings:
    file = folder / "arbiter.toml"
    file.write_text(text)
    return load(environment=environment or {}, file=file).settings.events.record()


def test_a_fee_that_is_set_leaves_the_other_venues_alone(tmp_path: Path) -> None:
    told = events(tmp_path, '[events.fees]\npolymarket = "nearer_side 0.02"\n')
    assert told.fees[KALSHI] == kalshi_fee()
    assert (told.fees[POLYMARKET].form, told.fees[POLYMARKET].rate) == (
        FeeForm.NEARER_SIDE,
        Decimal("0.02"),
    )


def test_a_venue_of_the_environment_is_the_same_in_capitals(tmp_path: Path) -> None:
    told = events(tmp_path, "", {"ARBITER__EVENTS__FEES__KALSHI": "quadratic 0.035 0.01"})
    assert told.fees[KALSHI].rate == Decimal("0.035")
    assert set(told.fees) == {KALSHI, POLYMARKET}


def test_a_market_may_have_a_fee_of_its_own(tmp_path: Path) -> None:
    told = events(tmp_path, '[events.market_fees]\n"X.KALSHI" = "quadratic 0.14 0.01"\n')
    name = InstrumentId("X.KALSHI")
    assert told.fee_of(KALSHI, name).rate == Decimal("0.14")
    assert told.fee_of(KALSHI, InstrumentId("Y.KALSHI")) == kalshi_fee()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"quadratik 0.07 0.01"', "events.fees.kalshi must be a form (quadratic, "),
        ('"quadratic seven"', "must be a form"),
        ('"quadratic 0.07 0.01 0.02"', "must be a form"),
        ('"quadratic 7"', "rate must be 0..1, got 7"),
    ],
)
def test_a_fee_that_makes_no_sense_is_refused_by_its_path(
    tmp_path: Path, value: str, told: str
) -> None:
    with pytest.raises(BadConfig) as caught:
        events(tmp_path, f"[events.fees]\nkalshi = {value}\n")
    assert told in str(caught.value)
    assert "events.fees.kalshi" in str(caught.value)
