"""Risk limits that change while the engine runs."""

from pathlib import Path

from arbiter.app.config import load
from arbiter.app.tuning import Tuning
from arbiter.runtime.tuning import SettingValue
from tests.unit.runtime.test_loss_limits import Stops


class Tuned:
    """A desk with a position, under settings that may change."""

    def __init__(self, folder: Path) -> None:
        loaded = load(environment={}, flags={}, file=None, working_directory=folder, profiled=False)
        self.stops = Stops()
        self.tuning = Tuning(loaded.settings, self.stops.desk.registry, {})
        self.tuning.govern(self.stops.desk.core)

    def change(self, path: str, value: SettingValue) -> None:
        self.tuning.prepare({path: value}).apply()


def test_a_limit_narrowed_below_what_is_lost_already_stops_everything_at_once(
    tmp_path: Path,
) -> None:
    tuned = Tuned(tmp_path)
    tuned.stops.pay("-6")
    assert tuned.stops.reasons == []
    tuned.change("risk.daily_loss_limit_usd", 5)
    (reason,) = tuned.stops.reasons
    assert "daily loss at 122% of its limit: 6.1 of 5 USD" in reason  # with the fee of the opening


def test_a_limit_narrowed_to_more_than_what_is_lost_stops_nothing(tmp_path: Path) -> None:
    tuned = Tuned(tmp_path)
    tuned.stops.pay("-4")
    tuned.change("risk.daily_loss_limit_usd", 5)
    assert tuned.stops.reasons == []


def test_another_setting_stops_nothing_after_somebody_resumed_with_a_used_up_limit(
    tmp_path: Path,
) -> None:
    tuned = Tuned(tmp_path)
    tuned.change("risk.daily_loss_limit_usd", 5)
    tuned.stops.pay("-6")
    assert len(tuned.stops.reasons) == 1
    tuned.change("spot.max_trades_per_hour", 5)
    assert len(tuned.stops.reasons) == 1
